"""REQUEST, CANCEL and PUBLISH of one appointment against the tables of RFC 5546, 3.2."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ics.errors import Unsendable
from ics.event import Alarm, Attendee, Organizer, PartStat, Status
from ics.itip.cancel import build_cancel
from ics.itip.publish import build_publish
from ics.itip.request import build_request
from ics.write.event import render_event
from tests.unit.ics.examples import BERLIN, PRODID, appointment, lines, parsed, rescheduled, values

_GRACE = Attendee("grace@customers.example", "Grace Hopper")


def _request(event, **more) -> bytes:
    return build_request(event, **({"zone": BERLIN, "prodid": PRODID} | more))


def _cancel(event, **more) -> bytes:
    return build_cancel(event, **({"zone": BERLIN, "prodid": PRODID} | more))


def _publish(event, **more) -> bytes:
    return build_publish(event, **({"zone": BERLIN, "prodid": PRODID} | more))


def test_c006_every_kind_of_document_has_the_same_uid():
    moved = rescheduled(appointment())

    documents = [_request(moved), _cancel(moved), _publish(moved), render_event(moved, zone=None)]

    assert [values(document, "UID") for document in documents] == [[appointment().uid]] * 4


def test_c009_a_request_describes_the_zone_it_uses_and_no_other():
    assert values(_request(appointment()), "TZID") == ["Europe/Berlin"]
    assert b"TZID" not in _request(appointment(), zone=None)


@pytest.mark.parametrize("build", [_request, _cancel, _publish])
def test_c009_a_document_that_falls_back_to_utc_describes_no_zone(build):
    document = build(appointment(sequence=1), zone=ZoneInfo("Africa/Casablanca"))

    assert b"TZID" not in document
    assert values(document, "DTSTART") == ["20261124T090000Z"]


@pytest.mark.parametrize("build", [_request, _cancel, _publish])
@pytest.mark.parametrize("day", [datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)])
def test_c011_documents_of_a_booking_across_a_change_keep_its_instants(build, day: datetime):
    event = appointment(sequence=1, start=day, end=day + timedelta(hours=5))

    read = parsed(build(event)).events[0]

    assert read["DTSTART"].dt.astimezone(UTC) == event.start
    assert read["DTEND"].dt.astimezone(UTC) == event.end


@pytest.mark.parametrize(("build", "method"), [(_request, "REQUEST"), (_cancel, "CANCEL"), (_publish, "PUBLISH")])
def test_c030_the_document_names_its_method(build, method: str):
    assert values(build(appointment(sequence=1)), "METHOD") == [method]


@pytest.mark.parametrize("name", ["ORGANIZER", "DTSTAMP", "DTSTART", "SEQUENCE", "SUMMARY"])
def test_c032_a_request_has_each_property_once(name: str):
    text = _request(appointment()).decode()
    event = text[text.index("BEGIN:VEVENT") :]

    assert len(values(event, name)) == 1


def test_c032_a_request_has_one_attendee_who_is_asked_to_answer():
    asked = "CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
    name = 'CN="Ada Lovelace"'

    document = _request(appointment())

    assert values(document, "ATTENDEE") == [f"{asked};{name}:mailto:ada@customers.example"]


@pytest.mark.parametrize("build", [_request, _cancel])
def test_c032_a_group_appointment_names_the_recipient_only(build):
    group = appointment(sequence=1, attendees=(*appointment().attendees, _GRACE))

    document = build(group, attendee=_GRACE)

    assert len(values(document, "ATTENDEE")) == 1
    assert b"grace@customers.example" in document
    assert b"ada@customers.example" not in document


@pytest.mark.parametrize("build", [_request, _cancel])
@pytest.mark.parametrize(
    "changes",
    [
        {"attendees": ()},
        {"attendees": (*appointment().attendees, _GRACE)},
        {"organizer": None},
        {"organizer": Organizer("ADA@customers.example")},
    ],
)
def test_c032_a_message_that_the_tables_do_not_allow_is_refused(build, changes: dict):
    with pytest.raises(Unsendable):
        build(appointment(sequence=1, **changes))


def test_c032_a_cancelled_appointment_is_not_requested():
    with pytest.raises(Unsendable, match="REQUEST"):
        _request(appointment(status=Status.CANCELLED))


def test_c034_a_rescheduled_request_has_the_same_uid_a_greater_sequence_and_a_newer_stamp():
    before, after = _request(appointment()), _request(rescheduled(appointment()))

    assert values(after, "UID") == values(before, "UID")
    assert int(values(after, "SEQUENCE")[0]) > int(values(before, "SEQUENCE")[0])
    assert values(after, "DTSTAMP") > values(before, "DTSTAMP")


def test_c035_a_cancel_has_the_uid_a_greater_sequence_status_organizer_and_attendee():
    withdrawn = appointment(sequence=1, alarms=(Alarm(timedelta(minutes=-5)),))

    document = _cancel(withdrawn)

    assert {"STATUS:CANCELLED", "TRANSP:TRANSPARENT", "SEQUENCE:1", f"UID:{withdrawn.uid}"} <= set(lines(document))
    assert len(values(document, "ORGANIZER")) == len(values(document, "ATTENDEE")) == 1
    assert "RSVP=FALSE" in values(document, "ATTENDEE")[0]
    assert len(values(document, "DTEND")) == len(values(document, "SUMMARY")) == 1
    assert b"VALARM" not in document


def test_c035_a_cancel_with_the_first_sequence_is_refused():
    with pytest.raises(Unsendable, match="SEQUENCE"):
        _cancel(appointment(sequence=0))


def test_c036_a_booking_again_after_a_cancel_has_a_sequence_above_it():
    cancelled = rescheduled(appointment())
    again = replace(cancelled, sequence=cancelled.sequence + 1)

    assert values(_request(again), "SEQUENCE") > values(_cancel(cancelled), "SEQUENCE")


def test_a_published_event_has_an_organizer_and_no_attendee():
    document = _publish(appointment())

    assert len(values(document, "ORGANIZER")) == 1
    assert b"ada@customers.example" not in document


def test_a_published_event_without_an_organizer_is_refused():
    with pytest.raises(Unsendable, match="PUBLISH"):
        _publish(appointment(organizer=None))


def test_an_answer_that_was_given_is_kept():
    accepted = replace(_GRACE, partstat=PartStat.ACCEPTED, rsvp=False)

    assert "PARTSTAT=ACCEPTED;RSVP=FALSE" in values(_request(appointment(), attendee=accepted), "ATTENDEE")[0]
