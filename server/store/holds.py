"""
Owns reading and ending holds.

Leaves making them to `booking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.promise import Promise
from server.domain.terms import Terms
from server.store.engine import Row, Session
from server.store.set_aside import not_set_aside
from server.store.terms import terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold that was made, expired or not."""

    business_id: int
    business: str
    id: int
    service: str
    provider: str
    provider_id: int
    location: str
    appointment_id: int | None
    start: datetime
    expires_at: datetime
    created_at: datetime
    terms: Terms


_HOLDS = """
SELECT h.business_id, b.slug AS business, h.id, s.slug AS service, p.slug AS provider, p.id AS provider_id,
       l.slug AS location, h.appointment_id, h.starts_at AS start, h.expires_at, h.created_at,
       h.duration_s, h.price_minor, h.currency, h.change_window_min, h.cancel_fee_minor, h.approval
  FROM holds h
  JOIN businesses b ON b.id = h.business_id
  JOIN services s ON s.business_id = h.business_id AND s.id = h.service_id
  JOIN providers p ON p.business_id = h.business_id AND p.id = h.provider_id
  JOIN locations l ON l.business_id = h.business_id AND l.id = h.location_id
"""


async def find_hold(session: Session, token_hash: bytes) -> Hold | None:
    """The hold with this token."""
    row = await session.first(_HOLDS + " WHERE h.token_hash = $1", token_hash)
    return _hold(row) if row else None


_TAKE_OVER = """
DELETE FROM holds h WHERE h.business_id = $1 AND h.id = $2 AND h.expires_at > clock_timestamp()
RETURNING (SELECT array[date_part('epoch', h.starts_at - min(lower(c.during))),
                        date_part('epoch', max(upper(c.during)) - h.starts_at)]::int[]
             FROM claims c WHERE c.business_id = h.business_id AND c.hold_id = h.id) AS around
"""


async def find_living_hold(session: Session, token_hash: bytes) -> Hold | None:
    """The hold with this token, if it has not expired."""
    row = await session.first(_HOLDS + " WHERE h.token_hash = $1 AND h.expires_at > clock_timestamp()", token_hash)
    return _hold(row) if row else None


async def take_over(session: Session, hold: Hold) -> Promise | None:
    """Deletes *hold* and its claims in favour of its owner's booking; None if it is gone or has expired."""
    row = await session.first(_TAKE_OVER, hold.business_id, hold.id)
    if row is None:
        return None
    before, after = row["around"]
    return Promise(terms=hold.terms, claimed=(before, after) if before is not None else None)


async def end_hold(session: Session, hold: Hold) -> bool:
    """Deletes *hold* and its claims, expired or not; False if it was gone."""
    return await session.execute("DELETE FROM holds WHERE business_id = $1 AND id = $2", hold.business_id, hold.id) > 0


_LOCK_CLASSES = """
SELECT FROM appointments WHERE business_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE
"""

# Classes that nobody but expired holds wanted give their time back, with a transition like every other step.
_LET_GO_OF_CLASSES = """
WITH idle AS (
    SELECT a.business_id, a.id, a.sequence, a.starts_at
      FROM appointments a
     WHERE a.business_id = $1 AND a.id = ANY($2::bigint[]) AND a.status = 'held'
       AND NOT EXISTS (SELECT FROM holds h WHERE h.business_id = a.business_id AND h.appointment_id = a.id
                          AND h.expires_at > clock_timestamp())
), freed AS (
    DELETE FROM claims c USING idle WHERE c.business_id = idle.business_id AND c.appointment_id = idle.id
), logged AS (
    INSERT INTO transitions (business_id, appointment_id, from_status, to_status, actor, sequence, starts_at, at)
    SELECT business_id, id, 'held', 'cancelled', 'system', sequence, starts_at, clock_timestamp() FROM idle
)
UPDATE appointments a SET status = 'cancelled', version = version + 1, updated_at = clock_timestamp()
  FROM idle WHERE a.business_id = idle.business_id AND a.id = idle.id
"""


async def let_go_of_classes(session: Session, business_id: int, appointment_ids: Sequence[int]) -> None:
    """Ends those of these classes that are only held, and whose last hold is gone."""
    # Whoever is about to join one comes first, or waits: a statement that begins under the lock sees which it was.
    await session.execute(_LOCK_CLASSES, business_id, list(appointment_ids))
    await session.execute(_LET_GO_OF_CLASSES, business_id, list(appointment_ids))


_EXPIRED = (
    _HOLDS
    + f"""
 WHERE h.expires_at <= clock_timestamp() AND {not_set_aside("holds", "h")}
 ORDER BY h.expires_at LIMIT $1
   FOR UPDATE OF h SKIP LOCKED
"""
)


async def take_expired(session: Session, limit: int) -> list[Hold]:
    """The oldest expired holds, locked for this transaction; those that another sweeper has are left out."""
    return [_hold(row) for row in await session.fetch(_EXPIRED, limit)]


def _hold(row: Row) -> Hold:
    return Hold(
        business_id=row["business_id"],
        business=row["business"],
        id=row["id"],
        service=row["service"],
        provider=row["provider"],
        provider_id=row["provider_id"],
        location=row["location"],
        appointment_id=row["appointment_id"],
        start=row["start"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        terms=terms_of(row),
    )
