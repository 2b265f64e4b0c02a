"""The VCALENDAR around texts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ics.errors import MissingTimezone, NaiveMoment, Unwritable
from ics.event import Method
from ics.write.calendar import assemble
from ics.write.colour import COLOURS, hex_of, nearest_colour
from ics.write.event import render_event
from ics.write.timezone import render_timezone
from tests.unit.ics.examples import BERLIN, PRODID, appointment, lines, parsed, values

_TOKYO = ZoneInfo("Asia/Tokyo")
_BLOCKS = {zone.key: render_timezone(zone, date(2026, 11, 24)) for zone in (BERLIN, _TOKYO)}


def _feed(*events: str, **more) -> bytes:
    return assemble(events, **({"method": Method.PUBLISH, "prodid": PRODID, "zones": _BLOCKS} | more))


def test_c001_names_of_a_calendar_are_folded_and_escaped():
    document = _feed(name="Zoë; Sons, " * 15 + "\r\nBEGIN:VEVENT")

    assert all(len(line) <= 75 for line in document.split(b"\r\n"))
    assert values(document, "NAME") == values(document, "X-WR-CALNAME")
    assert values(document, "NAME") == ["Zoë\\; Sons\\, " * 15 + "\\nBEGIN:VEVENT"]


def test_c004_there_is_one_vcalendar_with_version_and_prodid():
    document = _feed(render_event(appointment(), zone=None), render_event(appointment(uid="2"), zone=None))

    assert lines(document)[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODID}"]
    assert lines(document).count("BEGIN:VCALENDAR") == lines(document).count("END:VCALENDAR") == 1
    assert len(parsed(document).events) == 2


def test_c004_a_calendar_without_events_has_a_component_that_no_client_shows():
    document = _feed()

    assert [component.name for component in parsed(document).subcomponents] == ["VTIMEZONE"]
    assert values(document, "TZID") == ["Etc/UTC"]


def test_c009_a_zone_that_is_used_twice_is_described_once_and_an_unused_one_not_at_all():
    here = [render_event(appointment(uid=uid), zone=BERLIN) for uid in ("1", "2")]

    assert values(_feed(*here), "TZID") == ["Europe/Berlin"]


def test_c009_times_in_utc_need_no_zone():
    assert b"VTIMEZONE" not in _feed(render_event(appointment(), zone=None))


def test_c009_each_of_two_zones_is_described():
    document = _feed(render_event(appointment(), zone=_TOKYO), render_event(appointment(uid="2"), zone=BERLIN))

    assert values(document, "TZID") == ["Asia/Tokyo", "Europe/Berlin"]


def test_c009_a_zone_that_nobody_described_is_refused():
    with pytest.raises(MissingTimezone) as refusal:
        _feed(render_event(appointment(), zone=BERLIN), zones={})

    assert refusal.value.tzid == "Europe/Berlin"


def test_c009_a_text_that_looks_like_a_tzid_asks_for_none():
    event = appointment(description="x\nDTSTART;TZID=Mars/Olympus:20260101T000000 " * 9)

    assert b"VTIMEZONE" not in _feed(render_event(event, zone=None))


def test_c013_new_properties_and_their_older_twins_are_equal():
    document = _feed(
        uid="feed-1@bookings.example",
        name="Appointments",
        description="Of Zoë",
        colour="RoyalBlue",
        refresh=timedelta(minutes=15),
        url="https://bookings.example/book/zoe",
        source="https://bookings.example/feeds/x.ics",
        zone_name="Europe/Berlin",
        changed=datetime(2026, 11, 20, 17, 5, 9, tzinfo=BERLIN),
    )

    assert lines(document)[3:18] == [
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "UID:feed-1@bookings.example",
        "NAME:Appointments",
        "X-WR-CALNAME:Appointments",
        "DESCRIPTION:Of Zoë",
        "X-WR-CALDESC:Of Zoë",
        "X-WR-TIMEZONE:Europe/Berlin",
        "X-APPLE-CALENDAR-COLOR:#4169E1",
        "COLOR:royalblue",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
        "URL:https://bookings.example/book/zoe",
        "SOURCE;VALUE=URI:https://bookings.example/feeds/x.ics",
        "LAST-MODIFIED:20261120T160509Z",
    ]


def test_texts_are_joined_as_they_are():
    text = render_event(appointment(), zone=None)

    assert text.encode() * 3 in _feed(text, text, text)


def test_an_object_for_a_calendar_server_has_no_method():
    """RFC 4791, 4.1."""
    assert b"METHOD" not in _feed(render_event(appointment(), zone=None), method=None)


@pytest.mark.parametrize("text", ["", "BEGIN:VEVENT\nEND:VEVENT\n", "DTSTART:20260101T000000Z\r\n"])
def test_a_text_that_is_no_component_is_refused(text: str):
    with pytest.raises(Unwritable):
        _feed(text)


@pytest.mark.parametrize(
    "more",
    [
        {"colour": "#4169E1"},
        {"refresh": timedelta(0)},
        {"url": "javascript:x"},
        {"source": "https://a.example/\r\nX"},
    ],
)
def test_a_property_without_a_valid_value_is_refused(more: dict):
    with pytest.raises(Unwritable):
        _feed(**more)


def test_a_naive_change_is_refused():
    with pytest.raises(NaiveMoment):
        _feed(changed=datetime(2026, 11, 20))


def test_an_instant_of_change_may_come_in_any_zone():
    assert _feed(changed=datetime(2026, 1, 1, 1, tzinfo=BERLIN)) == _feed(changed=datetime(2026, 1, 1, tzinfo=UTC))


def test_colours_have_css3_names():
    assert len(COLOURS) == 147
    assert nearest_colour("#3F6AE0") == "royalblue"
    assert hex_of(nearest_colour("#fe0000")) == "#FF0000"


@pytest.mark.parametrize("rgb", ["", "red", "#12345", "#12345g", "#12 345", "12345678"])
def test_a_colour_that_is_not_written_rrggbb_is_refused(rgb: str):
    with pytest.raises(Unwritable):
        nearest_colour(rgb)
