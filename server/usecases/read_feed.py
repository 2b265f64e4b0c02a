"""
Owns what a feed answers: whose it is, whether anything is new, and its events.

Leaves HTTP to `web/feeds`, and rendering of what has changed to `render_texts`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

from ics.event import Organizer
from ics.write.availability import Hours, WeeklyHours, render_availability
from ics.write.busy import render_busy
from ics.write.feed import Feed, Frame, frame
from ics.write.freebusy import render_freebusy
from server.calendars.document import PRODID, event_text, freebusy_uid, organizer_of
from server.calendars.packed import Packed
from server.domain.errors import Gone, NotFound
from server.domain.zones import utc_day
from server.settings import FeedSettings
from server.store.engine import Session
from server.store.feeds import (
    FoundFeed,
    PlaceHours,
    Span,
    busy_spans,
    find_feed,
    hours_of_provider,
    page_of_texts,
    places_of_customer,
    stale_appointments,
    stay_in_this_moment,
)
from server.tokens import token_hash
from server.usecases.core import Core
from server.usecases.render_texts import render_changed

_RENDERER = 2
"""Raise it when what feeds look like changes without any appointment changing."""

_REPAIRED_AT_ONCE = 50
"""Rendering them blocks the process for some 20 ms."""
_MOST_REPAIRED = 10_000
_ROUNDS = 5
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), 0)
_LONGEST_HOURS_DAYS = 400


class View(StrEnum):
    """The documents of a feed."""

    APPOINTMENTS = "appointments"
    FREEBUSY = "freebusy"
    IFB = "ifb"
    AVAILABILITY = "availability"


@dataclass(frozen=True, slots=True)
class Opened:
    """A feed that a token has opened, and how new it is."""

    feed: FoundFeed
    view: View
    window: Span
    tag: str
    """Differs whenever the document does."""
    changed_at: datetime | None
    """Aware UTC; None where only the tag can tell."""

    @classmethod
    def of(cls, feed: FoundFeed, settings: FeedSettings, view: View) -> "Opened":
        """How new a document of *feed* is, told without reading any appointment."""
        today = _today(feed)
        window = today - timedelta(days=settings.past_days), today + timedelta(days=settings.future_days)
        if view is View.AVAILABILITY:
            version, changed_at = feed.catalogue_version, None  # when hours have changed is written nowhere
        elif _is_busy(feed, view):
            version, changed_at = feed.busy_version, max(feed.busy_changed_at, today)
        else:
            version, changed_at = feed.version, max(feed.changed_at, today)
        names = (feed.name, feed.colour, feed.business_name, feed.business_email, feed.subject, feed.zone)
        shown = (_RENDERER, view, feed.id, feed.feed_version, feed.privacy, *names, version)
        rest = (window, settings.cancelled_days, settings.refresh_min)
        return cls(feed, view, window, hashlib.sha256(repr((shown, rest)).encode()).hexdigest()[:32], changed_at)


async def open_feed(core: Core, settings: FeedSettings, token: str, view: View) -> Opened:
    """
    The feed of *token*. One query, unless facts are waiting: then the texts that they change come first.

    So feeds are right even while no worker runs.

    Raises:
        NotFound: There is no such token, or the feed has no such document.
        Gone: It was rotated away or revoked.
    """
    hashed = token_hash(token)
    async with core.database.reading() as session:
        feed = await find_feed(session, hashed)
    if feed is not None and feed.has_open_facts and not feed.is_over:
        async with core.database.reading() as session:
            stale = await stale_appointments(session, feed.business_id, limit=_MOST_REPAIRED)
        await _repair(core, feed.business_id, stale)
        async with core.database.reading() as session:
            feed = await find_feed(session, hashed)
    if feed is None:
        raise NotFound(what="feed")
    if feed.is_over:
        raise Gone
    if view is View.AVAILABILITY and feed.scope != "provider":
        raise NotFound(what="feed")
    return Opened.of(feed, settings, view)


async def _repair(core: Core, business_id: int, stale: Sequence[int]) -> None:
    """Renders what is *stale*, a few at a time, each few in a transaction of their own."""
    for start in range(0, len(stale), _REPAIRED_AT_ONCE):
        some = [(business_id, appointment) for appointment in stale[start : start + _REPAIRED_AT_ONCE]]
        await core.database.transact(partial(render_changed, appointments=some))


def _is_busy(feed: FoundFeed, view: View) -> bool:
    """It says when, and nothing more."""
    return view in {View.FREEBUSY, View.IFB} or feed.privacy == "busy"


def _today(feed: FoundFeed) -> datetime:
    """Midnight, UTC: the window of a feed rolls then, and at no other time."""
    return datetime.combine(utc_day(feed.now), time(), UTC)


async def document(core: Core, settings: FeedSettings, opened: Opened) -> Packed:
    """
    The whole document, as it is at one moment.

    Raises:
        Unavailable: Postgres is away, or went while it was read.
    """
    feed = opened.feed
    if opened.view is View.AVAILABILITY:
        return _whole(await _availability(core, settings, opened))
    if opened.view is View.IFB:
        return _whole(await _freebusy(core, opened))
    if _is_busy(feed, opened.view):
        return _framed(opened, settings, await _busy(core, opened))
    since = _today(feed) - timedelta(days=settings.cancelled_days)
    if feed.scope == "customer":
        return _framed(opened, settings, await _own(core, opened, since))
    read = partial(_appointments, opened, settings, since)
    packed, stale = await core.database.transact(read)
    for _ in range(_ROUNDS):
        if stale:
            await _repair(core, feed.business_id, stale)
            packed, stale = await core.database.transact(read)
    return packed


async def _appointments(
    opened: Opened, settings: FeedSettings, since: datetime, session: Session
) -> tuple[Packed, list[int]]:
    """
    The document, a page in memory at a time, and which of its appointments have no text or an old one.

    Their facts may be told and forgotten: appointments are older than feeds, and some just end.
    """
    await stay_in_this_moment(session)
    packed, around = Packed(), _frame(opened, settings)
    packed.add(around.head)
    head = packed.length
    stale: list[int] = []
    after: tuple[datetime, int] | None = _FIRST
    while after is not None:
        page = await page_of_texts(session, opened.feed, opened.window, since, after)
        packed.add("".join(page.texts).encode())
        stale += page.stale
        after = page.following
    if packed.length == head:
        packed.add(around.filler)
    packed.add(around.tail)
    return packed.end(), stale


async def _busy(core: Core, opened: Opened) -> str:
    """A busy event is its span: it never changes, so its DTSTAMP is as old as the feed."""
    feed = opened.feed
    async with core.database.reading() as session:
        spans = await busy_spans(session, feed, opened.window)
    texts = render_busy(
        spans,
        uid_of=lambda start, end: core.vault.busy_uid(str(feed.uid), int(start.timestamp()), int(end.timestamp())),
        stamp=feed.created_at,
        organizer=_organizer(feed),
    )
    return "".join(texts)


async def _own(core: Core, opened: Opened, since: datetime) -> str:
    async with core.database.reading() as session:
        places = await places_of_customer(session, opened.feed, opened.window, since)
    return "".join(event_text(place) for place in places)


async def _freebusy(core: Core, opened: Opened) -> bytes:
    feed = opened.feed
    async with core.database.reading() as session:
        spans = await busy_spans(session, feed, opened.window)
    return render_freebusy(
        spans,
        uid=freebusy_uid(str(feed.uid)),
        stamp=opened.changed_at or feed.created_at,
        window=opened.window,
        organizer=_organizer(feed),
        prodid=PRODID,
    )


async def _availability(core: Core, settings: FeedSettings, opened: Opened) -> bytes:
    # West of UTC it may still be the day before, and what is left of it is open.
    first = utc_day(opened.feed.now) - timedelta(days=1)
    days = min(settings.future_days, _LONGEST_HOURS_DAYS) + 1
    async with core.database.reading() as session:
        places = await hours_of_provider(session, opened.feed, first, first + timedelta(days=days))
    return render_availability(
        [_hours(place, first, days) for place in places],
        begins=first,
        days=days,
        uid=f"{opened.feed.uid}-availability",
        stamp=_today(opened.feed),
        prodid=PRODID,
    )


def _hours(place: PlaceHours, first: date, days: int) -> Hours:
    """The weekly windows of *first*, and each date that they are not true of."""
    replaced = {exception.day: sorted(exception.windows) for exception in place.exceptions}
    usual = {weekday: _windows(place, weekday, first) for weekday in range(7)}
    differing: dict[date, Sequence[tuple[int, int]]] = {}
    for day in (first + timedelta(days=n) for n in range(days)):
        windows = replaced.get(day)
        if windows is None:
            windows = [] if day in place.holidays else _windows(place, day.weekday(), day)
        if windows != usual[day.weekday()]:
            differing[day] = windows
    weekly = [WeeklyHours([weekday], window) for weekday, windows in usual.items() for window in windows]
    return Hours(ZoneInfo(place.zone), weekly, differing)


def _windows(place: PlaceHours, weekday: int, day: date) -> list[tuple[int, int]]:
    """The weekly windows of *weekday* that are in force on *day*."""
    return sorted(
        (window.start_min, window.end_min)
        for window in place.weekly
        if window.weekday == weekday
        and (window.valid_from is None or window.valid_from <= day)
        and (window.valid_until is None or day <= window.valid_until)
    )


def _framed(opened: Opened, settings: FeedSettings, events: str) -> Packed:
    around = _frame(opened, settings)
    return _whole(around.head + (events.encode() or around.filler) + around.tail)


def _whole(content: bytes) -> Packed:
    packed = Packed()
    packed.add(content)
    return packed.end()


def _frame(opened: Opened, settings: FeedSettings) -> Frame:
    feed = opened.feed
    return frame(
        Feed(
            uid=f"{feed.uid}-{opened.view}",
            name=feed.name,
            description=" · ".join(part for part in (feed.subject, feed.business_name) if part),
            colour=feed.colour or None,
            refresh=timedelta(minutes=settings.refresh_min),
            zone_name=feed.zone,
            changed=opened.changed_at,
        ),
        prodid=PRODID,
    )


def _organizer(feed: FoundFeed) -> Organizer:
    return organizer_of(feed.business, feed.business_name, feed.business_email)
