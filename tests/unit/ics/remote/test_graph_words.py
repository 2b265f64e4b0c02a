"""Microsoft Graph's events as iCalendar, and ours as Graph's."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ics.event import Alarm, Event, Klass, Status
from ics.remote.graph_words import (
    OWNER_ADDRESS,
    UID_PROPERTY,
    own_uid,
    render_item,
    render_object,
    uid_of,
    write_event,
    write_fields,
)
from tests.unit.ics.examples import appointment, hostile_text, lines, parsed, parsed_event, values

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


def item(**changes: Any) -> dict[str, Any]:
    """A single event as Graph tells it, with changes."""
    return {
        "@odata.etag": 'W/"abc=="',
        "id": "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A=",
        "iCalUId": "040000008200E00074C5B7101A82E008",
        "type": "singleInstance",
        "subject": "Stand-up",
        "start": {"dateTime": "2026-11-24T09:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-11-24T09:30:00.0000000", "timeZone": "UTC"},
        "isAllDay": False,
        "isCancelled": False,
        "showAs": "busy",
        "sensitivity": "normal",
        "responseStatus": {"response": "accepted", "time": "2026-11-01T00:00:00Z"},
        "createdDateTime": "2026-11-01T10:00:00.1234567Z",
        "lastModifiedDateTime": "2026-11-02T10:00:00.9876543Z",
        "body": {"contentType": "html", "content": "secret notes"},
        "attendees": [{"emailAddress": {"address": "guest@example.com", "name": "A guest"}}],
        "location": {"displayName": "Room 7"},
    } | changes


def read(given: dict[str, Any]) -> icalendar.Event:
    return parsed_event(render_item(given, uid=uid_of(given)))


def test_an_event_keeps_its_times_and_its_name():
    event = read(item())

    assert event["UID"] == "040000008200E00074C5B7101A82E008"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (START, START + timedelta(minutes=30))
    assert event["SUMMARY"] == "Stand-up"
    assert event["DTSTAMP"].dt == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert event["CREATED"].dt == datetime(2026, 11, 1, 10, tzinfo=UTC)


def test_nothing_but_the_subject_is_taken_over_from_what_an_event_says():
    text = render_item(item(), uid="u")

    assert not any(word in text for word in ("secret", "guest", "Room 7"))


def test_equal_events_give_equal_text():
    assert render_item(item(), uid="u") == render_item(item(), uid="u")


@pytest.mark.parametrize(
    ("shown", "status", "transparency", "busy"),
    [
        ("free", "CONFIRMED", "TRANSPARENT", "FREE"),
        ("tentative", "TENTATIVE", "OPAQUE", "TENTATIVE"),
        ("busy", "CONFIRMED", "OPAQUE", "BUSY"),
        ("oof", "CONFIRMED", "OPAQUE", "OOF"),
        ("workingElsewhere", "CONFIRMED", "TRANSPARENT", "WORKINGELSEWHERE"),
        ("unknown", "CONFIRMED", "OPAQUE", "BUSY"),
        ("somethingNew", "CONFIRMED", "OPAQUE", "BUSY"),
        (None, "CONFIRMED", "OPAQUE", "BUSY"),
    ],
)
def test_c072_show_as_decides_what_is_busy_and_what_is_unknown_is(
    shown: str | None, status: str, transparency: str, busy: str
):
    event = read(item(showAs=shown))

    assert (event["STATUS"], event["TRANSP"], event["X-MICROSOFT-CDO-BUSYSTATUS"]) == (status, transparency, busy)


def test_c072_a_cancelled_meeting_is_cancelled_however_it_is_shown():
    assert read(item(isCancelled=True, showAs="tentative"))["STATUS"] == "CANCELLED"


@pytest.mark.parametrize("answer", ["none", "organizer", "accepted", "notResponded", "tentativelyAccepted"])
def test_c072_who_has_not_declined_is_not_named(answer: str):
    assert "ATTENDEE" not in read(item(responseStatus={"response": answer}))


def test_c072_what_the_owner_has_declined_says_so():
    attendee = read(item(responseStatus={"response": "declined"}))["ATTENDEE"]

    assert attendee == f"mailto:{OWNER_ADDRESS}"
    assert attendee.params["PARTSTAT"] == "DECLINED"


@pytest.mark.parametrize(
    ("sensitivity", "klass"),
    [("normal", None), ("personal", "PRIVATE"), ("private", "PRIVATE"), ("confidential", "CONFIDENTIAL")],
)
def test_c072_what_is_private_stays_so(sensitivity: str, klass: str | None):
    assert read(item(sensitivity=sensitivity)).get("CLASS") == klass


def test_c070_an_all_day_event_is_of_dates():
    given = item(
        isAllDay=True,
        start={"dateTime": "2026-11-24T00:00:00.0000000", "timeZone": "UTC"},
        end={"dateTime": "2026-11-26T00:00:00.0000000", "timeZone": "UTC"},
    )

    text = render_item(given, uid="u")

    assert values(text, "DTSTART") == ["VALUE=DATE:20261124"]
    assert values(text, "DTEND") == ["VALUE=DATE:20261126"]


@pytest.mark.parametrize("hour", ["2026-11-23T23:00:00", "2026-11-24T05:00:00"])
def test_c070_an_all_day_event_that_was_made_in_another_zone_is_of_the_day_that_was_meant(hour: str):
    given = item(isAllDay=True, start={"dateTime": hour, "timeZone": "UTC"})

    assert read(given)["DTSTART"].dt == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "occurrence", "originalStart": None}, ["20261124T090000Z"]),
        ({"type": "exception", "originalStart": "2026-11-23T09:00:00Z"}, ["20261123T090000Z"]),
        ({"type": "exception"}, ["20261124T090000Z"]),
        ({"type": "singleInstance", "originalStart": "2026-11-23T09:00:00Z"}, []),
        ({"type": "occurrence", "isAllDay": True, "originalStart": "2026-11-22T23:00:00Z"}, ["VALUE=DATE:20261123"]),
    ],
)
def test_c068_an_occurrence_says_which_it_is(changes: dict[str, Any], expected: list[str]):
    assert values(render_item(item(**changes), uid="u"), "RECURRENCE-ID") == expected


def test_what_is_ours_is_told_with_notes_and_place():
    given = item(body={"contentType": "text", "content": "Ring twice.\r\nWait.\r\n"})

    event = parsed_event(render_item(given, uid="u", ours=True))

    assert (event["DESCRIPTION"], event["LOCATION"]) == ("Ring twice.\nWait.", "Room 7")


@pytest.mark.parametrize(
    "start",
    [
        None,
        {},
        {"dateTime": "2026-11-24T09:00:00", "timeZone": "Pacific Standard Time"},
        {"dateTime": "soon", "timeZone": "UTC"},
        {"dateTime": None, "timeZone": "UTC"},
        "2026-11-24T09:00:00Z",
    ],
)
def test_c067_an_event_without_a_time_is_still_an_event_for_whoever_reports_it(start: object):
    event = read(item(start=start))

    assert "DTSTART" not in event
    assert event["UID"] == "040000008200E00074C5B7101A82E008"


@pytest.mark.parametrize("stamp", [None, "yesterday", 7, "0001-01-01T00:00:00Z"])
def test_a_change_without_a_date_is_no_problem(stamp: object):
    assert "DTSTAMP" in read(item(lastModifiedDateTime=stamp, createdDateTime=stamp))


@given(text=hostile_text)
def test_c001_no_subject_breaks_out_of_its_line(text: str):
    document = render_object([render_item(item(subject=text), uid="u")])

    assert [line for line in lines(document) if line.startswith("BEGIN:")] == ["BEGIN:VCALENDAR", "BEGIN:VEVENT"]
    assert len(parsed(document.encode()).walk("VEVENT")) == 1


def test_our_own_uid_comes_before_the_servers():
    ours = item(
        singleValueExtendedProperties=[{"id": UID_PROPERTY.upper().replace("STRING", "String"), "value": "ours"}]
    )

    assert own_uid(ours) == uid_of(ours) == "ours"


@pytest.mark.parametrize("properties", [None, {}, [7], [{"id": "String {x} Name Other", "value": "v"}], [{}]])
def test_somebody_elses_properties_are_not_our_uid(properties: object):
    assert own_uid(item(singleValueExtendedProperties=properties)) is None


def test_c084_nobody_is_invited_to_what_we_write():
    body = write_event(appointment())

    assert body.keys().isdisjoint({"attendees", "organizer", "isOnlineMeeting"})
    assert body["responseRequested"] is False
    assert "ada@customers.example" not in str(body)


def test_what_we_write_can_be_found_again_and_made_only_once():
    event = appointment()

    body = write_event(event)

    assert body["transactionId"] == event.uid
    assert body["singleValueExtendedProperties"] == [{"id": UID_PROPERTY, "value": event.uid}]


def test_what_we_write_says_what_the_appointment_does():
    body = write_event(
        appointment(klass=Klass.PRIVATE, alarms=(Alarm(timedelta(minutes=-30)), Alarm(timedelta(hours=-2))))
    )

    assert body["subject"] == "Haircut, wash; dry"
    assert body["start"] == {"dateTime": "2026-11-24T09:00:00", "timeZone": "UTC"}
    assert body["end"] == {"dateTime": "2026-11-24T09:45:00", "timeZone": "UTC"}
    assert body["body"] == {"contentType": "text", "content": "Bring the photo.\nRing twice \\ wait."}
    assert body["location"]["displayName"].startswith("Salon Zoë")
    assert (body["showAs"], body["sensitivity"]) == ("busy", "private")
    assert (body["isReminderOn"], body["reminderMinutesBeforeStart"]) == (True, 120)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "busy"),
        ({"status": Status.TENTATIVE}, "tentative"),
        ({"status": Status.CANCELLED}, "free"),
        ({"transparent": True}, "free"),
    ],
)
def test_a_status_becomes_what_the_time_is_shown_as(changes: dict[str, Any], shown: str):
    assert write_fields(appointment(**changes), ["status"]) == {"showAs": shown}


@given(fields=st.frozensets(st.sampled_from(["times", "summary", "description", "location", "status"])))
def test_c083_only_the_fields_that_were_asked_for_are_written(fields: frozenset[str]):
    owned = {
        "times": {"start", "end", "isAllDay"},
        "summary": {"subject"},
        "description": {"body"},
        "location": {"location"},
        "status": {"showAs"},
    }

    body = write_fields(appointment(), fields)

    assert body.keys() == set().union(*(owned[each] for each in fields))


def test_an_appointment_over_a_series_is_there_once():
    assert write_fields(appointment(), {"times"}, over_series=True)["recurrence"] is None
    assert "recurrence" not in write_fields(appointment(), {"summary"}, over_series=True)


@given(text=hostile_text)
def test_texts_for_graph_hold_nothing_that_json_cannot(text: str):
    event: Event = appointment(summary=text, description=text, location=text)

    for value in (write_event(event)["subject"], write_event(event)["body"]["content"]):
        value.encode()
        assert "\x00" not in value
