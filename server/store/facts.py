"""
Owns what `bookable doctor` wants to know about a database: how it is set up, not what is in it.

Leaves the judgement to the doctor.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from server.domain.errors import Unavailable
from server.store.engine import standalone
from server.store.outage import Outage, outage_of


class NotLetIn(Exception):
    """The database answers, and refuses us; the text says why."""


@dataclass(frozen=True)
class DatabaseFacts:
    """A database as a new connection finds it."""

    version: int
    """Major version."""

    isolation: str
    """What a transaction that asks for nothing gets."""

    read_only: bool
    skew: timedelta
    """Its clock minus ours; the round trip is already halved out."""


async def database_facts(url: str) -> DatabaseFacts:
    """
    Look at the database of *url*.

    Raises:
        Unavailable: It cannot be reached.
        NotLetIn: It is there, but the name, the password or the database is wrong.
    """
    try:
        return await _look(url)
    except asyncpg.PostgresError as error:
        raise NotLetIn(str(error)) from error
    except Unavailable as error:
        if outage_of(error.__cause__) is not Outage.REFUSED:
            raise
        raise NotLetIn(str(error.__cause__)) from error


async def _look(url: str) -> DatabaseFacts:
    async with standalone(url) as session:
        row = await session.first(
            """
            SELECT current_setting('server_version_num')::int / 10000 AS version,
                   current_setting('default_transaction_isolation') AS isolation,
                   current_setting('transaction_read_only')::bool AS read_only
            """
        )
        assert row is not None
        before = datetime.now(UTC)
        clock = await session.value("SELECT clock_timestamp()")
        middle = before + (datetime.now(UTC) - before) / 2
        return DatabaseFacts(row["version"], row["isolation"], row["read_only"], clock - middle)
