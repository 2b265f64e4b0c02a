"""
Owns bringing a database to a revision: one instance at a time, all or nothing.

Leaves the steps themselves to `migrations/versions`, and what Alembic compares to `migrations/env.py`.

    MigrationError
    ├── DatabaseUnreachable   it did not answer in time, or does not let us in
    └── UnknownRevision       the database was migrated by a newer Bookable
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from server.store.locks import key_of
from server.store.urls import async_url

PAUSE_S = 0.25

LOCK = (
    "SET LOCAL statement_timeout = 0",  # a migration of much data takes long
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL lock_timeout = '10min'",  # as long as another instance may migrate
    f"SELECT pg_advisory_xact_lock({key_of('migrations')})",
    # A table that is waited for blocks everyone who comes after: rather give up, nothing has happened.
    "SET LOCAL lock_timeout = '30s'",
)

CANNOT_CONNECT_NOW, TOO_MANY_CONNECTIONS, LOCK_NOT_AVAILABLE = "57P03", "53300", "55P03"


class MigrationError(Exception):
    """The database is not at the revision that was asked for; the text says why."""


class DatabaseUnreachable(MigrationError):
    """The database did not answer in time, or does not let us in."""


class UnknownRevision(MigrationError):
    """The database was migrated by a newer Bookable than this one."""


async def migrate(database_url: str, *, target: str = "head", wait_s: float = 30) -> tuple[str | None, str]:
    """
    Bring the database up to *target*; the revisions before and after.

    Everything happens in one transaction under an advisory lock: whoever comes second waits and then finds nothing
    to do, and whoever is killed midway leaves the schema as it was.

    Args:
        target: A revision, or "head".
        wait_s: How long to wait for a database that is still starting.

    Raises:
        DatabaseUnreachable, UnknownRevision
    """
    async with _connected(database_url, wait_s=wait_s) as connection, connection.begin():
        try:
            for statement in LOCK:
                await connection.execute(text(statement))
            before = await connection.run_sync(_revision)
            await connection.run_sync(_upgrade, target)
            after = await connection.run_sync(_revision)
        except DBAPIError as error:
            if _state_of(error) != LOCK_NOT_AVAILABLE:
                raise
            raise MigrationError("a table stayed locked by somebody else; nothing was changed, try again") from error
    return before, after or "base"


async def current_revision(database_url: str, *, wait_s: float = 0) -> str | None:
    """
    The revision that the database is at; None before the first migration.

    Raises:
        DatabaseUnreachable
    """
    async with _connected(database_url, wait_s=wait_s) as connection:
        return await connection.run_sync(_revision)


def head_revision() -> str | None:
    """The newest revision that this Bookable knows; None if it has no migrations."""
    return ScriptDirectory.from_config(script_config()).get_current_head()


def script_config() -> Config:
    """Alembic's configuration, made here: there is no alembic.ini to find."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    return config


def _upgrade(connection: Connection, target: str) -> None:
    config = script_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise UnknownRevision(f"{error}. Was this database migrated by a newer Bookable?") from error


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@asynccontextmanager
async def _connected(database_url: str, *, wait_s: float) -> AsyncIterator[AsyncConnection]:
    """A connection of its own, once the database accepts one."""
    engine = create_async_engine(async_url(database_url), poolclass=NullPool, connect_args={"timeout": 5})
    try:
        connection = await _connect(engine, wait_s=wait_s)
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _connect(engine: AsyncEngine, *, wait_s: float) -> AsyncConnection:
    clock = asyncio.get_running_loop().time
    deadline = clock() + wait_s
    while True:
        try:
            return await engine.connect()
        except (OSError, TimeoutError, DBAPIError) as error:
            if clock() >= deadline or not _passes(error):
                raise DatabaseUnreachable(_reason(error)) from error
        await asyncio.sleep(PAUSE_S)


def _passes(error: Exception) -> bool:
    """Whether waiting may help: the server is not there yet, or starting, or full."""
    state = _state_of(error)
    return state is None or state in {CANNOT_CONNECT_NOW, TOO_MANY_CONNECTIONS} or state.startswith("08")


def _state_of(error: Exception) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None


def _reason(error: Exception) -> str:
    why = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return f"the database cannot be reached: {why or 'it did not answer in time'}"
