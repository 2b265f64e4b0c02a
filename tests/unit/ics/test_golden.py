"""
Each kind of document, whole: a change of a single byte is a change for every subscriber and must be meant.

`python -m tests.unit.ics.test_golden` writes the files anew; read the difference before you keep it.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ics.event import Alarm, Klass, Method, Status
from ics.itip.cancel import build_cancel
from ics.itip.publish import build_publish
from ics.itip.request import build_request
from ics.write.calendar import assemble
from ics.write.event import render_event
from ics.write.timezone import render_timezone
from tests.unit.ics.examples import BERLIN, PRODID, appointment, parsed, rescheduled

_GOLDEN = Path(__file__).parent / "golden"


def _feed() -> bytes:
    shown = appointment(attendees=())
    cancelled = rescheduled(
        appointment(uid="2@bookings.example", attendees=(), status=Status.CANCELLED, transparent=True)
    )
    return assemble(
        [render_event(event, zone=None) for event in (shown, cancelled)],
        method=Method.PUBLISH,
        prodid=PRODID,
        uid="feed-1@bookings.example",
        name="Salon Zoë",
        description="Appointments, all of them",
        colour="royalblue",
        refresh=timedelta(minutes=15),
        url="https://bookings.example/book/zoe",
        source="https://bookings.example/feeds/x.ics",
        zone_name="Europe/Berlin",
        changed=cancelled.stamp,
    )


def _empty_feed() -> bytes:
    return assemble([], method=Method.PUBLISH, prodid=PRODID, name="Salon Zoë")


def _stored_object() -> bytes:
    event = appointment(organizer=None, attendees=(), klass=Klass.PRIVATE, alarms=(Alarm(timedelta(minutes=-30)),))
    block = render_timezone(BERLIN, event.start.date()) or ""
    text = render_event(event, zone=BERLIN)
    return assemble([text], method=None, prodid=PRODID, zones={BERLIN.key: block})


_DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "request-berlin": lambda: build_request(appointment(), zone=BERLIN, prodid=PRODID),
    "request-kolkata": lambda: build_request(appointment(), zone=ZoneInfo("Asia/Kolkata"), prodid=PRODID),
    "request-utc": lambda: build_request(appointment(), zone=None, prodid=PRODID),
    "request-rescheduled": lambda: build_request(rescheduled(appointment()), zone=BERLIN, prodid=PRODID),
    "cancel": lambda: build_cancel(appointment(sequence=2), zone=BERLIN, prodid=PRODID),
    "publish": lambda: build_publish(appointment(), zone=BERLIN, prodid=PRODID),
    "feed": _feed,
    "feed-empty": _empty_feed,
    "stored-object": _stored_object,
}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_a_document_is_the_golden_one_byte_for_byte(name: str):
    assert _DOCUMENTS[name]() == (_GOLDEN / f"{name}.ics").read_bytes()


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_c007_a_document_made_twice_is_the_same(name: str):
    assert _DOCUMENTS[name]() == _DOCUMENTS[name]()


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_a_golden_document_is_read_without_a_complaint(name: str):
    calendar = parsed((_GOLDEN / f"{name}.ics").read_bytes())

    calendar.validate()


if __name__ == "__main__":
    for _name, _build in _DOCUMENTS.items():
        (_GOLDEN / f"{_name}.ics").write_bytes(_build())
