"""Customer text on its way into a document."""

import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ics.errors import Unwritable
from ics.event import Alarm, Attendee, Organizer
from ics.itip.publish import build_publish
from ics.itip.request import build_request
from ics.write.event import TEXT_LIMITS, render_event
from ics.write.text import PARAMETER_LIMIT, clean_parameter, clean_text, clean_uri, mailto
from tests.unit.ics.examples import PRODID, appointment, hostile_text, lines, parsed, parsed_event, values

_TIMES = {"DTSTAMP", "DTSTART", "DTEND", "CREATED", "LAST-MODIFIED"}
_TEXTS = {"UID", "SUMMARY", "DESCRIPTION", "LOCATION", "URL", "CATEGORIES", "STATUS", "TRANSP", "SEQUENCE"}
_EXPECTED = {"BEGIN", *_TIMES, *_TEXTS, "ORGANIZER", "ATTENDEE", "END"}


@given(text=hostile_text)
@example(text="C:\\New\\notes; x, y\\")
@settings(deadline=None)
def test_c002_any_text_comes_back_as_it_was_cleaned(text: str):
    event = appointment(summary=text, description=text, location=text, categories=(text, "b"))

    read = parsed_event(render_event(event, zone=None))

    assert str(read["SUMMARY"]) == clean_text(text, limit=TEXT_LIMITS["SUMMARY"])
    assert str(read.get("DESCRIPTION", "")) == clean_text(text, limit=TEXT_LIMITS["DESCRIPTION"])
    assert str(read.get("LOCATION", "")) == clean_text(text, limit=TEXT_LIMITS["LOCATION"])
    assert [str(name) for name in read["CATEGORIES"].cats] == [clean_text(text, limit=100), "b"]


def test_c002_backslash_semicolon_comma_and_newline_are_escaped():
    text = render_event(appointment(summary="a\\b;c,d\r\ne"), zone=None)

    assert values(text, "SUMMARY") == ["a\\\\b\\;c\\,d\\ne"]


def test_c002_a_backslash_before_a_capital_n_is_not_a_line_break():
    """The library's own TEXT value makes one of it (icalendar 7.3.0)."""
    text = render_event(appointment(summary="C:\\New"), zone=None)

    assert values(text, "SUMMARY") == ["C:\\\\New"]


@given(text=hostile_text)
@settings(deadline=None)
def test_c003_no_control_character_is_ever_written(text: str):
    event = appointment(
        summary=text,
        description=text,
        location=text,
        categories=(text,),
        organizer=Organizer("salon@bookings.example", text),
        attendees=(Attendee("ada@customers.example", text),),
        alarms=(Alarm(appointment().start - appointment().end, text),),
    )

    document = build_request(event, zone=None, prodid=text).decode()

    rest = document.replace("\r\n", "").replace("\t", "")
    assert [char for char in rest if unicodedata.category(char) == "Cc"] == []


@given(text=hostile_text)
@settings(deadline=None)
def test_c003_no_text_adds_a_line_or_a_component(text: str):
    event = appointment(
        summary=text,
        description=text + ".",
        location=text + ".",
        organizer=Organizer("salon@bookings.example", text),
        attendees=(Attendee("ada@customers.example", text),),
    )

    written = lines(render_event(event, zone=None))

    assert len(written) == len(_EXPECTED)
    assert {re.split("[:;]", line)[0] for line in written} == _EXPECTED


@given(name=hostile_text)
@example(name='Ann "Nan" O\'Hara: x, y; z\nBEGIN:VEVENT 👩🏽‍🚒')
@example(name="ends with a backslash\\")
@settings(deadline=None)
def test_c043_any_name_gives_a_cn_that_parses_back(name: str):
    event = appointment(organizer=Organizer("salon@bookings.example", name))

    read = parsed(build_publish(event, zone=None, prodid=PRODID)).events[0]["ORGANIZER"]

    assert read == "mailto:salon@bookings.example"
    assert read.params.get("CN", "") == clean_parameter(name)


def test_c043_a_name_with_a_colon_or_comma_is_quoted_and_has_no_quotes_inside():
    event = appointment(organizer=Organizer("salon@bookings.example", 'Zoë: "Cuts", more\r\nlines 💈'))

    written = values(render_event(event, zone=None), "ORGANIZER")

    assert written == ['CN="Zoë: Cuts, more lines 💈":mailto:salon@bookings.example']


@given(text=hostile_text, limit=st.integers(1, 40))
def test_cleaning_twice_changes_nothing_more(text: str, limit: int):
    once = clean_text(text, limit=limit)

    assert clean_text(once, limit=limit) == once
    assert len(once) <= limit
    assert clean_parameter(clean_parameter(text)) == clean_parameter(text)
    assert len(clean_parameter(text)) <= PARAMETER_LIMIT


def test_a_cut_does_not_tear_an_emoji_or_an_accent_apart():
    assert clean_text("ab👩\u200d🚒cd", limit=5) == "ab…"
    assert clean_text("abe\u0301cd", limit=4) == "ab…"


@given(address=hostile_text | st.emails())
def test_an_address_is_refused_or_comes_back(address: str):
    try:
        uri = mailto(address, field="ATTENDEE")
    except Unwritable:
        return

    assert unquote(uri) == f"mailto:{address}"
    assert re.fullmatch(r"mailto:[!-~]+@[!-~]+", uri)
    assert not set(uri) & set('"<>\\,;')


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://a.example/\r\nATTACH:x",
        "https://a.example/ü",
        "https://a b",
        "x",
        "data:,",
    ],
)
def test_only_web_addresses_in_ascii_become_urls(url: str):
    with pytest.raises(Unwritable):
        clean_uri(url, field="URL")
