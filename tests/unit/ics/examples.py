"""
Owns the example appointment of these tests, and reading documents back without the code under test.

Leaves expectations to the tests.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from hypothesis import strategies as st

from ics.event import Attendee, Event, Organizer

BERLIN = ZoneInfo("Europe/Berlin")
PRODID = "-//Example//Bookings 1.0//EN"

_BASE = Event(
    uid="0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f@bookings.example",
    start=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
    end=datetime(2026, 11, 24, 9, 45, tzinfo=UTC),
    stamp=datetime(2026, 11, 20, 16, 5, 9, tzinfo=UTC),
    created=datetime(2026, 11, 18, 7, 30, tzinfo=UTC),
    summary="Haircut, wash; dry",
    description="Bring the photo.\nRing twice \\ wait.",
    location="Salon Zoë, Gärtnerstraße 12, 10245 Berlin",
    url="https://bookings.example/manage/4Jx2",
    organizer=Organizer("booking+4Jx2@bookings.example", "Salon Zoë"),
    attendees=(Attendee("ada@customers.example", "Ada Lovelace"),),
    categories=("Salon", "Hair, short"),
)


def appointment(**changes: Any) -> Event:
    """The example appointment, one thing changed."""
    return replace(_BASE, **changes)


def rescheduled(event: Event, by: timedelta = timedelta(days=1)) -> Event:
    """What the keeper of an appointment hands over after a change of time."""
    return replace(
        event,
        start=event.start + by,
        end=event.end + by,
        sequence=event.sequence + 1,
        stamp=event.stamp + timedelta(minutes=7),
    )


def lines(document: str | bytes) -> list[str]:
    """The unfolded content lines of *document* (RFC 5545, 3.1)."""
    text = document.decode() if isinstance(document, bytes) else document
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def values(document: str | bytes, name: str) -> list[str]:
    """What stands after *name*, parameters included, on each line of that property."""
    return [line[len(name) + 1 :] for line in lines(document) if line.startswith((f"{name}:", f"{name};"))]


def parsed(document: bytes) -> icalendar.Calendar:
    """*document* as the library reads it; whatever it stumbles over fails the test."""
    calendar = icalendar.Calendar.from_ical(document)
    assert [component.errors for component in calendar.walk() if component.errors] == []
    return calendar


def parsed_event(text: str) -> icalendar.Event:
    """The VEVENT *text* as the library reads it."""
    component = icalendar.Event.from_ical(text)
    assert component.errors == []
    return component


_PIECES = (
    "BEGIN:VEVENT",
    "END:VEVENT",
    "\r\nATTACH:https://evil.example/",
    "\r\n ",
    "\r",
    "\n",
    "\n\t",
    "\x00",
    "\x07",
    "\x0b",
    "\x85",
    "\u2028",
    "\t",
    "\\",
    "\\n",
    "\\N",
    "\\;",
    ";",
    ",",
    ":",
    '"',
    "^",
    "^n",
    "^'",
    "’",
    ";TZID=Mars/Olympus:",
    "👩🏽‍🚒",
    "é",
    "日本語",
    "\udc80",
    "\ufffe",
)

hostile_text = st.lists(st.sampled_from(_PIECES) | st.text(max_size=20), max_size=12).map("".join)
"""What customers type, and what attackers do."""
