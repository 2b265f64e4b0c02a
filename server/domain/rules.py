"""
Owns the availability rules: one small function each, and the list that orders them.

Leaves the list of free starts, and the words of an explanation, to `slots`.

A rule answers with the set of *starts* that it refuses. All rules speak the same language, so free starts are the
grid without the union of the refusals, and an explanation is the rules whose refusal holds the start. A new rule is
one function and one line in `RULES`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.domain.hours import DateException, Sheet, WeeklyWindow, open_sheet
from server.domain.intervals import Spans, complement, intersect, subtract, union
from server.domain.zones import instants, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    Which starts are free for one service of one provider at one location?

    Moments and lengths are whole seconds (`intervals`); `claims`, `busy` and `needs` come in any order.
    """

    zone: ZoneInfo
    window: tuple[int, int]
    """Starts in `[a, b)` are asked about."""
    now: int
    duration_s: int
    buffer_before_s: int = 0
    buffer_after_s: int = 0
    step_s: int = 1800
    notice_s: int = 0
    horizon_s: int = 90 * 86_400
    weekly: tuple[WeeklyWindow, ...] = ()
    exceptions: tuple[DateException, ...] = ()
    holidays: frozenset[date] = frozenset()
    service_hours: tuple[WeeklyWindow, ...] = ()
    """None: the service keeps the provider's hours."""
    busy: Spans = ()
    claims: Spans = ()
    needs: tuple[tuple[Spans, ...], ...] = ()
    """For each need of the service, the taken time of each resource that could meet it."""
    daily_cap: int | None = None
    booked_on: Mapping[date, int] = field(default_factory=dict)
    """Appointments of the provider per local date."""
    customer_remaining: int | None = None
    """How many more this customer may book; None is no limit."""
    classes: Mapping[int, int] = field(default_factory=dict)
    """Start of each class of this service that exists already, and the places left in it."""
    calendar_unknown: bool = False
    """The provider's own calendar has not been read for longer than the business allows."""
    backdate_s: int = 0
    """So long before `now` a start is not past yet."""
    sheet: Sheet | None = None
    """The opening time around `window`, where the asker has worked it out already."""


def past(q: Question, _: Sheet) -> Spans:
    """Before now."""
    return _below(q, q.now - q.backdate_s)


def notice(q: Question, _: Sheet) -> Spans:
    """Sooner than the service's minimum notice."""
    return _below(q, q.now + q.notice_s) if q.notice_s else ()


def horizon(q: Question, _: Sheet) -> Spans:
    """Further ahead than the service can be booked."""
    first_beyond = q.now + q.horizon_s + 1
    return [(max(first_beyond, q.window[0]), q.window[1])] if first_beyond < q.window[1] else ()


def hours(q: Question, sheet: Sheet) -> Spans:
    """Outside the provider's hours, or too late to end within them."""
    return complement(_fitting(sheet.ordinary, q.duration_s), q.window)


def holiday(q: Question, sheet: Sheet) -> Spans:
    """Closed for a public holiday."""
    return _taken_away(sheet.ordinary, sheet.without_holidays, q.duration_s)


def exception(q: Question, sheet: Sheet) -> Spans:
    """Closed, or open at other hours, on that one date."""
    return _taken_away(sheet.without_holidays, sheet.open, q.duration_s)


def service_hours(q: Question, _: Sheet) -> Spans:
    """Outside the hours that the service itself keeps."""
    if not q.service_hours:
        return ()
    offered = open_sheet(q.zone, (q.window[0], q.window[1] + q.duration_s), weekly=q.service_hours).open
    return complement(_fitting(offered, q.duration_s), q.window)


def busy(q: Question, _: Sheet) -> Spans:
    """Over time off or an event of the provider's own calendar."""
    return _colliding(q, q.busy)


def calendar(q: Question, _: Sheet) -> Spans:
    """Not known to be free: the provider's own calendar could not be read for too long."""
    return [q.window] if q.calendar_unknown else ()


def claims(q: Question, _: Sheet) -> Spans:
    """Over another appointment or hold of the provider, buffers included."""
    return _colliding(q, q.claims)


