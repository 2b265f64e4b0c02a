"""
Owns the translation between Microsoft Graph's events and iCalendar.

Leaves asking for them to `graph`. What Graph lists is expanded already: no rule of recurrence is read or written here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
from icalendar.prop import vCalAddress

from ics.event import Event, Klass, PartStat, Status
from ics.remote.json_answers import Json
from ics.write.calendar import assemble
from ics.write.event import TEXT_LIMITS
from ics.write.text import Text, clean_text

PRODID = "-//Bookable//Microsoft Graph//EN"

UID_PROPERTY = "String {6c41ad5b-3f0e-4b70-9d1a-27f3a0c5e8d2} Name BookableUid"
"""
The extended property that holds the UID of what we have written: iCalUId is the server's and read-only.

The GUID is ours, and never to change: events are found again by it.
"""

EXPAND_UID = f"singleValueExtendedProperties($filter=id eq '{UID_PROPERTY}')"
"""The $expand that makes an answer hold it. A delta query does not take it."""

SELECT = (
    "id,iCalUId,type,seriesMasterId,originalStart,subject,start,end,isAllDay,isCancelled,showAs,sensitivity,"
    "responseStatus,createdDateTime,lastModifiedDateTime"
)
"""The properties that are read here of anybody's events; bodies and attendees stay where they are."""

SELECT_OWN = f"{SELECT},body,location"
"""The properties that are read here of what may be ours."""

OWNER_ADDRESS = "owner@graph.invalid"
"""Whose calendar it is, in an ATTENDEE: Graph says `declined` of its own account without naming it."""

_UID_LIMIT = 255
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""DTSTAMP of what has no date of its own: an event that did not change must give the same text again."""

_BUSY_STATUS = {
    "free": "FREE",
    "tentative": "TENTATIVE",
    "busy": "BUSY",
    "oof": "OOF",
    "workingElsewhere": "WORKINGELSEWHERE",
}
"""MS-OXCICAL, 2.1.3.1.1.20.31, by `showAs`; `unknown`, and what Microsoft may add, is busy."""

_TRANSPARENT = {"FREE", "WORKINGELSEWHERE"}

_CLASS = {"personal": Klass.PRIVATE, "private": Klass.PRIVATE, "confidential": Klass.CONFIDENTIAL}
_SENSITIVITY = {Klass.PUBLIC: "normal", Klass.PRIVATE: "private", Klass.CONFIDENTIAL: "confidential"}


def own_uid(item: Json) -> str | None:
    """The UID that we gave *item* when we wrote it; only an answer to `EXPAND_UID` has it."""
    properties = item.get("singleValueExtendedProperties")
    if not isinstance(properties, list):
        return None
    for each in properties:
        # Graph gives the GUID back in either case.
        if isinstance(each, dict) and str(each.get("id")).lower() == UID_PROPERTY.lower():
            return _string(each.get("value"))
    return None


def uid_of(item: Json) -> str:
    """Our UID where *item* has one, else Graph's, which is another in each mailbox that the event is in."""
    return own_uid(item) or _string(item.get("iCalUId")) or str(item["id"])


def render_object(events: Iterable[str]) -> str:
    """The VCALENDAR around *events*, as `render_item` makes them."""
    return assemble(events, method=None, prodid=PRODID).decode()


def render_item(item: Json, *, uid: str, ours: bool = False) -> str:
    """
    One VEVENT in UTC of *item*, with what it takes to know whether it is busy, and its subject.

    What Graph ought to say and does not is left out: a VEVENT without DTSTART is for whoever reads it to report.

    Args:
        ours: Add the notes and the place: whether they are still as we wrote them has to be told.
    """
    component = icalendar.Event()
    component["UID"] = Text(clean_text(uid, limit=_UID_LIMIT))
    component.add("DTSTAMP", _instant(item.get("lastModifiedDateTime")) or _NEVER)
    _add_times(component, item)
    _add_text(component, "SUMMARY", item.get("subject"))
    if ours:
        _add_text(component, "DESCRIPTION", _inner(item, "body", "content"))
        _add_text(component, "LOCATION", _inner(item, "location", "displayName"))
    _add_state(component, item)
    text: bytes = component.to_ical(sorted=False)
    return text.decode()


