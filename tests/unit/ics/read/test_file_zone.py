"""Clocks that a file describes itself."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar.timezone import tzp

from ics.errors import Unreadable
from ics.read.calendar_object import read_object
from ics.read.file_zone import zone_described
from ics.write.timezone import render_timezone
from tests.steps import at_most
from tests.unit.ics.read.objects import busy, calendar, component, spans

_NINE = ("DTSTART;TZID=Mine:20260105T090000", "DURATION:PT1H")


def _zone(*observances: str, tzid: str = "Mine") -> str:
    return component(f"TZID:{tzid}", *observances, name="VTIMEZONE", uid=None)


def _observance(kind: str, start: str, before: str, after: str, *more: str) -> str:
    lines = (f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more)
    return component(*lines, name=kind, uid=None)


_FIXED = _observance("STANDARD", "19700101T000000", "+0530", "+0530")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "Europe/Dublin"]
)
def test_c071_a_described_clock_shows_what_the_zone_itself_does(name):
    """From our own writer's rules, hour by hour over a year."""
    known = ZoneInfo(name)
    text = calendar(render_timezone(known, datetime(2026, 1, 1).date()).strip())
    described = zone_described(read_object(text).timezones[name])

    for hours in range(366 * 24):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=30)
        here, there = moment.astimezone(described), moment.astimezone(known)
        assert (here.replace(tzinfo=None), here.fold) == (there.replace(tzinfo=None), there.fold)
        wall = moment.replace(tzinfo=None)
        assert wall.replace(tzinfo=described).utcoffset() == wall.replace(tzinfo=known).utcoffset()
        assert wall.replace(tzinfo=described, fold=1).utcoffset() == wall.replace(tzinfo=known, fold=1).utcoffset()


def test_c071_a_zone_that_has_no_name_we_know_is_read_from_the_file():
    found = busy(calendar(_zone(_FIXED), component(*_NINE)))

    assert found.spans[0][0] == int(datetime(2026, 1, 5, 3, 30, tzinfo=UTC).timestamp())
    assert found.problems == []


def test_c071_dates_of_change_may_be_listed():
    listed = _zone(
        _observance("STANDARD", "20251001T030000", "+0300", "+0200", "RDATE:20261001T030000"),
        _observance("DAYLIGHT", "20260201T020000", "+0200", "+0300"),
    )
    series = component("DTSTART;TZID=Mine:20260131T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3")

    assert spans(calendar(listed, series)) == ["0131T0700-0800", "0201T0600-0700", "0202T0600-0700"]


def test_c071_a_rule_of_change_ends_when_it_says():
    ended = _zone(
        _observance(
            "DAYLIGHT",
            "19700301T020000",
            "+0200",
            "+0300",
            "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;UNTIL=20100301T000000Z",
        ),
        _observance(
            "STANDARD",
            "19701001T030000",
            "+0300",
            "+0200",
            "RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=1;UNTIL=20101001T000000Z",
        ),
    )

    summer = component("DTSTART;TZID=Mine:20260705T090000", "DURATION:PT1H")

    assert spans(calendar(ended, summer)) == ["0705T0700-0800"]


def test_f60_a_description_that_contradicts_a_name_we_know_is_not_used():
    for tzid in ("Europe/Berlin", "W. Europe Standard Time", "/x.org/Europe/Berlin"):
        event = component(f"DTSTART;TZID={tzid}:20260105T090000", "DURATION:PT1H")

        assert spans(calendar(_zone(_FIXED, tzid=tzid), event)) == ["0105T0800-0900"]


def test_f60_one_object_s_description_does_not_reach_the_next_nor_the_library():
    assert spans(calendar(_zone(_FIXED), component(*_NINE))) == ["0105T0330-0430"]
    other = _observance("STANDARD", "19700101T000000", "-0800", "-0800")
    assert spans(calendar(_zone(other), component(*_NINE))) == ["0105T1700-1800"]
    assert len(busy(calendar(component(*_NINE))).problems) == 1
    assert tzp.timezone("Mine") is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    "observances",
    [
        (),
        (_observance("STANDARD", "19700101T000000", "+9900", "+0100"),),
        (_observance("STANDARD", "19700101T000000", "?", "+0100"),),
        (_observance("STANDARD", "soon", "+0100", "+0100"),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=SECONDLY"),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=MINUTELY;COUNT=99999999"),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=DAILY"),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR"),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYHOUR=" + "1," * 3000),),
        (_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:nonsense"),),
        (
            _observance(
                "STANDARD", "19700101T000000", "+0100", "+0200", "RDATE:" + ",".join(["20260101T000000"] * 50_000)
            ),
        ),
        tuple(_observance("STANDARD", "19700101T000000", "+0100", "+0200", "RRULE:FREQ=YEARLY") for _ in range(10_000)),
    ],
)
def test_f60_a_description_that_is_none_costs_nothing_and_the_calendar_s_zone_is_taken(observances):
    with at_most(2_500_000):
        found = busy(calendar(_zone(*observances), component(*_NINE)))

    assert found.spans[0][0] == int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp())
    assert len(found.problems) == 1


def test_f60_a_description_without_observances_is_refused():
    with pytest.raises(Unreadable):
        zone_described(read_object(calendar(_zone())).timezones["Mine"])
