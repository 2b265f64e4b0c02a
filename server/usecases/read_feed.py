"""
Owns what a feed answers: whose it is, whether anything is new, and its events.

Leaves HTTP to `web/feeds`, and rendering of what has changed to `render_texts`.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ics.write.availability import Hours, WeeklyHours, render_availability
from ics.write.busy import render_busy
from ics.write.feed import Feed, Frame, frame
from ics.write.freebusy import render_freebusy
from server.calendars.document import PRODID, event_text, organizer_of
from server.domain.errors import Gone, NotFound
from server.settings import FeedSettings
from server.store.engine import Session
from server.store.feeds import (
    FoundFeed,
    Span,
    busy_spans,
    find_feed,
    hours_of_provider,
    open_appointments,
    page_of_texts,
    places_of_customer,
)
from server.tokens import token_hash
from server.usecases.core import Core
from server.usecases.render_texts import render_changed

_RENDERER = 1
"""Raise it when what feeds look like changes without any appointment changing."""

_REPAIRED_AT_ONCE = 200
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), 0)


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
    tag: str
    """Differs whenever the document does."""
    changed_at: datetime
    """Whole seconds, aware UTC."""


async def open_feed(core: Core, settings: FeedSettings, token: str, view: View) -> Opened:
    """
    The feed of *token*. One query, unless facts are waiting: then the texts that they change come first.

    Raises:
        NotFound: There is no such token, or the feed has no such document.
        Gone: It was rotated away or revoked.
    """
    hashed = token_hash(token)
    async with core.database.reading() as session:
        feed = await find_feed(session, hashed)
    if feed is None:
        raise NotFound(what="feed")
    if feed.is_over:
        raise Gone
    if view is View.AVAILABILITY and feed.scope != "provider":
        raise NotFound(what="feed")
    if feed.has_open_facts:
        feed = await _repaired(core, feed, hashed)
    return _opened(feed, settings, view)


async def _repaired(core: Core, feed: FoundFeed, hashed: bytes) -> FoundFeed:
    """*feed* after the texts of its business are up to date, whoever should have done that."""

    async def work(session: Session) -> None:
        await render_changed(session, await open_appointments(session, feed.business_id, limit=_REPAIRED_AT_ONCE))

    await core.database.transact(work)
    async with core.database.reading() as session:
        again = await find_feed(session, hashed)
    return again or feed


def _opened(feed: FoundFeed, settings: FeedSettings, view: View) -> Opened:
    today = datetime.combine(feed.now.astimezone(UTC).date(), time(), UTC)
    busy = view in {View.FREEBUSY, View.IFB} or feed.privacy == "busy"
    version, changed = (feed.busy_version, feed.busy_changed_at) if busy else (feed.version, feed.changed_at)
    if view is View.AVAILABILITY:
        version, changed = feed.catalogue_version, today
    names = (feed.name, feed.colour, feed.business_name, feed.business_email, feed.subject, feed.zone)
    parts = (_RENDERER, view, feed.id, feed.feed_version, feed.privacy, version, *names)
    window = (today, settings.past_days, settings.future_days, settings.cancelled_days)
    tag = hashlib.sha256(repr((*parts, *window)).encode()).hexdigest()[:32]
    return Opened(feed, view, tag, max(changed, today).replace(microsecond=0))


async def chunks(core: Core, settings: FeedSettings, opened: Opened, *, base_url: str) -> AsyncIterator[bytes]:
    """The document, a page of events at a time, so that memory does not grow with the feed."""
    feed, view = opened.feed, opened.view
    window = _window(feed, settings)
    if view is View.AVAILABILITY:
        yield await _availability(core, settings, opened)
    elif view is View.IFB:
        async with core.database.reading() as session:
            spans = await busy_spans(session, feed, window)
        organizer = organizer_of(feed.business, feed.business_name, feed.business_email)
        yield render_freebusy(
            spans, uid=f"{feed.uid}-ifb", stamp=opened.changed_at, window=window, organizer=organizer, prodid=PRODID
        )
    else:
        around = _frame(opened, settings)
        yield around.head
        empty = True
        async for text in _events(core, settings, opened, window, base_url):
            empty = False
            yield text
        if empty:
            yield around.filler
        yield around.tail


def _window(feed: FoundFeed, settings: FeedSettings) -> Span:
    today = datetime.combine(feed.now.astimezone(UTC).date(), time(), UTC)
    return today - timedelta(days=settings.past_days), today + timedelta(days=settings.future_days)


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


async def _events(
    core: Core, settings: FeedSettings, opened: Opened, window: Span, base_url: str
) -> AsyncIterator[bytes]:
    feed = opened.feed
    cancelled_since = feed.now - timedelta(days=settings.cancelled_days)
    if feed.scope == "customer":
        async with core.database.reading() as session:
            places = await places_of_customer(session, feed, window, cancelled_since)
        for place in places:
            token = core.vault.manage_token(place.attendee.token_salt)
            yield event_text(place, f"{base_url}/manage/{token}").encode()
    elif opened.view is View.FREEBUSY or feed.privacy == "busy":
        async with core.database.reading() as session:
            spans = await busy_spans(session, feed, window)
        texts = render_busy(
            spans,
            uid_of=lambda start, end: core.vault.busy_uid(str(feed.uid), int(start.timestamp()), int(end.timestamp())),
            stamp=feed.busy_changed_at,
            organizer=organizer_of(feed.business, feed.business_name, feed.business_email),
        )
        if body := "".join(texts):
            yield body.encode()
    else:
        after: tuple[datetime, int] | None = _FIRST
        while after is not None:
            async with core.database.reading() as session:
                texts_of_page, after = await page_of_texts(session, feed, window, cancelled_since, after)
            if texts_of_page:
                yield "".join(texts_of_page).encode()


async def _availability(core: Core, settings: FeedSettings, opened: Opened) -> bytes:
    first: date = opened.feed.now.astimezone(UTC).date()
    days = min(settings.future_days, 400)
    async with core.database.reading() as session:
        places = await hours_of_provider(session, opened.feed, first, first + timedelta(days=days))
    return render_availability(
        [
            Hours(
                ZoneInfo(place.zone),
                [WeeklyHours([weekday], (start, end)) for weekday, start, end in place.weekly],
                dict(place.differing),
            )
            for place in places
        ],
        begins=first,
        days=days,
        uid=f"{opened.feed.uid}-availability",
        stamp=opened.changed_at,
        prodid=PRODID,
    )
