"""
Owns one child process: its command line, its leash, its output, its end.

Leaves when to start it, and what to do when it dies, to `supervisor`.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded.errors import PartFailed

LEASH = Path(__file__).with_name("leash.py")
ALARMING = re.compile(r"\b(error|fatal|panic|failed|can't|misconf)\b", re.IGNORECASE)

Ladder = Sequence[tuple[signal.Signals, float]]
"""Signals that end a process, mildest first, each with the seconds that it may take. SIGKILL is implied."""


def always() -> bool:
    """Ready as soon as it runs."""
    return True


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program that is part of a running Bookable."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment."""

    user: str | None = None
    """System user to run as; ours if None."""

    prepare: Callable[[], None] = nothing
    """Called before each start, may block: makes files, ends leftovers."""

    is_ready: Callable[[], bool] = always
    """Asked repeatedly after a start, may block briefly."""

    start_timeout_s: float = 60
    stop: Ladder = ((signal.SIGTERM, 10),)
    talkative: bool = False
    """Its output is for looking into problems: logged at DEBUG, apart from what sounds alarming."""


class Child:
    """A running `Part`."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.last_lines: deque[str] = deque(maxlen=12)
        self._log = logging.getLogger(f"bookable.{part.name}")
        # The leash's signal comes from the thread that forks: call this in one that lives as long as we do.
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [*_leash(part), *map(str, part.command)],
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal reaches us only, and we stop the parts in order.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._forward, name=f"output of {part.name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the program itself: the leash execs it."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def send(self, signum: signal.Signals) -> None:
        """Send *signum*, if it still runs."""
        self._process.send_signal(signum)

    def close(self) -> None:
        """Let go of a process that has ended."""
        self._process.wait()
        self._reader.join(timeout=1)

    def stop(self) -> None:
        """End it by its part's ladder; blocks."""
        for signum, patience_s in (*self.part.stop, (signal.SIGKILL, 10)):
            self.send(signum)
            if wait_until(lambda: self.exit_code is not None, timeout_s=patience_s):
                break
        self.close()

    def _forward(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            while raw := stream.readline(16_384):
                line = raw.decode(errors="replace").rstrip()
                self.last_lines.append(line)
                self._log.log(self._level(line), "%s", line)

    def _level(self, line: str) -> int:
        if not self.part.talkative:
            return logging.INFO
        return logging.WARNING if ALARMING.search(line) else logging.DEBUG


def start(part: Part) -> Child:
    """
    Prepare and start *part*, and wait until it is ready; blocks.

    Raises:
        PartFailed: It ended or was not ready in time.
    """
    part.prepare()
    child = Child(part)
    if wait_until(lambda: child.exit_code is not None or part.is_ready(), timeout_s=part.start_timeout_s):
        if child.exit_code is None:
            return child
        reason = f"it ended with code {child.exit_code}"
    else:
        reason = f"not ready after {part.start_timeout_s:.0f} s"
    child.stop()
    raise PartFailed(part.name, reason, list(child.last_lines))


def wait_until(fact: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.02) -> bool:
    """Ask for *fact* until it holds or the time is over; blocks."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def _leash(part: Part) -> list[str]:
    signum = part.stop[0][0] if part.stop else signal.SIGTERM
    return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(signum)), part.user or "-"]
