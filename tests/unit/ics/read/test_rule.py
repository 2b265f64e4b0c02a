"""Wall times of recurrence rules; the oracle is dateutil, which was written by others and works another way."""

import datetime as dt
from datetime import datetime, timedelta
from itertools import takewhile
from types import SimpleNamespace
from unittest.mock import patch

import dateutil.rrule
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ics.errors import TooWild, Unreadable
from ics.read.rule import parse_rule, walls
from tests.steps import at_most

_START = datetime(2026, 1, 5, 9, 0)
_LAST_OF_ALL = datetime(9999, 12, 31, 23, 59, 59)
_END = datetime(2026, 12, 31, 23, 59)


def _walls(
    value: str, *, start: datetime = _START, first: datetime | None = None, last: datetime = _END
) -> list[datetime]:
    return list(walls(parse_rule(value), start, first=first or start, last=last))


def _days(value: str, **context: datetime) -> list[str]:
    return [f"{wall:%m%d}" for wall in _walls(value, **context)]


def _lists(low: int, high: int, *, most: int = 3) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high).filter(bool) if low < 0 else st.integers(low, high)
    return st.lists(numbers, min_size=1, max_size=most, unique=True).map(_joined)


def _joined(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _weekdays(nth: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    day = st.tuples(nth, st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])).map("".join)
    return st.lists(day, min_size=1, max_size=3, unique=True).map(",".join)


@st.composite
def _rules(draw: st.DrawFn) -> str:
    """Rules in the part of the grammar on which dateutil and RFC 5545 agree."""
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]))
    nth = st.sampled_from(["1", "2", "-1", "-2", "5"]) if frequency in {"YEARLY", "MONTHLY"} else st.just("")
    # It takes "MO,1TU" as both at once; the RFC, as either.
    chosen = draw(st.sampled_from([nth, st.just("")]))
    parts = {
        "INTERVAL": st.integers(1, 12).map(str),
        "COUNT": st.integers(1, 400).map(str),
        "WKST": st.sampled_from(["MO", "SU", "WE"]),
        "BYMONTH": _lists(1, 12),
        "BYMONTHDAY": _lists(-31, 31),
        "BYYEARDAY": _lists(-366, 366),
        "BYDAY": _weekdays(chosen),
    }
    if frequency != "WEEKLY":
        # There it begins the first week with the start, which then may be another first of the week.
        parts["BYSETPOS"] = _lists(-5, 5, most=2)
    if frequency == "YEARLY":
        # It takes January 2, 2022 for week 53; the weeks at the ends of a year are in a test of their own.
        parts["BYWEEKNO"] = st.lists(st.integers(2, 51), min_size=1, max_size=3, unique=True).map(_joined)
    if frequency != "HOURLY":
        # There it walks on for ever where hours and interval never meet, or refuses.
        parts["BYHOUR"] = _lists(0, 23)
        parts["BYMINUTE"] = _lists(0, 59)
    names = draw(st.lists(st.sampled_from(sorted(parts)), unique=True, max_size=4))
    if "BYWEEKNO" in names and not {"BYDAY", "BYMONTHDAY", "BYYEARDAY"} & set(names):
        names.append("BYDAY")  # it would take every day of the week, where the RFC takes that of the start
    if "BYWEEKNO" in names and "BYDAY" in names:
        parts["BYDAY"] = _weekdays(st.just(""))
    return ";".join([f"FREQ={frequency}", *(f"{name}={draw(parts[name])}" for name in names)])


@pytest.mark.thorough
@settings(deadline=None, max_examples=150)
@given(
    rule=_rules(),
    start=st.datetimes(datetime(2015, 1, 1), datetime(2026, 6, 1)).map(lambda at: at.replace(second=0, microsecond=0)),
    after=st.integers(0, 700),
    length=st.integers(1, 400),
)
@example(rule="FREQ=YEARLY;BYWEEKNO=2,51;BYDAY=SU,MO;WKST=SU", start=datetime(2015, 1, 1), after=0, length=4000)
@example(rule="FREQ=MONTHLY;BYDAY=-1FR;INTERVAL=7", start=datetime(2015, 1, 31), after=4000, length=400)
@example(rule="FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO", start=datetime(2015, 1, 7), after=3000, length=60)
@example(rule="FREQ=YEARLY", start=datetime(2016, 2, 29), after=0, length=4000)
def test_c068_every_rule_gives_what_an_independent_implementation_gives(rule, start, after, length):
    first = start + timedelta(days=after)
    last = first + timedelta(days=length)

    assert _walls(rule, start=start, first=first, last=last) == _oracle(rule, start, first, last)


