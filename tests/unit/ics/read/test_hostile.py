"""Objects made to hurt: each is answered within its time and memory, on the busy side, and says that it was."""

import tracemalloc
from collections.abc import Callable

import pytest

from ics.read.calendar_object import split_file
from tests.steps import at_most
from tests.unit.ics.read.objects import busy, calendar, component, event

_SINCE_1970 = ("DTSTART:19700101T000000Z", "DURATION:PT1M")
_WHOLE = [(1767225600, 1798761600)]


def _many(name: str, value: Callable[[int], str], count: int = 50_000) -> str:
    return f"{name}:" + ",".join(value(number) for number in range(count))


def _minute(number: int) -> str:
    return f"2026{1 + number // 1440 // 28:02}{1 + number // 1440 % 28:02}T{number // 60 % 24:02}{number % 60:02}00Z"


_WILD = {
    "every second since 1970": (*_SINCE_1970, "RRULE:FREQ=SECONDLY"),
    "every minute since 1970": (*_SINCE_1970, "RRULE:FREQ=MINUTELY"),
    "every minute, a billion times": (*_SINCE_1970, "RRULE:FREQ=MINUTELY;COUNT=1000000000"),
    "every hour since 1970": (*_SINCE_1970, "RRULE:FREQ=HOURLY"),
    "every hour, counted from the year 1": (
        "DTSTART:00010103T000000Z",
        "DURATION:PT1M",
        "RRULE:FREQ=HOURLY;COUNT=17700000",
    ),
    "every minute of every day": (
        *_SINCE_1970,
        _many("RRULE:FREQ=DAILY;BYHOUR=0;BYMINUTE", str, 60)
        .replace("BYMINUTE:", "BYMINUTE=")
        .replace("BYHOUR=0", _many("BYHOUR", str, 24).replace(":", "=")),
    ),
    "days by their place in a year of minutes": (
        *_SINCE_1970,
        "RRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=1,2,3,4,5,6,7,8;BYMINUTE=1,2,3,4,5,6,7,8,9;BYSETPOS=1",
    ),
    "50,000 dates in the window": (*_SINCE_1970, _many("RDATE", _minute)),
    "50,000 dates on as many lines": (*_SINCE_1970, *(f"RDATE:{_minute(number)}" for number in range(50_000))),
    "a rule that is none": (*_SINCE_1970, "RRULE:FREQ=FORTNIGHTLY"),
    "a rule of megabytes": (*_SINCE_1970, _many("RRULE:FREQ=DAILY;BYYEARDAY", str, 700_000).replace("DAY:", "DAY=")),
    "a thousand rules": (*_SINCE_1970, *(f"RRULE:FREQ=DAILY;BYHOUR={n % 24};BYMINUTE={n % 60}" for n in range(1000))),
}

