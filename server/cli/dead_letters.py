"""
Owns `bookable dead-letters`: looking at what could not be sent, and sending it again.

Leaves the same for one business over HTTP to `web/api/deliveries`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.settings import Settings
    from server.store.delivery_log import Attempt, Logged, Parked
    from server.store.set_aside import SetAside
    from server.usecases.core import Core

_MOST = 200

business_option = click.option("--business", metavar="SLUG", help="Only of this business.")
channel_option = click.option("--channel", type=click.Choice(["mail", "sms", "webhook"]), help="Only over this one.")


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Look at what could not be sent, and send it again.

    \b
      bookable dead-letters list --channel mail
      bookable dead-letters show 0b4f7a7e-5b5e-4a54-9f3b-2f6a4d1c9e11
      bookable dead-letters redrive --business demo
    """


@dead_letters.command(name="list")
@business_option
@channel_option
@data_dir_option
def list_(business: str | None, channel: str | None, data_dir: Path) -> None:
    """What was given up, the newest first; facts that nobody could be told, and rows that made a batch fail."""
    from server.store.delivery_log import list_deliveries, parked_facts
    from server.store.set_aside import rows_set_aside

    async def work(core: "Core", _: "Settings") -> "tuple[list[Logged], list[Parked], list[SetAside]]":
        async with core.database.reading() as session:
            dead = await list_deliveries(session, {"state": "dead", **_chosen(business, channel)}, limit=_MOST)
            return dead, await parked_facts(session), await rows_set_aside(session)

    dead, parked, aside = in_workshop(data_dir, work)
    for letter in dead:
        when = f"{letter.created_at:%Y-%m-%d %H:%M}"
        click.echo(f"{letter.uid}  {when}  {letter.business}  {letter.channel}  {letter.message}  {letter.detail}")
    for fact in parked:
        click.echo(f"fact {fact.id}  {fact.parked_at:%Y-%m-%d %H:%M}  {fact.business}  {fact.kind}  {fact.detail}")
    for row in aside:
        click.echo(
            f"set aside until {row.look_at:%Y-%m-%d %H:%M}  {row.business or '-'}  {row.batch} {row.row_id}"
            f"  failed {row.failures} times  {row.detail}"
        )
    if not dead and not parked and not aside:
        click.echo("No dead letters.")


@dead_letters.command()
@click.argument("delivery", type=click.UUID)
@data_dir_option
def show(delivery: UUID, data_dir: Path) -> None:
    """Everything about one delivery."""
    from server.domain.errors import NotFound
    from server.store.delivery_log import attempts_of, list_deliveries

    async def work(core: "Core", _: "Settings") -> "tuple[Logged, list[Attempt]]":
        async with core.database.reading() as session:
            found = await list_deliveries(session, {"uid": delivery}, limit=1)
            if not found:
                raise NotFound(what="delivery")
            return found[0], await attempts_of(session, found[0].id)

    letter, attempts = in_workshop(data_dir, work)
    click.echo(f"{letter.channel} {letter.message} to {letter.target or 'its endpoint'}: {letter.state}")
    for tried in attempts:
        click.echo(f"  {tried.created_at:%Y-%m-%d %H:%M:%S}  {tried.verdict}  {tried.detail}  {tried.response[:200]}")


@dead_letters.command()
@business_option
@channel_option
@data_dir_option
def redrive(business: str | None, channel: str | None, data_dir: Path) -> None:
    """Send them again, as if they had never been tried."""
    from server.store.delivery_log import unpark
    from server.usecases.deliveries import redrive as send_again

    async def work(core: "Core", _: "Settings") -> tuple[int, int]:
        queued = await send_again(core, _chosen(business, channel))
        return queued, await core.database.transact(unpark) if business is None and channel is None else 0

    queued, facts = in_workshop(data_dir, work)
    click.echo(f"{queued} deliveries queued again, {facts} facts.")


def _chosen(business: str | None, channel: str | None) -> dict[str, Any]:
    chosen = {"business": business, "channel": channel}
    return {name: value for name, value in chosen.items() if value is not None}
