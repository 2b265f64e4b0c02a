"""
Owns the connections of providers to their accounts elsewhere, and the calendars of each: managing them, and reading
them.

Leaves whose turn it is to `sync_turns`, and what is in the calendars to `calendar_objects`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.errors import Conflict
from server.store.engine import Row, Session

MOST_CONNECTIONS = 10
"""Per provider: each is asked again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A provider's account at a calendar server."""

    business_id: int
    business: str
    business_name: str
    id: int
    uid: UUID
    provider_id: int
    provider: str
    provider_zone: str
    """Zone of the provider's first location: floating and all-day events are in it, where the calendar names none."""
    kind: str
    preset: str
    name: str
    url: str
    account: str
    secret_sealed: bytes | None
    addresses: Sequence[str]
    state: str
    reason: str
    last_error: str
    synced_at: datetime | None
    due_at: datetime
    interval_s: int
    failures: int
    lease: int
    peer: str
    on_move: str
    on_delete: str
    all_day_blocks: bool
    tentative_blocks: bool
    shows_buffers: bool
    names_people: bool
    oauth_sealed: bytes | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A calendar of a connection."""

    business_id: int
    id: int
    uid: UUID
    connection_id: int
    href: str
    name: str
    colour: str | None
    timezone: str | None
    writable: bool
    blocks: bool
    receives: bool
    token: str | None
    generation: int
    listing: bool
    known_at: datetime | None
    window_end: datetime | None
    notice_id: str | None
    notice_resource: str | None
    notice_until: datetime | None
    holds: bool
    """There are events of ours in it, or may be."""

    @property
    def is_used(self) -> bool:
        """Whether a round has to look at it."""
        return self.blocks or self.receives or self.holds


COLUMNS = """c.business_id, b.slug AS business, b.name AS business_name, c.id, c.uid, c.provider_id, p.slug AS provider,
       coalesce((SELECT l.timezone FROM working_hours w
                   JOIN locations l ON l.business_id = w.business_id AND l.id = w.location_id
                  WHERE w.business_id = c.business_id AND w.provider_id = c.provider_id ORDER BY l.id LIMIT 1),
                (SELECT l.timezone FROM locations l WHERE l.business_id = c.business_id ORDER BY l.id LIMIT 1),
                'Etc/UTC') AS provider_zone,
       c.kind, c.preset, c.name, c.url, c.account, c.secret_sealed, c.addresses, c.state, c.reason, c.last_error,
       c.synced_at, c.due_at, c.interval_s, c.failures, c.lease, c.peer, c.on_move, c.on_delete, c.all_day_blocks,
       c.tentative_blocks, c.shows_buffers, c.names_people, c.oauth_sealed, c.created_at"""
TABLES = """ connections c
  JOIN businesses b ON b.id = c.business_id
  JOIN providers p ON p.business_id = c.business_id AND p.id = c.provider_id"""

_CALENDAR_COLUMNS = """business_id, id, uid, connection_id, href, name, colour, timezone, writable, blocks, receives,
       token, generation, listing, known_at, window_end, notice_id, notice_resource, notice_until,
       EXISTS (SELECT FROM pushed_events e WHERE e.business_id = calendars.business_id AND e.calendar_id = calendars.id)
           AS holds"""


def connection_of(row: Row) -> Connection:
    """From `COLUMNS`."""
    return Connection(**dict(row))


async def list_connections(session: Session, business_id: int, *, after: int | None, limit: int) -> list[Connection]:
    """Connections of a business, the oldest first."""
    rows = await session.fetch(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE c.business_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3",
        business_id,
        after or 0,
        limit,
    )
    return [connection_of(row) for row in rows]


async def find_connection(session: Session, business_id: int, uid: UUID, *, lock: bool = False) -> Connection | None:
    """One connection, locked if the transaction goes on to change it."""
    row = await session.first(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE c.business_id = $1 AND c.uid = $2"
        + (" FOR UPDATE OF c" if lock else ""),
        business_id,
        uid,
    )
    return connection_of(row) if row else None


async def find_awaited(session: Session, state_hash: bytes) -> Connection | None:
    """The connection whose owner was sent to sign in with this state, not long ago; locked."""
    row = await session.first(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE c.oauth_state_hash = $1 AND c.oauth_until > clock_timestamp()"
        " FOR UPDATE OF c",
        state_hash,
    )
    return connection_of(row) if row else None


async def insert_connection(session: Session, business_id: int, provider: str, values: Mapping[str, Any]) -> bool:
    """
    A new connection of the provider with this slug; False if the business has none.

    Raises:
        Conflict: The provider has `MOST_CONNECTIONS` already.
    """
    provider_id = await session.value(
        "SELECT id FROM providers WHERE business_id = $1 AND slug = $2 FOR NO KEY UPDATE", business_id, provider
    )
    if provider_id is None:
        return False
    there = await session.value(
        "SELECT count(*) FROM connections WHERE business_id = $1 AND provider_id = $2", business_id, provider_id
    )
    if there >= MOST_CONNECTIONS:
        raise Conflict(f"There are {MOST_CONNECTIONS} connections of this provider already; disconnect one first.")
    names = list(values)
    places = ", ".join(f"${number}" for number in range(3, len(names) + 3))
    await session.execute(
        f"INSERT INTO connections (business_id, provider_id, {', '.join(names)}) VALUES ($1, $2, {places})",
        business_id,
        provider_id,
        *values.values(),
    )
    return True


async def change_connection(session: Session, connection: Connection, values: Mapping[str, Any]) -> None:
    """Sets columns; the names come from our own code."""
    settings = "".join(f"{name} = ${number}, " for number, name in enumerate(values, start=3))
    await session.execute(
        f"UPDATE connections SET {settings}version = version + 1, updated_at = clock_timestamp()"
        " WHERE business_id = $1 AND id = $2",
        connection.business_id,
        connection.id,
        *values.values(),
    )


async def delete_connection(session: Session, connection: Connection) -> None:
    """Forgets the account, its calendars, and the time that they took."""
    await session.execute(
        "DELETE FROM connections WHERE business_id = $1 AND id = $2", connection.business_id, connection.id
    )


async def make_due(session: Session, business_id: int, connection_id: int) -> None:
    """It is its turn, now; with a server that was in trouble, too: somebody asked."""
    await session.execute(
        "UPDATE connections SET due_at = clock_timestamp() WHERE business_id = $1 AND id = $2",
        business_id,
        connection_id,
    )


async def calendars_of(session: Session, connection: Connection) -> list[Calendar]:
    """The calendars of *connection*, in the order in which they were found."""
    rows = await session.fetch(
        f"SELECT {_CALENDAR_COLUMNS} FROM calendars WHERE business_id = $1 AND connection_id = $2 ORDER BY id",
        connection.business_id,
        connection.id,
    )
    return [Calendar(**dict(row)) for row in rows]


_KEEP_CALENDARS = """
INSERT INTO calendars AS known (business_id, uid, connection_id, provider_id, href, name, colour, timezone, writable)
SELECT $1, uid, $2, $3, href, name, colour, timezone, writable
  FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[])
       found (uid, href, name, colour, timezone, writable)
    ON CONFLICT (business_id, connection_id, href) DO UPDATE
   SET name = excluded.name, colour = excluded.colour, timezone = excluded.timezone, writable = excluded.writable,
       receives = known.receives AND excluded.writable
