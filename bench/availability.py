"""
Owns the figures of availability over HTTP, each beside a bare handler that answers as many bytes.

Leaves how they change with the amount of data to `growth`.
"""

from collections.abc import Callable
from typing import NamedTuple

from bench.load import Load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.questions import day_questions, get, month_questions, team_questions
from bench.reference import reference
from bench.seed import Seeded
from bench.services import Listener

CONNECTIONS = 32
KEPT = 400
"""Different questions where the cache is on, of one business or of all: each was asked before it counts."""


class Figure(NamedTuple):
    """What is asked, with which cache, and the share of the bare handler's rate that must be reached."""

    name: str
    title: str
    questions: Callable[..., list[bytes]]
    cached: bool
    goal: float


FIGURES = (
    Figure("day-uncached", "Day availability, uncached", day_questions, cached=False, goal=0.10),
    Figure("day-cached", "Day availability, cached", day_questions, cached=True, goal=0.50),
    Figure("month-uncached", "30 days, one provider, 200 appointments, uncached", month_questions, False, 0.04),
    Figure("month-cached", "30 days, one provider, 200 appointments, cached", month_questions, True, 0.40),
    Figure("team-uncached", "30 days, any of 10 providers, uncached", team_questions, cached=False, goal=0.008),
)


def measure_availability(bench: Bench, seeded: Seeded, figure: Figure) -> Row:
    """One row."""
    with bench.services.web(seeded.url, cache_ttl_s=60 if figure.cached else 0) as (ours,):
        load = _load(bench, ours, questions(seeded, figure))
        body_bytes = bench.client.run(load).body_bytes  # statements are prepared, the cache is filled
        with reference(body_bytes, bench.services.folder) as bare:
            watch, bare_watch = (Stopwatch(bench, {"web": [web.pid]}) for web in (ours, bare))
            bare_load = _load(bench, bare, [get("/constant")])
            by_turns(bench.pace.rounds, lambda: bare_watch.round(bare_load), lambda: watch.round(load))
        spread = _spread(bench, seeded, figure, ours) if figure.cached else None
    ratio = watch.per_second / bare_watch.per_second
    return Row(
        name=figure.name,
        figure=f"{figure.title}, 1 web process, c={CONNECTIONS}",
        measured=f"{watch.per_second:,.0f}/s"
        + (f" (over {seeded.size.businesses} businesses {spread:,.0f}/s)" if spread else ""),
        reference=f"{bare_watch.per_second:,.0f}/s: bare aiohttp handler, {body_bytes:,} bytes",
        ratio=f"{ratio:.1%}",
        goal=f"{figure.goal:.1%}",
        reached=ratio >= figure.goal,
        details={
            "ratio": round(ratio, 4),
            "ours": watch.details(),
            "reference": bare_watch.details(),
            **({"over_all_businesses_per_second": round(spread, 1)} if spread else {}),
        },
    )


def questions(seeded: Seeded, figure: Figure) -> list[bytes]:
    """What is asked: where the cache is on, of one business, as when one is popular."""
    return figure.questions(seeded, businesses=1, most=KEPT) if figure.cached else figure.questions(seeded)


def _spread(bench: Bench, seeded: Seeded, figure: Figure, ours: Listener) -> float:
    """Answers per second where no business is asked about much more than the others."""
    load = _load(bench, ours, figure.questions(seeded, most=KEPT))
    bench.client.run(load)
    return bench.client.run(load).per_second


def _load(bench: Bench, web: Listener, requests: list[bytes]) -> Load:
    return Load(
        addresses=[web.address],
        connections=CONNECTIONS,
        requests=requests,
        seconds=bench.pace.seconds,
        warm_up_s=bench.pace.warm_up_s,
    )
