"""
Owns what commands that work on a running installation share: its database, found in the settings or the data folder.

Leaves the processes of an installation to `server.embedded`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from server.cli.environment import read_settings

if TYPE_CHECKING:
    from server.settings import Settings
    from server.tokens import Vault
    from server.usecases.core import Core

T = TypeVar("T")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".data"),
    show_default=True,
    help="Data folder of the `demo` or `up` that runs; not used if BOOKABLE_DATABASE_URL is set.",
)


def in_workshop(data_dir: Path, work: "Callable[[Core, Settings], Awaitable[T]]") -> T:
    """
    What *work* returns, given the installation.

    Raises:
        click.ClickException: There is no installation, or what was asked for is refused.
    """
    from server.domain.errors import BookingError, Unavailable

    async def run() -> T:
        settings = read_settings()
        async with _core(settings, data_dir) as core:
            return await work(core, settings)

    try:
        return asyncio.run(run())
    except Unavailable:
        raise
    except BookingError as error:
        what = getattr(error, "what", "")
        raise click.ClickException(f"{what}: {error}" if what else str(error)) from error


def database_url(settings: "Settings", data_dir: Path) -> str:
    """
    Where the installation's database is.

    Raises:
        click.ClickException: Nowhere.
    """
    from server.embedded.postgres import EmbeddedPostgres

    if settings.database.url is not None:
        return settings.database.url
    if not (data_dir / "postgres").is_dir():
        raise click.ClickException(
            f"BOOKABLE_DATABASE_URL is not set, and {data_dir} holds no database. (Start `bookable up`, or name its"
            " folder with --data-dir.)"
        )
    return EmbeddedPostgres(data_dir / "postgres").url()


def installed_settings(settings: "Settings", data_dir: Path) -> "Settings":
    """
    *settings* with what `up` or `demo` adds from the data folder, where no database is named.

    Raises:
        click.ClickException: There is no installation, or its secret is lost.
    """
    from pydantic import SecretStr

    from server.embedded.data_folder import find_secret, noted_running
    from server.embedded.errors import SecretLost
    from server.embedded.redis import EmbeddedRedis

    if settings.database.url is not None:
        return settings
    changes: dict[str, object] = {
        "database": settings.database.model_copy(update={"url": database_url(settings, data_dir)})
    }
    if settings.redis.url is None:
        changes["redis"] = settings.redis.model_copy(update={"url": EmbeddedRedis(data_dir / "redis").url})
    if not settings.secret.keys:
        if (secret := find_secret(data_dir)) is None:
            raise click.ClickException(str(SecretLost(data_dir)))
        changes["secret"] = settings.secret.model_copy(update={"keys": [SecretStr(secret)]})
    if (noted := noted_running(data_dir)) is not None:
        if "base_url" not in settings.http.model_fields_set:
            changes["http"] = settings.http.model_copy(update={"base_url": noted.base_url})
        if settings.mail.host is None and settings.mail.folder is None:
            told = {"host": noted.mail_host, "folder": noted.mail_folder}
            changes["mail"] = settings.mail.model_copy(update=told)
    return settings.model_copy(update=changes)


def vault_of(settings: "Settings") -> "Vault":
    """
    The secrets of an installation.

    Raises:
        click.ClickException: There are none.
    """
    from server.tokens import Vault

    keys = [key.get_secret_value() for key in settings.secret.keys]
    if not keys:
        raise click.ClickException("BOOKABLE_SECRET_KEYS is not set.")
    return Vault(keys)


@asynccontextmanager
async def _core(settings: "Settings", data_dir: Path) -> "AsyncIterator[Core]":
    from server.redis.changes import Changes
    from server.redis.connection import RedisLink
    from server.redis.listeners import Listeners
    from server.store.engine import Database
    from server.store.offers import OfferBook
    from server.usecases.core import Core

    installed = installed_settings(settings, data_dir)
    vault = vault_of(installed)
    database = await Database.open(installed.database)
    link = RedisLink(installed.redis)
    try:
        yield Core(database, OfferBook(), vault, Changes(link, Listeners(None)), settings.booking)
    finally:
        await database.close()
        await link.close()
