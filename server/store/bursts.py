"""
Owns finding what one source has booked, holds and waits for, and taking back the last two.

Leaves cancelling the bookings to the use-case, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.appointment import Place
from server.domain.bursts import Burst
from server.store.appointments import PLACE_COLUMNS, PLACE_TABLES, place_of
from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A booking of a burst, and when it was made."""

    place: Place
    booked_at: datetime


_OF_SOURCE = """
   AND ($4::cidr IS NULL OR {t}.network <<= $4::cidr)
   AND ($5::text IS NULL OR {t}.email = $5)
   AND ($6::text IS NULL OR {t}.email LIKE '%@' || $6 OR {t}.email LIKE '%.' || $6)
   AND ($7::text IS NULL OR {t}.phone = $7)
"""

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
), let_go AS (
    -- A hold says nothing of a person: only a network finds it. A place in a class that is held ends with its time.
    DELETE FROM holds h
     WHERE h.business_id = $1 AND (h.id IN (SELECT hold_id FROM left_waitlist)
        OR $4::cidr IS NOT NULL AND h.network <<= $4::cidr AND h.created_at >= $2 AND h.created_at < $3)
    RETURNING id
)
SELECT (SELECT count(*) FROM left_waitlist) + (SELECT count(*) FROM let_go) AS let_go
"""
)


async def let_go_of(session: Session, business_id: int, burst: Burst) -> int:
    """Takes back what the source holds and waits for; how much that was."""
    return int(await session.value(_LET_GO, business_id, *_values(burst), not burst.only_unproved))


def _values(burst: Burst) -> tuple[object, ...]:
    return burst.since, burst.until, burst.network, burst.address, burst.domain, burst.phone
