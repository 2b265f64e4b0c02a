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

CONNECTIONS = 32
KEPT = 400
"""Different questions where the cache is on: each was asked before it counts."""


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
    requests = figure.questions(seeded, most=KEPT) if figure.cached else figure.questions(seeded)
    ttl_s = 60 if figure.cached else 0
    with bench.services.web(seeded.url, cache_ttl_s=ttl_s) as (ours,):
        watch = Stopwatch(bench, {"web": [ours.pid]})
        load = Load(
            addresses=[ours.address],
            connections=CONNECTIONS,
            requests=requests,
            seconds=bench.pace.seconds,
            warm_up_s=bench.pace.warm_up_s,
        )
        first = bench.client.run(load)  # statements are prepared, the cache is filled
        with reference(first.body_bytes, bench.services.folder) as bare:
            bare_watch = Stopwatch(bench, {"web": [bare.pid]})
            bare_load = Load(
                addresses=[bare.address],
                connections=CONNECTIONS,
                requests=[get("/constant")],
                seconds=bench.pace.seconds,
                warm_up_s=bench.pace.warm_up_s,
            )
            by_turns(bench.pace.rounds, lambda: bare_watch.round(bare_load), lambda: watch.round(load))
    ratio = watch.per_second / bare_watch.per_second
    return Row(
        name=figure.name,
        figure=f"{figure.title}, 1 web process, c={CONNECTIONS}",
        measured=f"{watch.per_second:,.0f}/s",
        reference=f"{bare_watch.per_second:,.0f}/s: bare aiohttp handler, {first.body_bytes:,} bytes",
        ratio=f"{ratio:.1%}",
        goal=f"{figure.goal:.1%}",
        reached=ratio >= figure.goal,
        details={"ratio": round(ratio, 4), "ours": watch.details(), "reference": bare_watch.details()},
    )
