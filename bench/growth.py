"""
Owns the figures of growth: the same questions and bookings on ever more data, beside the least data.

Leaves the absolute figures to `availability` and `booking`. Every provider has ten appointments in the days that are
asked about, whatever the size, so that the same work is asked for.
"""

from collections.abc import Mapping
from contextlib import ExitStack

from bench.availability import CONNECTIONS
from bench.booking import booking_load
from bench.load import Load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.questions import Bookings, month_questions
from bench.seed import Seeded, Size
from bench.services import Listener

GOAL = 1.3
SIZES = (
    Size(providers=10, appointments=1_000, upcoming=10),
    Size(providers=1_000, appointments=100_000, upcoming=10),
    Size(providers=100_000, appointments=1_000_000, upcoming=10),
)
QUICK_SIZES = (
    Size(providers=10, appointments=1_000, upcoming=10),
    Size(providers=1_000, appointments=10_000, upcoming=10),
    Size(providers=10_000, appointments=100_000, upcoming=10),
)


def measure_growth(bench: Bench, databases: Mapping[Size, Seeded]) -> list[Row]:
    """A row for availability and one for booking per size but the smallest."""
    with ExitStack() as stack:
        webs = {
            size: stack.enter_context(bench.services.web(seeded.url, cache_ttl_s=0))
            for size, seeded in databases.items()
        }
        bookings = {size: Bookings(seeded) for size, seeded in databases.items()}
        asking = {size: _asking(bench, webs[size], seeded) for size, seeded in databases.items()}
        ask, book = _watches(bench, webs), _watches(bench, webs)
        for size in databases:
            bench.client.run(asking[size])
            bench.client.run(booking_load(bench, webs[size], bookings[size]))
        by_turns(bench.pace.rounds, *[lambda s=size: ask[s].round(asking[s]) for size in databases])
        by_turns(
            bench.pace.rounds,
            *[lambda s=size: book[s].round(booking_load(bench, webs[s], bookings[s])) for size in databases],
        )
    return [
        *_rows("growth-availability", "30 days, one provider, uncached, c=32", ask),
        *_rows("growth-booking", "Booking, c=16", book),
    ]


def _asking(bench: Bench, webs: list[Listener], seeded: Seeded) -> Load:
    return Load(
        addresses=[web.address for web in webs],
        connections=CONNECTIONS,
        requests=month_questions(seeded),
        seconds=bench.pace.seconds,
        warm_up_s=bench.pace.warm_up_s,
    )


def _watches(bench: Bench, webs: Mapping[Size, list[Listener]]) -> dict[Size, Stopwatch]:
    return {size: Stopwatch(bench, {"web": [web.pid for web in listeners]}) for size, listeners in webs.items()}


def _rows(name: str, title: str, watches: Mapping[Size, Stopwatch]) -> list[Row]:
    (smallest, least), *larger = watches.items()
    rows = []
    for size, watch in larger:
        ratio = least.per_second / watch.per_second
        rows.append(
            Row(
                name=f"{name}-{size.appointments}",
                figure=f"{title}: {size}",
                measured=_told(watch),
                reference=f"{_told(least)}: {smallest}",
                ratio=f"{ratio:.2f}x",
                goal=f"{GOAL}x",
                reached=ratio <= GOAL,
                details={"ratio": round(ratio, 3), "ours": watch.details(), "reference": least.details()},
            )
        )
    return rows


def _told(watch: Stopwatch) -> str:
    return f"{watch.per_second:,.0f}/s, p95 {watch.latency_ms(0.95):.1f} ms"
