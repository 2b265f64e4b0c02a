"""
Owns holding a transaction at a chosen point, so that a race has one order and a test one outcome.

Leaves which race to the test. The gate is a trigger in the database: the server's own code runs, and waits in it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.world import World

_GATE = 4_242_424_242


@contextlib.asynccontextmanager
async def held_before_commit(world: World, table: str, *, when: str = "true") -> AsyncIterator[None]:
    """
    While the context lasts, whoever inserts into *table* waits, everything else of its transaction already done.

    Args:
        when: SQL condition on NEW: only such rows make their transaction wait.
    """
    await world.sql(
        "CREATE OR REPLACE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_advisory_xact_lock({_GATE}); RETURN NEW; END $$"
    )
    await world.sql(
        f"CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON {table} DEFERRABLE INITIALLY IMMEDIATE"
        f" FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION gate()"
    )
    async with world.core.database.reading() as session:
        await session.value(f"SELECT pg_advisory_lock({_GATE})")
        try:
            yield
        finally:
            await session.value(f"SELECT pg_advisory_unlock({_GATE})")


async def until_waiting(world: World, number: int) -> None:
    """Returns as soon as *number* transactions of this database wait for a lock."""
    for _ in range(500):
        rows = await world.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if rows[0][0] >= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"there are not {number} transactions that wait")
