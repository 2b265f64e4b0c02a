"""
Owns `bookable suppressions`: which addresses a business leaves alone, and lifting that.

Leaves the same over HTTP to `web/api/suppressions`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.settings import Settings
    from server.store.suppressions import Suppression
    from server.usecases.core import Core

_MOST = 1_000

business_option = click.option("--business", metavar="SLUG", required=True, help="Of this business.")


@click.group()
def suppressions() -> None:
    """Look at addresses that get no more messages, and send to them again.

    \b
      bookable suppressions list --business demo
      bookable suppressions lift 17 --business demo
    """


@suppressions.command(name="list")
@business_option
@data_dir_option
def list_(business: str, data_dir: Path) -> None:
    """Which addresses, why, and until when."""
    from server.store.suppressions import list_suppressions

    async def work(core: "Core", _: "Settings") -> "list[Suppression]":
        business_id = await _business(core, business)
        async with core.database.reading() as session:
            return await list_suppressions(session, business_id, after=None, limit=_MOST)

    found = in_workshop(data_dir, work)
    for each in found:
        until = f"until {each.until:%Y-%m-%d}" if each.until is not None else "for good"
        click.echo(f"{each.id}  {each.channel}  {each.target}  {each.scope}  {until}  {each.reason}")
    if not found:
        click.echo("No address is left alone.")


@suppressions.command()
@click.argument("suppression", type=int)
@business_option
@data_dir_option
def lift(suppression: int, business: str, data_dir: Path) -> None:
    """Send to an address again."""
    from server.usecases.catalogue import Editor
    from server.usecases.suppressions import lift_suppression

    async def work(core: "Core", _: "Settings") -> "Suppression":
        editor = Editor(name="bookable suppressions", business=business, business_id=await _business(core, business))
        return await lift_suppression(core, editor, suppression)

    lifted = in_workshop(data_dir, work)
    click.echo(f"{lifted.target} gets messages by {lifted.channel} again.")


async def _business(core: "Core", slug: str) -> int:
    from server.domain.errors import NotFound
    from server.store.businesses import business_id_of

    async with core.database.reading() as session:
        found = await business_id_of(session, slug)
    if found is None:
        raise NotFound(what="business")
    return found
