"""
Owns batches that survive their worst row and reach their last one: pages until nothing is due; a row that raises is set
aside for a while, and the others go on.

Leaves what is done with a row to its neighbours, and when to look to the worker. That a cancelled task ends is not
changed here: `CancelledError` is no `Exception`.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.domain.errors import BookingError
from server.store.engine import Session
from server.store.set_aside import Keyed, set_aside
from server.usecases.core import Core

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Keyed)

AT_ONCE = 500
WITHIN_S = 20.0
"""How long one run may take: what it does not get to is for the next, a minute later."""

_SHRINK = 10


async def _nothing(_: Sequence[object]) -> None:
    """What follows the commit of most batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[R]):
    """
    Rows that are ended many at a time, each page in a transaction of its own.

    Attributes:
        name: Of the batch, in `set_aside` and in the log.
        take: The oldest rows that are due, so many at most, locked; without those that are set aside.
        end: Does away with them: what was ended is not taken again.
        told: What follows the commit.
    """

    name: str
    take: Callable[[Session, int], Awaitable[Sequence[R]]]
    end: Callable[[Session, Sequence[R]], Awaitable[object]]
    told: Callable[[Sequence[R]], Awaitable[None]] = _nothing


async def drain(core: Core, batch: Batch[R], *, at_once: int = AT_ONCE, within_s: float = WITHIN_S) -> int:
    """
    Ends all rows of *batch* that are due, as far as there is time; how many.

    A page that fails is tried in smaller ones until the row that is to blame stands alone, and is set aside.

    Raises:
        Unavailable: The database is away: it does not even take the note about the row.
    """
    ends, size, ended = time.monotonic() + within_s, at_once, 0
    while time.monotonic() < ends:
        rows: Sequence[R] = ()

        async def work(session: Session, most: int = size) -> None:
            nonlocal rows
            rows = ()
            if rows := await batch.take(session, most):
                await batch.end(session, rows)

        try:
            await core.database.transact(work)
        except Exception as error:
            if not rows:
                raise
            if len(rows) > 1:
                size = max(1, len(rows) // _SHRINK)
                continue
            await set_row_aside(core, batch.name, rows[0], error)
            size = at_once
            continue
        if rows:
            ended += len(rows)
            await _tell(batch, rows)
        if len(rows) < size:
            break
    return ended


async def _tell(batch: Batch[R], rows: Sequence[R]) -> None:
    """What follows the commit is a hint to others: the rows are ended, heard of or not."""
    try:
        await batch.told(rows)
    except Exception:
        log.exception("%s: %d rows are ended, and nobody could be told", batch.name, len(rows))


async def each(core: Core, name: str, rows: Iterable[R], step: Callable[[R], Awaitable[object]]) -> int:
    """
    *step* with each of *rows*; one that raises is set aside. How many were done.

    Raises:
        Unavailable: The database is away.
    """
    done = 0
    for row in rows:
        try:
            await step(row)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this row's
            await set_row_aside(core, name, row, error)
        else:
            done += 1
    return done


async def through(
    core: Core,
    name: str,
    page: Callable[[Session, R | None, int], Awaitable[Sequence[R]]],
    step: Callable[[R], Awaitable[object]],
    *,
    after: R | None = None,
    at_once: int = 50,
    within_s: float = WITHIN_S,
) -> R | None:
    """
    *step* with each row of all pages, as far as there is time.

    Args:
        page: Up to so many rows after this one (None: from the beginning), in a fixed order.
        after: Where the last run stopped.

    Returns:
        Where this one stopped; None when it came to the end.

    Raises:
        Unavailable: The database is away.
    """
    ends = time.monotonic() + within_s
    while True:
        async with core.database.reading() as session:
            rows = await page(session, after, at_once)
        for row in rows:
            if time.monotonic() >= ends:
                return after
            await each(core, name, [row], step)
            after = row
        if len(rows) < at_once:
            return None


async def set_row_aside(core: Core, name: str, row: Keyed, error: Exception) -> None:
    """
    Notes that *row* failed, so that it is left alone for a while.

    Raises:
        Unavailable: The database is away: then it was hardly the row.
    """
    detail = f"{type(error).__name__}: {error}"

    async def work(session: Session) -> None:
        await set_aside(session, name, row, detail)

    await core.database.transact(work)
    trace = None if isinstance(error, BookingError) else error
    log.warning("%s: row %d of business %d is set aside: %s", name, row.id, row.business_id, detail, exc_info=trace)
