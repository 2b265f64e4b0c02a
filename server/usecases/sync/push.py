"""
Owns writing our appointments into the provider's calendar: what is to be there is, what is not is not.

Leaves what the provider does to them to `follow`. Whether a write that brought no answer happened is found out by
doing it again: a name that is taken by our own UID is adopted, a change is compared first, a deletion of nothing is
fine.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ics.errors import IcsError
from ics.event import Event
from ics.read.own_view import view_of
from ics.remote.errors import Changed, Missing, Nonsense, SignInNeeded, TryLater
from ics.remote.protocol import RemoteObject
from ics.sync.edits import Edit, fields_to_write, texts_of
from server.calendars.document import calendar_event
from server.domain.appointment import Shown
from server.domain.errors import Unavailable
from server.store.appointment_texts import stale_texts
from server.store.appointments import claimed_spans
from server.store.calendar_objects import copies_of
from server.store.connections import Calendar
from server.store.engine import Session
from server.store.pushed_events import (
    PushedEvent,
    all_written,
    forget_pushed,
    note_delayed,
    note_edit,
    note_failed,
    note_writing,
    note_written,
    unpushed,
)
from server.store.sync_turns import LostLease
from server.usecases.sync.turn import Turn

log = logging.getLogger(__name__)

_BATCH = 100
_MOST_TRIES = 5
"""An event that the server refuses so often is left alone until it changes again."""


async def push(turn: Turn, calendar: Calendar) -> None:
    """
    Writes up to a batch of events; the rest is due at once again.

    Raises:
        RemoteError: The server does not do what it is asked; what was written before is noted.
        LostLease, Unavailable: See `Turn.write`.
    """
    async with turn.core.database.reading() as session:
        events = await unpushed(session, calendar, _BATCH)
        wanted = [(each.business_id, each.appointment_id) for each in events if each.wanted]
        shown = {each.appointment.id: each for each in await stale_texts(session, wanted, even_if_current=True)}
        spans = await claimed_spans(session, wanted) if turn.connection.shows_buffers else {}
    for event in events:
        try:
            if event.wanted and event.appointment_id in shown:
                await _put(turn, calendar, event, _event(turn, event, shown[event.appointment_id], spans))
            else:
                await _remove(turn, calendar, event)
        except SignInNeeded:
            raise
        except TryLater as error:
            # Hardly because of this event; if it is, it must not keep the others waiting for ever.
            await turn.write(partial(note_delayed, event=event, problem=str(error)))
            raise
        except IcsError as error:
            await _note_refusal(turn, event, str(error))
        except (LostLease, Unavailable, TimeoutError):
            raise
        except Exception:
            log.exception("an appointment could not be written into calendar %s", calendar.href)
            await _note_refusal(turn, event, "an error of our own, which is in the log of the worker")
    if len(events) == _BATCH:
        turn.look_again(0)


def _event(
    turn: Turn, event: PushedEvent, shown: Shown, spans: Mapping[int, tuple[datetime, datetime]]
) -> tuple[Event, int]:
    """What is to be there, and how many seconds before the appointment it begins."""
    wanted = calendar_event(shown, uid=event.uid, names_people=turn.connection.names_people)
    if event.appointment_id not in spans:
        return wanted, 0
    start, end = spans[event.appointment_id]
    padded = replace(wanted, start=start, end=end)
    return padded, int((shown.appointment.start - padded.start) / timedelta(seconds=1))


async def _put(turn: Turn, calendar: Calendar, event: PushedEvent, wanted: tuple[Event, int]) -> None:
    ours, lead_s = wanted
    await turn.write(lambda session: note_writing(session, event, (ours.start, ours.end)))
    if event.href is None:
        stored = await _create(turn, calendar, event, ours)
    else:
        changed = await _change(turn, calendar, event, ours)
        if changed is None:
            return
        stored = changed
    final = replace(event, uid=stored[1])
    version = event.wanted_version
    texts: dict[str, str] = {**texts_of(ours), "lead_s": str(lead_s)}
    kept = stored[0]

    async def work(session: Session) -> None:
        await note_written(
            session,
            final,
            version=version,
            href=kept.href,
            etag=kept.etag,
            shown=(ours.start, ours.end),
            texts=texts,
        )

    await turn.write(work)
    turn.counts["pushed"] += 1


async def _create(turn: Turn, calendar: Calendar, event: PushedEvent, ours: Event) -> tuple[RemoteObject, str]:
    """The event as it is stored, and its UID there."""
    try:
        return await turn.account.create(calendar.href, ours), event.uid
    except Changed:
        pass
    # Something of this name is there: ours, if the answer to an earlier attempt was lost.
    there = await _find_ours(turn, calendar, event)
    if there is not None:
        fields = fields_to_write(ours, texts_of(ours), view_of(there.data or "", zone=turn.zone_of(calendar)))
        if not fields:
            return there, event.uid
        return await turn.account.change(calendar.href, there, ours, fields), event.uid
    # Deleted there once, and some servers do not take back a UID that they buried.
    fresh = f"{event.appointment}-{event.tries + 2}"
    return await turn.account.create(calendar.href, replace(ours, uid=fresh)), fresh


async def _find_ours(turn: Turn, calendar: Calendar, event: PushedEvent) -> RemoteObject | None:
    async with turn.core.database.reading() as session:
        copies = await copies_of(session, calendar, event.uid)
    hrefs = [href for calendar_id, href, _ in copies if calendar_id == calendar.id]
    probable = turn.account.name_of(calendar.href, event.uid)
    for found in await turn.account.read(calendar.href, [each for each in dict.fromkeys((*hrefs, probable)) if each]):
        try:
            if view_of(found.data or "", zone=turn.zone_of(calendar)).uid == event.uid:
                return found
        except IcsError:
            continue
    return None


async def _change(turn: Turn, calendar: Calendar, event: PushedEvent, ours: Event) -> tuple[RemoteObject, str] | None:
    """What is stored now; None where the provider was faster, and `follow` has to answer that first."""
    assert event.href is not None
    there = await turn.account.read(calendar.href, [event.href])
    if not there:
        if await turn.account.is_gone(calendar.href, event.href):
            await turn.write(lambda session: note_edit(session, event, Edit.REMOVED, None, None))
            turn.look_again(turn.tools.settings.deletion_hold_s + 1)
            return None
        raise Nonsense("the calendar server does not give an event that it has")
    known = there[0]
    seen = view_of(known.data or "", zone=turn.zone_of(calendar))
    # What is being put back, or written anew, is not asked about.
    edit = event.edit_in(seen) if event.pushed_version else None
    if edit is not None:
        span = (seen.start, max(seen.end, seen.start))
        await turn.write(lambda session: note_edit(session, event, edit, span, known.etag))
        turn.look_again(0)
        return None
    fields = fields_to_write(ours, event.texts, seen)
    if not fields:
        return known, event.uid
    try:
        return await turn.account.change(calendar.href, known, replace(ours, uid=event.uid), fields), event.uid
    except Missing:
        await turn.write(lambda session: note_edit(session, event, Edit.REMOVED, None, None))
        return None


async def _remove(turn: Turn, calendar: Calendar, event: PushedEvent) -> None:
    if event.href is None and event.writing is not None and event.future:
        await _remove_unanswered(turn, calendar, event)
    if event.href is not None and event.future:
        # Whatever they made of it meanwhile: the appointment is over.
        there = await turn.account.read(calendar.href, [event.href])
        if not there:  # gone, or moved to another calendar, or not given: `follow` finds out
            await turn.write(lambda session: note_edit(session, event, Edit.REMOVED, None, None))
            turn.look_again(turn.tools.settings.deletion_hold_s + 1)
            return
        await turn.account.delete(calendar.href, there[0])
        turn.counts["withdrawn"] += 1
    await turn.write(lambda session: forget_pushed(session, event))


async def _remove_unanswered(turn: Turn, calendar: Calendar, event: PushedEvent) -> None:
    """It was to be created, and no answer came: it may be there."""
    there = await _find_ours(turn, calendar, event)
    if there is not None:
        await turn.account.delete(calendar.href, there)
        turn.counts["withdrawn"] += 1
        return
    name = turn.account.name_of(calendar.href, event.uid)
    if name and not await turn.account.is_gone(calendar.href, name):
        raise Nonsense("the calendar server does not give an event that it has")


async def withdraw_all(turn: Turn, calendar: Calendar) -> None:
    """
    Takes everything that we wrote, and that is still to come, out of *calendar*; one that is gone has nothing of it.

    Raises:
        RemoteError: The server does not do what it is asked.
    """
    async with turn.core.database.reading() as session:
        written = await all_written(session, calendar)
    for event in written:
        try:
            await _remove(turn, calendar, event)
        except Missing:
            await turn.write(partial(forget_pushed, event=event))


async def _note_refusal(turn: Turn, event: PushedEvent, words: str) -> None:
    give_up = event.tries + 1 >= _MOST_TRIES
    turn.problems.append(f"An appointment could not be written: {words}")
    await turn.write(lambda session: note_failed(session, event, words, give_up=give_up))
    turn.counts["problems"] += 1
