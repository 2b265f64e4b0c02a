"""
Owns `make bench`: which figures are taken, in which order, on which data.

Leaves each figure to its own module.

    python -m bench.run [--quick] [--details] [--only NAME[,NAME...]]
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from bench import report
from bench.after_commit import measure_after_commit
from bench.availability import FIGURES, measure_availability
from bench.booking import measure_booking
from bench.calendars import measure_calendars
from bench.feeds import measure_feeds
from bench.growth import QUICK_SIZES, SIZES, measure_growth
from bench.load import client
from bench.measure import QUICK, THOROUGH, Bench, Row
from bench.reminders import measure_reminders
from bench.seed import Seeded, Size, seed
from bench.services import services
from bench.slots import measure_slots
from bench.widget import measure_widget

SALONS = Size(providers=500, appointments=100_000, upcoming=200)
QUICK_SALONS = Size(providers=100, appointments=20_000, upcoming=200)
"""Fifty businesses (or ten) of ten providers with two hundred appointments each in thirty days."""

NAMES = (
    *("slots", *(figure.name for figure in FIGURES), "booking", "growth", "after-commit", "feeds", "reminders"),
    *("calendars", "widget"),
)

CALENDAR = Size(providers=10, appointments=1_000, upcoming=100)
"""One business whose feed has a thousand events."""
DRAINED = Size(providers=500, appointments=100_000, upcoming=200)
QUICK_DRAINED = Size(providers=20, appointments=4_000, upcoming=200)


def main() -> None:
    """Takes the figures; a missed one is said in the table, not by the exit code."""
    arguments = _parse()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    say = _speaker()
    with services() as running, client() as asking:
        bench = Bench(running, asking, QUICK if arguments.quick else THOROUGH, arguments.quick, say)
        rows: list[Row] = []
        for row in _figures(bench, arguments.only):
            say(f"{row.figure}: {row.measured} {row.ratio} ({'reached' if row.reached else 'MISSED'}: {row.goal})")
            rows.append(row)
            if arguments.details:
                print(json.dumps(row.details), file=sys.stderr)
        say("stopping")
    print(f"\n{report.table(rows)}\n")
    if arguments.quick:
        print("Measured quickly: nothing is written.")
    else:
        report.save(rows, all_of_them=arguments.only == NAMES)


def _figures(bench: Bench, names: Sequence[str]) -> Iterable[Row]:
    if "slots" in names:
        yield measure_slots(bench)
    figures = [figure for figure in FIGURES if figure.name in names]
    if figures or {"booking", "after-commit"} & set(names):
        salons = _seeded(bench, "salons", QUICK_SALONS if bench.quick else SALONS)
        for figure in figures:
            bench.say(f"measuring {figure.name}")
            yield measure_availability(bench, salons, figure)
        if "booking" in names:
            bench.say("measuring booking")
            yield measure_booking(bench, salons, "salons")
        if "after-commit" in names:
            bench.say("measuring booking while everything after the commit goes on")
            yield measure_after_commit(bench, salons)
    if "growth" in names:
        sizes = QUICK_SIZES if bench.quick else SIZES
        databases = {size: _seeded(bench, f"growth_{size.appointments}", size) for size in sizes}
        bench.say("measuring growth")
        yield from measure_growth(bench, databases)
    yield from _further_figures(bench, names)


def _further_figures(bench: Bench, names: Sequence[str]) -> Iterable[Row]:
    if "feeds" in names:
        calendar = _seeded(bench, "calendar", CALENDAR)
        bench.say("measuring feeds")
        yield from measure_feeds(bench, calendar)
    if "reminders" in names:
        drained = _seeded(bench, "drained", QUICK_DRAINED if bench.quick else DRAINED)
        bench.say("measuring reminders")
        yield measure_reminders(bench, drained)
    if "calendars" in names:
        yield from measure_calendars(bench)
    if "widget" in names:
        shop = _seeded(bench, "shop", CALENDAR)
        bench.say("measuring the widget")
        yield from measure_widget(bench, shop)


def _seeded(bench: Bench, database: str, size: Size) -> Seeded:
    bench.say(f"filling a database: {size}")
    return seed(bench.services.migrated(database), size)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure Bookable beside references.")
    parser.add_argument("--quick", action="store_true", help="short rounds on less data; writes nothing")
    parser.add_argument("--details", action="store_true", help="print what is behind each row as JSON")
    parser.add_argument("--only", default=NAMES, type=_names, help=f"some of {','.join(NAMES)}; the others' rows stay")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    return names


def _speaker() -> Callable[[str], None]:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    main()
