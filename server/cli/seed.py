"""
Owns `bookable seed`: the demo business in any database.

Leaves the business to `server.embedded.demo`.
"""

import asyncio
from pathlib import Path

import click

from server.cli.environment import read_settings
from server.cli.workshop import data_dir_option, database_url, installed_settings, vault_of


@click.command()
@data_dir_option
def seed(data_dir: Path) -> None:
    """Put the demo business into the database.

    A made-up studio with two houses, five people, eight services and three weeks of bookings, under the slug `demo`.
    If it is there already, nothing is added but an API key.

    \b
      BOOKABLE_DATABASE_URL=postgresql://bookable:secret@db/bookable bookable seed
    """
    from server.embedded.demo import seed_demo

    settings = read_settings()
    url = database_url(settings, data_dir)
    facts = asyncio.run(seed_demo(url, vault_of(installed_settings(settings, data_dir)), None))
    click.echo(f"The business `{facts.business}` is there. A key that may do everything with it, shown once:")
    click.echo(f"\n  {facts.api_key}\n")
