"""
Owns `bookable rotate-secrets`: the last step of changing BOOKABLE_SECRET_KEYS.

Leaves what is sealed to `usecases/rotate_secrets`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from server.settings import Settings
    from server.usecases.core import Core
    from server.usecases.rotate_secrets import Rotated


@click.command(name="rotate-secrets")
@data_dir_option
def rotate_secrets(data_dir: Path) -> None:
    """Seal stored credentials with the first secret.

    \b
      export BOOKABLE_SECRET_KEYS=$(openssl rand -hex 32),$BOOKABLE_SECRET_KEYS
      bookable rotate-secrets

    To change the secret, put a new one before the old one in BOOKABLE_SECRET_KEYS, restart everything, and run this:
    calendar passwords, sign-ins and webhook secrets then need the old one no more. Links in mails that were sent
    before still do, until their appointments are over.
    """
    from server.usecases import rotate_secrets as usecase

    async def work(core: "Core", _: "Settings") -> "Rotated":
        return await usecase.rotate_secrets(core)

    done = in_workshop(data_dir, work)
    click.echo(f"{done.sealed} sealed with the first secret.")
    if done.lost:
        raise click.ClickException(
            f"{done.lost} cannot be opened with any secret in BOOKABLE_SECRET_KEYS: add the one they were sealed with."
        )
