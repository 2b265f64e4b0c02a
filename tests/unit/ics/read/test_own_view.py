"""Our own appointments, as others give them back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ics.errors import Unreadable
from ics.read.own_view import view_of
from ics.write.calendar import assemble
from ics.write.event import render_event
from ics.write.timezone import render_timezone
from tests.unit.ics.examples import PRODID, appointment
from tests.unit.ics.read.objects import BERLIN, calendar, component, event

_TIMED = ("DTSTART:20260105T080000Z", "DTEND:20260105T090000Z")
_EIGHT, _NINE = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize("zone", [None, BERLIN, ZoneInfo("Asia/Kolkata")])
def test_c060_what_we_write_is_read_back_as_it_was(zone):
    ours = appointment()
    zones = {zone.key: render_timezone(zone, ours.start.date())} if zone else {}
    text = assemble([render_event(ours, zone=zone)], method=None, prodid=PRODID, zones=zones).decode()

    view = view_of(text, zone=BERLIN)

    assert (view.uid, view.start, view.end) == (ours.uid, ours.start, ours.end)
    assert (view.summary, view.description, view.location) == (ours.summary, ours.description, ours.location)
    assert (view.all_day, view.recurring, view.cancelled, view.transparent) == (False, False, False, False)
    assert view.problems == ()


@pytest.mark.parametrize(
    "lines",
    [
        _TIMED,
        ("DTSTART;TZID=Europe/Berlin:20260105T090000", "DTEND;TZID=Europe/Berlin:20260105T100000"),
        ("DTSTART;TZID=W. Europe Standard Time:20260105T090000", "DTEND:20260105T090000Z"),
        ("DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260105T090000", "DURATION:PT60M"),
        ("DTSTART:20260105T090000", "DTEND:20260105T100000"),
        ('DTSTART;VALUE=DATE-TIME;TZID="Europe/Berlin":20260105T090000', "DURATION:P0DT1H0M0S"),
    ],
)
def test_c060_a_time_is_the_same_in_whatever_zone_a_peer_writes_it(lines):
    view = view_of(event(*lines), zone=BERLIN)

    assert (view.start, view.end, view.all_day) == (_EIGHT, _NINE, False)


def test_c063_an_appointment_made_a_day_is_its_midnights():
    view = view_of(event("DTSTART;VALUE=DATE:20260105"), zone=BERLIN)

    assert view.all_day
    assert (view.start, view.end) == (datetime(2026, 1, 4, 23, tzinfo=UTC), datetime(2026, 1, 5, 23, tzinfo=UTC))


@pytest.mark.parametrize("line", ["RRULE:FREQ=DAILY", "RDATE:20260107T080000Z"])
def test_c063_an_appointment_made_a_series_says_so(line):
    view = view_of(event(*_TIMED, line), zone=BERLIN)

    assert (view.recurring, view.start) == (True, _EIGHT)


def test_c063_of_a_series_the_master_is_shown_wherever_it_stands():
    override = component("RECURRENCE-ID:20260106T080000Z", "DTSTART:20260106T120000Z", "SUMMARY:Moved")
    text = calendar(override, component(*_TIMED, "RRULE:FREQ=DAILY", "SUMMARY:All"))

    assert (view_of(text, zone=BERLIN).summary, view_of(text, zone=BERLIN).start) == ("All", _EIGHT)


def test_c063_of_two_versions_the_later_is_shown():
    text = calendar(component(*_TIMED, "SEQUENCE:1"), component("DTSTART:20260105T120000Z", "SEQUENCE:2"))

    assert view_of(text, zone=BERLIN).start == datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "cancelled", "transparent"),
    [
        ("STATUS:CANCELLED", True, False),
        ("TRANSP:TRANSPARENT", False, True),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE", False, True),
        ("STATUS:TENTATIVE", False, False),
    ],
)
def test_c064_whether_it_still_takes_place_and_blocks_is_told(line, cancelled, transparent):
    view = view_of(event(*_TIMED, line), zone=BERLIN)

    assert (view.cancelled, view.transparent) == (cancelled, transparent)


@pytest.mark.parametrize(
    "line", ["SUMMARY;LANGUAGE=de:Schnitt\\, Farbe\\nkurz \\\\o/ \\;", "summary:Schnitt\\, Farbe\\Nkurz \\\\o/ \\;"]
)
def test_c060_texts_are_unescaped(line):
    assert view_of(event(*_TIMED, line), zone=BERLIN).summary == "Schnitt, Farbe\nkurz \\o/ ;"


def test_c060_a_zone_that_had_to_be_guessed_is_told():
    view = view_of(event("DTSTART;TZID=Mars/Olympus:20260105T090000", "DURATION:PT1H"), zone=BERLIN)

    assert (view.start, len(view.problems)) == (_EIGHT, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        calendar(),
        calendar(component(*_TIMED, name="VTODO")),
        calendar(component(*_TIMED, uid=None)),
        event("SUMMARY:No time"),
        event("DTSTART:soon"),
        event(*_TIMED, "DTSTART:20260106T080000Z"),
        event("DTSTART:20260105T080000Z", "DTEND:20260105T070000Z"),
        event(*_TIMED)[:-30],
    ],
)
def test_c067_what_cannot_be_read_is_refused_and_not_taken_for_anything(text):
    with pytest.raises(Unreadable):
        view_of(text, zone=BERLIN)
