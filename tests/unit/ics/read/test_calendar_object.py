"""Reading objects and published files: what is kept, what is refused, how a file is cut up."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ics import limits
from ics.errors import TooLarge, Unreadable
from ics.read import calendar_object
from ics.read.calendar_object import read_object, split_file, uid_of
from tests.unit.ics.read.objects import busy, calendar, component, event, spans

_TIMED = ("DTSTART:20260105T080000Z", "DTEND:20260105T090000Z")
_BUSY = ["0105T0800-0900"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "<!DOCTYPE html><html><body><form>Sign in: password</form></body></html>",
        "Not found",
        "BEGIN:VCARD\r\nEND:VCARD\r\n",
        component(*_TIMED),
        "END:VCALENDAR",
        "\x00" * 100,
    ],
)
def test_c067_what_is_no_calendar_is_refused(text):
    with pytest.raises(Unreadable):
        read_object(text)


@pytest.mark.parametrize("cut", range(20, 130, 10))
def test_c067_a_calendar_that_breaks_off_is_refused_wherever_it_does(cut):
    """What is missing from it may not be taken for deleted."""
    whole = calendar(component(*_TIMED), component(*_TIMED, uid="another"))

    with pytest.raises(Unreadable):
        read_object(whole[:cut])


def test_c067_an_unreadable_object_blocks_nothing_and_says_so():
    found = busy("<html>")

    assert (found.uid, found.spans, len(found.problems)) == (None, [], 1)


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: text.replace("\r\n", "\r\r\n"),
        lambda text: text.replace("\r\n", "\r\n\r\n"),
        lambda text: text.replace("\r\n", "\x00\r\n"),
        lambda text: text.replace("DTSTART", "DTS\x07TART"),
        lambda text: text.replace("DTSTART", "DTS\r\n TART"),
        lambda text: text.replace("DTSTART", "DTS\n\tTART"),
        lambda text: text.replace("BEGIN", "begin").replace("DTSTART", "dtstart"),
        lambda text: text.rstrip("\r\n"),
        lambda text: "Warning: something in line 3\n" + text,
        lambda text: text + text,
        lambda text: text.replace("DTSTART", "rubbish\r\n<b>: 3\r\nDTSTART"),
        lambda text: text.replace("END:VEVENT\r\n", ""),
        lambda text: text.replace("END:VEVENT", "END:VALARM\r\nEND:VEVENT"),
    ],
)
def test_f60_what_does_not_matter_is_read_past(changed):
    assert spans(changed(event(*_TIMED))) == _BUSY


def test_f60_several_calendars_in_one_text_are_read_as_one():
    text = event(*_TIMED) + calendar(component("DTSTART:20260106T080000Z", "DURATION:PT1H", uid="another"))

    assert [each.first("UID").value for each in read_object(text).events] == ["an-event", "another"]


def test_f60_an_event_that_does_not_end_is_kept_with_the_one_that_follows_it():
    text = event(*_TIMED).replace("END:VEVENT", component("DTSTART:20260106T080000Z", "DURATION:PT1H", uid="another"))

    found = read_object(text)

    assert [uid_of(each) for each in found.events] == ["an-event", "another"]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART:20260105T080000Z", "DTSTART:20260105T090000Z", "DTEND:20260105T100000Z"),
        ("DTSTART",),
        ("DTSTART:",),
        ("DTSTART;VALUE=DATE-TIME",),
        ("DTSTART:20261305T080000Z",),
        ("DTSTART:20260105T250000Z",),
        ("DTSTART:２０２６０１０５T080000Z",),
        ("SUMMARY:No time at all",),
    ],
)
def test_f60_one_event_that_cannot_be_read_is_reported_and_the_others_are_kept(lines):
    found = busy(calendar(component(*lines, uid="broken"), component(*_TIMED)))

    assert (len(found.spans), len(found.problems)) == (1, 1)


@pytest.mark.parametrize(
    "end", ["DTEND:later", "DURATION:long", "DURATION:P", "DTEND:20260105T083000Z\r\nDTEND:20260105T084000Z"]
)
def test_f60_an_end_that_cannot_be_read_is_the_end_of_the_day_and_reported(end):
    found = busy(event("DTSTART:20260105T080000Z", end))

    assert [end - start for start, end, _ in found.spans] == [16 * 3600]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x" * (limits.FILE_CHARACTERS + 1), "characters"),
        ("\n" * (limits.FILE_LINES + 1), "lines"),
        (calendar(*["BEGIN:VEVENT\r\nEND:VEVENT"] * 1001), "components"),
        ("BEGIN:VCALENDAR\r\n" + "BEGIN:X\r\n" * 100_000, "nested components"),
    ],
)
def test_f60_more_than_anybody_sends_in_earnest_is_refused(text, what, monkeypatch):
    monkeypatch.setattr(calendar_object, "FILE_COMPONENTS", 1000)

    with pytest.raises(TooLarge) as refused:
        read_object(text)

    assert refused.value.what == what
    assert busy(text).problems


def test_f60_a_picture_of_megabytes_is_read_past():
    picture = "ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "QUJD" * 1_300_000

    assert spans(event(*_TIMED, picture)) == _BUSY


@pytest.mark.parametrize("name", ["DTSTART", "RRULE", "RDATE"])
def test_f60_a_line_of_megabytes_that_matters_is_a_broken_one(name):
    lines = {
        "DTSTART": "DTSTART:20260105T080000Z",
        "DTEND": "DTEND:20260105T090000Z",
        name: f"{name}:" + "9" * 5_000_000,
    }

    found = busy(event(*lines.values()))

    assert len(found.problems) == 1
    assert bool(found.spans) is (name != "DTSTART")


def test_c067_a_file_is_cut_into_objects_of_one_uid_each_with_its_overrides():
    series = component(*_TIMED, "RRULE:FREQ=DAILY;COUNT=3", uid="series")
    override = component("RECURRENCE-ID:20260106T080000Z", "DTSTART:20260106T100000Z", "DURATION:PT1H", uid="series")
    single = component("DTSTART:20260201T080000Z", "DURATION:PT1H", uid="single")
    text = calendar(series, single, component(name="VTODO", uid="task"), override)

    objects = dict(split_file(text))

    assert list(objects) == ["series", "single"]
    assert len(spans(objects["series"])) == 3
    assert spans(objects["single"]) == ["0201T0800-0900"]
    assert {busy(text_).uid for text_ in objects.values()} == {"series", "single"}


def test_c071_an_object_of_a_file_keeps_the_zones_that_it_names_and_no_others():
    zones = [
        component(
            f"TZID:{tzid}",
            component("DTSTART:19700101T000000", "TZOFFSETFROM:+0300", "TZOFFSETTO:+0300", name="STANDARD", uid=None),
            name="VTIMEZONE",
            uid=None,
        )
        for tzid in ("Mine", "Yours")
    ]
    head = ("PRODID:-//X//EN", "X-WR-TIMEZONE:Asia/Tokyo")
    file = calendar(*zones, component("DTSTART;TZID=Mine:20260105T110000", "DTEND:20260105T120000"), head=head)

    ((_, text),) = split_file(file)

    assert ("TZID:Mine" in text, "TZID:Yours" in text, "X-WR-TIMEZONE:Asia/Tokyo" in text) == (True, False, True)
    assert spans(text) == spans(file) == _BUSY


def test_f60_an_event_without_a_uid_gets_one_that_stays_while_it_says_the_same():
    def uids(*lines: str) -> list[str]:
        return [uid for uid, _ in split_file(calendar(component(*lines, uid=None), component(*_TIMED)))]

    first = uids(*_TIMED, "SUMMARY:A", "DTSTAMP:20260101T000000Z")
    again = uids("SUMMARY:A", *_TIMED, "DTSTAMP:20260102T000000Z", "SEQUENCE:3")
    moved = uids("DTSTART:20260106T080000Z", "DURATION:PT1H", "SUMMARY:A")

    assert first == again != moved
    assert len(set(first)) == 2


def test_f60_the_uid_that_an_event_gets_stands_in_its_object():
    ((uid, text),) = split_file(calendar(component(*_TIMED, uid=None)))

    assert busy(text).uid == uid


def test_f60_free_busy_time_without_a_uid_is_named_by_its_place():
    text = calendar(component("FREEBUSY:20260105T080000Z/PT1H", name="VFREEBUSY", uid=None))

    ((uid, object_text),) = split_file(text)

    assert uid == "no-uid-free-busy-0"
    assert spans(object_text) == _BUSY


@pytest.mark.thorough
@settings(deadline=None, max_examples=150)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                "BEGIN:VCALENDAR",
                "END:VCALENDAR",
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VTIMEZONE",
                "TZID:X",
                "BEGIN:STANDARD",
                "END:STANDARD",
                "TZOFFSETTO:+2500",
                "UID:1",
                "DTSTART:20260105T080000",
                "DTSTART;TZID=X:20260105",
                "DTEND:00010101T000000Z",
                "DURATION:P999999W",
                "RRULE:FREQ=DAILY",
                "RRULE:FREQ=YEARLY;UNTIL=99991231T235959Z",
                "RDATE;VALUE=PERIOD:20260105T080000Z/-P999999D",
                "EXDATE;VALUE=DATE:00010101,99991231",
                "RECURRENCE-ID;RANGE=THISANDFUTURE:99991231T235959Z",
                "RECURRENCE-ID:20260105T080000Z",
                "FREEBUSY:/",
                "X-WR-TIMEZONE:/",
            ]
        )
        | st.text(max_size=20),
        max_size=25,
    )
)
@example(pieces=["DTSTART:00010101", "RRULE:FREQ=YEARLY", "DURATION:P999999W"])
@example(pieces=["DTSTART:99991231T235959Z", "DURATION:P9999D", "RRULE:FREQ=HOURLY"])
def test_f60_no_text_makes_the_reader_fail(pieces):
    body = "\r\n".join(pieces)

    for text in (body, calendar(body), event(body)):
        found = busy(text)
        assert all(1767225600 <= start < end <= 1798761600 for start, end, _ in found.spans)
