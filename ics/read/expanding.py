"""
Owns the process in which foreign objects are worked out: what it may use, and its half of the conversation.

Leaves starting and killing it to `expander`, and the work to `busy_spans`. It has one thread and no secrets; what it
cannot do within its bounds it answers as busy, and dies rather than answer wrongly.

    python -m ics.read.expanding PARENT_PID MEMORY_BYTES

Both halves send frames: four bytes of length, most significant first, and so much JSON. The first frame it sends is
empty; after that each request is answered by one frame.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from dataclasses import asdict
from types import FrameType
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from ics.errors import OutOfTime
from ics.read.busy_spans import Busy, BusyRules, busy_of, busy_throughout

PR_SET_PDEATHSIG = 1
"""prctl(2): a signal when the parent dies. Linux only; elsewhere the end of its input ends it."""

_SPARE_CPU_S = 10
"""Beyond what its objects may take together: a batch of 10,000 is read and answered in less."""

_LENGTH = struct.Struct(">I")


def pack(message: Any) -> bytes:
    """*message* as a frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


def ask(objects: list[tuple[str, str]], *, window: tuple[int, int], rules: BusyRules, cpu_s: float) -> dict[str, Any]:
    """The request for the busy spans of *objects*, each a text and the name of its zone."""
    return {
        "objects": objects,
        "window": window,
        "rules": {**asdict(rules), "addresses": sorted(rules.addresses)},
        "cpu_s": cpu_s,
    }


def read_answer(body: bytes) -> list[Busy]:
    """What the process says to a request."""
    return [Busy(**{**each, "spans": [tuple(span) for span in each["spans"]]}) for each in json.loads(body)]


def main(arguments: list[str]) -> None:
    """Answer requests until the input ends."""
    parent, memory_bytes = map(int, arguments)
    _die_with(parent)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)  # a picture of its memory would show what objects say
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the parent decides when this ends
    signal.signal(signal.SIGPROF, _give_up)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _write(answers, [])
    while header := requests.read(_LENGTH.size):
        request = json.loads(requests.read(_LENGTH.unpack(header)[0]))
        _write(answers, [asdict(busy) for busy in _answers(request)])


def _answers(request: dict[str, Any]) -> list[Busy]:
    start, end = request["window"]
    rules = BusyRules(**{**request["rules"], "addresses": frozenset(request["rules"]["addresses"])})
    cpu_s = request["cpu_s"]
    _allow_cpu(cpu_s * len(request["objects"]) + _SPARE_CPU_S)
    return [
        _within(cpu_s, text, window=(start, end), zone=ZoneInfo(zone), rules=rules) for text, zone in request["objects"]
    ]


def _within(cpu_s: float, text: str, *, window: tuple[int, int], zone: ZoneInfo, rules: BusyRules) -> Busy:
    """The busy spans of *text*, as far as they are known after *cpu_s* of this process's time."""
    try:
        try:
            # And again, should what is left after the first have the same trouble.
            signal.setitimer(signal.ITIMER_PROF, cpu_s, cpu_s / 4)
            return busy_of(text, window=window, zone=zone, rules=rules)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except (OutOfTime, MemoryError, RecursionError):
        signal.setitimer(signal.ITIMER_PROF, 0)
        return busy_throughout(window, "It takes too much to read; it blocks all the time.")


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise OutOfTime


def _allow_cpu(seconds: float) -> None:
    """From now on; the limit counts from the start of the process, and ends what no signal can interrupt."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def _limit(what: int, most: int) -> None:
    """The soft limit, so that it can be moved; never beyond what we were started with."""
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _write(answers: BinaryIO, message: Any) -> None:
    answers.write(pack(message))
    answers.flush()


def _die_with(parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before that
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
