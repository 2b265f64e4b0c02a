"""
Owns the conflict inbox: events of the provider's own that lie over appointments, until somebody decides.

Leaves deciding to people: nothing is ever cancelled because of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.store.engine import Row, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarConflict:
    """An event over an appointment. What the event is about is not known here."""

    id: int
    uid: UUID
    provider: str
    appointment_id: int
    appointment: UUID
    appointment_start: datetime
    appointment_end: datetime
    sequence: int
    calendar: str
    busy_start: datetime
    busy_end: datetime
    created_at: datetime
    resolved_at: datetime | None
    resolution: str


_COLUMNS = """x.id, x.uid, p.slug AS provider, x.appointment_id, a.uid AS appointment, a.starts_at AS appointment_start,
       a.ends_at AS appointment_end, a.sequence, c.name AS calendar, lower(x.during) AS busy_start,
       upper(x.during) AS busy_end, x.created_at, x.resolved_at, x.resolution"""
_TABLES = """ calendar_conflicts x
  JOIN providers p ON p.business_id = x.business_id AND p.id = x.provider_id
  JOIN calendars c ON c.business_id = x.business_id AND c.id = x.calendar_id
  JOIN appointments a ON a.business_id = x.business_id AND a.id = x.appointment_id"""

# Looked for anew each round, over all that is to come: a booking may have been under way while an event came in.
_FIND = """
SELECT DISTINCT ON (a.id, o.href) a.id AS appointment_id, o.calendar_id, o.href, b.during
  FROM appointments a
  JOIN busy_blocks b ON b.business_id = a.business_id AND b.provider_id = a.provider_id AND b.source = 'calendar'
   AND upper(b.during) > a.starts_at AND lower(b.during) < a.ends_at
  JOIN calendar_objects o ON o.business_id = b.business_id AND o.id = b.object_id
  JOIN calendars c ON c.business_id = o.business_id AND c.id = o.calendar_id AND c.connection_id = $3
 WHERE a.business_id = $1 AND a.provider_id = $2 AND a.status IN ('pending', 'confirmed')
   AND a.ends_at > clock_timestamp()
 ORDER BY a.id, o.href, b.during
"""

_KEEP = f"""
WITH found AS ({_FIND}), kept AS (
    INSERT INTO calendar_conflicts AS known (business_id, uid, provider_id, calendar_id, appointment_id, href, during)
    SELECT $1, gen_random_uuid(), $2, calendar_id, appointment_id, href, during FROM found
        ON CONFLICT (business_id, appointment_id, calendar_id, href) DO UPDATE
       SET during = excluded.during, resolved_at = NULL, resolution = ''
     WHERE known.during <> excluded.during OR known.resolution = 'gone'
    RETURNING id
)
SELECT id FROM kept
"""

_RESOLVE = f"""
UPDATE calendar_conflicts x SET resolved_at = clock_timestamp(), resolution = 'gone'
  FROM calendars c
 WHERE x.business_id = $1 AND x.provider_id = $2 AND x.resolved_at IS NULL
   AND c.business_id = x.business_id AND c.id = x.calendar_id AND c.connection_id = $3
   AND NOT EXISTS (SELECT FROM ({_FIND}) f
                    WHERE f.appointment_id = x.appointment_id AND f.calendar_id = x.calendar_id AND f.href = x.href)
"""


async def note_conflicts(
    session: Session, business_id: int, provider_id: int, connection_id: int
) -> list[CalendarConflict]:
    """What lies over appointments now, of this connection; those that were not known before. The others are
    resolved."""
    await session.execute(_RESOLVE, business_id, provider_id, connection_id)
    rows = await session.fetch(_KEEP, business_id, provider_id, connection_id)
    if not rows:
        return []
    found = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE x.business_id = $1 AND x.id = ANY($2::bigint[]) ORDER BY x.id",
        business_id,
        [row["id"] for row in rows],
    )
    return [_conflict(row) for row in found]


async def list_conflicts(
    session: Session, business_id: int, *, after: int | None, limit: int
) -> Sequence[CalendarConflict]:
    """Open conflicts of appointments to come, the oldest first."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE x.business_id = $1 AND x.id > $2 AND x.resolved_at IS NULL"
        " AND a.ends_at > clock_timestamp() ORDER BY x.id LIMIT $3",
        business_id,
        after or 0,
        limit,
    )
    return [_conflict(row) for row in rows]


async def dismiss_conflict(session: Session, business_id: int, uid: UUID) -> bool:
    """Somebody has looked at it and lets both be; False where there is none."""
    return bool(
        await session.execute(
            "UPDATE calendar_conflicts SET resolved_at = coalesce(resolved_at, clock_timestamp()),"
            " resolution = CASE WHEN resolved_at IS NULL THEN 'dismissed' ELSE resolution END"
            " WHERE business_id = $1 AND uid = $2",
            business_id,
            uid,
        )
    )


def _conflict(row: Row) -> CalendarConflict:
    return CalendarConflict(**dict(row))
