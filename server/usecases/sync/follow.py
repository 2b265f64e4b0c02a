"""
Owns answering what a provider did to our events in their own calendar: the appointment follows, or the event is put
back.

Leaves noticing it to `pull`, and writing to `push`. A booking ends only if its event is surely gone, or marked as
cancelled; never because something could not be found or read.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ics.remote.errors import RemoteError
from ics.sync.edits import Edit
from ics.sync.guard import is_mass_deletion
from server.domain.errors import BookingError, NotFound, Unavailable
from server.domain.events import Fact, Kind
from server.domain.lifecycle import CHANGEABLE, Actor
from server.store.calendar_objects import copies_of, forget_objects
from server.store.connections import Calendar, calendars_of
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.pushed_events import (
    PushedEvent,
    accept_move,
    count_future,
    forget_pushed,
    leave_alone,
    note_adopted,
    note_seen,
    open_edits,
    other_calendars_showing,
    put_back,
)
from server.store.sync_turns import LostLease
from server.usecases.cancel import Cancelled, cancel
from server.usecases.once import Once
from server.usecases.places import Target, target_of_staff
from server.usecases.reschedule import reschedule
from server.usecases.sync.turn import Suspicious, Turn

log = logging.getLogger(__name__)

MOST_PUT_BACK = 5
"""So often an event is put back; then something that is no person changes it again and again."""

_CANCELLED_THERE = "Removed from the provider's calendar"


async def follow(turn: Turn, calendar: Calendar) -> None:
    """
    Answers every open edit of our events in *calendar*.

    Raises:
        Suspicious: So many are gone that somebody has to be asked.
        RemoteError, LostLease, Unavailable: Later; nothing is half done.
    """
    async with turn.core.database.reading() as session:
        edits = await open_edits(session, calendar)
        written, removed = await count_future(session, calendar) if edits else (0, 0)
    if is_mass_deletion(written, removed) and not turn.is_reviewed:
        raise Suspicious("mass_deletion", f"{removed} of {written} appointments are gone from the calendar at once.")
    for event in edits:
        try:
            await _answer(turn, calendar, event)
        except (RemoteError, LostLease, Suspicious, Unavailable, TimeoutError):
            raise
        except Exception:
            log.exception("what was done to appointment %s in calendar %s stays open", event.appointment, calendar.href)
            turn.problems.append("What was done to an appointment's event could not be answered: an error of our own.")


async def _answer(turn: Turn, calendar: Calendar, event: PushedEvent) -> None:
    if event.edit == Edit.REMOVED:
        await _removed(turn, calendar, event)
    elif event.edit == Edit.MOVED:
        await _moved(turn, event)
    else:
        await _undo(turn, event, "An appointment cannot last longer, all day, or repeat.")


async def _removed(turn: Turn, calendar: Calendar, event: PushedEvent) -> None:
    is_marked = event.etag is not None  # there, with STATUS:CANCELLED
    if event.future and not is_marked and not await _is_surely_gone(turn, calendar, event):
        return
    if event.wanted and event.future:
        if turn.puts_back:
            await _undo(turn, event, "Appointments that are deleted in the calendar are put back.", gone=not is_marked)
            return
        await _cancel(turn, event)
    if is_marked and event.future:  # `push` takes away what is left of it
        await turn.write(lambda session: note_seen(session, event, event.etag))
    else:
        await turn.write(lambda session: forget_pushed(session, event))


async def _is_surely_gone(turn: Turn, calendar: Calendar, event: PushedEvent) -> bool:
    """Whether it is nowhere else, has been gone for a while, and its server itself says that it is not there."""
    if await _adopted(turn, calendar, event):
        return False
    held = datetime.now(UTC) - (event.edit_at or datetime.now(UTC))
    hold = timedelta(seconds=turn.tools.settings.deletion_hold_s)
    if held < hold and not turn.is_reviewed:
        turn.look_again((hold - held).total_seconds() + 1)
        return False
    if event.href is not None and not await turn.account.is_gone(calendar.href, event.href):
        await turn.write(lambda session: note_seen(session, event, None))
        return False
    return True


async def _cancel(turn: Turn, event: PushedEvent) -> None:
    target = await _target(turn, event)
    if target is None or target.appointment.status not in CHANGEABLE:
        return
    once: Once[Cancelled] = Once(None, 200, lambda _: b"")
    try:
        await cancel(turn.core, target, once, reason=_CANCELLED_THERE)
    except Unavailable:
        raise
    except BookingError as refused:
        log.info("an appointment could not be cancelled as its event was: %s", refused)
    else:
        turn.counts["cancelled"] += 1


async def _adopted(turn: Turn, calendar: Calendar, event: PushedEvent) -> bool:
    """Whether it was moved to another of the provider's calendars, or got another name: a copy of it is there."""
    async with turn.core.database.reading() as session:
        taken = await other_calendars_showing(session, event)
        there = {each.id: each for each in await calendars_of(session, turn.connection) if each.id not in taken}
        copies = await copies_of(session, calendar, event.uid)
    known = ((there[id_], href) for id_, href, _ in copies if id_ in there and (id_, href) != (calendar.id, event.href))
    # Of a calendar that does not block only ours is known: it is asked for by the name that apps keep in a move.
    others = [each for each in there.values() if not each.blocks and each.writable and each.id != calendar.id]
    found = next(known, None) or await _elsewhere(turn, others, event)
    if found is None:
        return False
    where, href = found

    async def work(session: Session) -> None:
        await note_adopted(session, event, where, href)
        await forget_objects(session, where, [href])  # so that the next round reads it, as one of ours

    await turn.write(work)
    turn.look_again(0)
    return True


