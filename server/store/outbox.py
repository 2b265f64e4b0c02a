"""
Owns the open facts: taking them in order, and marking what became of them.

Leaves writing them to the statements that make them true, and who is told to `usecases/dispatch`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.store.engine import Session
from server.store.set_aside import Key, columns_of, delete_keys, not_set_aside

MOST_ATTEMPTS = 5
"""A fact that cannot be told after so many attempts is parked, so that it holds up nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFact:
    """A fact that nobody was told yet."""

    business_id: int
    id: int
    kind: str
    appointment_id: int | None
    payload: Mapping[str, Any]
    created_at: datetime


# The older open fact of an appointment bars the younger, whoever has it: so facts go out in their order.
_TAKE = """
SELECT business_id, id, kind, appointment_id, payload, created_at
  FROM outbox o
 WHERE done_at IS NULL AND parked_at IS NULL AND (retry_at IS NULL OR retry_at <= clock_timestamp())
   AND (appointment_id IS NULL OR NOT EXISTS (
        SELECT FROM outbox earlier
         WHERE earlier.business_id = o.business_id AND earlier.appointment_id = o.appointment_id
           AND earlier.done_at IS NULL AND earlier.parked_at IS NULL AND earlier.id < o.id))
 ORDER BY id LIMIT $1
   FOR UPDATE SKIP LOCKED
"""


async def take_facts(session: Session, limit: int) -> list[OpenFact]:
    """The oldest open facts, one per appointment at most, locked for this transaction; others' are skipped."""
    return [OpenFact(**dict(row)) for row in await session.fetch(_TAKE, limit)]


async def close_facts(session: Session, facts: Sequence[OpenFact]) -> None:
    """They have been told, or rather: whoever is to be told has a delivery."""
    await session.execute(
        "UPDATE outbox o SET done_at = clock_timestamp() FROM unnest($1::bigint[], $2::bigint[]) told (business_id, id)"
        " WHERE o.business_id = told.business_id AND o.id = told.id",
        [fact.business_id for fact in facts],
        [fact.id for fact in facts],
    )


_FAILED = """
UPDATE outbox
   SET attempt = attempt + $4::int, detail = $3,
       retry_at = clock_timestamp() + make_interval(secs => least(300, power(5, attempt))),
       parked_at = CASE WHEN attempt + $4::int >= $5 THEN clock_timestamp() END
 WHERE business_id = $1 AND id = $2
"""


async def count_failure(session: Session, fact: OpenFact, detail: str, *, is_its_own: bool) -> None:
    """
    *fact* could not be told this time: it waits 1, 5, 25, 125 s, and after `MOST_ATTEMPTS` it is parked.

    Args:
        is_its_own: False where the database was too busy: nothing is parked for that.
    """
    await session.execute(_FAILED, fact.business_id, fact.id, detail[:500], int(is_its_own), MOST_ATTEMPTS)


async def add_fact(
    session: Session, business_id: int, kind: str, payload: Mapping[str, Any], *, appointment_id: int | None = None
) -> None:
    """Writes a fact that no statement of an appointment's step writes by itself."""
    await session.execute(
        "INSERT INTO outbox (business_id, kind, appointment_id, payload) VALUES ($1, $2, $3, $4)",
        business_id,
        kind,
        appointment_id,
        dict(payload),
    )


_FREED = """
INSERT INTO outbox (business_id, kind, payload)
SELECT DISTINCT business_id, 'time.freed', '{"v": 1}'::jsonb FROM waitlist_entries
 WHERE status = 'waiting' AND business_id = ANY($1::bigint[])
"""


async def tell_of_freed_time(session: Session, businesses: Sequence[int]) -> None:
    """Time became free in *businesses* without an appointment's end; a fact only where somebody waits for it."""
    if businesses:
        await session.execute(_FREED, sorted(set(businesses)))


_OLD = f"""
SELECT business_id, id FROM outbox o
 WHERE done_at < clock_timestamp() - make_interval(days => $1) AND {not_set_aside("facts", "o")}
 ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def old_facts(session: Session, limit: int, *, days: int) -> list[Key]:
    """The oldest facts that were told more than *days* ago, locked."""
    return [Key(*row) for row in await session.fetch(_OLD, days, limit)]


async def forget_facts(session: Session, facts: Sequence[Key]) -> None:
    """Deletes them."""
    await session.execute(delete_keys("outbox"), *columns_of(facts))
