"""
Owns the figures of feeds: a thousand events beside icalendar's own rendering of them, and 304 beside a bare handler.

Leaves what is in a feed to the tests.
"""

import asyncio
import time
from statistics import median

import icalendar

from bench.availability import CONNECTIONS
from bench.load import Load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.reference import reference
from bench.seed import Seeded
from bench.services import SETTINGS, Listener
from server.redis.changes import Changes
from server.redis.connection import RedisLink
from server.redis.listeners import Listeners
from server.settings import BookingSettings, DatabaseSettings, RedisSettings
from server.store.engine import Database
from server.store.offers import OfferBook
from server.tokens import Vault
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.manage_feeds import Issued, create_feed
from server.usecases.once import Once
from server.usecases.render_texts import render_changed

EVENTS = 1_000
GOAL_FASTER, GOAL_304 = 20.0, 0.60
_BATCH = 200


def measure_feeds(bench: Bench, seeded: Seeded) -> list[Row]:
    """A row for a changed feed, and one for an unchanged one."""
    token = asyncio.run(_prepare(seeded))
    path = f"/feeds/{token}/appointments.ics"
    with bench.services.web(seeded.url) as (ours,):
        text = _fetched(ours, path)
        events = icalendar.Calendar.from_ical(text).events
        assert len(events) == EVENTS, f"{len(events)} events"
        tag = _tag(ours, path)
        return [_changed(bench, ours, path, events, len(text)), _unchanged(bench, ours, path, tag)]


def _changed(bench: Bench, ours: Listener, path: str, events: list[icalendar.Event], size: int) -> Row:
    watch = Stopwatch(bench, {"web": [ours.pid]})
    rendering: list[float] = []
    load = _load(bench, ours, _get(path), connections=1, status=200)
    bench.client.run(load)
    by_turns(bench.pace.rounds, lambda: watch.round(load), lambda: rendering.append(_rendered(events)))
    ours_ms, theirs_ms = watch.latency_ms(0.5), median(rendering) * 1000
    ratio = theirs_ms / ours_ms
    return Row(
        name="feed-changed",
        figure=f"Feed of {EVENTS:,} events, whole ({size:,} bytes), c=1",
        measured=f"{ours_ms:.1f} ms",
        reference=f"{theirs_ms:.0f} ms: the icalendar library writes the same events",
        ratio=f"{ratio:.0f}x",
        goal=f"{GOAL_FASTER:.0f}x",
        reached=ratio >= GOAL_FASTER,
        details={"ratio": round(ratio, 1), "ours": watch.details(), "reference_ms": [r * 1000 for r in rendering]},
    )


def _unchanged(bench: Bench, ours: Listener, path: str, tag: str) -> Row:
    load = _load(bench, ours, _get(path, f"If-None-Match: {tag}\r\n"), connections=CONNECTIONS, status=304)
    bench.client.run(load)
    with reference(0, bench.services.folder) as bare:
        watch, bare_watch = (Stopwatch(bench, {"web": [web.pid]}) for web in (ours, bare))
        bare_load = _load(bench, bare, _get("/constant"), connections=CONNECTIONS, status=200)
        by_turns(bench.pace.rounds, lambda: bare_watch.round(bare_load), lambda: watch.round(load))
    ratio = watch.per_second / bare_watch.per_second
    return Row(
        name="feed-unchanged",
        figure=f"The same feed, unchanged (304), 1 web process, c={CONNECTIONS}",
        measured=f"{watch.per_second:,.0f}/s",
        reference=f"{bare_watch.per_second:,.0f}/s: bare aiohttp handler, empty body",
        ratio=f"{ratio:.1%}",
        goal=f"{GOAL_304:.0%}",
        reached=ratio >= GOAL_304,
        details={"ratio": round(ratio, 4), "ours": watch.details(), "reference": bare_watch.details()},
    )


def _rendered(events: list[icalendar.Event]) -> float:
    """Seconds in which the library writes *events*: the best of three, which is kind to it."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        calendar = icalendar.Calendar()
        for event in events:
            calendar.add_component(event)
        calendar.to_ical()
        times.append(time.perf_counter() - begun)
    return min(times)


async def _prepare(seeded: Seeded) -> str:
    """Renders the texts of the first business, as its worker would have, and makes a feed of all of it."""
    database = await Database.open(DatabaseSettings(url=seeded.url))
    try:
        async with database.reading() as session:
            rows = await session.fetch("SELECT business_id, id FROM appointments WHERE business_id = 1 ORDER BY id")
        keys = [(row["business_id"], row["id"]) for row in rows]
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            await database.transact(lambda session, batch=batch: render_changed(session, batch))
        core = Core(
            database,
            OfferBook(),
            Vault([SETTINGS["BOOKABLE_SECRET_KEYS"]]),
            Changes(RedisLink(RedisSettings()), Listeners(None)),
            BookingSettings(),
        )
        editor = Editor(name="bench", business="b-1", business_id=1)
        values = {"name": "All", "scope": "business", "privacy": "full", "colour": ""}
        once: Once[Issued] = Once(None, 201, lambda _: b"")
        issued = await create_feed(core, editor, values, None, once)
        assert isinstance(issued, Issued)
        return issued.token
    finally:
        await database.close()


def _get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


def _load(bench: Bench, web: Listener, request: bytes, *, connections: int, status: int) -> Load:
    return Load(
        addresses=[web.address],
        connections=connections,
        requests=[request],
        status=status,
        seconds=bench.pace.seconds,
        warm_up_s=bench.pace.warm_up_s,
    )


def _fetched(web: Listener, path: str) -> str:
    import urllib.request

    with urllib.request.urlopen(f"http://{web.address[0]}:{web.address[1]}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def _tag(web: Listener, path: str) -> str:
    import urllib.request

    with urllib.request.urlopen(f"http://{web.address[0]}:{web.address[1]}{path}", timeout=10) as answer:
        return str(answer.headers["ETag"])
