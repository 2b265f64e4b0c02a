"""
Owns `bookable explain`: why a time is free or not, in words.

Leaves the rules to `domain/rules`.
"""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.domain.catalogue import Offer
    from server.domain.slots import Refusal
    from server.settings import Settings
    from server.usecases.core import Core


@click.command()
@click.argument("business")
@click.argument("service")
@click.argument("start")
@click.option("--provider", help="Only this one.")
@click.option("--location", help="Only here.")
@data_dir_option
def explain(
    business: str, service: str, start: str, provider: str | None, location: str | None, data_dir: Path
) -> None:
    """Say which rule refuses a time, and why.

    START is a time with its offset.

    \b
      bookable explain demo haircut 2026-12-24T18:00:00+01:00
    """
    from server.usecases.find_slots import SlotQuery, explain_start

    moment = _moment(start)
    query = SlotQuery(
        business=business,
        service=service,
        provider=provider,
        location=location,
    )

    async def work(core: "Core", _: "Settings") -> "list[tuple[Offer, list[Refusal]]]":
        return await explain_start(core, query, moment)

    found = in_workshop(data_dir, work)
    if not found:
        click.echo(f"Nobody offers {service} there.")
    for offer, refusals in found:
        local = moment.astimezone(offer.location.zone)
        click.echo(f"{offer.provider.name}, {offer.location.name}, {local:%a %d %b %Y %H:%M %Z}:")
        for refusal in refusals:
            click.echo(f"  ✗ {refusal.rule:<15} {refusal.sentence}")
        if not refusals:
            click.echo("  ✓ free")


def _moment(text: str) -> datetime:
    moment = None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        raise click.ClickException(f"{text} is not a time with its offset, such as 2026-12-24T18:00:00+01:00.")
    return moment
