"""
Owns reading an iCalendar object, or a whole published file, that somebody else wrote: bounded, and whatever can be
read is kept.

Leaves what an event says to `own_view`, `occurrences` and `busy_spans`. The library is not used here: it keeps the
time zones that a document describes for the whole process, reads an unknown zone as none, and takes six times as long.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ics.errors import TooLarge, Unreadable
from ics.limits import FILE_COMPONENTS, FILE_DEPTH
from ics.read.content_line import Property, read_lines

_IN_CALENDAR = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"})
"""What stands in a calendar and in nothing else: where one begins, the one before it has ended."""

_CHANGES_BY_ITSELF = frozenset({"DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE"})

_LONGEST_UID = 1_000


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its properties in order, and what is nested in it."""

    name: str
    properties: tuple[Property, ...]
    components: tuple["Component", ...] = ()

    def all(self, name: str) -> list[Property]:
        """Every property *name* (capitals)."""
        return [each for each in self.properties if each.name == name]

    def first(self, name: str) -> Property | None:
        """The first property *name*; None where there is none."""
        for each in self.properties:
            if each.name == name:
                return each
        return None

    def word(self, name: str) -> str:
        """The value of *name* in capitals, for properties with a fixed set of values; empty where there is none."""
        found = self.first(name)
        return found.value.strip().upper() if found is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarObject:
    """
    What an object or file holds of use to us.

    Attributes:
        timezones: Its VTIMEZONEs by TZID.
        zone_name: X-WR-TIMEZONE: where its floating times are, by some who write files.
        product: PRODID, by which peculiarities of its writer are told.
        problems: What was not as it should be, in plain words.
    """

    events: tuple[Component, ...]
    free_busy: tuple[Component, ...]
    timezones: Mapping[str, Component]
    zone_name: str | None
    product: str
    problems: tuple[str, ...]


def read_object(text: str) -> CalendarObject:
    """
    What *text* holds, which is one VCALENDAR or several; bytes that were no UTF-8 are replaced by the caller.

    Raises:
        TooLarge: It is beyond `limits`.
        Unreadable: It is no calendar (empty, a log-in page), or breaks off before its end: what is missing from it
            may not be taken for deleted.
    """
    builder = _Builder()
    for line in read_lines(text):
        builder.take(line)
    calendars = builder.finish()
    inside = [each for calendar in calendars for each in calendar.components]
    return CalendarObject(
        events=tuple(each for each in inside if each.name == "VEVENT"),
        free_busy=tuple(each for each in inside if each.name == "VFREEBUSY"),
        timezones=_timezones(inside),
        zone_name=_header(calendars, "X-WR-TIMEZONE") or None,
        product=_header(calendars, "PRODID"),
        problems=tuple(sorted(builder.problems)),
    )


def uid_of(component: Component) -> str | None:
    """Its UID; None where there is none that could be one."""
    found = component.first("UID")
    uid = found.value.strip() if found is not None else ""
    return uid if 0 < len(uid) <= _LONGEST_UID else None


def split_file(text: str) -> list[tuple[str, str]]:
    """
    The objects of a published file in its order: UID and iCalendar text, one for each UID (RFC 4791, 4.1).

    A text holds the event with its overrides, the zones that they name and X-WR-TIMEZONE; its lines are unfolded, and
    alarms are left out. An event without a UID gets one made from what it says, which stays while that stays.

    Raises:
        TooLarge, Unreadable: As `read_object`.
    """
    calendar = read_object(text)
    objects: dict[str, list[Component]] = {}
    for each in calendar.events:
        objects.setdefault(uid_of(each) or _derived_uid(each), []).append(each)
    for number, each in enumerate(calendar.free_busy):
        # What it says changes all the time: its place in the file is all that stays.
        objects.setdefault(uid_of(each) or f"no-uid-free-busy-{number}", []).append(each)
    return [(uid, write_object(calendar, uid, components)) for uid, components in objects.items()]


