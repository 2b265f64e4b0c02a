"""
Owns what `bookable doctor` says about connected calendars: which cannot be synced, and why.

Leaves each connection's log to the API.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from server.cli.doctor import Finding

if TYPE_CHECKING:
    from server.settings import Settings

_MOST_NAMED = 5

_UNSAID = {
    "paused": "It was paused by somebody; resume it over the API.",
    "needs_reauth": "Nobody has signed in yet; do so, or disconnect it over the API.",
}
"""What there is to do where nothing went wrong."""


async def examine_calendars(settings: "Settings") -> AsyncIterator[Finding]:
    """How many are in which state, and the first few that need somebody; nothing while there is no database."""
    from asyncpg import PostgresError

    from server.domain.errors import Unavailable
    from server.store.engine import standalone
    from server.store.sync_turns import connections_by_state, overdue_turns, troubled_connections

    if settings.database.url is None:
        return
    try:
        async with standalone(settings.database.url) as session:
            states = await connections_by_state(session)
            troubled = await troubled_connections(session, limit=_MOST_NAMED)
            waiting, age = await overdue_turns(session)
    except (Unavailable, OSError, ValueError, PostgresError):
        return  # that the address is wrong, the database away or its schema old, is said already
    if not states:
        yield Finding("no calendars are connected")
        return
    yield Finding("calendars: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    late = 3 * settings.calendar.max_interval_s
    if age > late:
        yield Finding(
            f"{waiting} calendars wait to be synced, the first for {age:,.0f} s",
            "Start another worker, or raise BOOKABLE_CALENDAR_SYNCING.",
        )
    for each in troubled:
        yield Finding(
            f"calendar {each.name!r} of {each.business}/{each.provider} is {each.state}",
            each.last_error or _UNSAID[each.state],
        )
