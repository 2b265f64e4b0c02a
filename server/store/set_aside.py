"""
Owns the rows that a batch could not get done: which, how often, why, and when each is looked at again.

Leaves setting them aside to `usecases/batches`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server.store.engine import Session


class Keyed(Protocol):
    """A row of a business."""

    @property
    def business_id(self) -> int:
        """Whose it is."""

    @property
    def id(self) -> int:
        """Its id in the business."""


@dataclass(frozen=True, slots=True)
class Key:
    """A row of which nothing but its key matters."""

    business_id: int
    id: int


def delete_keys(table: str) -> str:
    """The statement that deletes the rows of *table* whose keys are given as `columns_of`."""
    return (
        f"DELETE FROM {table} gone USING unnest($1::bigint[], $2::bigint[]) old (business_id, id)"
        " WHERE gone.business_id = old.business_id AND gone.id = old.id"
    )


def columns_of(rows: Sequence[Keyed]) -> tuple[list[int], list[int]]:
    """Keys as Postgres takes many: an array per column."""
    return [row.business_id for row in rows], [row.id for row in rows]


FIRST_WAIT_S = 60
LONGEST_WAIT_S = 3_600


def not_set_aside(batch: str, table: str) -> str:
    """The condition that leaves out rows of *table* (an alias) which wait for their next look."""
    return (
        f"NOT EXISTS (SELECT FROM set_aside aside WHERE aside.business_id = {table}.business_id"
        f" AND aside.batch = '{batch}' AND aside.row_id = {table}.id AND aside.look_at > clock_timestamp())"
    )


_SET_ASIDE = f"""
INSERT INTO set_aside AS aside (business_id, batch, row_id, detail, look_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => {FIRST_WAIT_S}))
    ON CONFLICT (business_id, batch, row_id) DO UPDATE
   SET failures = least(aside.failures + 1, 1000), detail = excluded.detail,
       look_at = clock_timestamp() + make_interval(
           secs => least({LONGEST_WAIT_S}, {FIRST_WAIT_S} * power(2, least(aside.failures, 10))))
"""


async def set_aside(session: Session, batch: str, row: Keyed, detail: str) -> None:
    """*row* failed in *batch*: it is left alone for a minute, then for twice as long each time, an hour at most."""
    await session.execute(_SET_ASIDE, row.business_id, batch, row.id, detail[:500])


_FORGET = """
DELETE FROM set_aside WHERE (business_id, id) IN (
    SELECT business_id, id FROM set_aside WHERE look_at < clock_timestamp() - interval '1 day' LIMIT $1)
"""


async def forget_set_aside(session: Session, *, limit: int) -> int:
    """Forgets rows that were looked at again and did not fail; how many."""
    return await session.execute(_FORGET, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A row that waits for its next look, as a person sees it."""

    business: str | None
    batch: str
    row_id: int
    failures: int
    detail: str
    look_at: datetime


async def rows_set_aside(session: Session, *, limit: int = 1000) -> list[SetAside]:
    """What waits for its next look now, what failed most often first."""
    rows = await session.fetch(
        "SELECT b.slug AS business, a.batch, a.row_id, a.failures, a.detail, a.look_at"
        "  FROM set_aside a LEFT JOIN businesses b ON b.id = a.business_id"
        " WHERE a.look_at > clock_timestamp() ORDER BY a.failures DESC, a.id LIMIT $1",
        limit,
    )
    return [SetAside(**dict(row)) for row in rows]
