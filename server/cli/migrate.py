"""
Owns `bookable migrate`: the database, brought up to what this version expects.

Leaves the lock and the steps to `server.store.migrate`.
"""

import asyncio

import click

from server.cli.environment import read_settings, require


@click.command()
@click.option("--to", "target", default="head", show_default=True, help="Revision to stop at.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0), default=30, show_default=True, metavar="SECONDS",
    help="How long to wait for a database that is still starting.",
)  # fmt: skip
def migrate(target: str, wait_s: float) -> None:
    """Bring the database up to date.

    \b
    Before the first start and after each update (demo and up do it by themselves):
      BOOKABLE_DATABASE_URL=postgresql://bookable:secret@db/bookable bookable migrate

    Safe to run on many machines at once: one works, the others wait. All or nothing: if it is killed, the database is
    as it was.
    """
    settings = read_settings()
    require(settings, "database.url")
    from server.store.migrate import migrate as bring_up

    assert settings.database.url is not None
    before, after = asyncio.run(bring_up(settings.database.url, target=target, wait_s=wait_s))
    if before == after:
        click.echo(f"Nothing to do: the database is at {after}.")
    else:
        click.echo(f"Migrated: {before or 'empty'} → {after}.")
