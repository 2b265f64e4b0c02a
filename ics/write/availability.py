"""
Owns published working hours: VAVAILABILITY (RFC 7953), weekly hours and the dates that differ.

Leaves time that is taken to `busy` and `freebusy`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import icalendar
from icalendar.prop import vRecur

from ics.event import Method
from ics.write.calendar import assemble
from ics.write.text import Text
from ics.write.timezone import render_timezone

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
Window = tuple[int, int]
"""Minutes from local midnight; the end may be 1440 or, past midnight, more."""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open on *weekdays* (Monday is 0), each within *window*."""

    weekdays: Sequence[int]
    window: Window


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours at one place: *differing* are dates whose windows are others; none at all means closed."""

    zone: ZoneInfo
    weekly: Sequence[WeeklyHours]
    differing: Mapping[date, Sequence[Window]]


def render_availability(
    places: Iterable[Hours], *, begins: date, days: int, uid: str, stamp: datetime, prodid: str
) -> bytes:
    """
    The document of the hours at *places* for *days* from *begins* on, one VAVAILABILITY each.

    Weekly hours are recurring AVAILABLE components in local time, less the dates that differ; each of those is written
    out. A zone without a yearly rule of its own gets every day written out in UTC.
    """
    texts: list[str] = []
    zones: dict[str, str] = {}
    for number, hours in enumerate(places):
        rule = render_timezone(hours.zone, begins)
        zones |= {hours.zone.key: rule} if rule is not None else {}
        name = f"{uid}-{number}"
        texts.append(_component(hours, begins, days, uid=name, stamp=stamp, in_utc=rule is None))
    return assemble(texts, method=Method.PUBLISH, prodid=prodid, zones=zones)


def _component(hours: Hours, begins: date, days: int, *, uid: str, stamp: datetime, in_utc: bool) -> str:
    zone, differing = hours.zone, hours.differing
    component = icalendar.Availability()
    component["UID"] = Text(uid)
    component.add("DTSTAMP", stamp.astimezone(UTC))
    component.add("DTSTART", _moment(begins, 0, zone).astimezone(UTC))
    component.add("DTEND", _moment(begins + timedelta(days=days), 0, zone).astimezone(UTC))
    component["BUSYTYPE"] = Text("BUSY-UNAVAILABLE")
    component["PRIORITY"] = icalendar.vInt(5)
    last = begins + timedelta(days=days - 1)
    if not in_utc:
        for number, some in enumerate(hours.weekly):
            recurring = _recurring(some, differing, zone, begins, last=last, uid=f"{uid}-{number}", stamp=stamp)
            if recurring is not None:
                component.add_component(recurring)
    for day in (begins + timedelta(days=n) for n in range(days)):
        windows = differing.get(day)
        if windows is None and in_utc:
            windows = [some.window for some in hours.weekly if day.weekday() in some.weekdays]
        for window in windows or ():
            name = f"{uid}-{day:%Y%m%d}-{window[0]}"
            component.add_component(_once(day, window, zone, in_utc=in_utc, uid=name, stamp=stamp))
    text: bytes = component.to_ical(sorted=False)
    return text.decode()


def _recurring(
    hours: WeeklyHours,
    differing: Mapping[date, Sequence[Window]],
    zone: ZoneInfo,
    begins: date,
    *,
    last: date,
    uid: str,
    stamp: datetime,
) -> icalendar.Available | None:
    days = (begins + timedelta(days=n) for n in range(7))
    first = next((day for day in days if day.weekday() in hours.weekdays), None)
    if first is None or first > last:
        return None
    component = icalendar.Available()
    component["UID"] = Text(uid)
    component.add("DTSTAMP", stamp.astimezone(UTC))
    component.add("DTSTART", _moment(first, hours.window[0], zone))
    component.add("DTEND", _moment(first, hours.window[1], zone))
    until = _moment(last, hours.window[0], zone).astimezone(UTC)
    component["RRULE"] = vRecur(FREQ="WEEKLY", BYDAY=[_DAYS[day] for day in sorted(hours.weekdays)], UNTIL=until)
    without = [day for day in sorted(differing) if day.weekday() in hours.weekdays and first <= day <= last]
    if without:
        component.add("EXDATE", [_moment(day, hours.window[0], zone) for day in without])
    return component


def _once(day: date, window: Window, zone: ZoneInfo, *, in_utc: bool, uid: str, stamp: datetime) -> icalendar.Available:
    component = icalendar.Available()
    component["UID"] = Text(uid)
    component.add("DTSTAMP", stamp.astimezone(UTC))
    for name, minute in zip(("DTSTART", "DTEND"), window, strict=True):
        moment = _moment(day, minute, zone)
        component.add(name, moment.astimezone(UTC) if in_utc else moment)
    return component


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Wall time: minute 1440 is midnight of the next day, whatever the clocks do in between."""
    days, rest = divmod(minute, 1440)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)
