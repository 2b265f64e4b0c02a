"""
Owns cancelling what one source has booked in a burst, a page at a time, each booking as staff would.

Leaves what follows from cancelling to `cancel`, and keeping the source out to the block list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.bursts import Burst
from server.domain.errors import IllegalTransition
from server.domain.lifecycle import Actor
from server.store.audit import note_change
from server.store.bursts import Found, bookings_of, let_go_of
from server.store.engine import Session
from server.store.outbox import tell_of_freed_time
from server.usecases.cancel import Cancelled, cancel
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.once import Once
from server.usecases.places import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One page of a burst."""

    found: Sequence[Found]
    cancelled: frozenset[int]
    """Ids of the attendees that were cancelled."""
    let_go: int
    following: int | None
    """After which attendee the next page begins; None on the last one."""


async def cancel_burst(
    core: Core,
    editor: Editor,
    burst: Burst,
    *,
    dry_run: bool,
    tells: bool,
    reason: str,
    after: int | None,
    limit: int,
) -> Ended:
    """
    Cancels up to *limit* bookings of *burst*, or says which they are.

    Args:
        tells: Customers and providers get the mails of a cancellation; webhooks, calendars and feeds always hear of it.
        after: The attendee with whom the page before ended.
    """
    async with core.database.reading() as session:
        found = await bookings_of(session, editor.business_id, burst, after=after, limit=limit + 1)
    page = found[:limit]
    following = page[-1].place.attendee.id if len(found) > limit else None
    if dry_run:
        return Ended(found=page, cancelled=frozenset(), let_go=0, following=following)
    let_go = await _begin(core, editor, burst, reason) if after is None else 0
    cancelled = {each.place.attendee.id for each in page if await _cancel(core, each, reason, tells=tells)}
    return Ended(found=page, cancelled=frozenset(cancelled), let_go=let_go, following=following)


async def _begin(core: Core, editor: Editor, burst: Burst, reason: str) -> int:
    """Notes who does this, and takes back what the source holds, waits for and has not confirmed."""

    async def work(session: Session) -> int:
        let_go = await let_go_of(session, editor.business_id, burst)
        if let_go:
            await tell_of_freed_time(session, [editor.business_id])
        await note_change(
            session,
            editor.business_id,
            actor=editor.name,
            action="cancelled",
            subject="burst",
            subject_key=(burst.network or burst.address or burst.domain or burst.phone or "")[:100],
            changes={"since": burst.since.isoformat(), "until": burst.until.isoformat(), "reason": reason},
        )
        return let_go

    let_go = await core.database.transact(work)
    if let_go:
        await core.changes.announce(editor.business, None)
    return let_go


async def _cancel(core: Core, found: Found, reason: str, *, tells: bool) -> bool:
    """Whether this booking could still be cancelled."""
    place = found.place
    target = Target(appointment=place.appointment, actor=Actor.PROVIDER, attendee=place.attendee)
    once: Once[Cancelled] = Once(None, 200, lambda _: b"")
    try:
        await cancel(core, target, once, reason=reason, tells=tells)
    except IllegalTransition:
        return False
    return True
