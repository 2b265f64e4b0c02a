"""
Owns the figures of calendar sync: a first sync and a small one beside a bare client, a thousand calendars by the
minute, and booking while every calendar server is down.

Leaves what they are taken on to `calendar_seed` and `dav_stub`.
"""

import asyncio
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Any

import asyncpg
import psutil

from bench import dav_stub as stub
from bench.booking import booking_load
from bench.calendar_seed import CALENDAR, Link, Radicale, connect, dav_stub, document, event, radicale, syncing
from bench.load import Load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.questions import Bookings
from bench.seed import Seeded, Size, seed
from bench.services import cpu_seconds, free_port

EVENTS, QUICK_EVENTS = 5_000, 600
EDITS = 10
FIRST_GOAL_S, FIRST_MEMORY = 45, 1.5
"""One round: a larger calendar takes several, and its provider waits for them."""
EDITED_GOAL = 4
"""Requests. Two would do where nothing goes wrong."""

_ONE_TEAM = Size(providers=10, appointments=1_000, upcoming=20)
_MULTIGET = 50
"""Events per request, as the worker asks for them."""

_LIST = b"""<sync-collection xmlns="DAV:"><sync-token>%s</sync-token><sync-level>1</sync-level><prop><getetag/></prop>
</sync-collection>"""
_GET = b"""<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/>
</prop>%s</C:calendar-multiget>"""
_HREF = re.compile(rb"<href>([^<]+\.ics)</href>")
_TOKEN = re.compile(rb"<sync-token>([^<]+)</sync-token>")


@dataclass(frozen=True, kw_only=True)
class Polled:
    """How many are polled how often."""

    connections: int
    hosts: int
    minute_s: int
    """What "once a minute" means: shorter where it has to be quick."""
    interval_s: int
    """What is set: with the worker's jitter of a tenth it stays within the minute."""
    minutes: int


POLLED = Polled(connections=1_000, hosts=100, minute_s=60, interval_s=50, minutes=4)
QUICK_POLLED = Polled(connections=100, hosts=20, minute_s=12, interval_s=9, minutes=2)
HANGING = 0.1
_START_S = 3
"""Until a worker process works."""
_FLAT = 1.3

_DOWN = Size(providers=200, appointments=40_000, upcoming=100)
_QUICK_DOWN = Size(providers=100, appointments=4_000, upcoming=20)
DOWN_CONNECTIONS, DOWN_CLIENTS = 200, 4
"""As many clients as leave the processors some rest: what is asked about is waiting, not how much fits in."""
DOWN_GOAL = 1.10


def measure_calendars(bench: Bench) -> Iterator[Row]:
    """Four rows."""
    yield from _measure_sync(bench)
    yield _measure_polling(bench)
    yield _measure_down(bench)


def _measure_sync(bench: Bench) -> Iterator[Row]:
    number = QUICK_EVENTS if bench.quick else EVENTS
    bench.say(f"filling a Radicale: {number:,} events")
    seeded = _seeded(bench, "calendars_synced", _ONE_TEAM)
    with radicale(bench.services.folder) as server, _worker(bench, seeded, 1, worker_poll_s="0.05") as pid:
        server.fill(number)
        _fetch(server)  # what Radicale keeps ready after the first reading is ready for both
        yield _first(bench, seeded, server, pid, number)
        yield _edited(bench, seeded, server, number)


def _first(bench: Bench, seeded: Seeded, server: Radicale, pid: int, number: int) -> Row:
    ours: list[_Synced] = []
    bare: list[float] = []
    by_turns(
        bench.pace.rounds,
        lambda: bare.append(_timed(lambda: _fetch(server))),
        lambda: ours.append(asyncio.run(_sync_first(seeded.url, server, pid))),
    )
    seconds, reference_s = median(each.seconds for each in ours), median(bare)
    ratio = seconds / reference_s
    before, peak = ours[0].memory, max(each.peak for each in ours)
    return Row(
        name="calendar-first",
        figure=f"First sync of a calendar of {number:,} events in a Radicale",
        measured=(
            f"{seconds:.1f} s, {number / seconds:,.0f} events/s, "
            f"{median(each.requests for each in ours):,.0f} requests; memory {_mib(before)}, at most {_mib(peak)} MiB"
        ),
        reference=f"{reference_s:.1f} s: the same events, fetched by a bare client and thrown away",
        ratio=f"{ratio:.2f}x",
        goal=f"under {FIRST_GOAL_S} s, memory under {FIRST_MEMORY}x",
        reached=seconds < FIRST_GOAL_S and peak < FIRST_MEMORY * before,
        details={
            "ratio": round(ratio, 3),
            "seconds": [each.seconds for each in ours],
            "reference_s": bare,
            "memory": [[each.memory, each.peak] for each in ours],
            "worker_cpu_s": [round(each.cpu_s, 2) for each in ours],
            "busy_blocks": ours[-1].blocks,
        },
    )


