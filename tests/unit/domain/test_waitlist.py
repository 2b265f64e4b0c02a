"""Which free start a wish is."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from server.domain.waitlist import Wish, first_fit

BERLIN = ZoneInfo("Europe/Berlin")


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2027, 3, day, hour, minute, tzinfo=BERLIN).timestamp())


@pytest.mark.parametrize(
    ("start", "fits"),
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
def test_a_wish_is_about_local_days_and_times_of_day(start: int, fits: bool) -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 28), windows=((540, 720),))
    assert wish.fits(start, BERLIN) is fits


def test_days_are_those_of_the_location() -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 27))
    late = int(datetime(2027, 3, 27, 23, 30, tzinfo=BERLIN).timestamp())
    assert wish.fits(late, BERLIN)
    assert not wish.fits(late, ZoneInfo("Asia/Tokyo"))


def test_the_first_that_fits_is_taken_unless_it_was_just_given_away() -> None:
    wish = Wish(first_day=date(2027, 3, 27), last_day=date(2027, 3, 28))
    starts = [at(26, 9), at(27, 9), at(27, 10)]
    assert first_fit(wish, starts, BERLIN, without=frozenset()) == at(27, 9)
    assert first_fit(wish, starts, BERLIN, without=frozenset({at(27, 9)})) == at(27, 10)
    assert first_fit(wish, starts[:1], BERLIN, without=frozenset()) is None
