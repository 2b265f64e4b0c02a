"""
Owns the figure of booking over HTTP, beside Postgres alone doing lock, check and insert.

Leaves how it changes with the amount of data to `growth`.
"""

from statistics import median

from bench.load import Load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.pgbench import pgbench
from bench.questions import Bookings
from bench.seed import Seeded
from bench.services import Listener

CONNECTIONS = 16
GOAL, GOAL_P95_MS = 0.25, 30
MOST_PER_SECOND = 2_500
"""Requests prepared per second of a round."""


def measure_booking(bench: Bench, seeded: Seeded, database: str) -> Row:
    """One row: with one web process, or with two if that is faster."""
    bare = pgbench(bench.services, database, seeded=seeded)
    bookings = Bookings(seeded)
    bare_rates: dict[str, list[float]] = {"prepared": [], "simple": []}

    def ask_bare() -> None:
        for mode, rates in bare_rates.items():
            rates.append(bare.per_second(mode=mode, clients=CONNECTIONS, seconds=bench.pace.seconds / 2))

    with (
        bench.services.web(seeded.url, processes=1) as one,
        bench.services.web(seeded.url, processes=2) as two,
    ):
        watches = {1: _watch(bench, one), 2: _watch(bench, two)}
        for webs in (one, two):
            bench.client.run(booking_load(bench, webs, bookings))
        by_turns(
            bench.pace.rounds,
            ask_bare,
            lambda: watches[1].round(booking_load(bench, one, bookings)),
            lambda: watches[2].round(booking_load(bench, two, bookings)),
        )
    processes, watch = max(watches.items(), key=lambda item: item[1].per_second)
    prepared, simple = (median(rates) for rates in bare_rates.values())
    ratio, p95_ms = watch.per_second / prepared, watch.latency_ms(0.95)
    return Row(
        name="booking",
        figure=f"Booking over HTTP, random providers, {processes} web process{'es' * (processes > 1)}, c={CONNECTIONS}",
        measured=f"{watch.per_second:,.0f}/s, p95 {p95_ms:.1f} ms",
        reference=f"{prepared:,.0f}/s: pgbench, lock, check and insert (unprepared {simple:,.0f}/s)",
        ratio=f"{ratio:.1%}",
        goal=f"{GOAL:.0%}, p95 under {GOAL_P95_MS} ms",
        reached=ratio >= GOAL and p95_ms < GOAL_P95_MS,
        details={
            "ratio": round(ratio, 4),
            "web_processes": processes,
            **{f"ours_{number}_process": w.details() for number, w in watches.items()},
            "ratio_to_unprepared": round(watch.per_second / simple, 4),
            "reference": {f"{mode}_per_second": rates for mode, rates in bare_rates.items()},
        },
    )


def booking_load(bench: Bench, webs: list[Listener], bookings: Bookings) -> Load:
    """A round of bookings, none of which was sent before."""
    seconds = bench.pace.seconds + bench.pace.warm_up_s
    return Load(
        addresses=[web.address for web in webs],
        connections=CONNECTIONS,
        requests=bookings.take(round(MOST_PER_SECOND * seconds)),
        once=True,
        status=201,
        seconds=bench.pace.seconds,
        warm_up_s=bench.pace.warm_up_s,
    )


def _watch(bench: Bench, webs: list[Listener]) -> Stopwatch:
    return Stopwatch(bench, {"web": [web.pid for web in webs]})