_TAME = {
    "a day that never comes": (*_SINCE_1970, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
    "a year that never comes": (*_SINCE_1970, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"),
    "a place that is never filled": (*_SINCE_1970, "RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=366"),
    "an interval beyond all years": (*_SINCE_1970, "RRULE:FREQ=SECONDLY;UNTIL=19700102"),
    "50,000 dates outside of it": (
        *_SINCE_1970,
        _many("RDATE", lambda number: _minute(number).replace("2026", "2020", 1)),
    ),
    "50,000 exceptions": ("DTSTART:20260105T080000Z", "DURATION:PT1M", "RRULE:FREQ=DAILY", _many("EXDATE", _minute)),
    "no start": ("RRULE:FREQ=SECONDLY",),
    "a start that is none": ("DTSTART:99999999T999999Z", "RRULE:FREQ=SECONDLY"),
    "an end before the start": ("DTSTART:19700101T000000Z", "DTEND:19600101T000000Z", "RRULE:FREQ=SECONDLY"),
    "free, every second": (*_SINCE_1970, "RRULE:FREQ=SECONDLY", "TRANSP:TRANSPARENT"),
    "lines of commas": (*_SINCE_1970, "EXDATE:" + "," * 500_000),
    "a parameter of quotes": (*_SINCE_1970, "X-A;" + 'B="' * 300_000 + ":1"),
    "a parameter of semicolons": (*_SINCE_1970, "ATTENDEE" + ";A=" * 300_000 + ":1"),
    "text of backslashes": (*_SINCE_1970, "SUMMARY:" + "\\" * 900_000),
    "folds and nothing else": (*_SINCE_1970, "SUMMARY:" + "\r\n x" * 200_000),
}


def _within(text: str, *, calls: int = 5_000_000, **context: object) -> object:
    with at_most(calls):
        return busy(text, **context)


@pytest.mark.thorough
@pytest.mark.parametrize("name", _WILD)
def test_f59_what_is_too_wild_blocks_all_its_time_and_says_so(name):
    found = _within(event(*_WILD[name]))

    assert [(start, end) for start, end, _ in found.spans] == _WHOLE
    assert len(found.problems) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("name", _TAME)
def test_f59_what_only_looks_wild_is_worked_out(name):
    found = _within(event(*_TAME[name]), addresses=frozenset({"anna@salon.example"}))

    assert sum(end - start for start, end, _ in found.spans) < 366 * 86_400 / 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("DTSTART:20260301T000000Z", "RRULE:FREQ=SECONDLY"), (1772323200, 1798761600)),
        (("DTSTART:20260301T000000Z", "RRULE:FREQ=SECONDLY;UNTIL=20260302T000000Z"), (1772323200, 1772409600 + 60)),
        (("DTSTART:20260301T000000Z", "RRULE:FREQ=MINUTELY;UNTIL=20260301"), (1772323200, 1772409599 + 60)),
        (("DTSTART:20260301T000000Z", "RRULE:FREQ=MINUTELY;COUNT=10;INTERVAL=5"), (1772323200, 1772323200 + 46 * 60)),
        (("DTSTART:20260301T000000Z", "RRULE:FREQ=MINUTELY;UNTIL=nonsense"), (1772323200, 1798761600)),
        (
            ("DTSTART:20260301T000000Z", "RRULE:FREQ=SECONDLY;UNTIL=20260302T000000Z", "RRULE:FREQ=DAILY"),
            (1772323200, 1798761600),
        ),
    ],
)
def test_c069_what_is_too_wild_blocks_from_its_first_moment_to_its_last(lines, expected):
    found = busy(event(*lines, "DURATION:PT1M"))

    assert [(start, end) for start, end, _ in found.spans] == [expected]
    assert len(found.problems) == 1


def test_f59_overrides_of_a_wild_series_are_blocked_beside_it():
    wild = component("DTSTART:20260601T000000Z", "DURATION:PT1M", "RRULE:FREQ=SECONDLY")
    override = component("RECURRENCE-ID:20260601T000001Z", "DTSTART:20260105T080000Z", "DURATION:PT1H")

    assert [start for start, _, _ in busy(calendar(wild, override)).spans] == [1767600000, 1780272000]


def test_f59_one_wild_event_leaves_the_others_of_its_file_as_they_are():
    text = calendar(
        component(
            "DTSTART:20260601T000000Z", "DURATION:PT1M", "RRULE:FREQ=SECONDLY;UNTIL=20260602T000000Z", uid="wild"
        ),
        component("DTSTART:20260105T080000Z", "DURATION:PT1H", uid="tame"),
    )

    assert [start for start, _, _ in busy(text).spans] == [1767600000, 1780272000]


@pytest.mark.thorough
def test_f60_more_overrides_than_are_worked_out_block_all_the_time():
    overrides = [
        component(f"RECURRENCE-ID:{_minute(n)}", f"DTSTART:{_minute(n)}", "DURATION:PT1M") for n in range(6000)
    ]

    found = _within(calendar(*overrides))

    assert [(start, end) for start, end, _ in found.spans] == _WHOLE
    assert found.problems


@pytest.mark.thorough
def test_f60_a_file_of_a_hundred_thousand_events_is_cut_up_or_refused():
    lean = "BEGIN:VEVENT\r\nUID:{}\r\nDTSTART:20260105T080000Z\r\nDURATION:PT1H\r\nEND:VEVENT"
    text = calendar(*(lean.format(number) for number in range(100_000)))

    with at_most(20_000_000):
        objects = split_file(text)

    assert len(objects) == 100_000


def test_f60_bytes_that_are_no_text_are_read_around():
    text = (
        event("DTSTART:20260105T080000Z", "DURATION:PT1H", "SUMMARY:x")
        .encode()
        .replace(b"x", b"\xff\xfe\xc3")
        .decode("utf-8", "replace")
    )

    assert len(busy(text).spans) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["50,000 dates in the window", "a thousand rules", "every minute of every day"])
def test_f59_memory_stays_within_its_ceiling(name):
    text = event(*_WILD[name])
    tracemalloc.start()
    try:
        busy(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64 * 1024 * 1024
