"""
Owns finding what one source has booked, holds, waits for and has not confirmed, and taking back all but the first.

Leaves cancelling the bookings to the use-case, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.appointment import Place
from server.domain.bursts import Burst
from server.store.appointments import PLACE_COLUMNS, PLACE_TABLES, place_of
from server.store.engine import Session
from server.store.holds import let_go_of_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A booking of a burst, and when it was made."""

    place: Place
    booked_at: datetime


_OF_NETWORK_AND_ADDRESS = """
   AND ($4::cidr IS NULL OR {t}.network <<= $4::cidr)
   AND ($5::text IS NULL OR {t}.email = $5)
   AND ($6::text IS NULL OR {t}.email LIKE '%@' || $6 OR {t}.email LIKE '%.' || $6)
"""
_OF_SOURCE = (
    _OF_NETWORK_AND_ADDRESS
    + """
   AND ($7::text IS NULL OR {t}.phone = $7)
"""
)

_BOOKED = (
    PLACE_COLUMNS
    + ", t.created_at AS booked_at"
    + PLACE_TABLES
    + """
 WHERE t.business_id = $1 AND t.created_at >= $2 AND t.created_at < $3 AND t.cancelled_at IS NULL
   AND a.status IN ('pending', 'confirmed') AND a.starts_at > clock_timestamp()"""
    + _OF_SOURCE.format(t="t")
    + """
   AND ($8 OR t.proved_at IS NULL) AND t.id > $9
 ORDER BY t.id LIMIT $10
"""
)


async def bookings_of(
    session: Session, business_id: int, burst: Burst, *, after: int | None, limit: int
) -> Sequence[Found]:
    """Upcoming bookings of *burst*, the first to be made first."""
    rows = await session.fetch(_BOOKED, business_id, *_values(burst), not burst.only_unproved, after or 0, limit)
    return [Found(place=place_of(row), booked_at=row["booked_at"]) for row in rows]


_LET_GO = (
    """
WITH left_waitlist AS (
    UPDATE waitlist_entries w SET status = 'left', version = version + 1, updated_at = clock_timestamp()
     WHERE w.business_id = $1 AND w.created_at >= $2 AND w.created_at < $3 AND w.status IN ('waiting', 'offered')"""
    + _OF_SOURCE.format(t="w")
    + """
       AND ($8 OR w.proved_at IS NULL)
    RETURNING hold_id
), unasked AS (
    -- Their links would book still. The number is sealed with the order: it finds none.
    DELETE FROM confirmations f
     WHERE f.business_id = $1 AND f.created_at >= $2 AND f.created_at < $3 AND f.confirmed_at IS NULL
       AND $7::text IS NULL"""
    + _OF_NETWORK_AND_ADDRESS.format(t="f")
    + """
    RETURNING hold_id
), let_go AS (
    -- A hold says nothing of a person: a network finds it, or what it is held for.
    DELETE FROM holds h
     WHERE h.business_id = $1 AND (h.id IN (SELECT hold_id FROM left_waitlist UNION ALL SELECT hold_id FROM unasked)
        OR $4::cidr IS NOT NULL AND h.network <<= $4::cidr AND h.created_at >= $2 AND h.created_at < $3)
    RETURNING appointment_id
)
SELECT (SELECT count(*) FROM left_waitlist) + (SELECT count(*) FROM let_go) AS count,
       (SELECT array_agg(DISTINCT appointment_id) FROM let_go WHERE appointment_id IS NOT NULL) AS classes
"""
)


async def let_go_of(session: Session, business_id: int, burst: Burst) -> int:
    """Takes back what the source holds, waits for and has not confirmed; how many times and places that was."""
    row = await session.first(_LET_GO, business_id, *_values(burst), not burst.only_unproved)
    assert row is not None, "it counts"
    if row["classes"]:
        await let_go_of_classes(session, business_id, row["classes"])
    return int(row["count"])


def _values(burst: Burst) -> tuple[object, ...]:
    return burst.since, burst.until, burst.network, burst.address, burst.domain, burst.phone
