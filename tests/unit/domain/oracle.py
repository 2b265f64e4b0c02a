"""
Owns the slow answer to "which starts are free?": minute by minute, with nothing but a zone's own clock.

Leaves being fast to `server.domain`. It shares no line of code with it, so that they cannot be wrong together.
"""

from datetime import UTC, date, datetime, timedelta

from server.domain.hours import WeeklyWindow
from server.domain.rules import Question

MINUTE = 60


def offered(q: Question) -> list[int]:
    """The starts of `q.window` that can be booked."""
    walk = _Walk(q)
    return [s for s in range(-(-q.window[0] // MINUTE) * MINUTE, q.window[1], MINUTE) if walk.offers(s)]


class _Walk:
    """One question, and what the clock on the wall reads in each minute around it."""

    def __init__(self, q: Question) -> None:
        self.q = q
        self.readings: dict[int, datetime] = {}
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
        if q.service_hours and not all(self._in(q.service_hours, m) for m in service):
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
        """What a clock on the wall shows."""
        if moment not in self.readings:
            at = datetime.fromtimestamp(moment, UTC).astimezone(self.q.zone)
            self.readings[moment] = at.replace(tzinfo=None, fold=0)
        return self.readings[moment]

    def _open(self, moment: int) -> bool:
        return any(True for _ in self._windows_around(moment))

    def _on_grid(self, s: int) -> bool:
        return any((self._reading(s) - begin).total_seconds() % self.q.step_s == 0 for begin in self._windows_around(s))

    def _windows_around(self, moment: int) -> "list[datetime]":
        """When the windows that the reading lies in began, by the same clock."""
        reading = self._reading(moment)
        found = []
        for back in range(4):
            day = reading.date() - timedelta(days=back)
            midnight = datetime(day.year, day.month, day.day)
            for start, end in self._windows_of(day):
                if midnight + timedelta(minutes=start) <= reading < midnight + timedelta(minutes=end):
                    found.append(midnight + timedelta(minutes=start))
        return found

    def _windows_of(self, day: date) -> list[tuple[int, int]]:
        for exception in self.q.exceptions:
            if exception.day == day:
                return list(exception.windows)
        if day in self.q.holidays:
            return []
        return _weekly(self.q.weekly, day)

    def _in(self, windows: tuple[WeeklyWindow, ...], moment: int) -> bool:
        reading = self._reading(moment)
        for back in range(4):
            day = reading.date() - timedelta(days=back)
            midnight = datetime(day.year, day.month, day.day)
            for start, end in _weekly(windows, day):
                if midnight + timedelta(minutes=start) <= reading < midnight + timedelta(minutes=end):
                    return True
        return False


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
