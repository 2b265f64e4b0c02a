"""Free starts, against an oracle that walks minute by minute: rows 45 to 47 of the matrix, and everything between."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.domain.hours import DateException, WeeklyWindow
from server.domain.rules import RULES, Question
from server.domain.slots import explain, find_starts
from server.domain.zones import stretches
from tests.unit.domain.oracle import offered

TODAY = date(2026, 11, 20)
EVERY_DAY = tuple(WeeklyWindow(weekday, 540, 1020) for weekday in range(7))
BERLIN = ZoneInfo("Europe/Berlin")
AROUND_CHANGES = [
    ("Europe/Berlin", date(2027, 3, 28)),
    ("Europe/Berlin", date(2027, 10, 31)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2027, 11, 7)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("Antarctica/Troll", date(2027, 3, 28)),
    ("Africa/Casablanca", date(2027, 2, 7)),
    ("America/Havana", date(2027, 3, 14)),  # midnight itself is skipped
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that did not exist
    ("Asia/Kathmandu", date(2027, 6, 1)),
    ("UTC", date(2028, 2, 29)),
]


def moment(where: ZoneInfo, day: date, hour: int = 0, minute: int = 0, *, fold: int = 0) -> int:
    """Seconds since the epoch of a local time."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=where, fold=fold)
    return int(local.astimezone(UTC).timestamp())


def question(where: ZoneInfo, day: date, **changes: object) -> Question:
    """A day of half hours, asked the week before; *changes* make it another."""
    begin = moment(where, day)
    given: dict[str, object] = {
        "zone": where,
        "window": (begin, begin + 86_400),
        "now": begin - 7 * 86_400,
        "duration_s": 1800,
        "weekly": EVERY_DAY,
        **changes,
    }
    return Question(**given)  # type: ignore[arg-type]


windows = st.tuples(st.integers(0, 95), st.integers(1, 100)).map(
    lambda w: (w[0] * 15, min(w[0] * 15 + w[1] * 15, 2880))
)
weekly = st.lists(st.tuples(st.integers(0, 6), windows), max_size=6).map(
    lambda found: tuple(WeeklyWindow(weekday, start, end) for weekday, (start, end) in found)
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Anything that could be asked around a day on which clocks do something."""
    name, day = draw(st.sampled_from(AROUND_CHANGES))
    where = ZoneInfo(name)
    day += timedelta(days=draw(st.integers(-2, 1)))
    begin = moment(where, day)
    nearby = st.integers(-24 * 4, 48 * 4).map(lambda quarter: begin + quarter * 900)
    taken = st.lists(st.tuples(nearby, st.integers(1, 12)).map(lambda t: (t[0], t[0] + t[1] * 900)), max_size=4)
    days = st.integers(-2, 2).map(lambda n: day + timedelta(days=n))
    exceptions = draw(st.dictionaries(days, st.lists(windows, max_size=2), max_size=2))
    return Question(
        zone=where,
        window=(begin, begin + draw(st.sampled_from([86_400, 93_600]))),
        now=begin + draw(st.sampled_from([-30, -3, 0, 6])) * 3600,
        duration_s=draw(st.sampled_from([900, 1800, 3600, 5400])),
        buffer_before_s=draw(st.sampled_from([0, 900])),
        buffer_after_s=draw(st.sampled_from([0, 300, 1800])),
        step_s=draw(st.sampled_from([900, 1200, 1800, 3600])),
        notice_s=draw(st.sampled_from([0, 3600, 86_400])),
        horizon_s=draw(st.sampled_from([36_000, 90 * 86_400])),
        weekly=draw(weekly),
        exceptions=tuple(DateException(d, tuple(w)) for d, w in exceptions.items()),
        holidays=frozenset(draw(st.lists(days, max_size=2))),
        service_hours=draw(st.one_of(st.just(()), weekly)),
        busy=draw(taken),
        claims=draw(taken),
        needs=draw(st.lists(st.lists(taken, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)),
        daily_cap=draw(st.sampled_from([None, 1, 2])),
        booked_on=draw(st.dictionaries(days, st.integers(0, 3), max_size=2)),
        customer_remaining=draw(st.sampled_from([None, None, 1, 0])),
        classes=draw(st.dictionaries(nearby, st.integers(0, 2), max_size=2)),
    )


@settings(max_examples=250, deadline=None, derandomize=True)
@given(questions())
def test_E47_free_starts_are_those_that_a_walk_through_every_minute_finds(asked: Question) -> None:
    assert find_starts(asked) == offered(asked)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(questions())
def test_an_explanation_is_empty_exactly_for_what_is_offered(asked: Question) -> None:
    free = set(find_starts(asked))

    for start in range(asked.window[0], asked.window[1], 900):
        assert (explain(asked, start) == []) == (start in free)


def transitions() -> list[tuple[str, int]]:
    """A zone and a moment for every distinct way in which some zone's clock jumps in the next three years."""
    begin = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
    seen: dict[tuple[int, int], tuple[str, int]] = {}
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        found = stretches(ZoneInfo(name), begin, begin + 3 * 366 * 86_400)
        for before, after in itertools.pairwise(found):
            reads = (before.end + before.offset) % 86_400
            seen.setdefault((after.offset - before.offset, reads), (name, before.end))
    return sorted(seen.values())


@pytest.mark.parametrize(("name", "change"), transitions())
def test_E45_E46_every_way_in_which_a_clock_jumps_is_walked_right(name: str, change: int) -> None:
    for step, duration in ((1800, 1800), (3600, 5400)):
        asked = Question(
            zone=ZoneInfo(name),
            window=(change - 6 * 3600, change + 6 * 3600),
            now=change - 86_400,
            duration_s=duration,
            step_s=step,
            weekly=tuple(WeeklyWindow(weekday, 30, 30 + 1440) for weekday in range(7)),
        )
        assert find_starts(asked) == offered(asked)


def test_E45_a_start_in_the_spring_gap_is_not_offered() -> None:
    day = date(2027, 3, 28)
    asked = question(BERLIN, day, weekly=(WeeklyWindow(6, 60, 300),))

    local = [datetime.fromtimestamp(s, BERLIN).strftime("%H:%M") for s in find_starts(asked)]

    assert local == ["01:00", "01:30", "03:00", "03:30", "04:00", "04:30"]


def test_E46_both_instants_of_the_ambiguous_hour_are_offered_and_distinct() -> None:
    day = date(2027, 10, 31)
    asked = question(BERLIN, day, weekly=(WeeklyWindow(6, 120, 180),))

    starts = find_starts(asked)

    assert starts == [
        moment(BERLIN, day, 2, 0),
        moment(BERLIN, day, 2, 30),
        moment(BERLIN, day, 2, 0, fold=1),
        moment(BERLIN, day, 2, 30, fold=1),
    ]


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 28), 23), (date(2027, 10, 31), 25), (date(2027, 6, 1), 24)])
def test_E47_a_day_has_as_many_hours_as_it_has(day: date, hours: int) -> None:
    begin, end = moment(BERLIN, day), moment(BERLIN, day + timedelta(days=1))
    all_day = tuple(WeeklyWindow(weekday, 0, 1440) for weekday in range(7))

    starts = find_starts(question(BERLIN, day, window=(begin, end), duration_s=3600, step_s=3600, weekly=all_day))

    assert len(starts) == hours