"""


async def keep_calendars(session: Session, connection: Connection, found: Sequence[Mapping[str, Any]]) -> None:
    """The calendars that its server has now; those that are gone from there stay if they are used."""
    columns = ("uid", "href", "name", "colour", "timezone", "writable")
    await session.execute(
        _KEEP_CALENDARS,
        connection.business_id,
        connection.id,
        connection.provider_id,
        *([each[column] for each in found] for column in columns),
    )
    await session.execute(
        "DELETE FROM calendars WHERE business_id = $1 AND connection_id = $2 AND NOT blocks AND NOT receives"
        " AND href <> ALL($3::text[])",
        connection.business_id,
        connection.id,
        [each["href"] for each in found],
    )


_STOP_RECEIVING = """
UPDATE calendars SET receives = false, version = version + 1
 WHERE business_id = $1 AND provider_id = $2 AND receives AND id <> $3
"""

_USE = """
UPDATE calendars SET blocks = $3, receives = $4, version = version + 1, updated_at = clock_timestamp(),
       token = CASE WHEN blocks OR receives THEN token END,
       known_at = CASE WHEN blocks THEN known_at END
 WHERE business_id = $1 AND id = $2
"""

_STOP_BLOCKING = """
DELETE FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2
"""


async def use_calendar(
    session: Session, connection: Connection, calendar: Calendar, *, blocks: bool, receives: bool
) -> None:
    """
    Whether events of *calendar* take time, and whether appointments are written into it.

    A provider's appointments are in one calendar: another one gives it up.
    """
    if receives:
        await session.execute(_STOP_RECEIVING, calendar.business_id, connection.provider_id, calendar.id)
    if not blocks and calendar.blocks:
        await session.execute(_STOP_BLOCKING, calendar.business_id, calendar.id)
        await session.execute(
            "UPDATE calendars SET token = NULL WHERE business_id = $1 AND id = $2", calendar.business_id, calendar.id
        )
    await session.execute(_USE, calendar.business_id, calendar.id, blocks, receives)


async def forget_calendar_state(session: Session, connection: Connection) -> None:
    """Everything is listed and read again; until that is done, what is known goes on counting."""
    await session.execute(
        "UPDATE calendars SET token = NULL, listing = false WHERE business_id = $1 AND connection_id = $2",
        connection.business_id,
        connection.id,
    )
    await session.execute(
        "UPDATE calendar_objects o SET etag = NULL FROM calendars c"
        " WHERE c.business_id = $1 AND c.connection_id = $2 AND o.business_id = c.business_id AND o.calendar_id = c.id",
        connection.business_id,
        connection.id,
    )


async def reseal(session: Session, connection: Connection, sealed: bytes) -> None:
    """The same secret, sealed anew."""
    await session.execute(
        "UPDATE connections SET secret_sealed = $3 WHERE business_id = $1 AND id = $2",
        connection.business_id,
        connection.id,
        sealed,
    )
