"""
Owns the figure of computing slots: no network, no database, no JSON.

Leaves what it costs to ask for them to `availability`.
"""

from datetime import UTC, date, datetime, timedelta
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from bench.measure import Bench, Row
from bench.seed import DAYS, ZONE
from server.domain.hours import WeeklyWindow
from server.domain.rules import Question
from server.domain.slots import find_starts
from server.domain.zones import day_span

GOAL_US = 400
APPOINTMENTS = 200
FIRST = date(2027, 3, 8)
"""The thirty days hold a change of the clocks."""


def measure_slots(bench: Bench) -> Row:
    """The row."""
    question = _question()
    starts = find_starts(question)
    taken_us = []
    for _ in range(300 if bench.quick else 3_000):
        begin = perf_counter()
        find_starts(question)
        taken_us.append((perf_counter() - begin) * 1e6)
    middle = median(taken_us)
    return Row(
        name="slots",
        figure="Slots of one provider for 30 days, 200 appointments, pure Python",
        measured=f"{middle:,.0f} µs",
        reference="",
        ratio="",
        goal=f"under {GOAL_US} µs",
        reached=middle < GOAL_US,
        details={"median_us": round(middle, 1), "least_us": round(min(taken_us), 1), "free_starts": len(starts)},
    )


def _question() -> Question:
    """Monday to Saturday from 9 to 13 and 14 to 18, half hours; every other one is taken."""
    where = ZoneInfo(ZONE)
    window = day_span(where, FIRST, FIRST + timedelta(days=DAYS - 1))
    weekly = tuple(WeeklyWindow(day, start, start + 240) for day in range(6) for start in (540, 840))
    every = find_starts(_asked(where, window, weekly))
    claims = [(every[i * len(every) // APPOINTMENTS],) * 2 for i in range(APPOINTMENTS)]
    return _asked(where, window, weekly, tuple((start, end + 1800) for start, end in claims))


def _asked(
    where: ZoneInfo,
    window: tuple[int, int],
    weekly: tuple[WeeklyWindow, ...],
    claims: tuple[tuple[int, int], ...] = (),
) -> Question:
    now = int(datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp())
    return Question(zone=where, window=window, now=now, duration_s=1800, notice_s=3600, weekly=weekly, claims=claims)
