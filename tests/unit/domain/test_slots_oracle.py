"""Free starts against the slow oracle: every jump of every clock, and anything that can be asked around one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.domain.hours import DateException, WeeklyWindow
from server.domain.rules import Question
from server.domain.slots import explain, find_starts
from tests.unit.domain.oracle import (
    HOUR,
    MINUTE,
    ZONES,
    Change,
    clock_changes,
    distinct_changes,
    offered,
    reading,
)

REPEATABLE = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
DAY_S = 24 * HOUR
ALL_DAY = tuple(WeeklyWindow(weekday, 0, 1440) for weekday in range(7))
SHIFTS = tuple(  # several a day, one into the next date, one that overlaps two others and has a grid of its own
    WeeklyWindow(weekday, start, end)
    for weekday in range(7)
    for start, end in ((0, 75), (90, 210), (145, 255), (720, 900), (1290, 1500))
)
SIZES = ((1800, 1800), (900, 1200), (5400, 3600))
"""Duration and step."""
PAST = [
    ("Pacific/Apia", 2011, 12, 30),  # a date that did not exist
    ("America/Sao_Paulo", 2018, 11, 4),  # midnight itself is skipped
    ("America/Sao_Paulo", 2018, 2, 18),  # the last hour of the day before comes twice
    ("Asia/Kathmandu", 1986, 1, 1),  # fifteen minutes
    ("Australia/Lord_Howe", 2026, 4, 5),  # half an hour
    ("Australia/Lord_Howe", 2026, 10, 4),
    ("Antarctica/Troll", 2026, 3, 29),  # two hours
    ("Antarctica/Troll", 2026, 10, 25),
    ("Africa/Casablanca", 2026, 2, 15),  # back for Ramadan
    ("Africa/Casablanca", 2026, 3, 22),
]


def past_changes() -> list[Change]:
    """The peculiar jumps of the past, which stay as they were."""
    noons = [(name, int(datetime(*day, 12, tzinfo=UTC).timestamp())) for name, *day in PAST]  # type: ignore[misc]
    return [change for name, noon in noons for change in clock_changes(name, noon - 36 * HOUR, noon + 36 * HOUR)]


def around(change: Change, **changes: object) -> Question:
    """Half hours in the ten hours around a jump; *changes* make it another question."""
    asked: dict[str, object] = {
        "zone": change.where,
        "window": (change.moment - 5 * HOUR, change.moment + 5 * HOUR),
        "now": change.moment - DAY_S,
        "duration_s": 1800,
        "weekly": SHIFTS,
        **changes,
    }
    return Question(**asked)  # type: ignore[arg-type]


def wall(change: Change) -> tuple[datetime, datetime]:
    """The first and the last of the readings that *change* skips or repeats; the last is not one of them."""
    reads = [datetime.fromtimestamp(change.moment + offset, UTC).replace(tzinfo=None) for offset in change[2:]]
    return min(reads), max(reads)


def exactly(change: Change) -> WeeklyWindow:
    """The window that is open for what *change* skips or repeats."""
    first, last = wall(change)
    start_min = first.hour * 60 + first.minute
    return WeeklyWindow(first.weekday(), start_min, start_min + int((last - first).total_seconds()) // 60)


@pytest.mark.thorough
def test_E47_the_hours_around_every_jump_of_every_clock_are_walked_right() -> None:
    for change in [*distinct_changes(), *past_changes()]:
        for duration_s, step_s in SIZES:
            asked = around(change, duration_s=duration_s, step_s=step_s)

            assert find_starts(asked) == offered(asked), change


@pytest.mark.thorough
def test_E45_a_window_that_a_clock_skips_offers_nothing() -> None:
    gaps = [change for change in [*distinct_changes(), *past_changes()] if change.after > change.before]
    assert gaps

    for change in gaps:
        assert find_starts(around(change, weekly=(exactly(change),), duration_s=300, step_s=300)) == [], change


def test_E45_no_rule_but_the_hours_refuses_a_start_that_would_run_into_the_gap() -> None:
    """It begins before the gap in a window that ends at the gap, so it has nowhere to end."""
    for change in distinct_changes():
        if change.after < change.before:
            continue
        first, _ = wall(change)
        start_of_day = (first - timedelta(hours=1)).replace(hour=0, minute=0)
        end_min = int((first - start_of_day).total_seconds()) // 60
        asked = around(change, weekly=(WeeklyWindow(start_of_day.weekday(), end_min - 60, end_min),))

        assert [r.rule for r in explain(asked, change.moment - 1800)] == [], change
        assert [r.rule for r in explain(replace(asked, duration_s=3600), change.moment - 1800)] == ["hours"], change


def test_E46_a_window_that_a_clock_repeats_is_offered_twice_and_each_start_lasts_its_true_time() -> None:
    folds = [change for change in [*distinct_changes(), *past_changes()] if change.after < change.before]
    assert folds

    for change in folds:
        length = change.before - change.after
        asked = around(change, weekly=(exactly(change),), duration_s=900, step_s=900)

        starts = find_starts(asked)

        assert starts == list(range(change.moment - length, change.moment + length, 900)), change
        reads = [reading(change.where, s) for s in starts]
        assert reads[: len(reads) // 2] == reads[len(reads) // 2 :], change


def test_E46_a_service_may_be_as_long_as_both_passes_of_a_fold_together() -> None:
    for change in distinct_changes():
        length = change.before - change.after
        if length < 0:
            continue
        asked = around(change, weekly=(exactly(change),), duration_s=2 * length, step_s=900)

        assert find_starts(asked) == [change.moment - length], change
        assert find_starts(replace(asked, duration_s=2 * length + 60)) == [], change


@pytest.mark.thorough
def test_E47_a_provider_who_is_always_there_is_free_every_minute_of_the_date_and_no_other() -> None:
    for change in [*distinct_changes(), *past_changes()]:
        near = range(change.moment - 30 * HOUR, change.moment + 30 * HOUR, MINUTE)
        day = reading(change.where, change.moment).date()
        asked = around(
            change, window=(near.start, near.stop), weekly=(), exceptions=(DateException(day, ((0, 1440),)),)
        )

        starts = find_starts(replace(asked, now=near.start, duration_s=MINUTE, step_s=MINUTE))

        assert starts == [m for m in near if reading(change.where, m).date() == day], change


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Fakaofo"])
def test_E47_a_date_that_did_not_exist_has_no_starts_even_where_an_exception_opens_it(zone: str) -> None:
    skipped = date(2011, 12, 30)
    noon = int(datetime(2011, 12, 30, 12, tzinfo=UTC).timestamp())
    asked = Question(
        zone=ZoneInfo(zone),
        window=(noon - 2 * DAY_S, noon + 2 * DAY_S),
        now=noon - 3 * DAY_S,
        duration_s=1800,
        exceptions=(DateException(skipped, ((0, 1440),)),),
    )

    assert find_starts(asked) == []


def test_E46_a_daily_cap_goes_by_the_date_on_the_wall_where_a_fold_goes_back_over_midnight() -> None:
    """In St. John's of 2010, 00:01 on Sunday was followed by 23:01 on Saturday: each date is two pieces of time."""
    saturday, sunday = date(2010, 11, 6), date(2010, 11, 7)
    (change,) = clock_changes("America/St_Johns", *_days(saturday, 3))
    asked = around(change, weekly=ALL_DAY, duration_s=MINUTE, step_s=MINUTE, daily_cap=1)
    assert wall(change) == (datetime(2010, 11, 6, 23, 1), datetime(2010, 11, 7, 0, 1))

    for full in (saturday, sunday):
        one = replace(asked, booked_on={full: 1})

        assert find_starts(one) == offered(one), full


