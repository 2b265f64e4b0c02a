"""
Owns the VTIMEZONE of a zone: the yearly rule that is in force at a date.

Leaves to `event` which moments of an appointment are written with it. The rules come from what the zone
actually does in the years ahead, not from its source text, so an announced change shows up as a rule that
does not fit.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_YEARS = 7
"""A rule must hold for so many years; within five the dates of a fourth Sunday and a last one part."""

_DAY = 86_400

_TZID = re.compile(r"[A-Za-z0-9_+\-/]+")

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_LAST = -1


class _Change(NamedTuple):
    """A moment (seconds since the epoch) and the zone's seconds ahead of UTC before and from it."""

    moment: int
    before: int
    after: int


class _Rule(NamedTuple):
    """Every year on the *nth* *weekday* (Monday is 0) of *month*, *second* after midnight by *before*."""

    month: int
    nth: int
    weekday: int
    second: int
    before: int
    after: int
    name: str

    def day(self, year: int) -> date:
        if self.nth == _LAST:
            end = date(year + self.month // 12, self.month % 12 + 1, 1) - timedelta(days=1)
            return end - timedelta(days=(end.weekday() - self.weekday) % 7)
        first = date(year, self.month, 1)
        return first + timedelta(days=(self.weekday - first.weekday()) % 7 + 7 * (self.nth - 1))

    def moment(self, year: int) -> int:
        midnight = datetime.combine(self.day(year), time(), UTC)
        return int(midnight.timestamp()) + self.second - self.before


def render_timezone(zone: ZoneInfo, at: date) -> str | None:
    """
    The VTIMEZONE of *zone* for dates in the year of *at* and the six after it, as CRLF text (RFC 5545,
    3.6.5).

    One STANDARD, and one DAYLIGHT when clocks change, each from 1970 on with a yearly RRULE: Outlook
    misreads lists of RDATE, and the "first Friday from the 23rd on" kind of rule. Of the two offsets the
    greater one is DAYLIGHT.

    Returns:
        `None` when the zone has no such rule then, or is UTC itself: write the times in UTC.
    """
    if not zone.key or not _TZID.fullmatch(zone.key) or not 1971 <= at.year <= 9000:
        return None
    return _render(zone, at.year)


@lru_cache(maxsize=2048)
def _render(zone: ZoneInfo, year: int) -> str | None:
    changes = list(_changes(zone, year))
    offset, name = _reading(zone, _new_year(year))
    if not changes:
        return None if name == "UTC" or offset % 60 else _block(zone.key, _fixed(offset, name))
    rules = _fit(zone, changes, year)
    if rules is None:
        return None
    into_standard, into_daylight = rules
    return _block(zone.key, _yearly("STANDARD", into_standard) + _yearly("DAYLIGHT", into_daylight))


def _fit(zone: ZoneInfo, changes: list[_Change], year: int) -> tuple[_Rule, _Rule] | None:
    """The rules into standard and into daylight time that foretell exactly *changes*, or nothing."""
    low, high = sorted((changes[0].before, changes[0].after))
    into_standard = _rule(zone, [c for c in changes if (c.before, c.after) == (high, low)])
    into_daylight = _rule(zone, [c for c in changes if (c.before, c.after) == (low, high)])
    if into_standard is None or into_daylight is None or low % 60 or high % 60:
        return None
    rules = (into_standard, into_daylight)
    foretold = sorted(rule.moment(y) for rule in rules for y in range(year, year + _YEARS))
    return rules if foretold == [c.moment for c in changes] else None


def _rule(zone: ZoneInfo, changes: list[_Change]) -> _Rule | None:
    """The nth-weekday rule of *changes*, all between the same offsets; not yet checked for missing years."""
    clocks = [datetime.fromtimestamp(c.moment + c.before, UTC) for c in changes]
    if len({(clock.month, clock.weekday(), clock.time()) for clock in clocks}) != 1:
        return None
    change, clock = changes[0], clocks[0]
    for nth in (_LAST, 1, 2, 3, 4):
        second = clock.hour * 3600 + clock.minute * 60 + clock.second
        name = _reading(zone, change.moment)[1]
        rule = _Rule(clock.month, nth, clock.weekday(), second, change.before, change.after, name)
        if all(rule.day(c.year) == c.date() for c in clocks):
            return rule
    return None


def _changes(zone: ZoneInfo, year: int) -> Iterator[_Change]:
    """Every change of offset from two days before *year* on, found day by day and then to the second."""
    low = _new_year(year) - 2 * _DAY
    before = _reading(zone, low)[0]
    for high in range(low + _DAY, _new_year(year + _YEARS) + 1, _DAY):
        after = _reading(zone, high)[0]
        if after != before:
            yield _Change(_first_moment(zone, high - _DAY, high, after), before, after)
            before = after


def _first_moment(zone: ZoneInfo, low: int, high: int, after: int) -> int:
    """The first moment in `(low, high]` with the offset *after*, which *high* has and *low* has not."""
    while high - low > 1:
        middle = (low + high) // 2
        if _reading(zone, middle)[0] == after:
            high = middle
        else:
            low = middle
    return high


def _reading(zone: ZoneInfo, moment: int) -> tuple[int, str]:
    """Seconds ahead of UTC and the abbreviation that *zone* shows at *moment*."""
    clock = datetime.fromtimestamp(moment, zone)
    return int((clock.utcoffset() or timedelta()).total_seconds()), clock.tzname() or zone.key


def _new_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _fixed(offset: int, name: str) -> list[str]:
    return [
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        f"TZOFFSETFROM:{_offset(offset)}",
        f"TZOFFSETTO:{_offset(offset)}",
        f"TZNAME:{name}",
        "END:STANDARD",
    ]


def _yearly(kind: str, rule: _Rule) -> list[str]:
    clock = datetime.combine(rule.day(1970), time()) + timedelta(seconds=rule.second)
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{clock:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(rule.before)}",
        f"TZOFFSETTO:{_offset(rule.after)}",
        f"TZNAME:{rule.name}",
        f"RRULE:FREQ=YEARLY;BYMONTH={rule.month};BYDAY={rule.nth}{_WEEKDAYS[rule.weekday]}",
        f"END:{kind}",
    ]


def _offset(seconds: int) -> str:
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}{minutes:02}"


def _block(tzid: str, observances: list[str]) -> str:
    return "\r\n".join(["BEGIN:VTIMEZONE", f"TZID:{tzid}", *observances, "END:VTIMEZONE", ""])


UTC_TIMEZONE = _block("Etc/UTC", _fixed(0, "UTC"))
"""A VTIMEZONE for UTC, which no time refers to: see `calendar` for its one use."""