def write_event(event: Event) -> dict[str, Any]:
    """
    The body that creates *event*. Whatever it says, nobody is invited: Graph would send invitations of its own.

    `transactionId` makes a repeated creation one event.
    """
    body: dict[str, Any] = {}
    for write in _FIELDS.values():
        body |= write(event)
    if event.klass:
        body["sensitivity"] = _SENSITIVITY[event.klass]
    if event.categories:
        body["categories"] = [clean_text(name, limit=TEXT_LIMITS["CATEGORIES"]) for name in event.categories]
    if event.alarms:
        before = -min(event.alarms, key=lambda alarm: alarm.trigger).trigger
        body |= {"isReminderOn": True, "reminderMinutesBeforeStart": max(0, int(before.total_seconds() // 60))}
    return body | {
        "responseRequested": False,
        "transactionId": event.uid,
        "singleValueExtendedProperties": [{"id": UID_PROPERTY, "value": event.uid}],
    }


def write_fields(event: Event, fields: Collection[str], *, over_series: bool = False) -> dict[str, Any]:
    """
    The body that changes no more than *fields*, named as in `Account.change`.

    Args:
        over_series: What it changes has been made a series; an appointment is there once.
    """
    body: dict[str, Any] = {}
    for name in fields:
        body |= _FIELDS[name](event)
    return body | {"recurrence": None} if over_series and "times" in fields else body


def _write_times(event: Event) -> dict[str, Any]:
    # Somebody may have made it an all-day event meanwhile; its times would then have to be midnights.
    return {"start": _date_time(event.start), "end": _date_time(event.end), "isAllDay": False}


def _write_summary(event: Event) -> dict[str, Any]:
    return {"subject": clean_text(event.summary, limit=TEXT_LIMITS["SUMMARY"])}


def _write_description(event: Event) -> dict[str, Any]:
    text = clean_text(event.description or "", limit=TEXT_LIMITS["DESCRIPTION"])
    return {"body": {"contentType": "text", "content": text}}


def _write_location(event: Event) -> dict[str, Any]:
    return {"location": {"displayName": clean_text(event.location or "", limit=TEXT_LIMITS["LOCATION"])}}


def _write_status(event: Event) -> dict[str, Any]:
    # Graph cancels meetings only, and by mail; an event of one's own that does not take place is free time.
    if event.transparent or event.status is Status.CANCELLED:
        return {"showAs": "free"}
    return {"showAs": "tentative" if event.status is Status.TENTATIVE else "busy"}


_FIELDS: Mapping[str, Callable[[Event], dict[str, Any]]] = {
    "times": _write_times,
    "summary": _write_summary,
    "description": _write_description,
    "location": _write_location,
    "status": _write_status,
}


def _date_time(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _add_times(component: icalendar.Event, item: Json) -> None:
    start, end = _moment(item.get("start")), _moment(item.get("end"))
    if start is None or end is None:
        return
    write: Callable[[datetime], date] = _midnight if item.get("isAllDay") is True else _same
    if item.get("type") in {"occurrence", "exception"}:
        # Which occurrence it is: where it is now, unless it was moved.
        component.add("RECURRENCE-ID", write(_instant(item.get("originalStart")) or start))
    component.add("DTSTART", write(start))
    component.add("DTEND", write(end))


def _add_text(component: icalendar.Event, name: str, value: object) -> None:
    if text := (_string(value) or "").strip():
        component[name] = Text(clean_text(text, limit=TEXT_LIMITS[name]))


def _add_state(component: icalendar.Event, item: Json) -> None:
    shown = _BUSY_STATUS.get(str(item.get("showAs")), "BUSY")
    component["STATUS"] = Text(_status(item, shown))
    component["TRANSP"] = Text("TRANSPARENT" if shown in _TRANSPARENT else "OPAQUE")
    component["X-MICROSOFT-CDO-BUSYSTATUS"] = Text(shown)
    if klass := _CLASS.get(str(item.get("sensitivity"))):
        component["CLASS"] = Text(klass)
    response = item.get("responseStatus")
    if isinstance(response, dict) and response.get("response") == "declined":
        attendee = vCalAddress(f"mailto:{OWNER_ADDRESS}")
        attendee.params["PARTSTAT"] = PartStat.DECLINED.value
        component["ATTENDEE"] = [attendee]
    if created := _instant(item.get("createdDateTime")):
        component.add("CREATED", created)


def _status(item: Json, shown: str) -> Status:
    if item.get("isCancelled") is True:
        return Status.CANCELLED
    return Status.TENTATIVE if shown == "TENTATIVE" else Status.CONFIRMED


def _moment(value: object) -> datetime | None:
    """A dateTimeTimeZone, which is in UTC because every request prefers that."""
    if not isinstance(value, dict) or value.get("timeZone") not in {"UTC", "Etc/UTC"}:
        return None
    return _instant(value.get("dateTime"))


def _instant(value: object) -> datetime | None:
    """To whole seconds; in UTC, where it names no zone."""
    try:
        moment = datetime.fromisoformat(str(value)).replace(microsecond=0)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _midnight(moment: datetime) -> date:
    """The date of an end of an all-day event, which is a midnight, or was one in the zone that it was made in."""
    return (moment + timedelta(hours=12)).date()


def _same(moment: datetime) -> date:
    return moment


def _inner(item: Json, name: str, inner: str) -> object:
    value = item.get(name)
    return value.get(inner) if isinstance(value, dict) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
