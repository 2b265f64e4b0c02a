"""
Owns saying where our web process spends its time while one figure is being measured.

Leaves taking the samples to `sampler`.

    python -m bench.profile NAME [--seconds N] [--quick]
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from bench.availability import CONNECTIONS, FIGURES, questions
from bench.booking import booking_load
from bench.load import Load, client
from bench.measure import Bench, Pace, Stopwatch
from bench.questions import Bookings
from bench.run import QUICK_SALONS, SALONS
from bench.seed import Seeded, seed
from bench.services import WEB, Listener, services

NAMES = (*(figure.name for figure in FIGURES), "booking")
SHOWN = 60


def main() -> None:
    """Prints the processor time per answer of each process, then of each function of the web process."""
    parser = argparse.ArgumentParser(prog="profile", description="Where the time of one figure goes.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--quick", action="store_true", help="on less data")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with services() as running, client() as asking:
        pace = Pace(rounds=1, seconds=arguments.seconds, warm_up_s=1)
        bench = Bench(running, asking, pace, arguments.quick, print)
        seeded = seed(running.migrated("salons"), QUICK_SALONS if arguments.quick else SALONS)
        samples = running.folder / "samples.json"
        module, *rest = WEB[2:]
        command = (*WEB[:2], "bench.sampler", str(samples), module, *rest)
        cached = arguments.name.endswith("-cached")
        with running.web(seeded.url, cache_ttl_s=60 if cached else 0, command=command) as (web,):
            watch = Stopwatch(bench, {"web": [web.pid]})
            outcome = watch.round(_load(bench, arguments.name, seeded, web))
        print(f"{arguments.name}: {outcome.per_second:,.0f}/s while being sampled")
        print(json.dumps(watch.details(), indent=2))
        _show(samples)


def _load(bench: Bench, name: str, seeded: Seeded, web: Listener) -> Load:
    if name == "booking":
        return booking_load(bench, [web], Bookings(seeded))
    figure = next(figure for figure in FIGURES if figure.name == name)
    return Load(
        addresses=[web.address],
        connections=CONNECTIONS,
        requests=questions(seeded, figure),
        seconds=bench.pace.seconds,
        warm_up_s=bench.pace.warm_up_s,
    )


def _show(samples: Path) -> None:
    found = json.loads(samples.read_text())
    for title, name in (("in it and what it calls", "within"), ("in it alone", "own"), ("in one line", "lines")):
        print(f"\n{title}")
        listed = [entry for entry in found[name] if not _is_machinery(entry[0], entry[1])]
        for file, function, line, count in listed[:SHOWN]:
            print(f"{count / found['samples']:7.1%}  {function}  {_short(Path(file).parts)}:{line}")


def _is_machinery(file: str, function: str) -> bool:
    """What leads to the event loop, and is part of every stack."""
    return "runpy" in file or "click" in file or function.endswith(("run_forever", "run_until_complete", "run_app"))


def _short(parts: Sequence[str]) -> str:
    """Without the folders above the package."""
    for anchor in ("site-packages", "python3.11", "python3.12", "python3.13", "python3.14"):
        if anchor in parts:
            return "/".join(parts[parts.index(anchor) + 1 :])
    return "/".join(parts[-3:])


if __name__ == "__main__":
    main()
