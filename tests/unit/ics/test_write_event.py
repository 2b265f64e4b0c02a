"""One VEVENT."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ics.errors import NaiveMoment, Unwritable
from ics.event import Alarm, Attendee, Event, Klass, Organizer, ScheduleAgent, Status
from ics.write.event import render_event, zone_for
from tests.unit.ics.examples import (
    BERLIN,
    appointment,
    hostile_text,
    lines,
    parsed_event,
    rescheduled,
    values,
)


@given(text=hostile_text, name=hostile_text)
@settings(deadline=None)
def test_c001_lines_end_crlf_and_have_at_most_75_octets_of_whole_characters(text: str, name: str):
    event = appointment(description=text * 3, attendees=(Attendee("ada@customers.example", name),))

    written = render_event(event, zone=BERLIN).encode()

    assert written.endswith(b"\r\n")
    assert written.count(b"\n") == written.count(b"\r") == written.count(b"\r\n")
    assert all(len(line) <= 75 and line.decode() for line in written.removesuffix(b"\r\n").split(b"\r\n"))


def test_c001_a_long_line_of_wide_characters_is_folded_between_them():
    written = render_event(appointment(summary="ü💈" * 60), zone=None)

    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    assert values(written, "SUMMARY") == ["ü💈" * 60]


@pytest.mark.parametrize("zone", [None, BERLIN])
def test_c005_every_event_has_uid_dtstamp_dtstart_and_a_later_dtend(zone: ZoneInfo | None):
    read = parsed_event(render_event(appointment(), zone=zone))

    assert read["UID"] == appointment().uid
    assert read["DTSTAMP"].dt == appointment().stamp
    assert read["DTSTART"].dt < read["DTEND"].dt
    assert "DURATION" not in read


@pytest.mark.parametrize("length", [timedelta(0), timedelta(minutes=-1), timedelta(microseconds=999_999)])
def test_c005_an_event_that_does_not_last_is_not_written(length: timedelta):
    event = appointment(end=appointment().start + length)

    with pytest.raises(Unwritable):
        render_event(event, zone=None)


def test_c006_the_uid_is_written_as_it_is_and_survives_every_change():
    first = appointment()
    later = rescheduled(appointment(summary="Else", attendees=()))

    assert values(render_event(first, zone=None), "UID") == [first.uid]
    assert values(render_event(later, zone=BERLIN), "UID") == [first.uid]


@pytest.mark.parametrize("uid", ["", "a\nb", "a\x00b", "x" * 256, "é" * 128])
def test_c006_a_uid_that_would_have_to_be_altered_is_refused(uid: str):
    with pytest.raises(Unwritable):
        render_event(appointment(uid=uid), zone=None)


def test_c007_the_same_event_gives_the_same_bytes_and_the_stamp_of_its_last_change():
    written = render_event(appointment(), zone=BERLIN)

    assert render_event(appointment(), zone=BERLIN) == written
    assert values(written, "DTSTAMP") == values(written, "LAST-MODIFIED") == ["20261120T160509Z"]


def test_c007_an_equal_event_told_in_another_zone_gives_the_same_bytes():
    told = appointment(start=appointment().start.astimezone(BERLIN), stamp=appointment().stamp.astimezone(BERLIN))

    assert told == appointment()
    assert render_event(told, zone=None) == render_event(appointment(), zone=None)


def test_c008_a_reschedule_raises_sequence_and_a_note_edit_does_not():
    edited = appointment(description="Other", stamp=appointment().stamp + timedelta(hours=1))

    assert values(render_event(rescheduled(appointment()), zone=None), "SEQUENCE") == ["1"]
    assert values(render_event(edited, zone=None), "SEQUENCE") == ["0"]


@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Europe/Dublin"]),
    minute=st.integers(0, 2 * 365 * 24 * 4),
    quarters=st.integers(1, 30 * 4),
)
@settings(deadline=None)
def test_c011_an_event_keeps_its_instants_in_any_zone(zone: str, minute: int, quarters: int):
    start = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=15 * minute)
    event = appointment(start=start, end=start + timedelta(minutes=15 * quarters))

    read = parsed_event(render_event(event, zone=ZoneInfo(zone)))

    assert read["DTSTART"].dt.astimezone(UTC) == event.start
    assert read["DTEND"].dt.astimezone(UTC) == event.end


def test_c011_an_event_over_the_night_of_a_change_keeps_both_ends():
    start = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)

    written = render_event(appointment(start=start, end=start + timedelta(hours=1)), zone=BERLIN)

    assert values(written, "DTSTART") == ["TZID=Europe/Berlin:20270328T013000"]
    assert values(written, "DTEND") == ["TZID=Europe/Berlin:20270328T033000"]


@pytest.mark.parametrize("hour", [0, 1])
def test_c011_an_event_in_the_hour_that_a_clock_shows_twice_is_in_utc(hour: int):
    """RFC 5545, 3.3.5: with TZID it could only be the first of the two."""
    start = datetime(2027, 10, 31, hour, 30, tzinfo=UTC)
    event = appointment(start=start, end=start + timedelta(minutes=20))

    assert zone_for(event, BERLIN) is None
    assert values(render_event(event, zone=BERLIN), "DTSTART") == [f"20271031T0{hour}3000Z"]


@pytest.mark.parametrize("zone", ["Africa/Casablanca", "Asia/Gaza", "Africa/El_Aaiun", "UTC"])
def test_a_zone_without_a_yearly_rule_is_written_in_utc(zone: str):
    assert values(render_event(appointment(), zone=ZoneInfo(zone)), "DTSTART") == ["20261124T090000Z"]


def test_a_cancelled_private_event_says_so():
    event = appointment(status=Status.CANCELLED, transparent=True, klass=Klass.PRIVATE)

    written = lines(render_event(event, zone=None))

    assert {"STATUS:CANCELLED", "TRANSP:TRANSPARENT", "CLASS:PRIVATE"} <= set(written)


def test_optional_properties_that_are_missing_are_not_written():
    bare = Event(
        uid="1@bookings.example",
        start=appointment().start,
        end=appointment().end,
        stamp=appointment().stamp,
        summary="Busy",
    )

    names = [line.split(":")[0] for line in lines(render_event(bare, zone=None))]

    assert names == [
        *("BEGIN", "UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"),
        *("STATUS", "TRANSP", "SEQUENCE", "LAST-MODIFIED", "END"),
    ]


def test_an_alarm_is_a_display_before_the_start():
    written = lines(render_event(appointment(alarms=(Alarm(timedelta(minutes=-30)),)), zone=None))

    at = written.index("BEGIN:VALARM")
    assert written[at + 1 : at + 5] == [
        "ACTION:DISPLAY",
        "DESCRIPTION:Reminder",
        "TRIGGER:-PT30M",
        "END:VALARM",
    ]


def test_people_of_a_pushed_event_can_name_the_client_as_their_schedule_agent():
    """RFC 6638, 7.1: else the server would send its own invitations."""
    event = appointment(
        organizer=Organizer("salon@bookings.example", schedule_agent=ScheduleAgent.CLIENT),
        attendees=(Attendee("ada@customers.example", schedule_agent=ScheduleAgent.CLIENT),),
    )

    written = render_event(event, zone=None)

    assert values(written, "ORGANIZER") == ["SCHEDULE-AGENT=CLIENT:mailto:salon@bookings.example"]
    assert ";SCHEDULE-AGENT=CLIENT" in values(written, "ATTENDEE")[0]


@pytest.mark.parametrize("field", ["start", "end", "stamp", "created"])
def test_a_naive_moment_is_refused_at_construction(field: str):
    with pytest.raises(NaiveMoment, match=field):
        appointment(**{field: datetime(2026, 11, 24, 9, 0)})


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": -1},
        {"sequence": 2**31},
        {"url": "javascript:alert(1)"},
        {"organizer": Organizer("not an address")},
        {"attendees": (Attendee("a@b.example\r\nX:y"),)},
    ],
)
def test_a_value_that_no_document_may_carry_is_refused(changes: dict):
    with pytest.raises(Unwritable):
        render_event(appointment(**changes), zone=None)