def _edited(bench: Bench, seeded: Seeded, server: Radicale, number: int) -> Row:
    ours: list[tuple[float, int]] = []
    bare: list[float] = []
    for turn in range(bench.pace.rounds * 2 + 1):
        token = _token(server)
        _edit(server, number, moved=turn % 2 == 0)
        bare.append(_timed(lambda token=token: _fetch(server, token)))
        ours.append(asyncio.run(_sync_again(seeded.url, server)))
    seconds, reference_s = median(took for took, _ in ours), median(bare)
    requests = median(asked for _, asked in ours)
    return Row(
        name="calendar-edited",
        figure=f"The round after {EDITS} edits in this calendar",
        measured=f"{seconds * 1000:,.0f} ms, {requests:.0f} requests",
        reference=f"{reference_s * 1000:,.0f} ms, 2 requests: a bare client",
        ratio=f"{seconds / reference_s:.2f}x",
        goal=f"at most {EDITED_GOAL} requests",
        reached=requests <= EDITED_GOAL,
        details={"took_s": [took for took, _ in ours], "requests": [n for _, n in ours], "reference_s": bare},
    )


@dataclass(kw_only=True)
class _Synced:
    """A first sync. Memory in bytes: the worker's with the processes that it started."""

    seconds: float
    requests: int
    memory: int
    peak: int
    cpu_s: float
    blocks: int


async def _sync_first(url: str, server: Radicale, pid: int) -> _Synced:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DELETE FROM connections")
        await asyncio.sleep(1)
        memory, cpu_s, requests = _memory(pid), cpu_seconds([pid]), server.requests()
        begun, peak = time.monotonic(), memory
        await connect(connection, [Link(provider=1, server=server.url, calendar=CALENDAR, synced=False)])
        while await connection.fetchval("SELECT known_at FROM calendars") is None:
            peak = max(peak, _memory(pid))
            if time.monotonic() - begun > 300:
                raise RuntimeError(await _state(connection))
            await asyncio.sleep(0.02)
        return _Synced(
            seconds=time.monotonic() - begun,
            requests=server.requests() - requests,
            memory=memory,
            peak=peak,
            cpu_s=cpu_seconds([pid]) - cpu_s,
            blocks=await connection.fetchval("SELECT count(*) FROM busy_blocks"),
        )
    finally:
        await connection.close()


async def _sync_again(url: str, server: Radicale) -> tuple[float, int]:
    """Seconds of a round that is due now, and its requests."""
    connection = await asyncpg.connect(url)
    try:
        last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM sync_log")
        requests = server.requests()
        await connection.execute("UPDATE connections SET due_at = clock_timestamp()")
        begun = time.monotonic()
        while True:
            row = await connection.fetchrow("SELECT id, took_ms, counts FROM sync_log WHERE id > $1", last)
            if row is not None:
                if f'"pulled": {EDITS}' in row["counts"]:
                    return row["took_ms"] / 1000, server.requests() - requests
                last, requests = row["id"], server.requests()  # a round of another kind came first
            if time.monotonic() - begun > 60:
                raise RuntimeError(await _state(connection))
            await asyncio.sleep(0.02)
    finally:
        await connection.close()


def _fetch(server: Radicale, token: bytes = b"") -> None:
    """What has changed since *token*, by name and then in portions; nothing is done with it."""
    kind = {"Content-Type": "application/xml", "Depth": "1"}
    hrefs = _HREF.findall(server.ask("REPORT", CALENDAR, _LIST % token, **{**kind, "Depth": "0"}))
    for begin in range(0, len(hrefs), _MULTIGET):
        named = b"".join(b"<href>%s</href>" % href for href in hrefs[begin : begin + _MULTIGET])
        server.ask("REPORT", CALENDAR, _GET % named, **kind)


def _token(server: Radicale) -> bytes:
    listed = server.ask("REPORT", CALENDAR, _LIST % b"", **{"Content-Type": "application/xml", "Depth": "0"})
    found = _TOKEN.search(listed)
    assert found is not None, "Radicale gives a token"
    return found[1]


