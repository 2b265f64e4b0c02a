"""The slow oracle itself, on cases worked out by hand: whoever doubts it can check these with a calendar."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from server.domain.hours import DateException, WeeklyWindow
from server.domain.rules import Question
from tests.unit.domain.oracle import Change, clock_changes, offered

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAY, WEDNESDAY = date(2027, 6, 1), date(2027, 6, 2)
NINE_TO_TEN = WeeklyWindow(weekday=1, start_min=540, end_min=600)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Seconds since the epoch."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


def half_hours(**changes: object) -> list[str]:
    """What is offered, as UTC times, on a Tuesday and Wednesday in Berlin (UTC+2) with *changes*."""
    asked: dict[str, object] = {
        "zone": BERLIN,
        "window": (utc(2027, 5, 31, 22), utc(2027, 6, 2, 22)),
        "now": utc(2027, 5, 1),
        "duration_s": 1800,
        "weekly": (NINE_TO_TEN,),
        **changes,
    }
    found = offered(Question(**asked))  # type: ignore[arg-type]
    return [datetime.fromtimestamp(s, UTC).strftime("%H:%M") for s in found]


def test_an_hour_holds_two_half_hours() -> None:
    assert half_hours() == ["07:00", "07:30"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"duration_s": 2700}, ["07:00"]),
        ({"step_s": 1200}, ["07:00", "07:20"]),
        ({"step_s": 900, "now": utc(2027, 6, 1, 7, 15)}, ["07:15", "07:30"]),
        ({"window": (utc(2027, 6, 1, 7), utc(2027, 6, 1, 7, 30))}, ["07:00"]),
        ({"now": utc(2027, 6, 1, 7), "notice_s": 1800}, ["07:30"]),
        ({"now": utc(2027, 6, 1, 6), "horizon_s": 3600}, ["07:00"]),
        ({"busy": ((utc(2027, 6, 1, 7, 30), utc(2027, 6, 1, 7, 31)),)}, ["07:00"]),
        ({"busy": ((utc(2027, 6, 1, 7, 30), utc(2027, 6, 1, 7, 31)),), "buffer_after_s": 60}, []),
        ({"claims": ((utc(2027, 6, 1, 6), utc(2027, 6, 1, 7)),), "buffer_before_s": 60}, ["07:30"]),
        ({"needs": ((((utc(2027, 6, 1), utc(2027, 6, 2)),), ()),)}, ["07:00", "07:30"]),
        ({"needs": ((((utc(2027, 6, 1), utc(2027, 6, 2)),),), ((),))}, []),
        ({"daily_cap": 1, "booked_on": {TUESDAY: 1}}, []),
        ({"daily_cap": 1, "booked_on": {WEDNESDAY: 1}}, ["07:00", "07:30"]),
        ({"customer_remaining": 0}, []),
        ({"holidays": frozenset({TUESDAY})}, []),
        ({"exceptions": (DateException(TUESDAY, ((600, 630),)),)}, ["08:00"]),
        ({"exceptions": (DateException(TUESDAY, ((600, 630),)),), "holidays": frozenset({TUESDAY})}, ["08:00"]),
        ({"service_hours": (WeeklyWindow(1, 570, 600),)}, ["07:30"]),
    ],
)
def test_one_thing_changed(changes: dict[str, object], found: list[str]) -> None:
    assert half_hours(**changes) == found


def test_a_window_that_crosses_midnight_belongs_to_the_date_on_which_it_began() -> None:
    late = (WeeklyWindow(weekday=1, start_min=1410, end_min=1470),)

    assert half_hours(weekly=late) == ["21:30", "22:00"]
    assert half_hours(weekly=late, holidays=frozenset({WEDNESDAY})) == ["21:30", "22:00"]
    assert half_hours(weekly=late, holidays=frozenset({TUESDAY})) == []


def test_a_service_may_run_from_one_window_into_the_next() -> None:
    assert half_hours(weekly=(NINE_TO_TEN, WeeklyWindow(1, 600, 610)), duration_s=4200) == ["07:00"]


def test_each_of_two_overlapping_windows_has_steps_of_its_own() -> None:
    assert half_hours(weekly=(NINE_TO_TEN, WeeklyWindow(1, 550, 620))) == ["07:00", "07:10", "07:30", "07:40"]


def test_a_class_is_bound_by_the_hours_but_not_by_the_steps_nor_by_its_own_claim() -> None:
    taken = ((utc(2027, 6, 1, 7, 10), utc(2027, 6, 1, 7, 40)),)

    assert half_hours(claims=taken, classes={taken[0][0]: 1}) == ["07:10"]
    assert half_hours(claims=taken, classes={taken[0][0]: 0}) == []
    assert half_hours(claims=taken, classes={utc(2027, 6, 1, 7, 40): 1}) == []


def test_a_gap_skips_an_hour_and_a_fold_repeats_it() -> None:
    sunday = (WeeklyWindow(weekday=6, start_min=60, end_min=240),)

    spring = half_hours(weekly=sunday, step_s=3600, window=(utc(2027, 3, 28), utc(2027, 3, 29)), now=utc(2027, 3, 1))
    autumn = half_hours(
        weekly=sunday, step_s=3600, window=(utc(2027, 10, 30, 22), utc(2027, 10, 31, 22)), now=utc(2027, 10, 1)
    )

    assert spring == ["00:00", "01:00"]
    assert autumn == ["23:00", "00:00", "01:00", "02:00"]


def test_the_clock_changes_of_a_year_are_those_of_the_law() -> None:
    found = clock_changes("Europe/Berlin", utc(2027, 1, 1), utc(2028, 1, 1))

    assert found == [
        Change("Europe/Berlin", utc(2027, 3, 28, 1), 3600, 7200),
        Change("Europe/Berlin", utc(2027, 10, 31, 1), 7200, 3600),
    ]


def test_a_date_that_was_left_out_is_one_clock_change() -> None:
    found = clock_changes("Pacific/Apia", utc(2011, 12, 1), utc(2012, 1, 1))

    assert found == [Change("Pacific/Apia", utc(2011, 12, 30, 10), -10 * 3600, 14 * 3600)]
