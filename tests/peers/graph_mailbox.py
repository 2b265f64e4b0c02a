"""
Owns a mailbox as Microsoft Graph shows it: calendars, events, series with their occurrences, and what has changed when.

Leaves HTTP, and judging requests, to `graph`. The methods are what a person does in Outlook.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Window = tuple[datetime, datetime]
ItemJson = dict[str, Any]

DEFAULTS: ItemJson = {
    "categories": [],
    "isAllDay": False,
    "isCancelled": False,
    "showAs": "busy",
    "sensitivity": "normal",
    "transactionId": None,
    "isReminderOn": True,
    "reminderMinutesBeforeStart": 15,
    "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
    "body": {"contentType": "html", "content": "<html>a body that is nobody's business</html>"},
    "location": {"displayName": ""},
    "attendees": [],
}


@dataclass
class Stored:
    """An event, or the master of a series."""

    id: str
    calendar: str
    version: int
    item: ItemJson
    start: datetime
    end: datetime
    properties: dict[str, str] = field(default_factory=dict)
    every: timedelta | None = None
    count: int = 1
    moved: dict[int, Window] = field(default_factory=dict)
    """Exceptions by the number of the occurrence."""
    deleted: set[int] = field(default_factory=set)

    @property
    def etag(self) -> str:
        return f'W/"ck{self.version:08}=="'


@dataclass
class Mailbox:
    """Somebody's."""

    calendars: dict[str, ItemJson] = field(default_factory=dict)
    events: dict[str, Stored] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    """Calendar and event of every change, in order."""
    bin: set[str] = field(default_factory=set)

    def add_calendar(self, name: str, **properties: Any) -> str:
        """Its id."""
        href = f"AQMkCal{len(self.calendars):04}-_AAA="
        about = {"id": href, "name": name, "color": "auto", "hexColor": "", "canEdit": True, "isDefaultCalendar": False}
        self.calendars[href] = about | properties
        return href

    def remove_calendar(self, calendar: str) -> None:
        del self.calendars[calendar]
        self.events = {href: each for href, each in self.events.items() if each.calendar != calendar}

    def add(self, calendar: str, subject: str, start: datetime, end: datetime, **properties: Any) -> str:
        """The id of a new event."""
        href = f"AAkALgAAev{len(self.log):06}-_AAA="
        item = DEFAULTS | {"subject": subject, "iCalUId": f"040000008200E0{len(self.log):06}"} | properties
        self.events[href] = Stored(href, calendar, 0, item, start, end)
        self._changed(self.events[href])
        return href

    def add_series(
        self,
        calendar: str,
        subject: str,
        start: datetime,
        end: datetime,
        *,
        every: timedelta,
        count: int,
        **properties: Any,
    ) -> str:
        """The id of the master of a new series."""
        href = self.add(calendar, subject, start, end, **properties)
        self.events[href].every, self.events[href].count = every, count
        return href

    def move(self, href: str, start: datetime, end: datetime) -> None:
        self.events[href].start, self.events[href].end = start, end
        self._changed(self.events[href])

    def edit(self, href: str, **properties: Any) -> None:
        self.events[href].item |= properties
        self._changed(self.events[href])

    def delete(self, href: str) -> None:
        event = self.events.pop(href)
        self.bin.add(href)
        self.log.append((event.calendar, href))

    def delete_occurrence(self, href: str, number: int) -> None:
        self.events[href].deleted.add(number)
        self._changed(self.events[href])

    def move_occurrence(self, href: str, number: int, start: datetime, end: datetime) -> None:
        self.events[href].moved[number] = (start, end)
        self._changed(self.events[href])

    def move_to_calendar(self, href: str, calendar: str) -> None:
        event = self.events[href]
        self.log.append((event.calendar, href))
        event.calendar = calendar
        self._changed(event)

    def repeat(self, href: str, *, every: timedelta, count: int) -> None:
        """A single event becomes a series."""
        self.events[href].every, self.events[href].count = every, count
        self._changed(self.events[href])

    def item(self, event: Stored) -> ItemJson:
        """As Graph shows it to whoever asks for it."""
        return {
            "@odata.etag": event.etag,
            "id": event.id,
            "createdDateTime": "2026-01-02T03:04:05.1234567Z",
            "lastModifiedDateTime": instant(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=event.version)) + "Z",
            "changeKey": f"ck{event.version:08}==",
            **event.item,
            **times(event.start, event.end),
            "type": "seriesMaster" if event.every else "singleInstance",
            "seriesMasterId": None,
        }

    def instances(self, event: Stored, window: Window) -> list[ItemJson]:
        """The occurrences of a series, with all that they are."""
        if event.every is None:
            return []
        found = []
        for number in range(event.count):
            usual = (event.start + number * event.every, event.end + number * event.every)
            start, end = event.moved.get(number, usual)
            if number not in event.deleted and overlaps((start, end), window):
                found.append(
                    self.item(event)
                    | times(start, end)
                    | {
                        "id": f"{event.id[:-6]}-oid{number:04}-{event.id[-6:]}",
                        "iCalUId": f"{event.item['iCalUId']}{usual[0]:%Y%m%d}",
                        "seriesMasterId": event.id,
                        "type": "exception" if number in event.moved else "occurrence",
                        "originalStart": instant(usual[0]) + "Z" if number in event.moved else None,
                    }
                )
        return found

    def in_view(self, href: str, calendar: str, window: Window) -> list[ItemJson]:
        """What a delta query shows of an event: occurrences are hardly more than their times there."""
        event = self.events.get(href)
        if event is None or event.calendar != calendar:
            return []
        if event.every is None:
            return [self.item(event)] if overlaps((event.start, event.end), window) else []
        found = self.instances(event, window)
        bare = {"@odata.etag", "id", "seriesMasterId", "type", "start", "end"}
        shown = [{name: each[name] for name in bare} if each["type"] == "occurrence" else each for each in found]
        return [self.item(event), *shown] if found else []

    def _changed(self, event: Stored) -> None:
        self.log.append((event.calendar, event.id))
        event.version = len(self.log)


def times(start: datetime, end: datetime) -> ItemJson:
    """The two dateTimeTimeZones."""
    return {
        "start": {"dateTime": instant(start), "timeZone": "UTC"},
        "end": {"dateTime": instant(end), "timeZone": "UTC"},
    }


def instant(moment: datetime) -> str:
    """With seven digits after the second, and no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000")


def overlaps(span: Window, window: Window) -> bool:
    return span[0] < window[1] and (span[1] > window[0] or span[0] == span[1] >= window[0])
