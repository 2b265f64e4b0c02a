"""
Owns `bookable api-key`: keys for the API, made, listed and revoked by whoever runs the server.

Leaves what a scope allows to `web/access`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.settings import Settings
    from server.usecases.core import Core

business_option = click.option("--business", required=True, metavar="SLUG", help="Business that the key belongs to.")


@click.group(name="api-key")
def api_key() -> None:
    """Make, list and revoke API keys.

    \b
      bookable api-key create --business demo --name "front desk" --scope book --scope read
      bookable api-key list --business demo
      bookable api-key revoke --business demo bk_1a2b3c4d
    """


@api_key.command()
@business_option
@click.option("--name", required=True, help="What it is for; shown in lists.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["availability", "read", "book", "manage"]),
    default=["read"],
    show_default=True,
    help="What it may do; may be given several times. `manage` includes the others; `availability` sees what the "
    "public sees.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="End it after so many days.  [default: never]")
@data_dir_option
def create(business: str, name: str, scopes: tuple[str, ...], days: int | None, data_dir: Path) -> None:
    """Make a key. It is shown once."""
    from server.domain.errors import NotFound
    from server.store.api_keys import insert_api_key
    from server.tokens import new_api_key, token_hash

    key, prefix = new_api_key()

    async def work(core: "Core", _: "Settings") -> None:
        async with core.database.reading() as session:
            made = await insert_api_key(
                session,
                business,
                name=name,
                prefix=prefix,
                key_hash=token_hash(key),
                scopes=sorted(set(scopes)),
                days=days,
            )
        if made is None:
            raise NotFound(what=business)

    in_workshop(data_dir, work)
    click.echo(key)


@api_key.command(name="list")
@business_option
@data_dir_option
def list_keys(business: str, data_dir: Path) -> None:
    """List the keys of a business."""
    from server.store.api_keys import list_api_keys

    async def work(core: "Core", _: "Settings") -> list[tuple[str, str, str, str]]:
        async with core.database.reading() as session:
            return await list_api_keys(session, business)

    for prefix, name, scopes, state in in_workshop(data_dir, work):
        click.echo(f"{prefix}  {state:<16}  {scopes:<18}  {name}")


@api_key.command()
@business_option
@click.argument("prefix")
@data_dir_option
def revoke(business: str, prefix: str, data_dir: Path) -> None:
    """Revoke the key that begins with PREFIX, at once and for good."""
    from server.store.api_keys import revoke_api_key

    async def work(core: "Core", _: "Settings") -> bool:
        async with core.database.reading() as session:
            return await revoke_api_key(session, business, prefix)

    if not in_workshop(data_dir, work):
        raise click.ClickException(f"{business} has no key in force that begins with {prefix}.")
    click.echo(f"{prefix} is revoked.")
