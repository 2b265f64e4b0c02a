"""
Owns `bookable business`: the first business of an installation.

Leaves everything about it that can be changed later to the API.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.settings import Settings
    from server.usecases.core import Core


@click.group()
def business() -> None:
    """Make businesses.

    \b
      bookable business create corner-barber --name "The Corner Barber" --timezone Europe/Berlin
    """


@business.command()
@click.argument("slug")
@click.option("--name", required=True, help="As customers know it.")
@click.option("--timezone", required=True, help="IANA zone of its first location, such as Europe/Berlin.")
@click.option("--currency", default="EUR", show_default=True, help="ISO 4217 code of its prices.")
@click.option("--locale", default="en", show_default=True, help="Language of mails to its providers, such as de.")
@data_dir_option
def create(slug: str, name: str, timezone: str, currency: str, locale: str, data_dir: Path) -> None:
    """Make a business with one location, and a key that may manage it."""
    from server.domain.zones import zone
    from server.usecases.found_business import found_business

    async def work(core: "Core", _: "Settings") -> str:
        return await found_business(
            core, slug=slug, name=name, timezone=zone(timezone).key, currency=currency.upper(), locale=locale
        )

    key = in_workshop(data_dir, work)
    click.echo(f"""
{name} is there, with the location `main` in {timezone}. A key that may manage it, shown once:

  {key}

Next, over the API (see /docs): a provider, their hours, a service, and who offers it.
""")