def write_object(calendar: CalendarObject, uid: str, components: Sequence[Component]) -> str:
    """*components* of *calendar*, all of *uid*, as an object by itself."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    if calendar.product:
        lines.append(f"PRODID:{calendar.product}")
    if calendar.zone_name:
        lines.append(f"X-WR-TIMEZONE:{calendar.zone_name}")
    for _, timezone in zones_named(calendar, components):
        lines += _lines(timezone)
    body = [line for each in components for line in _body(each, uid)]
    return "\r\n".join([*lines, *body, "END:VCALENDAR", ""])


def zones_named(calendar: CalendarObject, components: Sequence[Component]) -> list[tuple[str, Component]]:
    """Of the VTIMEZONEs of *calendar* those that *components* name: TZID and zone."""
    named = dict.fromkeys(each.parameter("TZID") or "" for one in components for each in one.properties)
    return [(tzid, calendar.timezones[tzid]) for tzid in named if tzid in calendar.timezones]


def _body(component: Component, uid: str) -> Iterator[str]:
    yield f"BEGIN:{component.name}"
    yield f"UID:{uid}"
    for each in component.properties:
        if each.name != "UID":
            yield each.line()
    yield f"END:{component.name}"


def _lines(component: Component) -> list[str]:
    inner = [line for each in component.components for line in _lines(each)]
    return [f"BEGIN:{component.name}", *(each.line() for each in component.properties), *inner, f"END:{component.name}"]


def _derived_uid(event: Component) -> str:
    says = sorted(each.line() for each in event.properties if each.name not in _CHANGES_BY_ITSELF | {"UID"})
    return "no-uid-" + hashlib.sha256("\n".join(says).encode("utf-8", "replace")).hexdigest()[:32]


def _timezones(components: Iterable[Component]) -> dict[str, Component]:
    zones: dict[str, Component] = {}
    for each in components:
        tzid = each.first("TZID") if each.name == "VTIMEZONE" else None
        if tzid is not None:
            zones.setdefault(tzid.value.strip(), each)
    return zones


def _header(calendars: Iterable[Component], name: str) -> str:
    found = (calendar.first(name) for calendar in calendars)
    return next((each.value.strip() for each in found if each is not None), "")


@dataclass(slots=True)
class _Open:
    """A component that has begun and not ended."""

    name: str
    properties: list[Property] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


@dataclass(slots=True)
class _Builder:
    """Makes components of lines. What is outside of every calendar is passed over."""

    problems: set[str] = field(default_factory=set)
    _open: list[_Open] = field(default_factory=list)
    _calendars: list[Component] = field(default_factory=list)
    _begun: int = 0

    def take(self, line: Property | None) -> None:
        if line is None:
            if self._open:
                self.problems.add("Lines that mean nothing were passed over.")
        elif line.name == "BEGIN":
            self._begin(line.value.strip().upper())
        elif line.name == "END":
            self._end(line.value.strip().upper())
        elif self._open:
            self._open[-1].properties.append(line)

    def finish(self) -> list[Component]:
        if self._open:
            raise Unreadable("document", "breaks off before its end")
        if not self._calendars:
            raise Unreadable("document", "is not a calendar")
        return self._calendars

    def _begin(self, name: str) -> None:
        self._begun += 1
        if self._begun > FILE_COMPONENTS:
            raise TooLarge("components", FILE_COMPONENTS)
        if name == "VCALENDAR":
            self._close_down_to(0)
        elif not self._open:
            return
        elif name in _IN_CALENDAR:
            self._close_down_to(1)
        if len(self._open) >= FILE_DEPTH:
            raise TooLarge("nested components", FILE_DEPTH)
        self._open.append(_Open(name))

    def _end(self, name: str) -> None:
        depth = next((at for at in range(len(self._open) - 1, -1, -1) if self._open[at].name == name), None)
        if depth is None:
            return
        self._close_down_to(depth + 1)
        self._close()

    def _close_down_to(self, depth: int) -> None:
        while len(self._open) > depth:
            self.problems.add("A component has no end; it ends where the next one begins.")
            self._close()

    def _close(self) -> None:
        done = self._open.pop()
        component = Component(done.name, tuple(done.properties), tuple(done.components))
        (self._open[-1].components if self._open else self._calendars).append(component)
