"""Which openings are what somebody waits for."""

from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from server.domain.waitlist import Opening, Openings, Wish, fits

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2027, 3, day, hour, minute, tzinfo=BERLIN).timestamp())


def opening(start: int, where: ZoneInfo = BERLIN, *, provider: str = "anna", location: str = "mitte") -> Opening:
    return Opening.at(start, start + 1800, where, provider=provider, location=location)


def by_day(*each: Opening) -> Openings:
    found: defaultdict[date, list[Opening]] = defaultdict(list)
    for one in each:
        found[one.day].append(one)
    return dict(sorted(found.items()))


@pytest.mark.parametrize(
    ("start", "met"),
    [
        (at(27, 9), True),
        (at(27, 11, 59), True),
        (at(27, 12), False),
        (at(27, 8, 59), False),
        (at(26, 10), False),
        (at(29, 10), False),
        (at(28, 9), True),  # the day on which the clocks go forward
    ],
)
def test_a_wish_is_about_local_days_and_times_of_day(start: int, met: bool) -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 28), windows=((540, 720),))
    assert wish.is_met_by(opening(start)) is met


def test_days_are_those_of_the_location() -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 27))
    late = at(27, 23, 30)
    assert wish.is_met_by(opening(late))
    assert not wish.is_met_by(opening(late, TOKYO))


@pytest.mark.parametrize(
    ("wanted", "met"),
    [({}, True), ({"provider": "anna"}, True), ({"provider": "bert"}, False), ({"location": "west"}, False)],
)
def test_a_wish_may_name_a_provider_and_a_location(wanted: dict[str, str], met: bool) -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 27), **wanted)
    assert wish.is_met_by(opening(at(27, 9))) is met


def test_the_earliest_that_fits_comes_first() -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 28))
    there = by_day(opening(at(26, 9)), opening(at(28, 8)), opening(at(27, 9)), opening(at(27, 10)))

    assert [each.start for each in fits(wish, there, not_before=0)] == [at(27, 9), at(27, 10), at(28, 8)]


def test_what_begins_too_soon_was_passed_or_lies_over_another_appointment_does_not_fit() -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 27))
    there = by_day(*(opening(at(27, hour)) for hour in (9, 10, 11, 12)))

    found = fits(wish, there, not_before=at(27, 9) + 1, without={at(27, 10)}, busy=[(at(27, 11, 29), at(27, 12))])

    assert [each.start for each in found] == [at(27, 12)]