def capacity(q: Question, _: Sheet) -> Spans:
    """The class at this time has no place left."""
    return [(start, start + 1) for start, left in sorted(q.classes.items()) if left <= 0]


def resources(q: Question, _: Sheet) -> Spans:
    """While every room or device that the service could use is taken."""
    refused: list[tuple[int, int]] = []
    for alternatives in q.needs:
        all_taken: Spans = [q.window]
        for taken in alternatives:
            all_taken = intersect(all_taken, union(_colliding(q, taken)))
        refused += all_taken
    return refused


def daily_cap(q: Question, _: Sheet) -> Spans:
    """On a date when the provider has as many appointments as they take a day."""
    if q.daily_cap is None:
        return ()
    if q.daily_cap <= 0:
        return [q.window]
    full = [midnight(day) for day, booked in q.booked_on.items() if booked >= q.daily_cap]
    # Not the span of the date: a clock that goes back over midnight shows a date in two parts.
    return [part for begin in full for part in instants(q.zone, begin, begin + 86_400)]


def customer_limit(q: Question, _: Sheet) -> Spans:
    """The customer has as many upcoming appointments as the service allows."""
    return [q.window] if q.customer_remaining is not None and q.customer_remaining <= 0 else ()


class Rule(NamedTuple):
    """A rule: its public name, the starts it refuses, and for whom it holds."""

    name: str
    refuses: Callable[[Question, Sheet], Spans]
    for_joining: bool = True
    """It holds for joining a class that exists."""
    is_taken: bool = False
    """What it refuses would be offered, were it not for others: whose time it is, is nobody's business."""
    binds_staff: bool = False
    """It is no promise to customers, which staff may break, but about what is possible."""
    settled_by_hold: bool = False
    """Asked when a time is held, and not again: what was edited since, or has come too near, breaks no promise."""


RULES: Sequence[Rule] = (
    Rule("past", past, binds_staff=True),
    Rule("notice", notice, settled_by_hold=True),
    Rule("horizon", horizon, settled_by_hold=True),
    Rule("hours", hours, settled_by_hold=True),
    Rule("holiday", holiday, settled_by_hold=True),
    Rule("exception", exception, settled_by_hold=True),
    Rule("service-hours", service_hours, settled_by_hold=True),
    Rule("busy", busy, is_taken=True, binds_staff=True),
    Rule("calendar", calendar),
    Rule("claims", claims, for_joining=False, is_taken=True, binds_staff=True),
    Rule("capacity", capacity, is_taken=True, binds_staff=True, settled_by_hold=True),
    Rule("resources", resources, for_joining=False, is_taken=True, binds_staff=True),
    Rule("daily-cap", daily_cap, for_joining=False, is_taken=True, settled_by_hold=True),
    Rule("customer-limit", customer_limit),
)


def sheet_for(q: Question) -> Sheet:
    """The opening time that *q* is about."""
    if q.sheet is not None:
        return q.sheet
    return open_sheet(
        q.zone,
        (q.window[0], q.window[1] + q.duration_s),
        weekly=q.weekly,
        exceptions=q.exceptions,
        holidays=q.holidays,
    )


def _below(q: Question, first_allowed: int) -> Spans:
    return [(q.window[0], min(first_allowed, q.window[1]))] if first_allowed > q.window[0] else ()


def _fitting(is_open: Spans, duration: int) -> list[tuple[int, int]]:
    """The starts from which *duration* fits into *is_open*."""
    return [(start, end - duration + 1) for start, end in is_open if end - start >= duration]


def _taken_away(before: Spans, after: Spans, duration: int) -> Spans:
    """The starts that fitted *before* and do not fit *after*."""
    if before is after:
        return ()
    return subtract(_fitting(before, duration), _fitting(after, duration))


def _colliding(q: Question, taken: Spans) -> list[tuple[int, int]]:
    """The starts whose appointment, buffers included, would overlap one of *taken*."""
    reach = q.duration_s + q.buffer_after_s - 1
    before = q.buffer_before_s
    return [(start - reach, end + before) for start, end in taken]