def test_a_daily_cap_of_none_at_all_refuses_a_date_on_which_nothing_is_booked() -> None:
    asked = around(distinct_changes()[0], weekly=ALL_DAY)
    assert find_starts(asked)

    assert find_starts(replace(asked, daily_cap=0)) == offered(replace(asked, daily_cap=0)) == []


NINE = int(datetime(2027, 6, 1, 9, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("changes", "is_offered"),
    [
        ({"now": NINE - 1}, True),
        ({"now": NINE}, True),
        ({"now": NINE + 1}, False),
        ({"now": NINE - 3601, "notice_s": 3600}, True),
        ({"now": NINE - 3600, "notice_s": 3600}, True),
        ({"now": NINE - 3599, "notice_s": 3600}, False),
        ({"now": NINE - 86_399, "horizon_s": 86_400}, True),
        ({"now": NINE - 86_400, "horizon_s": 86_400}, True),
        ({"now": NINE - 86_401, "horizon_s": 86_400}, False),
        ({"now": NINE, "horizon_s": 0}, True),
        ({"window": (NINE - 3600, NINE)}, False),
        ({"window": (NINE, NINE + 1)}, True),
        ({"window": (NINE, NINE)}, False),
    ],
)
def test_E51_now_notice_horizon_and_window_end_to_the_second(changes: dict[str, object], is_offered: bool) -> None:
    asked: dict[str, object] = {
        "zone": ZoneInfo("UTC"),
        "window": (NINE - DAY_S, NINE + DAY_S),
        "now": NINE - 2 * DAY_S,
        "duration_s": 1800,
        "weekly": ALL_DAY,
        **changes,
    }
    question = Question(**asked)  # type: ignore[arg-type]

    assert (NINE in find_starts(question)) == is_offered
    assert (NINE in offered(question)) == is_offered


minutes_of_day = st.sampled_from([*range(0, 1440, 15), *range(0, 1440, 30), 1439])
lengths_min = st.sampled_from([480, 720, 240, 90, 960, 330, 60, 15, 1440, 1500, 2880])
windows = st.tuples(minutes_of_day, lengths_min).map(lambda w: (w[0], min(w[0] + w[1], 2880)))
buffers = st.sampled_from([5, 10, 15, 30, 45]).map(lambda n: n * MINUTE)
ASPECTS = (  # what a question may have beyond windows, a duration and a step
    "buffer_before_s",
    "buffer_after_s",
    "now",
    "notice_s",
    "horizon_s",
    "valid",
    "exceptions",
    "holidays",
    "service_hours",
    "busy",
    "claims",
    "needs",
    "daily_cap",
    "customer_remaining",
    "classes",
)


@st.composite
def places_and_times(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """A zone and a moment to ask about, four in five where the clock jumps."""
    if draw(st.integers(0, 4)) == 4:
        return ZoneInfo(draw(st.sampled_from(ZONES))), draw(st.integers(2_000_000, 2_100_000)) * 900
    change = draw(st.sampled_from([*distinct_changes(), *past_changes()]))
    return change.where, change.moment


@st.composite
def weekly_windows(draw: st.DrawFn, today: date, *, valid: bool = False) -> WeeklyWindow:
    """A window on a weekday close to that of *today*; some that are *valid* for a while only."""
    weekday = (today + timedelta(days=draw(st.integers(-2, 1)))).weekday()
    dates = st.none() | st.integers(-2, 2).map(lambda n: today + timedelta(days=n))
    return WeeklyWindow(weekday, *draw(windows), *([draw(dates), draw(dates)] if valid else []))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """
    Anything that could be asked about a day or so, with few things that are special at once.

    Most times are quarters of an hour away from the jump, so that spans touch as often as they overlap.
    """
    where, moment = draw(places_and_times())
    today = reading(where, moment).date()
    special = draw(st.sets(st.sampled_from(ASPECTS), max_size=4))
    dates = st.integers(-2, 1).map(lambda n: today + timedelta(days=n))
    away = st.sampled_from([*range(-720, 720, 15), *range(-720, 720, 5), *range(-77, 720, 77)])
    nearby = away.map(lambda n: moment + n * MINUTE)
    lengths_s = st.sampled_from([1, 15, 15, 30, 60, 120]).map(lambda n: n * MINUTE)
    taken = st.lists(st.tuples(nearby, lengths_s).map(lambda t: (t[0], t[0] + t[1])), min_size=1, max_size=6).map(tuple)
    begin = moment + draw(st.sampled_from(range(-600, 60, 5))) * MINUTE

    def if_special(aspect: str, strategy: st.SearchStrategy, otherwise: object) -> object:
        return draw(strategy) if aspect in special else otherwise

    opened = draw(st.lists(weekly_windows(today, valid="valid" in special), min_size=4, max_size=8))
    replaced = if_special(
        "exceptions", st.dictionaries(dates, st.lists(windows, max_size=3).map(tuple), max_size=2), {}
    )
    is_buffered = special & {"buffer_before_s", "buffer_after_s"}
    return Question(
        zone=where,
        window=(begin, begin + draw(st.sampled_from([900, 600, 1440, 300, 1])) * MINUTE),
        now=begin + if_special("now", away, -3000) * MINUTE,
        duration_s=draw(st.sampled_from([30, 15, 60, 45, 90, 240, 1500])) * MINUTE,
        buffer_before_s=if_special("buffer_before_s", buffers, 0),
        buffer_after_s=if_special("buffer_after_s", buffers, 0),
        step_s=draw(st.sampled_from([15, 30, 20, 5, 60, 45, 7, 1440])) * MINUTE,
        notice_s=if_special("notice_s", st.integers(3000, 4000), 0) * MINUTE,
        horizon_s=if_special("horizon_s", st.integers(180, 280).map(lambda n: n * 15), 90 * 1440) * MINUTE,
        weekly=tuple(opened),
        exceptions=tuple(DateException(day, windows) for day, windows in replaced.items()),
        holidays=if_special("holidays", st.frozensets(dates, min_size=1, max_size=2), frozenset()),
        service_hours=if_special(
            "service_hours", st.lists(weekly_windows(today), min_size=1, max_size=8).map(tuple), ()
        ),
        busy=draw(taken) if "busy" in special or is_buffered else (),
        claims=if_special("claims", taken, ()),
        needs=if_special("needs", st.lists(st.lists(taken, max_size=3).map(tuple), max_size=2).map(tuple), ()),
        daily_cap=if_special("daily_cap", st.integers(1, 2), None),
        booked_on=if_special("daily_cap", st.dictionaries(dates, st.integers(0, 3), min_size=1, max_size=4), {}),
        customer_remaining=if_special("customer_remaining", st.sampled_from([2, 1, 1, 0]), None),
        classes=if_special("classes", st.dictionaries(nearby, st.integers(0, 2), min_size=1, max_size=6), {}),
    )


@pytest.mark.thorough
@settings(REPEATABLE, max_examples=600)
@given(questions())
def test_E47_what_is_offered_is_what_a_walk_through_every_minute_finds(asked: Question) -> None:
    assert find_starts(asked) == offered(asked)


@pytest.mark.thorough
@settings(REPEATABLE, max_examples=300)
@given(questions(), st.data())
def test_nothing_refuses_a_start_exactly_where_it_is_offered(asked: Question, data: st.DataObject) -> None:
    """Of the window: `explain` is asked about no other starts."""
    free = offered(asked)
    minutes = st.integers(0, (asked.window[1] - asked.window[0]) // MINUTE - 1)
    anywhere = data.draw(st.lists(minutes.map(lambda n: asked.window[0] + n * MINUTE), min_size=4, max_size=8))
    within = [s for s in asked.classes if asked.window[0] <= s < asked.window[1]]

    for start in [*anywhere, *free[:3], *free[-3:], *within]:
        assert (explain(asked, start) == []) == (start in free), start


@pytest.mark.thorough
@settings(REPEATABLE, max_examples=60)
@given(questions())
def test_a_window_in_two_halves_offers_what_the_whole_offers(asked: Question) -> None:
    begin, end = asked.window
    middle = (begin + end) // 2

    halves = [replace(asked, window=(begin, middle)), replace(asked, window=(middle, end))]

    assert [s for half in halves for s in find_starts(half)] == find_starts(asked)


def _days(first: date, count: int) -> tuple[int, int]:
    begin = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    return begin, begin + count * DAY_S
