"""
Owns the recurrence rule: an RRULE as a value, and the wall times that it gives (RFC 5545, 3.3.10).

Leaves clocks, UNTIL among them, to `occurrences`: here are only days and the times that a clock on a wall shows.
It walks over periods between two dates and never beyond, so that a rule that never matches costs no more than one
that does; dateutil, which looks for the next match until the year 9999, is the oracle of its tests.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum
from itertools import islice

from ics.errors import TooWild, Unreadable
from ics.limits import PERIOD_OCCURRENCES, RULE_CHARACTERS, RULE_STEPS

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_MONTHS_OF_TEN_THOUSAND_YEARS = 9999 * 12


class Frequency(StrEnum):
    """How long one period is; HOURLY is the shortest that is worked out."""

    YEARLY = "YEARLY"
    MONTHLY = "MONTHLY"
    WEEKLY = "WEEKLY"
    DAILY = "DAILY"
    HOURLY = "HOURLY"
    MINUTELY = "MINUTELY"
    SECONDLY = "SECONDLY"


TOO_FREQUENT = {Frequency.MINUTELY: 60, Frequency.SECONDLY: 1}
"""Seconds of the periods that are not worked out: nobody's appointments are so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    An RRULE. Parts that it does not have are empty.

    Attributes:
        until: As it was written.
        by_day: (nth, weekday) with Monday 0; nth is 0 for every one of them.
        week_start: The weekday on which weeks begin.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: str | None = None
    by_month: frozenset[int] = frozenset()
    by_week: frozenset[int] = frozenset()
    by_year_day: frozenset[int] = frozenset()
    by_month_day: frozenset[int] = frozenset()
    by_day: frozenset[tuple[int, int]] = frozenset()
    by_hour: frozenset[int] = frozenset()
    by_minute: frozenset[int] = frozenset()
    by_second: frozenset[int] = frozenset()
    by_position: frozenset[int] = frozenset()
    week_start: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether every period gives one, at the place of the first: no part chooses among them."""
        return not any(getattr(self, field) for field, _, _ in _SETS.values()) and not self.by_day


def parse_rule(value: str) -> Rule:
    """
    The rule that *value* says. An INTERVAL or COUNT of nothing counts as not given.

    Raises:
        Unreadable: It is no rule, or one with a part that we do not know.
    """
    if len(value) > RULE_CHARACTERS:
        raise Unreadable("RRULE", "is too long")
    parts = dict(_parts(value))
    if parts.pop("RSCALE", "GREGORIAN") != "GREGORIAN" or parts.pop("SKIP", "OMIT") != "OMIT":
        raise Unreadable("RRULE", "is in another calendar (RFC 7529)")
    try:
        frequency = Frequency(parts.pop("FREQ", ""))
        week_start = _WEEKDAYS.index(parts.pop("WKST", "MO"))
    except ValueError:
        raise Unreadable("RRULE", "has no frequency that we know") from None
    until = parts.pop("UNTIL", None)
    interval = max(_number(parts.pop("INTERVAL", "1")), 1)
    count = max(_number(parts.pop("COUNT", "0")), 0) or None
    by_day = frozenset(_day(each) for each in parts.pop("BYDAY", "").split(",") if each)
    sets = {field: _numbers(parts.pop(name, ""), low, high) for name, (field, low, high) in _SETS.items()}
    if any(not name.startswith("X-") for name in parts):
        raise Unreadable("RRULE", "has a part that we do not know")
    rule = Rule(
        frequency=frequency, interval=interval, count=count, until=until, by_day=by_day, week_start=week_start, **sets
    )
    return replace(rule, by_second=frozenset(min(second, 59) for second in rule.by_second))


_SETS = {
    "BYMONTH": ("by_month", 1, 12),
    "BYWEEKNO": ("by_week", -53, 53),
    "BYYEARDAY": ("by_year_day", -366, 366),
    "BYMONTHDAY": ("by_month_day", -31, 31),
    "BYHOUR": ("by_hour", 0, 23),
    "BYMINUTE": ("by_minute", 0, 59),
    "BYSECOND": ("by_second", 0, 60),
    "BYSETPOS": ("by_position", -366, 366),
}
"""Each list of numbers, with its bounds; a list that may count from the end has no 0."""


def _parts(value: str) -> Iterator[tuple[str, str]]:
    for part in "".join(value.split()).upper().split(";"):
        name, _, says = part.partition("=")
        if says:
            yield name, says


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Unreadable("RRULE", "has a number that is none")
    return int(text)


def _numbers(text: str, low: int, high: int) -> frozenset[int]:
    numbers = frozenset(_number(each) for each in text.split(",") if each)
    if any(not low <= each <= high or (low < 0 and each == 0) for each in numbers):
        raise Unreadable("RRULE", "has a number that is out of range")
    return numbers


def _day(text: str) -> tuple[int, int]:
    found = _DAY.fullmatch(text)
    if found is None:
        raise Unreadable("RRULE", "has a weekday that is none")
    return int(found[1] or 0), _WEEKDAYS.index(found[2])


def walls(rule: Rule, start: datetime, *, first: datetime, last: datetime) -> Iterator[datetime]:
    """
    The wall times of *rule* from *first* to *last*, both included, in order; UNTIL is not looked at.

    *start* itself is among them only if the rule gives it.

    Args:
        start: DTSTART, naive as all the others.

    Raises:
        TooWild: The rule is too frequent, or needs more than `limits` to be worked out.
    """
    if rule.frequency in TOO_FREQUENT:
        raise TooWild
    rule = _completed(rule, start)
    most = rule.count if rule.count is not None and rule.count < _most_until(rule, start, last) else None
    given = (
        wall
        for period in _within_steps(_periods(rule, start, first=start if most else first, last=last))
        for wall in _in_positions(rule, period)
        if start <= wall <= last
    )
    return (wall for wall in islice(given, most) if wall >= first)


def _completed(rule: Rule, start: datetime) -> Rule:
    """*rule* with what RFC 5545 has it take from *start*, so that it can be begun anywhere."""
    hourly = rule.frequency is Frequency.HOURLY
    has_nth = rule.frequency in {Frequency.YEARLY, Frequency.MONTHLY}
    rule = replace(
        rule,
        by_day=rule.by_day if has_nth else frozenset((0, weekday) for _, weekday in rule.by_day),
        by_hour=rule.by_hour or frozenset(() if hourly else (start.hour,)),
        by_minute=rule.by_minute or frozenset((start.minute,)),
        by_second=rule.by_second or frozenset((start.second,)),
    )
    if rule.by_day or rule.by_month_day or rule.by_year_day:
        return rule
    if rule.frequency is Frequency.WEEKLY or (rule.frequency is Frequency.YEARLY and rule.by_week):
        return replace(rule, by_day=frozenset({(0, start.weekday())}))
    if rule.frequency is Frequency.YEARLY:
        month = rule.by_month or frozenset({start.month})
        return replace(rule, by_month=month, by_month_day=frozenset({start.day}))
    if rule.frequency is Frequency.MONTHLY:
        return replace(rule, by_month_day=frozenset({start.day}))
    return rule


def _most_until(rule: Rule, start: datetime, last: datetime) -> int:
    """More than *rule* can give until *last*: a COUNT beyond that need not be counted from the start."""
    a_day = (len(rule.by_hour) or 24) * len(rule.by_minute) * len(rule.by_second)
    return ((last - start).days + 2) * a_day


def _within_steps(periods: Iterator[list[datetime]]) -> Iterator[list[datetime]]:
    steps = 0
    for period in periods:
        steps += 1 + len(period)
        if steps > RULE_STEPS:
            raise TooWild
        yield period


def _in_positions(rule: Rule, period: list[datetime]) -> list[datetime]:
    if not rule.by_position:
        return period
    length = len(period)
    at = {position - 1 if position > 0 else length + position for position in rule.by_position}
    return [period[each] for each in sorted(at) if 0 <= each < length]


def _periods(rule: Rule, start: datetime, *, first: datetime, last: datetime) -> Iterator[list[datetime]]:
    """What each period gives that begins before *last*, from the last one that begins before *first* on."""
    first = max(first, start)
    if rule.frequency is Frequency.HOURLY:
        return _hours(rule, start, first, last)
    days = {
        Frequency.YEARLY: _years,
        Frequency.MONTHLY: _months,
        Frequency.WEEKLY: _weeks,
        Frequency.DAILY: _single_days,
    }[rule.frequency](rule, start, first, last)
    times = [
        time(h, m, s) for h in sorted(rule.by_hour) for m in sorted(rule.by_minute) for s in sorted(rule.by_second)
    ]
    return (_on_days(each, times) for each in days)


def _on_days(days: list[int], times: list[time]) -> list[datetime]:
    if len(days) * len(times) > PERIOD_OCCURRENCES:
        raise TooWild
    return [datetime.combine(day, each) for day in map(date.fromordinal, days) for each in times]


def _hours(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[list[datetime]]:
    begin = start.toordinal() * 24 + start.hour
    now = first.toordinal() * 24 + first.hour
    times = [(m, s) for m in sorted(rule.by_minute) for s in sorted(rule.by_second)]
    for hour in _aligned(begin, now, last.toordinal() * 24 + last.hour, rule.interval):
        ordinal, of_day = divmod(hour, 24)
        if (rule.by_hour and of_day not in rule.by_hour) or not _fits(rule, ordinal):
            yield []
        else:
            day = date.fromordinal(ordinal)
            yield [datetime.combine(day, time(of_day, m, s)) for m, s in times]


def _single_days(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[list[int]]:
    for day in _aligned(start.toordinal(), first.toordinal(), last.toordinal(), rule.interval):
        yield [day] if _fits(rule, day) else []


def _weeks(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[list[int]]:
    begin = start.toordinal() - (start.weekday() - rule.week_start) % 7
    for week in _aligned(begin, first.toordinal(), last.toordinal(), 7 * rule.interval):
        yield [day for day in range(max(week, 1), min(week + 7, date.max.toordinal() + 1)) if _fits(rule, day)]


def _months(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[list[int]]:
    for month in _aligned(_month(start), _month(first), _month(last), rule.interval):
        begin, end = _bounds(month)
        yield _days(rule, month, frame=(begin, end))


def _years(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[list[int]]:
    for year in _aligned(start.year, first.year, last.year, rule.interval):
        whole = (date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal())
        months = [(year - 1) * 12 + month - 1 for month in sorted(rule.by_month or range(1, 13))]
        # The 20th Monday is one of the year, but with BYMONTH of the month (3.3.10).
        yield [day for month in months for day in _days(rule, month, frame=None if rule.by_month else whole)]


def _aligned(begin: int, first: int, last: int, step: int) -> range:
    """*begin* and every *step*-th after it, to *last*, without those whole steps that end before *first*."""
    return range(begin + max(first - begin, 0) // step * step, last + 1, step)


def _month(wall: datetime) -> int:
    return (wall.year - 1) * 12 + wall.month - 1


def _bounds(month: int) -> tuple[int, int]:
    """The first and last day of *month*, which counts from January of the year 1."""
    begin = date(month // 12 + 1, month % 12 + 1, 1).toordinal()
    if month + 1 == _MONTHS_OF_TEN_THOUSAND_YEARS:
        return begin, date.max.toordinal()
    return begin, date((month + 1) // 12 + 1, (month + 1) % 12 + 1, 1).toordinal() - 1


def _days(rule: Rule, month: int, *, frame: tuple[int, int] | None) -> list[int]:
    """The days of *month* that fit; nth weekdays are counted in *frame*, or in the month where there is none."""
    begin, end = _bounds(month)
    length = end - begin + 1
    if rule.by_month_day:
        numbers = {each if each > 0 else length + 1 + each for each in rule.by_month_day}
        days = [begin + number - 1 for number in sorted(numbers) if 1 <= number <= length]
    else:
        days = list(range(begin, end + 1))
    return [day for day in days if _fits(rule, day, frame=frame or (begin, end))]


def _fits(rule: Rule, day: int, *, frame: tuple[int, int] | None = None) -> bool:
    """Whether *day* passes every BY part that is about days; nth weekdays are looked at within *frame* only."""
    if rule.by_day and not _is_weekday(rule, day, frame):
        return False
    if not (rule.by_month or rule.by_month_day or rule.by_year_day or rule.by_week):
        return True
    on = date.fromordinal(day)
    return (
        (not rule.by_month or on.month in rule.by_month)
        and (not rule.by_month_day or _is_month_day(rule, on))
        and (not rule.by_year_day or _is_year_day(rule, on))
        and (not rule.by_week or _is_in_week(rule, day))
    )


def _is_weekday(rule: Rule, day: int, frame: tuple[int, int] | None) -> bool:
    weekday = (day + 6) % 7  # day 1 was a Monday
    if (0, weekday) in rule.by_day or frame is None:
        return (0, weekday) in rule.by_day
    begin, end = frame
    return ((day - begin) // 7 + 1, weekday) in rule.by_day or ((day - end - 1) // 7, weekday) in rule.by_day


def _is_month_day(rule: Rule, on: date) -> bool:
    begin, end = _bounds((on.year - 1) * 12 + on.month - 1)
    return on.day in rule.by_month_day or on.day - (end - begin + 2) in rule.by_month_day


def _is_year_day(rule: Rule, on: date) -> bool:
    begin, end = date(on.year, 1, 1).toordinal(), date(on.year, 12, 31).toordinal()
    number = on.toordinal() - begin + 1
    return number in rule.by_year_day or number - (end - begin + 2) in rule.by_year_day


def _is_in_week(rule: Rule, day: int) -> bool:
    """Week 1 is the first with four days in the year (RFC 5545, 3.3.10), and so the one of January 4."""
    begin = day - (day + 6 - rule.week_start) % 7
    year = date.fromordinal(min(begin + 3, date.max.toordinal())).year
    first, last = (_week_begin(rule, date(year, *each)) for each in ((1, 4), (12, 28)))
    number, of = (begin - first) // 7 + 1, (last - first) // 7 + 1
    return number in rule.by_week or number - of - 1 in rule.by_week


def _week_begin(rule: Rule, on: date) -> int:
    return on.toordinal() - (on.weekday() - rule.week_start) % 7