def _oracle(rule: str, start: datetime, first: datetime, last: datetime) -> list[datetime]:
    """What dateutil gives. It looks for a next one until the last year that there is, which here is an early one."""
    calendar = SimpleNamespace(**{**vars(dt), "MAXYEAR": last.year + 1})
    with patch.object(dateutil.rrule, "datetime", calendar):
        found = takewhile(lambda wall: wall <= last, dateutil.rrule.rrulestr(rule, dtstart=start))
        return [wall for wall in found if wall >= first]


@pytest.mark.parametrize("week", [1, 2, 51, 52, 53, -1, -2, -52, -53])
def test_c068_week_numbers_are_those_of_the_calendar_over_every_new_year(week):
    first, last = datetime(2000, 1, 1, 9), datetime(2030, 12, 31, 9)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    weeks_of = {year: datetime(year, 12, 28).isocalendar().week for year in range(1999, 2032)}

    def fits(day: datetime) -> bool:
        year, number, _ = day.isocalendar()
        return number == (week if week > 0 else weeks_of[year] + 1 + week)

    found = _walls(f"FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO,TU,WE,TH,FR,SA,SU", start=first, last=last)

    assert found == [day for day in days if fits(day)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=YEARLY;BYWEEKNO=20", "0511"),  # a Monday, as the start is: not the whole week
        ("FREQ=MONTHLY;BYDAY=MO,1TU;COUNT=5", "0105 0106 0112 0119 0126"),  # either, not both
        ("FREQ=WEEKLY;WKST=SU;BYDAY=SU,WE,FR;BYSETPOS=1;COUNT=2", "0111 0118"),  # the week of the start began before it
        ("FREQ=DAILY;INTERVAL=0;COUNT=3", "0105 0106 0107"),
        ("freq=daily; count=2", "0105 0106"),
        ("FREQ=DAILY;COUNT=3;BYDAY=;X-THING=1", "0105 0106 0107"),
        ("RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=OMIT;BYMONTHDAY=31;COUNT=3", "0131 0331 0531"),
    ],
)
def test_c068_rules_are_read_as_the_rfc_means_them_where_libraries_differ(rule, days):
    assert " ".join(_days(rule)) == days


def test_c068_a_leap_second_is_the_second_before_it():
    assert _walls("FREQ=DAILY;COUNT=1;BYSECOND=60") == [datetime(2026, 1, 5, 9, 0, 59)]


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "COUNT=3",
        "FREQ=FORTNIGHTLY",
        "FREQ=DAILY;COUNT=many",
        "FREQ=DAILY;INTERVAL=1" + "0" * 400,
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTHDAY=0",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;WKST=XX",
        "FREQ=YEARLY;BYEASTER=0",
        "RSCALE=CHINESE;FREQ=YEARLY",
        "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD",
        "FREQ=YEARLY;BYYEARDAY=" + ",".join(["1"] * 4000),
    ],
)
def test_f59_what_is_no_rule_is_refused(rule):
    with pytest.raises(Unreadable):
        parse_rule(rule)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;INTERVAL=1440",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=8,9,10,11;BYMINUTE=" + ",".join(map(str, range(60))),
        "FREQ=HOURLY;COUNT=17000000",
    ],
)
def test_f59_rules_that_ask_for_too_much_are_refused_at_once(rule):
    with at_most(3_000_000), pytest.raises(TooWild):
        _walls(rule, start=datetime(1, 1, 5, 9), first=_START)


@pytest.mark.parametrize(
    ("rule", "occurrences"),
    [
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", 0),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 0),
        ("FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", 0),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=9", 0),
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=10", 0),
        ("FREQ=DAILY;COUNT=1000000000", 361),
        ("FREQ=DAILY;COUNT=99999999999999999", 361),
        ("FREQ=DAILY;INTERVAL=99999999999999999", 0),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 259),
    ],
)
def test_f59_rules_since_1970_that_never_match_or_never_end_cost_next_to_nothing(rule, occurrences):
    with at_most(200_000):
        found = _walls(rule, start=datetime(1970, 1, 1, 9), first=_START)

    assert len(found) == occurrences


def test_c069_years_at_both_ends_of_time_are_no_trouble():
    assert _walls("FREQ=WEEKLY", start=datetime(9999, 12, 20, 9), last=_LAST_OF_ALL)[-1] == datetime(9999, 12, 27, 9)
    assert len(_walls("FREQ=MONTHLY;BYMONTHDAY=-1", start=datetime(9999, 1, 1), last=_LAST_OF_ALL)) == 12
    assert len(_walls("FREQ=YEARLY;BYWEEKNO=1,52,53", start=datetime(9998, 1, 1), last=_LAST_OF_ALL)) == 5
    assert len(_walls("FREQ=YEARLY", start=datetime(1, 1, 3), last=datetime(9, 1, 3))) == 9
