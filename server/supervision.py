"""
Owns loops that go on for as long as their process: an error is logged, counted and tried again after a pause.

Leaves what a loop does to its module, and what a missing sign of life means to `web/health` and `bookable doctor`.
"""

import asyncio
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NoReturn

from server.domain.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
REMIND_EVERY_S = 60.0
"""How often a loop that goes on failing in the same way says so."""

Step = Callable[[], Awaitable[None]]
"""One turn of a loop, its waiting for work included."""


class LoopEnded(RuntimeError):
    """A loop cannot go on: the process has to be started anew."""


@dataclass(slots=True)
class Loop:
    """
    What is known of one loop.

    Attributes:
        stalled_after_s: A loop that has not turned for so long is stuck, or fails each time.
        turned_at: When its last turn ended well, or the loop began; monotonic.
        errors: Turns that failed, since the process began.
        streak: Turns that failed since the last good one.
    """

    name: str
    stalled_after_s: float
    turned_at: float = field(default_factory=time.monotonic)
    errors: int = 0
    streak: int = 0
    _silent_until: dict[str, float] = field(default_factory=dict)

    def turned(self) -> None:
        """A turn ended well."""
        self.turned_at = time.monotonic()
        if self.streak:
            log.info("%s: works again after %d failed turns", self.name, self.streak)
            self.streak = 0

    def failed(self, error: BaseException) -> None:
        """A turn did not: told at once, and of each kind of error once a minute."""
        self.errors += 1
        self.streak += 1
        kind = f"{type(error).__name__} {type(error.__cause__).__name__}"
        if time.monotonic() < self._silent_until.get(kind, 0.0):
            return
        self._silent_until[kind] = time.monotonic() + REMIND_EVERY_S
        if isinstance(error, Unavailable):
            log.warning("%s: %s is away (%s); trying again", self.name, error.what, error.__cause__ or "no answer")
        else:
            log.error("%s: a turn failed (%d in a row); trying again", self.name, self.streak, exc_info=error)

    def report(self) -> "LoopReport":
        """How it is now."""
        age_s = time.monotonic() - self.turned_at
        return LoopReport(self.name, round(age_s, 1), self.errors, stalled=age_s > self.stalled_after_s)


@dataclass(frozen=True, slots=True)
class LoopReport:
    """How a loop is: seconds since its last good turn, errors so far, and whether it has been too long."""

    name: str
    age_s: float
    errors: int
    stalled: bool


class Loops:
    """The loops of one process."""

    def __init__(self) -> None:
        self._loops: dict[str, Loop] = {}

    def add(self, name: str, *, stalled_after_s: float) -> Loop:
        """A loop that is about to begin; one of the same name is begun anew."""
        loop = self._loops[name] = Loop(name, stalled_after_s)
        return loop

    def reports(self) -> list[LoopReport]:
        """How all of them are."""
        return [loop.report() for loop in self._loops.values()]


async def run_forever(loop: Loop, step: Step) -> NoReturn:
    """
    Turns until this task is cancelled.

    A cancellation that *step* swallowed still counts; one that was meant for somebody else does not end the loop.
    """
    task = asyncio.current_task()
    assert task is not None
    while True:
        try:
            await step()
        except asyncio.CancelledError as error:
            if task.cancelling():
                raise
            loop.failed(error)
        except LoopEnded:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it was, the loop goes on
            loop.failed(error)
        else:
            loop.turned()
        if task.cancelling():
            raise asyncio.CancelledError
        if loop.streak:
            await asyncio.sleep(pause_after(loop.streak))


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling up to a bound, with jitter."""
    longest = min(FIRST_PAUSE_S * float(2 ** min(failures - 1, 10)), LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter


def stop_event(deadline_s: float) -> asyncio.Event:
    """What SIGINT and SIGTERM set; *deadline_s* later the process ends, whatever its event loop is doing."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def stop_by(*_: object) -> None:
        exit_within(deadline_s)
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_by)  # the loop's own handlers would wait for a loop that is stuck
    return stop


def exit_within(seconds: float) -> threading.Timer:
    """
    Ends the process after *seconds*, whatever its event loop is doing; the timer can be cancelled.

    Whoever was asked to stop has to end: a supervisor waits for it, and a machine cannot shut down.
    """
    timer = threading.Timer(seconds, _give_up, [seconds])
    timer.daemon = True
    timer.start()
    return timer


def _give_up(seconds: float) -> None:
    log.critical("did not stop within %.0f s: ending now; what was under way is taken up again", seconds)
    logging.shutdown()
    os._exit(1)