def _edit(server: Radicale, number: int, *, moved: bool) -> None:
    """Somebody moves ten events by a quarter of an hour, or back again."""
    for each in range(1, number, number // EDITS):
        uid, text = event(each, moved=moved)
        server.ask("PUT", f"{CALENDAR}{uid}.ics", document([text]), **{"Content-Type": "text/calendar"})


def _measure_polling(bench: Bench) -> Row:
    polled = QUICK_POLLED if bench.quick else POLLED
    seeded = _seeded(
        bench, "calendars_polled", Size(providers=polled.connections, appointments=20 * polled.connections, upcoming=10)
    )
    bench.say(f"polling {polled.connections:,} calendars, {HANGING:.0%} of them hanging")
    hanging = round(polled.hosts * HANGING)
    port, file = free_port(), bench.services.folder / "polls.tsv"
    addresses = [*stub.hosts(stub.WELL, polled.hosts - hanging), *stub.hosts(stub.HANGING, hanging)]
    links = [
        Link(
            provider=number + 1,
            server=f"http://{addresses[number % len(addresses)]}:{port}",
            calendar=f"/u{number}/work/",
            synced=True,
            due_in_s=_START_S + number * polled.interval_s / polled.connections,
        )
        for number in range(polled.connections)
    ]
    interval = str(polled.interval_s)
    with (
        dav_stub(port, file, polled.hosts - hanging, hanging, 0),
        _worker(bench, seeded, 2, calendar_min_interval_s=interval, calendar_max_interval_s=interval) as pid,
    ):
        asyncio.run(_written(seeded.url, links, interval_s=polled.interval_s))
        time.sleep(_START_S)
        watched = _watch(pid, polled.minute_s * polled.minutes)
    return _polling_row(polled, watched, stub.polls(file), links)


@dataclass(kw_only=True)
class _Watched:
    """A worker over a while, its beginning and end in `time.time`."""

    begun: float
    ended: float = 0.0
    cpu_s: float = 0.0
    memory: list[int] = field(default_factory=list)
    """Every half second, in bytes."""


def _watch(pid: int, seconds: float) -> _Watched:
    watched = _Watched(begun=time.time())
    cpu_s = cpu_seconds([pid])
    while time.time() < watched.begun + seconds:
        watched.memory.append(_memory(pid))
        time.sleep(0.5)
    watched.ended, watched.cpu_s = time.time(), cpu_seconds([pid]) - cpu_s
    return watched


def _polling_row(polled: Polled, watched: _Watched, polls: Mapping[str, Sequence[float]], links: Sequence[Link]) -> Row:
    well = [_where(link) for link in links if f".{stub.WELL}." in link.server]
    longest = [_longest_pause(polls.get(where, ()), watched.begun, watched.ended) for where in well]
    within = sum(pause <= polled.minute_s for pause in longest)
    done = [at for where in well for at in polls.get(where, ()) if watched.begun <= at < watched.ended]
    seconds = watched.ended - watched.begun
    tenth = max(1, len(watched.memory) // 10)
    early, late = median(watched.memory[:tenth]), median(watched.memory[-tenth:])
    cpu_s = watched.cpu_s / len(done) * 1_000
    return Row(
        name="calendar-polling",
        figure=(
            f"{polled.connections:,} calendars polled every {polled.minute_s} s by one worker, "
            f"{HANGING:.0%} of their servers hanging"
        ),
        measured=f"{len(done) / seconds:,.1f}/s, {cpu_s:.1f} s of a core per 1,000",
        reference=f"memory {_mib(early)} MiB, at the end {_mib(late)} MiB",
        ratio=f"{within:,} of {len(well):,} in time, the latest after {max(longest):.1f} s",
        goal=f"all in time, memory under {_FLAT}x",
        reached=within == len(well) and late < _FLAT * early,
        details={
            "seconds": round(seconds, 1),
            "polls": len(done),
            "polls_of_the_hanging": sum(len(at) for where, at in polls.items() if f".{stub.HANGING}." in where),
            "worker_cpu_s": round(watched.cpu_s, 2),
            "longest_pause_s": {share: round(_share(longest, share), 2) for share in (0.5, 0.95, 1.0)},
            "memory": [early, late, max(watched.memory)],
        },
    )


def _longest_pause(at: Sequence[float], begun: float, ended: float) -> float:
    """Between two polls that one of the moments in between belongs to; to the end, where none came after it."""
    before = [moment for moment in at if moment < begun][-1:] or [begun]
    moments = [*before, *(moment for moment in at if begun <= moment < ended), ended]
    return max(later - earlier for earlier, later in pairwise(moments))


def _measure_down(bench: Bench) -> Row:
    size = _QUICK_DOWN if bench.quick else _DOWN
    seeded = {name: _seeded(bench, f"calendars_{name}", size) for name in ("down", "none")}
    bench.say(f"booking while the servers of {DOWN_CONNECTIONS} calendars are down")
    port, file = free_port(), bench.services.folder / "down.tsv"
    hosts = _interleaved([stub.hosts(kind, 10) for kind in (stub.HANGING, stub.CUTTING, stub.REFUSING)])
    links = [
        Link(
            provider=number % size.providers + 1,
            server=f"http://{hosts[number % len(hosts)]}:{port}",
            calendar=f"/u{number}/work/",
            synced=True,
        )
        for number in range(DOWN_CONNECTIONS)
    ]
    with (
        dav_stub(port, file, 1, 10, 10),
        _side(bench, seeded["none"], 3) as without,
        _side(bench, seeded["down"], 4) as down,
    ):
        asyncio.run(_written(seeded["down"].url, links, interval_s=2))
        for side in (without, down):
            side.round(_calm)  # warm
            side.watch.outcomes.clear()
        by_turns(
            bench.pace.rounds,
            lambda: without.round(_calm),
            lambda: down.round(lambda: asyncio.run(_all_due(seeded["down"].url))),
        )
    p95, reference = down.watch.latency_ms(0.95), without.watch.latency_ms(0.95)
    ratio = p95 / reference
    tried = sum(len(at) for where, at in stub.polls(file).items() if f".{stub.WELL}." not in where)
    return Row(
        name="calendar-down",
        figure=f"Booking while the servers of {DOWN_CONNECTIONS} calendars refuse, hang or cut, c={DOWN_CLIENTS}",
        measured=f"p95 {p95:.1f} ms, {down.watch.per_second:,.0f}/s",
        reference=f"p95 {reference:.1f} ms, {without.watch.per_second:,.0f}/s: no calendars",
        ratio=f"{ratio:.2f}x",
        goal=f"{DOWN_GOAL:.2f}x",
        reached=ratio <= DOWN_GOAL,
        details={
            "ratio": round(ratio, 3),
            "down": down.watch.details(),
            "without": without.watch.details(),
            "attempts_seen_by_the_servers": tried,
        },
    )


@dataclass(frozen=True)
class _Side:
    """One of two installations that are asked by turns: the other one's worker stands still meanwhile."""

    bench: Bench
    worker: psutil.Process
    load: Callable[[], Load]
    watch: Stopwatch

    def round(self, prepare: Callable[[], None]) -> None:
        self.worker.send_signal(signal.SIGCONT)
        prepare()
        self.watch.round(self.load())
        self.worker.send_signal(signal.SIGSTOP)


@contextmanager
def _side(bench: Bench, seeded: Seeded, number: int) -> Iterator[_Side]:
    bookings = Bookings(seeded)
    with bench.services.web(seeded.url) as webs, _worker(bench, seeded, number, calendar_timeout_s="10") as pid:
        watch = Stopwatch(bench, {"web": [web.pid for web in webs], "worker": [pid]})
        worker = psutil.Process(pid)
        time.sleep(_START_S)
        worker.send_signal(signal.SIGSTOP)
        yield _Side(
            bench, worker, lambda: replace(booking_load(bench, webs, bookings), connections=DOWN_CLIENTS), watch
        )


async def _all_due(url: str) -> None:
    """Everybody's turn is within the next two seconds, as if nothing had failed before: the busiest there is."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DELETE FROM calendar_peers")
        await connection.execute(
            "UPDATE connections SET due_at = clock_timestamp() + random() * interval '2 s', failures = 0,"
            " leased_until = NULL, lease = lease + 1"
        )
    finally:
        await connection.close()


def _calm() -> None:
    """Nothing to prepare."""


@contextmanager
def _worker(bench: Bench, seeded: Seeded, number: int, **settings: str) -> Iterator[int]:
    """The process id of a worker with a Redis database of its own: another's timers are not for it."""
    with syncing(seeded.url, f"{bench.services.redis.url}?db={number}", **settings) as process:
        yield process.pid


async def _written(url: str, links: Sequence[Link], *, interval_s: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connect(connection, links, interval_s=interval_s)
    finally:
        await connection.close()


async def _state(connection: Any) -> str:
    row = await connection.fetchrow("SELECT state, reason, last_error FROM connections")
    return f"nothing comes of it: {dict(row) if row else 'no connection'}"


def _seeded(bench: Bench, database: str, size: Size) -> Seeded:
    bench.say(f"filling a database: {size}")
    return seed(bench.services.migrated(database), size)


def _memory(pid: int) -> int:
    process = psutil.Process(pid)
    found = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            found += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return int(found)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _where(link: Link) -> str:
    return link.server.removeprefix("http://").rpartition(":")[0] + link.calendar


def _interleaved(lists: Sequence[Sequence[str]]) -> list[str]:
    return [each for together in zip(*lists, strict=True) for each in together]


def _share(values: Sequence[float], share: float) -> float:
    ascending = sorted(values)
    return ascending[min(int(len(ascending) * share), len(ascending) - 1)]


def _mib(number: float) -> str:
    return f"{number / 2**20:.0f}"