async def _elsewhere(turn: Turn, calendars: Sequence[Calendar], event: PushedEvent) -> tuple[Calendar, str] | None:
    for calendar in calendars:
        name = turn.account.name_of(calendar.href, event.uid)
        for copy in await turn.account.read(calendar.href, [name]) if name else ():
            return calendar, copy.href
    return None


async def _moved(turn: Turn, event: PushedEvent) -> None:
    if not event.wanted or event.edit_shown is None:
        await turn.write(lambda session: note_seen(session, event, event.etag))
        return
    target = await _target(turn, event)
    if target is None:
        return
    # Where buffers are shown, the event begins before the appointment does.
    start = event.edit_shown[0] + timedelta(seconds=int(event.texts.get("lead_s", 0)))
    if start != target.appointment.start:
        if turn.connection.on_move == "put_back":
            await _undo(turn, event, "Appointments that are moved in the calendar are put back.")
            return
        try:
            await reschedule(turn.core, target, start, Once(None, 200, lambda _: b""))
        except Unavailable:
            raise
        except BookingError as refused:
            await _undo(turn, event, f"The appointment cannot be at the new time: {refused}")
            return
        turn.counts["rescheduled"] += 1
    await turn.write(lambda session: accept_move(session, event))


async def _undo(turn: Turn, event: PushedEvent, why: str, *, gone: bool = False) -> None:
    """The event is written again as it was, and the provider is told why."""
    if event.put_back >= MOST_PUT_BACK:
        words = f"It was put back {MOST_PUT_BACK} times; it is left as it is."
        turn.problems.append(f"An appointment's event is changed again and again. {words}")
        await turn.write(lambda s: forget_pushed(s, event) if gone else leave_alone(s, event, words))
        return
    target = await _target(turn, event)

    async def work(session: Session) -> None:
        await put_back(session, event, gone=gone)
        if target is None:
            return
        appointment = target.appointment
        fact = Fact(
            kind=Kind.CALENDAR_PUT_BACK,
            appointment=str(appointment.uid),
            sequence=appointment.sequence,
            actor=Actor.SYSTEM,
            start=appointment.start,
            reason=why,
        )
        await add_fact(session, appointment.business_id, fact.kind, fact.payload(), appointment_id=event.appointment_id)

    await turn.write(work)
    turn.counts["put_back"] += 1


async def _target(turn: Turn, event: PushedEvent) -> Target | None:
    try:
        found = await target_of_staff(turn.core, event.business_id, event.appointment)
    except NotFound:
        return None
    return Target(appointment=found.appointment, actor=Actor.CALENDAR)
