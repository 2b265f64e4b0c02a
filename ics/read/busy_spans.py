"""
Owns which events make their time busy, and the spans of it.

Leaves when an event takes place to `occurrences`, and what is kept of it afterwards to `keeping`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from ics.errors import OutOfTime, TooLarge, Unreadable
from ics.limits import OCCURRENCES, PROBLEMS
from ics.read.calendar_object import CalendarObject, Component, read_object, uid_of
from ics.read.moment import Clocks, Length, read_moments
from ics.read.occurrences import Frame, Occurrence, expand, repeats

_MAILTO = re.compile(r"(?i)mailto:")

_BUSYSTATUS = {
    "FREE": "FREE",
    "TENTATIVE": "TENTATIVE",
    "BUSY": "BUSY",
    "OOF": "BUSY",
    "WORKINGELSEWHERE": "FREE",
}
"""What X-MICROSOFT-CDO-BUSYSTATUS says (MS-OXCICAL, 2.1.3.1.1.20.31); other values say nothing."""

_FBTYPE = {"FREE": "FREE", "BUSY-TENTATIVE": "TENTATIVE"}
"""What FBTYPE says; BUSY, BUSY-UNAVAILABLE and every value that nobody knows are busy (RFC 5545, 3.2.9)."""

_MICROSOFT = ("MICROSOFT", "DAVMAIL")
"""In the PRODID of what Exchange has written, or says through a gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyRules:
    """
    What a provider has chosen to count as busy.

    Attributes:
        tentative: Events that are not sure yet.
        all_day: Events of whole days.
        unanswered: Invitations that the provider has not answered.
        addresses: Of the provider, in lower case and without `mailto:`; by them ATTENDEE is recognised.
    """

    tentative: bool = True
    all_day: bool = True
    unanswered: bool = True
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """
    When an object makes its calendar's owner busy.

    Attributes:
        uid: The first that the object names.
        spans: (start, end, key) in whole seconds since 1970, half-open, clipped to the window, in order of start. They
            may overlap. No two have the same key: the RECURRENCE-ID in UTC, a day, or empty; with `#2` and so on
            where an object says several things of one.
        problems: What was not clear, in plain words; nothing of what the event is about.
        repeats: It recurs: another window may hold more of it.
        later: Something of it is beyond the end of the window.
        lost: Something that should count could not be read: what was known of the object before may say more.
    """

    uid: str | None
    spans: list[tuple[int, int, str]]
    problems: list[str]
    repeats: bool = False
    later: bool = False
    lost: bool = False


def busy_of(text: str, *, window: tuple[int, int], zone: ZoneInfo, rules: BusyRules) -> Busy:
    """
    The busy spans of *text*, an iCalendar object: an event with its overrides, or free/busy time.

    Never raises for what *text* says: what cannot be read at all is a problem and blocks nothing; what can be read and
    not be worked out blocks all the time in which it could be.

    Args:
        window: Half-open, in whole seconds since 1970.
        zone: Of the calendar, for whole days, floating times, and zones that nobody knows.
    """
    try:
        calendar = read_object(text)
        return _busy_of(calendar, window=window, zone=zone, rules=rules)
    except (Unreadable, TooLarge) as refusal:
        return Busy(uid=None, spans=[], problems=[f"It cannot be read: {refusal}"], lost=True)
    except OutOfTime:
        return busy_throughout(window, "It takes too long to read; it blocks all the time.")


def busy_throughout(window: tuple[int, int], problem: str) -> Busy:
    """Busy all the time, for what nobody could work out."""
    return Busy(uid=None, spans=[(*window, "")], problems=[problem], repeats=True, later=True)


def blocks(event: Component, rules: BusyRules, *, product: str) -> bool:
    """Whether *event*, from a calendar that *product* (PRODID) has written, makes its time busy."""
    status = event.word("STATUS")
    if status == "CANCELLED" or _is_refused(event, rules) or (not rules.all_day and _is_all_day(event)):
        return False
    shown = _shown_as(event, is_microsoft=any(each in product.upper() for each in _MICROSOFT))
    if shown == "FREE":
        return False
    return rules.tentative or "TENTATIVE" not in (status, shown)


