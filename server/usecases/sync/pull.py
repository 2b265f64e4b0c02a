"""
Owns reading what has changed in a calendar: other events become busy time, our own are compared with what we wrote.

Leaves answering what the provider did to ours to `follow`. A token moves in the transaction of what it stands for;
what a listing does not name is gone only once the listing is complete.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ics.errors import IcsError
from ics.read.busy_spans import Busy
from ics.read.keeping import keep_for_expansion
from ics.read.own_view import view_of
from ics.remote.errors import RemoteError, TokenGone
from ics.remote.protocol import Page, RemoteObject
from ics.sync.edits import Edit
from ics.sync.guard import is_emptied
from server.calendars.document import freebusy_uid
from server.domain.errors import Unavailable
from server.store.calendar_objects import (
    FreshObject,
    KnownObject,
    begin_listing,
    count_objects,
    feeds_showing,
    forget_objects,
    forget_past_time,
    keep_objects,
    kept_objects,
    known_objects,
    longest_horizon_days,
    mark_seen,
    note_known,
    note_token,
    note_unread,
    own_uids,
    replace_spans,
    unread_objects,
    unseen_hrefs,
)
from server.store.connections import Calendar
from server.store.engine import Session
from server.store.outbox import tell_of_freed_time
from server.store.pushed_events import PushedEvent, find_pushed, note_edit, note_seen, unlisted
from server.store.sync_turns import LostLease
from server.usecases.sync.turn import Suspicious, Turn

log = logging.getLogger(__name__)

_BATCH = 50
_UNREAD = 200
_PAST = timedelta(days=1)
_BEYOND_DAYS = 35
"""Further than anything can be booked, so that the end of what is expanded is not reached every night."""

_KEPT_PAST_DAYS = 7
_HASHED = "data:"


async def pull(turn: Turn, calendar: Calendar) -> None:
    """
    Brings what is known of *calendar* up to date.

    Raises:
        RemoteError: See `ics/remote/errors`. What was read before stays.
        Suspicious: The calendar is empty all at once.
        LostLease, Unavailable: See `Turn.write`.
    """
    begun = datetime.now(UTC)
    async with turn.core.database.reading() as session:
        horizon = timedelta(days=await longest_horizon_days(session, calendar.business_id))
        unread = await unread_objects(session, calendar, _UNREAD) if calendar.token is not None else []
    window = (begun - _PAST, begun + horizon + timedelta(days=_BEYOND_DAYS))
    reader = _Reader(turn, calendar, window)
    if unread:
        await reader.read([RemoteObject(href=href, etag=None) for href in unread])
    await reader.read_changes()
    await reader.look_for_unlisted()
    needed = begun + horizon + timedelta(days=1)
    end = calendar.window_end or window[1]
    if end < needed:
        await reader.expand_further()
        end = window[1]

    async def note(session: Session) -> None:
        await note_known(session, calendar, begun, end)
        if reader.touched:
            await tell_of_freed_time(session, [calendar.business_id])

    await turn.write(note)
    if reader.touched:
        await turn.core.changes.announce(turn.connection.business, [turn.connection.provider])


class _Reader:
    """Reads one calendar within one round."""

    def __init__(self, turn: Turn, calendar: Calendar, window: tuple[datetime, datetime]) -> None:
        self._turn = turn
        self._calendar = calendar
        self._window = window
        self._zone = turn.zone_of(calendar)
        self.touched = False
        """Whether any busy time is other than before."""

    async def read_changes(self) -> None:
        """Page after page, from where the last round ended."""
        turn, calendar = self._turn, self._calendar
        token, listing = calendar.token, calendar.listing
        if token is None:
            await self._begin_listing()
            listing = True
        while True:
            try:
                page = await turn.account.changes(calendar.href, token, self._window)
            except TokenGone:
                if token is None:
                    raise
                token, listing = None, True
                await self._begin_listing()
                turn.counts["relisted"] += 1
                continue
            if page.complete and not listing:  # this peer lists everything whenever anything changes
                listing = True
                await self._begin_listing()
            await self._take(page, listing=listing)
            token = page.token
            if not page.more:
                break
        if listing:
            await self._finish_listing(token)

    async def read(self, items: Sequence[RemoteObject]) -> None:
        """Reads *items*, and keeps what they say; what was listed and does not come is asked for another time."""
        for begin in range(0, len(items), _BATCH):
            batch = items[begin : begin + _BATCH]
            come = {each.href: each for each in batch if each.data is not None}
            wanted = [each.href for each in batch if each.data is None]
            if wanted:
                come |= {each.href: each for each in await self._turn.account.read(self._calendar.href, wanted)}
            await self._keep([each for each in come.values() if each.data is not None])
            missing = [href for href in wanted if href not in come]
            if missing:
                self._turn.counts["unread"] += len(missing)
                await self._note_missing(missing)

    async def look_for_unlisted(self) -> None:
        """Servers do not name what came and went between two tokens (Xandikos): what we wrote since is asked for."""
        turn, calendar = self._turn, self._calendar
        async with turn.core.database.reading() as session:
            ours = {event.href: event for event in await unlisted(session, calendar) if event.href is not None}
        there: list[RemoteObject] = []
        for href, event in ours.items():
            if await turn.account.is_gone(calendar.href, href):
                await turn.write(partial(note_edit, event=event, edit=Edit.REMOVED, shown=None, etag=None))
                turn.counts["edits"] += 1
            else:
                there.append(RemoteObject(href=href, etag=None))
        await self.read(there)

    async def expand_further(self) -> None:
        """The end of what was expanded has come near: events that go on are expanded again, from what was kept."""
        after = 0
        while True:
            async with self._turn.core.database.reading() as session:
                kept = await kept_objects(session, self._calendar, after=after, limit=_BATCH)
            if not kept:
                return
            after = kept[-1][0]
            busy = await self._busy([text for _, text in kept])
            spans = {
                object_id: _spans(each)
                for (object_id, _), each in zip(kept, busy, strict=True)
                if not _is_unreadable(each)
            }

            async def work(session: Session, spans: Mapping[int, Sequence[tuple[int, int]]] = spans) -> bool:
                return await replace_spans(session, self._calendar, self._turn.connection.provider_id, spans)

            self.touched = await self._turn.write(work) or self.touched

    async def _begin_listing(self) -> None:
        generation = await self._turn.write(lambda session: begin_listing(session, self._calendar))
        self._calendar = replace(self._calendar, generation=generation)

    async def _take(self, page: Page, *, listing: bool) -> None:
        hrefs = [each.href for each in page.changed]
        async with self._turn.core.database.reading() as session:
            known = await known_objects(session, self._calendar, hrefs)
            ours = await find_pushed(session, self._calendar, hrefs)
        fresh = [each for each in page.changed if self._is_news(each, known.get(each.href), ours.get(each.href))]
        await self.read(fresh)
        read = {each.href for each in fresh}
        same = [href for href in hrefs if href in known and href not in read]
        await self._turn.write(lambda session: self._finish_page(session, page, same, listing=listing))

    def _is_news(self, item: RemoteObject, known: KnownObject | None, ours: PushedEvent | None) -> bool:
        if ours is not None:  # what we wrote ourselves comes back with the ETag that we were told
            return item.etag is None or item.etag != ours.etag or ours.edit is not None or known is None
        if not self._calendar.blocks:
            return False
        return known is None or known.etag is None or item.etag != known.etag

    async def _finish_page(self, session: Session, page: Page, same: Sequence[str], *, listing: bool) -> None:
        if same and listing:
            await mark_seen(session, self._calendar, same)
        if page.gone:
            await self._take_leave(session, list(page.gone), left=len(page.changed))
        if not listing or page.more:
            await note_token(session, self._calendar, page.token, listing=listing)

    async def _finish_listing(self, token: str | None) -> None:
        """Everything was named: what was not is gone."""

        async def work(session: Session) -> None:
            unseen = await unseen_hrefs(session, self._calendar)
            await self._take_leave(session, unseen, left=0)
            await forget_past_time(session, self._calendar, days=_KEPT_PAST_DAYS)
            await note_token(session, self._calendar, token, listing=False)

        await self._turn.write(work)

    async def _take_leave(self, session: Session, gone: Sequence[str], *, left: int) -> None:
        """*gone* are not there any more. Of ours that is only noted: `follow` looks again before anything comes of
        it."""
        if not gone:
            return
        known = await known_objects(session, self._calendar, gone)
        before = await count_objects(session, self._calendar)
        if is_emptied(before, before - len(known) + left) and not self._turn.is_reviewed:
            raise Suspicious("emptied", "All events of the calendar are gone at once.")
        ours = await find_pushed(session, self._calendar, gone)
        for event in ours.values():
            if event.edit != Edit.REMOVED:
                await note_edit(session, event, Edit.REMOVED, None, None)
                self._turn.counts["edits"] += 1
        others = len(known.keys() - ours.keys())
        await forget_objects(session, self._calendar, gone)
        self._turn.counts["removed"] += others
        self.touched = self.touched or others > 0

    async def _note_missing(
        self, missing: Sequence[str], words: str = "The server listed it, and did not give it."
    ) -> None:
        async def work(session: Session) -> None:
            await note_unread(session, self._calendar, missing, words)

        await self._turn.write(work)

    async def _keep(self, objects: Sequence[RemoteObject]) -> None:
        """Keeps all of *objects*; one of which that is not possible costs itself, and is asked for again."""
        try:
            await self._keep_together(objects)
        except (RemoteError, LostLease, Suspicious, Unavailable, TimeoutError):
            raise
        except Exception:
            if len(objects) > 1:
                for each in objects:
                    await self._keep([each])
                return
            log.exception("%s in calendar %s cannot be kept", objects[0].href, self._calendar.href)
            words = "It could not be kept: an error of our own, which is in the log of the worker."
            await self._note_missing([objects[0].href], words)
            self._turn.problems.append(f"{self._calendar.name}: {words}")
            self._turn.counts["problems"] += 1

    async def _keep_together(self, objects: Sequence[RemoteObject]) -> None:
        turn, calendar = self._turn, self._calendar
        async with turn.core.database.reading() as session:
            ours = await find_pushed(session, calendar, [each.href for each in objects])
        others = [each for each in objects if each.href not in ours]
        mine = [each for each in objects if each.href in ours]
        busy = await self._busy([each.data or "" for each in others])
        fresh = await self._fresh(others, busy) if calendar.blocks else []
        own = [_own(each, ours[each.href].uid) for each in mine]

        async def work(session: Session) -> bool:
            for each in mine:
                await self._compare(session, ours[each.href], each)
            return await keep_objects(session, calendar, turn.connection.provider_id, [*fresh, *own])

        self.touched = await turn.write(work) or self.touched
        turn.counts["pulled"] += len(fresh)

    async def _busy(self, texts: Sequence[str]) -> list[Busy]:
        window = (int(self._window[0].timestamp()), int(self._window[1].timestamp()))
        asked = [(text, self._zone.key) for text in texts]
        return await self._turn.tools.expander.busy_of(asked, window=window, rules=self._turn.rules) if asked else []

    async def _fresh(self, objects: Sequence[RemoteObject], busy: Sequence[Busy]) -> list[FreshObject]:
        free = await self._never_busy(busy)
        found: list[FreshObject] = []
        for each, its in zip(objects, busy, strict=True):
            self._report(each, its)
            found.append(
                FreshObject(
                    href=each.href,
                    uid=(its.uid or "")[:500],
                    etag=each.etag or _digest(each),
                    kept=self._kept(each, its),
                    problem=its.problems[0] if its.problems else "",
                    spans=() if its.uid in free else _spans(its),
                    keeps_spans=_is_unreadable(its),
                )
            )
        return found

    def _report(self, item: RemoteObject, busy: Busy) -> None:
        for problem in busy.problems:
            self._turn.problems.append(f"{self._calendar.name}, {item.href.rstrip('/').rpartition('/')[2]}: {problem}")
        self._turn.counts["problems"] += bool(busy.problems)

    def _kept(self, item: RemoteObject, busy: Busy) -> str | None:
        if not (busy.repeats or busy.later):
            return None
        try:
            return keep_for_expansion(item.data or "", addresses=self._turn.rules.addresses)
        except IcsError:
            return None

    async def _never_busy(self, busy: Sequence[Busy]) -> set[str]:
        """UIDs that are ours, wherever they turn up: an appointment, or busy time of a feed that was subscribed to."""
        turn = self._turn
        connection = turn.connection
        uids = [each.uid for each in busy if each.uid]
        if not uids:
            return set()
        async with turn.core.database.reading() as session:
            own = await own_uids(session, connection.business_id, uids)
            feeds = await feeds_showing(session, connection.business_id, connection.provider_id)
        own |= {freebusy_uid(feed) for feed in feeds}
        for each in busy:
            if each.uid and len(each.uid) == 32 and len(each.spans) == 1:
                start, end, _ = each.spans[0]
                if any(turn.core.vault.is_busy_uid(each.uid, feed, start, end) for feed in feeds):
                    own.add(each.uid)
        return own

    async def _compare(self, session: Session, event: PushedEvent, item: RemoteObject) -> None:
        """Whether *event* still is as we wrote it."""
        try:
            seen = view_of(item.data or "", zone=self._zone)
        except IcsError as error:  # it cannot be told what was done: nothing follows from it
            self._turn.problems.append(f"{self._calendar.name}: one of our events cannot be read: {error}")
            return
        edit = event.edit_in(seen)
        if edit is None:
            await note_seen(session, event, item.etag)
            return
        await note_edit(session, event, edit, (seen.start, max(seen.end, seen.start)), item.etag or _digest(item))
        self._turn.counts["edits"] += 1


def _own(item: RemoteObject, uid: str) -> FreshObject:
    """One of ours takes no busy time: its appointment has a claim."""
    return FreshObject(href=item.href, uid=uid, etag=item.etag or _digest(item), kept=None, problem="", spans=())


def _is_unreadable(busy: Busy) -> bool:
    """The time that it took before goes on counting."""
    return busy.lost and not busy.spans


def _digest(item: RemoteObject) -> str:
    """Stands for the content where the server gives no ETag."""
    return _HASHED + hashlib.sha256((item.data or "").encode("utf-8", "replace")).hexdigest()[:32]


def _spans(busy: Busy) -> list[tuple[int, int]]:
    """Those that touch become one: an event that repeats seamlessly is one block."""
    merged: list[tuple[int, int]] = []
    for start, end, _ in busy.spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return merged