def test_E47_a_date_that_was_left_out_has_no_slots() -> None:
    apia = ZoneInfo("Pacific/Apia")
    begin = moment(apia, date(2011, 12, 29))
    asked = question(apia, date(2011, 12, 29), window=(begin, begin + 2 * 86_400))

    days = {datetime.fromtimestamp(s, apia).date() for s in find_starts(asked)}

    assert days == {date(2011, 12, 29), date(2011, 12, 31)}


@pytest.mark.parametrize(("offset", "is_offered"), [(-1, False), (0, True), (1, True)])
def test_E51_notice_ends_to_the_second(offset: int, is_offered: bool) -> None:
    start = moment(BERLIN, date(2027, 6, 1), 10)
    asked = question(BERLIN, date(2027, 6, 1), now=start - 3600 - offset, notice_s=3600)

    assert (start in find_starts(asked)) == is_offered


@pytest.mark.parametrize(("offset", "is_offered"), [(-1, True), (0, True), (1, False)])
def test_E51_the_horizon_ends_to_the_second(offset: int, is_offered: bool) -> None:
    start = moment(BERLIN, date(2027, 6, 1), 10)
    asked = question(BERLIN, date(2027, 6, 1), now=start - 86_400 - offset, horizon_s=86_400)

    assert (start in find_starts(asked)) == is_offered


DAY = date(2027, 6, 1)
TEN = moment(BERLIN, DAY, 10)
ONE_RULE_EACH: list[tuple[str, dict[str, object], int]] = [
    ("past", {"now": TEN + 1}, TEN),
    ("notice", {"now": TEN - 3600, "notice_s": 7200}, TEN),
    ("horizon", {"now": TEN - 86_400, "horizon_s": 3600}, TEN),
    ("hours", {}, TEN - 5 * 3600),
    ("hours", {}, moment(BERLIN, DAY, 16, 45)),
    ("holiday", {"holidays": frozenset({DAY})}, TEN),
    ("exception", {"exceptions": (DateException(DAY, ((720, 900),)),)}, TEN),
    ("service-hours", {"service_hours": (WeeklyWindow(DAY.weekday(), 720, 900),)}, TEN),
    ("step", {}, TEN + 600),
    ("busy", {"busy": [(TEN + 600, TEN + 1200)]}, TEN),
    ("claims", {"claims": [(TEN + 1800, TEN + 3600)], "buffer_after_s": 300}, TEN),
    ("capacity", {"classes": {TEN: 0}, "claims": [(TEN, TEN + 1800)]}, TEN),
    ("resources", {"needs": (([(TEN, TEN + 600)], [(TEN + 600, TEN + 900)]),)}, TEN),
    ("daily-cap", {"daily_cap": 2, "booked_on": {DAY: 2}}, TEN),
    ("customer-limit", {"customer_remaining": 0}, TEN),
]


@pytest.mark.parametrize(("rule", "changes", "start"), ONE_RULE_EACH)
def test_the_rule_that_refuses_is_named_and_no_other(rule: str, changes: dict[str, object], start: int) -> None:
    refusals = explain(question(BERLIN, DAY, **changes), start)

    assert [refusal.rule for refusal in refusals] == [rule]
    assert refusals[0].sentence


def test_every_rule_has_an_example() -> None:
    assert {rule.name for rule in RULES} | {"step"} == {rule for rule, _, _ in ONE_RULE_EACH}


def test_a_class_with_places_left_is_offered_at_its_own_time_only() -> None:
    at = TEN + 600
    asked = question(BERLIN, DAY, classes={at: 1}, claims=[(at, at + 1800)])

    starts = find_starts(asked)

    assert at in starts
    assert TEN not in starts