def answer_of(event: Component, addresses: frozenset[str]) -> str | None:
    """What the owner of *addresses* has answered, as PARTSTAT; None if not invited, or inviting."""
    if any(_address(each.value) in addresses for each in event.all("ORGANIZER")):
        return None
    answers = {
        (each.parameter("PARTSTAT") or "NEEDS-ACTION").upper()
        for each in event.all("ATTENDEE")
        if _address(each.value) in addresses or _address(each.parameter("EMAIL") or "") in addresses
    }
    # Invited twice, under two addresses: one answer that is not No is enough.
    return next(iter(sorted(answers - {"DECLINED", "NEEDS-ACTION"}) or sorted(answers, reverse=True)), None)


def _is_refused(event: Component, rules: BusyRules) -> bool:
    answer = answer_of(event, rules.addresses) if rules.addresses else None
    return answer == "DECLINED" or (answer == "NEEDS-ACTION" and not rules.unanswered)


def _is_all_day(event: Component) -> bool:
    start = event.first("DTSTART")
    if start is None:
        return False
    is_day = "T" not in start.value.upper() or (start.parameter("VALUE") or "").upper() == "DATE"
    return is_day or event.word("X-MICROSOFT-CDO-ALLDAYEVENT") == "TRUE"


def _shown_as(event: Component, *, is_microsoft: bool) -> str:
    """FREE, TENTATIVE or BUSY, as TRANSP and Microsoft's own property say; which one counts depends on the writer."""
    transparency = event.word("TRANSP")
    said = _BUSYSTATUS.get(event.word("X-MICROSOFT-CDO-BUSYSTATUS"))
    if said is not None and (is_microsoft or not transparency):
        return said
    if transparency == "TRANSPARENT":
        return "FREE"
    return "TENTATIVE" if said == "TENTATIVE" else "BUSY"


def _address(uri: str) -> str:
    return unquote(_MAILTO.sub("", uri.strip(), count=1)).strip().lower()


def _busy_of(calendar: CalendarObject, *, window: tuple[int, int], zone: ZoneInfo, rules: BusyRules) -> Busy:
    clocks = Clocks(calendar, local=zone)
    frame = Frame(
        start=window[0],
        end=window[1],
        clocks=clocks,
        wanted=lambda event: blocks(event, rules, product=calendar.product),
    )
    found = [occurrence for events in _by_uid(calendar) for occurrence in expand(events, frame)]
    found += [occurrence for each in calendar.free_busy for occurrence in _free_busy(each, frame, rules)]
    if len(found) > OCCURRENCES:
        clocks.report("There is more in this object than is worked out; it blocks all the time.")
        found = list(frame.clip("", frame.start, frame.end))
    if not calendar.events and not calendar.free_busy:
        clocks.report("There is no event in it.")
    return Busy(
        uid=next((uid for uid in map(uid_of, (*calendar.events, *calendar.free_busy)) if uid), None),
        spans=_with_keys(found),
        problems=[*calendar.problems, *clocks.problems][:PROBLEMS],
        repeats=any(repeats(event) for event in calendar.events),
        later=frame.later,
        lost=frame.lost or not (calendar.events or calendar.free_busy),
    )


def _by_uid(calendar: CalendarObject) -> list[list[Component]]:
    groups: dict[str | None, list[Component]] = {}
    for event in calendar.events:
        groups.setdefault(uid_of(event), []).append(event)
    return list(groups.values())


def _free_busy(component: Component, frame: Frame, rules: BusyRules) -> Iterator[Occurrence]:
    for line in component.all("FREEBUSY"):
        kind = _FBTYPE.get((line.parameter("FBTYPE") or "").upper(), "BUSY")
        if kind == "FREE" or (kind == "TENTATIVE" and not rules.tentative):
            continue
        try:
            periods = list(read_moments(line, frame.clocks, instead=frame.clocks.floating))
        except Unreadable as refusal:
            frame.lost = True
            frame.clocks.report(f"Free/busy time was passed over: {refusal}")
            continue
        for start, length in periods:
            yield from frame.clip(f"{start.wall:%Y%m%dT%H%M%S}", start.epoch, (length or Length(0, 0)).after(start))


def _with_keys(found: list[Occurrence]) -> list[tuple[int, int, str]]:
    """Spans in order, those that are the same told once, and no key twice."""
    spans: list[tuple[int, int, str]] = []
    used: dict[str, int] = {}
    for key, start, end in sorted(set(found), key=lambda each: (each.start, each.end, each.key)):
        used[key] = used.get(key, 0) + 1
        spans.append((start, end, key if used[key] == 1 else f"{key}#{used[key]}"))
    return spans
