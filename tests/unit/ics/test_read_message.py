"""Reading a scheduling document that somebody else wrote."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from icalendar.timezone import tzp

from ics.errors import IcsError, TooLarge, UnknownTimezone, Unreadable
from ics.event import Method, PartStat
from ics.itip.request import build_request
from ics.limits import MESSAGE_BYTES, MESSAGE_COMPONENTS, MESSAGE_LINES
from ics.read.message import read_message
from tests.steps import at_most
from tests.unit.ics.examples import BERLIN, PRODID, appointment, hostile_text

_EVENT = {
    "UID": ":0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f",
    "DTSTAMP": ":20261120T163000Z",
    "SEQUENCE": ":2",
    "ATTENDEE": ";PARTSTAT=ACCEPTED;CN=Ada:mailto:ada@customers.example",
    "DTSTART": ":20261124T090000Z",
    "DTEND": ":20261124T093000Z",
}


def _document(*more: str, method: str = "REPLY", event: tuple[str, ...] = (), **changed: str | None) -> bytes:
    """A document whose event has these properties, some changed or (None) left out, and *event* lines besides."""
    properties = {**_EVENT, **changed}
    body = [f"{name}{value}" for name, value in properties.items() if value is not None]
    whole = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"METHOD:{method}",
        *more,
        "BEGIN:VEVENT",
        *body,
        *event,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(whole).encode()


def test_an_answer_is_read_whole():
    message = read_message(_document(COMMENT=":Until then\\, \\nAda"))

    assert message.method is Method.REPLY
    assert (message.uid, message.sequence) == ("0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f", 2)
    assert message.stamp == datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    assert (message.attendee, message.partstat) == ("ada@customers.example", PartStat.ACCEPTED)
    assert (message.start, message.end) == (
        datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    )
    assert message.comment == "Until then, Ada"


def test_what_we_write_ourselves_is_read_back():
    message = read_message(build_request(appointment(sequence=4), zone=BERLIN, prodid=PRODID))

    assert message.method is Method.REQUEST
    assert (message.uid, message.sequence, message.stamp) == (appointment().uid, 4, appointment().stamp)
    assert (message.start, message.end) == (appointment().start, appointment().end)
    assert message.attendee == "ada@customers.example"


@pytest.mark.parametrize(
    "attendee",
    [
        ":mailto:ada@customers.example",
        ":MAILTO:Ada@Customers.Example",
        ":mailto:%61da@customers.example",
        ";EMAIL=ada@customers.example:/123456/principal/",
        ":ada@customers.example",
    ],
)
def test_an_attendee_is_a_bare_address_in_lower_case(attendee: str):
    assert read_message(_document(ATTENDEE=attendee)).attendee == "ada@customers.example"


def test_an_attendee_who_is_no_mail_address_is_nobody():
    assert read_message(_document(ATTENDEE=":urn:uuid:1234")).attendee is None


@pytest.mark.parametrize("value", ["X-MAYBE", "NEEDS-ACTION", ""])
def test_an_answer_that_nobody_knows_is_none_yet(value: str):
    assert read_message(_document(ATTENDEE=f";PARTSTAT={value}:mailto:a@b.example")).partstat is PartStat.NEEDS_ACTION


def test_a_sequence_that_is_left_out_is_the_first():
    assert read_message(_document(SEQUENCE=None)).sequence == 0


@pytest.mark.parametrize(
    "tzid",
    ["Europe/Berlin", "W. Europe Standard Time", "/mozilla.org/20050126_1/Europe/Berlin", '"Europe/Berlin"'],
)
def test_a_time_in_a_zone_that_is_known_is_that_moment(tzid: str):
    message = read_message(
        _document(method="COUNTER", DTSTART=f";TZID={tzid}:20270701T090000", DTEND=f";TZID={tzid}:20270701T100000")
    )

    assert message.start == datetime(2027, 7, 1, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert message.end == datetime(2027, 7, 1, 8, 0, tzinfo=UTC)
    assert message.start.tzinfo is UTC


def test_a_time_with_a_duration_has_an_end():
    message = read_message(_document(method="COUNTER", DTEND=None, DURATION=":PT45M"))

    assert message.end == message.start + timedelta(minutes=45)


@pytest.mark.parametrize("tzid", ["Mars/Olympus", "GMT+0200", "../../etc/passwd", "Europe", ""])
def test_a_proposal_in_an_unknown_zone_is_refused(tzid: str):
    with pytest.raises((UnknownTimezone, Unreadable)):
        read_message(_document(method="COUNTER", DTSTART=f";TZID={tzid}:20270701T090000"))


def test_a_proposal_in_no_zone_is_refused():
    with pytest.raises(UnknownTimezone):
        read_message(_document(method="COUNTER", DTSTART=":20270701T090000"))


def test_a_zone_that_one_sender_describes_means_nothing_to_the_next():
    described = ["BEGIN:VTIMEZONE", "TZID:Mars/Olympus", "BEGIN:STANDARD", "DTSTART:19700101T000000"]
    described += ["TZOFFSETFROM:+1100", "TZOFFSETTO:+1100", "END:STANDARD", "END:VTIMEZONE"]
    start = ";TZID=Mars/Olympus:20270701T090000"

    assert read_message(_document(*described, DTSTART=start)).start is None
    assert tzp.timezone("Mars/Olympus") is None, "the library keeps zones for the whole process"
    with pytest.raises(UnknownTimezone):
        read_message(_document(method="COUNTER", DTSTART=start))


def test_an_answer_counts_whatever_its_copy_of_the_time_looks_like():
    message = read_message(_document(DTSTART=";TZID=Mars/Olympus:20270701T090000", DTEND=";VALUE=DATE:20270702"))

    assert message.partstat is PartStat.ACCEPTED
    assert (message.start, message.end) == (None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"UID": None},
        {"UID": ":" + "x" * 300},
        {"SEQUENCE": ":two"},
        {"SEQUENCE": ":-1"},
        {"SEQUENCE": ":99999999999999999999"},
        {"DTSTAMP": None},
        {"DTSTAMP": ":yesterday"},
        {"DTSTAMP": ":20261120T163000"},
        {"DTSTAMP": ";VALUE=DATE:20261120"},
        {"RECURRENCE-ID": ":20261124T090000Z"},
    ],
)
def test_a_document_without_what_matters_is_refused(changed: dict[str, str | None]):
    with pytest.raises(Unreadable):
        read_message(_document(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"DTSTART": ":tomorrow"},
        {"DTSTART": ";VALUE=DATE:20270701"},
        {"DTSTART": ";TZID=Asia/Tokyo:00010101T000000"},
        {"DTEND": None, "DURATION": ":P999999999D"},
        {"DTEND": None, "DURATION": ":soon"},
    ],
)
def test_a_proposal_whose_time_is_broken_is_refused(changed: dict[str, str | None]):
    with pytest.raises(Unreadable):
        read_message(_document(method="COUNTER", **changed))


@pytest.mark.parametrize("name", ["UID", "SEQUENCE", "DTSTAMP", "ATTENDEE"])
def test_a_property_that_is_there_twice_is_refused(name: str):
    with pytest.raises(Unreadable, match="more than once"):
        read_message(_document(event=(f"{name}{_EVENT[name]}",)))


def test_a_broken_property_that_does_not_matter_does_not_matter():
    document = _document(event=("CREATED:some day", "PRIORITY:high", "no property at all", "TRIGGER:x"))

    assert read_message(document).partstat is PartStat.ACCEPTED


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe\x00",
        b"<!DOCTYPE html><title>Log in</title>",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n",
        _document() + _document(),
        _document(method="DANCE"),
        _document().replace(b"METHOD:REPLY\r\n", b""),
        _document("BEGIN:VEVENT", "UID:other", "END:VEVENT"),
        _document().replace(b"VEVENT", b"VTODO"),
    ],
)
def test_what_is_not_one_calendar_with_one_event_is_refused(document: bytes):
    with pytest.raises(Unreadable):
        read_message(document)


def test_controls_and_an_odd_end_of_line_do_not_matter():
    plain = read_message(_document())

    assert read_message(_document().replace(b"\r\n", b"\n")) == plain
    assert read_message(_document().replace(b"\r\n", b"\r\r\n")) == plain
    assert read_message(b"\xef\xbb\xbf" + _document().replace(b"SEQUENCE", b"\x00SEQUENCE")) == plain


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["DESCRIPTION:" + "x" * MESSAGE_BYTES], "bytes"),
        (["X-A:b"] * (MESSAGE_LINES + 1), "lines"),
        (["BEGIN:X-A", "END:X-A"] * MESSAGE_COMPONENTS, "components"),
        (["BEGIN:X-A"] * MESSAGE_COMPONENTS, "components"),
    ],
)
def test_more_than_anybody_would_send_is_refused_before_it_is_read(more: list[str], what: str):
    document = _document(*more)

    with at_most(2_000_000), pytest.raises(TooLarge, match=what):
        read_message(document)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "line",
    [
        "X-A" + ";B=c" * 60_000 + ":d",
        "X-A:" + "\\," * 120_000,
        'X-A;B="' + "c" * 200_000,
        "ATTENDEE" + ';CN="a' * 40_000,
        "RRULE:" + "FREQ=DAILY;" * 20_000,
        "EXDATE:" + "20261124T090000Z," * 15_000,
    ],
)
def test_a_hostile_line_within_the_bounds_costs_little(line: str):
    document = _document(event=(line,))

    with at_most(8_000_000), contextlib.suppress(IcsError):
        read_message(document)


@example("BEGIN:VEVENT\r\n", "UID")
@given(hostile_text, st.sampled_from([*_EVENT, "COMMENT", "DURATION", "RECURRENCE-ID", "X-A"]))
def test_whatever_stands_in_a_property_is_read_or_refused(text: str, name: str):
    document = _document(method="COUNTER").replace(
        b"END:VEVENT", f"{name}:{text}\r\nEND:VEVENT".encode("utf-8", "replace")
    )

    try:
        message = read_message(document)
    except IcsError:
        return
    assert message.stamp.tzinfo is UTC
    assert message.start is None or message.start.tzinfo is UTC
    assert message.comment.isprintable()


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes):
    with pytest.raises(IcsError):
        read_message(noise)
