"""
Owns sampling a Python process from within: in which function it spends its processor time.

Leaves starting the process and reading the samples to `profile`.

    python -m bench.sampler SAMPLES_FILE PROGRAM_MODULE ARGUMENT...

A tracing profiler charges each call; short functions then look expensive. Samples cost the same whatever runs. Time in
C code counts for the Python function that called it.
"""

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001
FIRST_AFTER_S = 2.0
"""Of processor time: what it imports and prepares is not what is asked about."""

Place = tuple[str, str, int]


class Sampler:
    """Samples while it runs, of processor time only: waiting does not count."""

    def __init__(self) -> None:
        self._own: Counter[Place] = Counter()
        self._within: Counter[Place] = Counter()
        self._lines: Counter[Place] = Counter()
        self._samples = 0

    def start(self) -> None:
        """From here on."""
        signal.signal(signal.SIGPROF, self._take)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, FIRST_AFTER_S, EVERY_S)

    def stop(self) -> None:
        """Until here."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def save(self, path: Path) -> None:
        """As JSON."""
        counts = {"own": self._own, "within": self._within, "lines": self._lines}
        listed = {name: [[*place, n] for place, n in counter.most_common()] for name, counter in counts.items()}
        path.write_text(json.dumps({"samples": self._samples, **listed}))

    def _take(self, _: int, frame: FrameType | None) -> None:
        self._samples += 1
        seen: set[Place] = set()
        innermost = True
        while frame is not None:
            code = frame.f_code
            place = (code.co_filename, code.co_qualname, code.co_firstlineno)
            if innermost:
                self._own[place] += 1
                self._lines[code.co_filename, code.co_qualname, frame.f_lineno] += 1
                innermost = False
            if place not in seen:
                seen.add(place)
                self._within[place] += 1
            frame = frame.f_back


def main() -> None:
    """Runs the program and samples it until it ends."""
    path, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        sampler.save(Path(path))


if __name__ == "__main__":
    main()
