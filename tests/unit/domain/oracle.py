"""
Owns the slow answers, found by watching a zone's own clock: when it jumps, and which starts are free, minute by minute.

Leaves being fast to `server.domain`. It shares no line of code with it, so that they cannot be wrong together.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from server.domain.hours import WeeklyWindow
from server.domain.rules import Question

MINUTE = 60
HOUR = 3600
BEGIN = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
END = BEGIN + 3 * 366 * 24 * HOUR
"""Three years, from a date that stays."""
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
"""Those that a person could mean."""


class Change(NamedTuple):
    """A moment at which the clock of a zone jumps, and how far it is ahead of UTC before and after, in seconds."""

    zone: str
    moment: int
    before: int
    after: int

    @property
    def where(self) -> ZoneInfo:
        """The zone itself."""
        return ZoneInfo(self.zone)


def clock_changes(name: str, begin: int, end: int) -> list[Change]:
    """The jumps of a clock that is looked at every six hours, and every minute of those in which it has jumped."""
    where, found = ZoneInfo(name), []
    for low in range(begin, end, 6 * HOUR):
        high = min(low + 6 * HOUR, end)
        if ahead(where, low) == ahead(where, high):
            continue
        for moment in range(low + MINUTE, high + MINUTE, MINUTE):
            before, after = ahead(where, moment - MINUTE), ahead(where, moment)
            if before != after:
                found.append(Change(name, moment, before, after))
    return found


@lru_cache(maxsize=1)
def distinct_changes() -> tuple[Change, ...]:
    """Every jump of the three years, once for all zones whose clocks jump alike at that moment."""
    alike: dict[tuple[int, int, int], Change] = {}
    for name in ZONES:
        for change in clock_changes(name, BEGIN, END):
            alike.setdefault(change[1:], change)
    return tuple(sorted(alike.values()))


def ahead(where: ZoneInfo, moment: int) -> int:
    """Seconds that *where* is ahead of UTC."""
    return int(datetime.fromtimestamp(moment, where).utcoffset().total_seconds())


def reading(where: ZoneInfo, moment: int) -> datetime:
    """What a clock on the wall shows: naive, and the same in both passes of a fold."""
    return datetime.fromtimestamp(moment, UTC).astimezone(where).replace(tzinfo=None, fold=0)


def offered(q: Question) -> list[int]:
    """The starts of `q.window` that can be booked."""
    walk = _Walk(q)
    return [s for s in range(-(-q.window[0] // MINUTE) * MINUTE, q.window[1], MINUTE) if walk.offers(s)]


class _Walk:
    """One question, and what the clock on the wall reads in each minute around it."""

    def __init__(self, q: Question) -> None:
        self.q = q
        self.readings: dict[int, datetime] = {}
        self.windows_of = lru_cache(self._windows_of)
        self.service_windows_of = lru_cache(lambda day: _weekly(q.service_hours, day))
        self.open: dict[int, list[int]] = {}
        self.served: dict[int, list[int]] = {}
        self.busy = _minutes(q.busy)
        self.claims = _minutes(q.claims)
        self.needs = [[_minutes(taken) for taken in alternatives] for alternatives in q.needs]

    def offers(self, s: int) -> bool:
        q = self.q
        service = range(s, s + q.duration_s, MINUTE)
        whole = range(s - q.buffer_before_s, s + q.duration_s + q.buffer_after_s, MINUTE)
        if s < q.now or s < q.now + q.notice_s or s > q.now + q.horizon_s:
            return False
        if q.customer_remaining is not None and q.customer_remaining <= 0:
            return False
        if not all(self._open(m) for m in service):
            return False
        if q.service_hours and not all(self._served(m) for m in service):
            return False
        if any(m in self.busy for m in whole):
            return False
        if s in q.classes:
            return q.classes[s] > 0
        return self._on_grid(s) and self._free_of_others(s, whole)

    def _free_of_others(self, s: int, whole: range) -> bool:
        q = self.q
        if any(m in self.claims for m in whole):
            return False
        if not all(any(not any(m in taken for m in whole) for taken in need) for need in self.needs):
            return False
        return q.daily_cap is None or q.booked_on.get(self._reading(s).date(), 0) < q.daily_cap

    def _reading(self, moment: int) -> datetime:
        if moment not in self.readings:
            self.readings[moment] = reading(self.q.zone, moment)
        return self.readings[moment]

    def _open(self, moment: int) -> list[int]:
        if moment not in self.open:
            self.open[moment] = _ages_s(self.windows_of, self._reading(moment))
        return self.open[moment]

    def _served(self, moment: int) -> list[int]:
        if moment not in self.served:
            self.served[moment] = _ages_s(self.service_windows_of, self._reading(moment))
        return self.served[moment]

    def _on_grid(self, s: int) -> bool:
        return any(age_s % self.q.step_s == 0 for age_s in self._open(s))

    def _windows_of(self, day: date) -> list[tuple[int, int]]:
        for exception in self.q.exceptions:
            if exception.day == day:
                return list(exception.windows)
        if day in self.q.holidays:
            return []
        return _weekly(self.q.weekly, day)


def _ages_s(windows_of: Callable[[date], list[tuple[int, int]]], shown: datetime) -> list[int]:
    """How long ago, by the clock on the wall, the windows began that hold the reading *shown*."""
    found = []
    for back in range(4):
        since_midnight_s = back * 24 * HOUR + shown.hour * HOUR + shown.minute * MINUTE + shown.second
        for start_min, end_min in windows_of(shown.date() - timedelta(days=back)):
            if start_min * MINUTE <= since_midnight_s < end_min * MINUTE:
                found.append(since_midnight_s - start_min * MINUTE)
    return found


def _weekly(windows: tuple[WeeklyWindow, ...], day: date) -> list[tuple[int, int]]:
    return [
        (w.start_min, w.end_min)
        for w in windows
        if w.weekday == day.weekday()
        and not (w.valid_from and day < w.valid_from)
        and not (w.valid_until and day > w.valid_until)
    ]


def _minutes(spans: object) -> set[int]:
    return {m for start, end in spans for m in range(start, end, MINUTE)}  # type: ignore[attr-defined]
