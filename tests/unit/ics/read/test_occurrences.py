"""When events take place: rules, dates beside them, exceptions, overrides, clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ics.read.objects import BERLIN, YEAR, busy, calendar, component, event, spans

_DAILY = (
    "DTSTART;TZID=Europe/Berlin:20260105T090000",
    "DTEND;TZID=Europe/Berlin:20260105T100000",
    "RRULE:FREQ=DAILY;COUNT=4",
)
_ALL_DAY = ("DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260106", "RRULE:FREQ=DAILY;COUNT=3")


def _with_override(*lines: str, master: tuple[str, ...] = _DAILY) -> str:
    return calendar(component(*master), component(*lines))


def _override(at: str, start: str, end: str, *more: str) -> tuple[str, ...]:
    return (f"RECURRENCE-ID{at}", f"DTSTART;TZID=Europe/Berlin:{start}", f"DTEND;TZID=Europe/Berlin:{end}", *more)


def test_c068_a_rule_gives_its_occurrences_on_the_wall_through_the_change_of_clocks():
    """09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer."""
    rule = "RRULE:FREQ=DAILY;COUNT=3"

    assert spans(event("DTSTART;TZID=Europe/Berlin:20260328T090000", "DURATION:PT1H", rule)) == [
        "0328T0800-0900",
        "0329T0700-0800",
        "0330T0700-0800",
    ]


def test_c068_an_event_that_lasts_hours_lasts_as_many_on_the_night_of_the_change():
    night = ("DTSTART;TZID=Europe/Berlin:20260327T220000", "DTEND;TZID=Europe/Berlin:20260328T060000")

    assert spans(event(*night, "RRULE:FREQ=DAILY;COUNT=2")) == ["0327T2100-0328T0500", "0328T2100-0329T0500"]


def test_c068_an_event_that_lasts_a_day_ends_when_clocks_show_the_same_again():
    assert spans(event("DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:P1D")) == ["0328T1100-0329T1000"]
    assert spans(event("DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:PT24H")) == ["0328T1100-0329T1100"]


@pytest.mark.parametrize(
    ("exdate", "left"),
    [
        (";TZID=Europe/Berlin:20260106T090000", "0105 0107 0108"),
        (":20260106T080000Z", "0105 0107 0108"),
        (";TZID=America/New_York:20260106T030000", "0105 0107 0108"),
        (":20260106T090000", "0105 0107 0108"),
        (":20260106T080000Z,20260108T080000Z", "0105 0107"),
        (";VALUE=DATE:20260106", "0105 0107 0108"),
        (":20260105T080000Z", "0106 0107 0108"),
        (":20260106T083000Z", "0105 0106 0107 0108"),
    ],
)
def test_c068_an_exception_drops_the_occurrence_that_it_names_in_whatever_form(exdate, left):
    assert " ".join(span[:4] for span in spans(event(*_DAILY, f"EXDATE{exdate}"))) == left


@pytest.mark.parametrize(
    "exdate",
    [
        ";VALUE=DATE:20260106",
        ":20260106",
        ":20260106T000000",
        ":20260105T230000Z",  # midnight in Berlin
        ":20260106T000000Z",
        ";TZID=Europe/Berlin:20260106T000000",
    ],
)
def test_c068_an_exception_of_a_series_of_days_may_be_written_as_a_time(exdate):
    assert [span[:9] for span in spans(event(*_ALL_DAY, f"EXDATE{exdate}"))] == ["0104T2300", "0106T2300"]


def test_c068_an_exception_that_cannot_be_read_leaves_the_event_and_is_reported():
    found = busy(event(*_DAILY, "EXDATE:yesterday"))

    assert (len(found.spans), len(found.problems)) == (4, 1)


@pytest.mark.parametrize(
    ("rdate", "more"),
    [
        (";TZID=Europe/Berlin:20260201T150000", ["0201T1400-1500"]),
        (":20260201T150000Z,20260202T150000Z", ["0201T1500-1600", "0202T1500-1600"]),
        (";VALUE=PERIOD:20260201T150000Z/20260201T153000Z", ["0201T1500-1530"]),
        (";VALUE=PERIOD:20260201T150000Z/PT2H", ["0201T1500-1700"]),
        (";VALUE=DATE:20260201", ["0131T2300-0201T2300"]),
        (":20260106T080000Z", []),
    ],
)
def test_c068_dates_beside_the_rule_are_added_once_in_every_form(rdate, more):
    assert spans(event(*_DAILY, f"RDATE{rdate}"))[4:] == more


def test_c068_several_rules_give_what_any_of_them_gives_once():
    found = spans(event(*_DAILY, "RRULE:FREQ=DAILY;INTERVAL=3;COUNT=3"))

    assert [span[:4] for span in found] == ["0105", "0106", "0107", "0108", "0111"]


def test_c068_the_start_takes_place_even_if_the_rule_does_not_give_it():
    found = spans(event("DTSTART:20260105T080000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2"))

    assert [span[:4] for span in found] == ["0105", "0106", "0113"]


@pytest.mark.parametrize("at", [":20260106T080000Z", ";TZID=Europe/Berlin:20260106T090000", ":20260106T090000"])
def test_c068_a_moved_override_replaces_its_occurrence_however_that_is_named(at):
    text = _with_override(*_override(at, "20260110T150000", "20260110T153000"))

    assert spans(text) == ["0105T0800-0900", "0107T0800-0900", "0108T0800-0900", "0110T1400-1430"]


def test_c068_occurrences_are_named_by_when_they_were_to_be():
    text = _with_override(*_override(":20260106T080000Z", "20260110T150000", "20260110T153000"))

    assert [key for *_, key in busy(text).spans] == [
        "20260105T080000Z",
        "20260107T080000Z",
        "20260108T080000Z",
        "20260106T080000Z",
    ]
    assert [key for *_, key in busy(event(*_ALL_DAY)).spans] == ["20260105", "20260106", "20260107"]
    assert [key for *_, key in busy(event("DTSTART:20260105T080000Z", "DURATION:PT1H")).spans] == [""]


def test_c068_a_cancelled_override_takes_its_occurrence_away():
    text = _with_override(*_override(":20260106T080000Z", "20260106T090000", "20260106T100000", "STATUS:CANCELLED"))

    assert [span[:4] for span in spans(text)] == ["0105", "0107", "0108"]


def test_c068_an_override_that_names_a_day_of_a_timed_series_replaces_what_is_on_it():
    text = _with_override(*_override(";VALUE=DATE:20260106", "20260106T150000", "20260106T160000"))

    assert spans(text)[1] == "0106T1400-1500"
    assert len(spans(text)) == 4


def test_c068_an_override_moved_into_the_window_is_found_though_its_own_time_is_outside():
    text = _with_override(*_override(":20260106T080000Z", "20261001T150000", "20261001T160000"))
    autumn = (datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))

    assert spans(text, window=autumn) == ["1001T1300-1400"]


def test_c068_an_override_whose_start_cannot_be_read_leaves_the_occurrence_it_would_replace():
    found = busy(_with_override("RECURRENCE-ID:20260106T080000Z", "DTSTART:soon"))

    assert (len(found.spans), len(found.problems)) == (4, 1)


def test_c068_an_override_that_does_not_say_what_it_replaces_blocks_beside_the_series():
    found = busy(_with_override(*_override(":20261399T080000Z", "20260106T150000", "20260106T160000")))

    assert (len(found.spans), len(found.problems)) == (5, 1)


def test_c068_an_override_of_this_and_the_future_moves_all_that_come_after_it():
    later = _override(";RANGE=THISANDFUTURE:20260107T080000Z", "20260107T110000", "20260107T113000")

    assert spans(_with_override(*later)) == ["0105T0800-0900", "0106T0800-0900", "0107T1000-1030", "0108T1000-1030"]


def test_c068_of_two_overrides_of_the_future_the_later_counts_from_where_it_begins():
    text = calendar(
        component(*_DAILY),
        component(*_override(";RANGE=THISANDFUTURE:20260106T080000Z", "20260106T110000", "20260106T120000")),
        component(*_override(";RANGE=THISANDFUTURE:20260108T080000Z", "20260109T090000", "20260109T093000")),
        component(*_override(":20260107T080000Z", "20260107T070000", "20260107T073000")),
    )

    assert spans(text) == ["0105T0800-0900", "0106T1000-1100", "0107T0600-0630", "0109T0800-0830"]


def test_c068_an_override_of_the_future_that_names_a_day_moves_what_comes_after_by_as_much():
    later = _override(";RANGE=THISANDFUTURE;VALUE=DATE:20260107", "20260107T110000", "20260107T120000")

    assert spans(_with_override(*later))[2:] == ["0107T1000-1100", "0108T1000-1100"]


def test_c068_an_override_of_a_day_that_does_not_say_what_it_replaces_replaces_nothing():
    found = busy(calendar(component(*_DAILY), component("RECURRENCE-ID:soon", "DTSTART;VALUE=DATE:20260106")))

    assert len(found.spans) == 5


def test_c068_a_cancelled_override_of_the_future_ends_the_series():
    later = _override(";RANGE=THISANDFUTURE:20260107T080000Z", "20260107T090000", "20260107T100000", "STATUS:CANCELLED")

    assert [span[:4] for span in spans(_with_override(*later))] == ["0105", "0106"]


def test_c068_an_override_of_the_future_may_move_the_series_by_months():
    later = _override(";RANGE=THISANDFUTURE:20260106T080000Z", "20260701T090000", "20260701T100000")
    july = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))

    assert spans(_with_override(*later), window=july) == ["0701T0700-0800", "0702T0700-0800", "0703T0700-0800"]


def test_c068_overrides_without_their_series_stand_for_themselves():
    """Who is invited to one occurrence has no more than that."""
    found = busy(event(*_override(":20260106T080000Z", "20260106T150000", "20260106T160000")))

    assert [key for *_, key in found.spans] == ["20260106T080000Z"]
    assert not found.repeats


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260107T080000Z", "0107"),
        ("20260107T075959Z", "0106"),
        ("20260107T090000", "0107"),
        ("20260107T085959", "0106"),
        ("20260107", "0107"),
        ("20251231", "0105"),
    ],
)
def test_c068_until_is_included_in_every_form_that_is_written(until, last):
    """A day is written for a timed series by many; it includes that day."""
    found = spans(event(*_DAILY[:2], f"RRULE:FREQ=DAILY;UNTIL={until}"))

    assert found[-1][:4] == last


@pytest.mark.parametrize("until", ["20260107", "20260107T000000", "20260107T000000Z", "20260106T230000Z"])
def test_c068_until_of_a_series_of_days_may_be_a_time(until):
    assert len(spans(event(*_ALL_DAY[:2], f"RRULE:FREQ=DAILY;UNTIL={until}"))) == 3


def test_c069_a_year_of_a_series_since_1970_is_the_same_as_that_year_of_the_whole_series():
    rule = "RRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,FR"
    old = spans(event("DTSTART;TZID=Europe/Berlin:19700105T090000", "DURATION:PT1H", rule))
    counted = spans(event("DTSTART;TZID=Europe/Berlin:19700105T090000", "DURATION:PT1H", f"{rule};COUNT=3000"))

    assert old == counted
    assert len(old) == 35


def test_c069_an_event_that_is_longer_than_its_period_is_found_from_before_the_window():
    week = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC))
    found = busy(event("DTSTART:20200101T000000Z", "DURATION:P30D", "RRULE:FREQ=WEEKLY"), window=week)

    assert len(found.spans) == 4
    assert {(start, end) for start, end, _ in found.spans} == {tuple(int(each.timestamp()) for each in week)}


@pytest.mark.parametrize(
    ("start", "span"),
    [
        ("20260329T023000", "0329T0130-0200"),  # does not exist: 03:30 CEST
        ("20261025T023000", "1025T0030-0100"),  # exists twice: the first, in CEST
    ],
)
def test_c071_times_that_clocks_leave_out_move_on_and_those_shown_twice_are_the_first(start, span):
    assert spans(event(f"DTSTART;TZID=Europe/Berlin:{start}", "DURATION:PT30M")) == [span]


@pytest.mark.parametrize(
    ("lines", "span"),
    [
        (("DTSTART;VALUE=DATE:20260329",), "0328T2300-0329T2200"),  # 23 hours
        (("DTSTART;VALUE=DATE:20261025",), "1024T2200-1025T2300"),  # 25 hours
        (("DTSTART;VALUE=DATE:20260327", "DTEND;VALUE=DATE:20260330"), "0326T2300-0329T2200"),
        (("DTSTART;VALUE=DATE:20260329", "DURATION:P2D"), "0328T2300-0330T2200"),
        (("DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260329"), "0328T2300-0329T2200"),
        (("DTSTART;VALUE=DATE:20260329T000000", "DTEND;VALUE=DATE:20260330T000000"), "0328T2300-0329T2200"),
    ],
)
def test_c070_days_are_from_midnight_to_midnight_over_the_change_of_clocks(lines, span):
    assert spans(event(*lines)) == [span]


def test_c070_days_are_those_of_the_calendar_s_zone_whatever_the_file_says():
    """Google's calendars of holidays say that they are in UTC."""
    kolkata = ZoneInfo("Asia/Kolkata")
    text = event("DTSTART;VALUE=DATE:20260126", head=("X-WR-TIMEZONE:UTC",))

    assert spans(text, zone=kolkata) == ["0125T1830-0126T1830"]


def test_c071_floating_times_are_in_the_calendar_s_zone():
    floating = ("DTSTART:20260105T090000", "DTEND:20260105T100000")

    assert spans(event(*floating)) == ["0105T0800-0900"]
    assert spans(event(*floating), zone=ZoneInfo("Asia/Tokyo")) == ["0105T0000-0100"]


def test_c071_floating_times_are_where_the_file_says_that_it_is():
    floating = ("DTSTART:20260105T090000", "DTEND:20260105T100000")

    assert spans(event(*floating, head=("X-WR-TIMEZONE:America/New_York",))) == ["0105T1400-1500"]
    assert spans(event(*floating, head=("X-WR-TIMEZONE:Mars/Olympus",))) == ["0105T0800-0900"]


def test_c071_an_end_without_a_zone_is_in_that_of_the_start():
    assert spans(event("DTSTART;TZID=Asia/Tokyo:20260105T090000", "DTEND:20260105T100000")) == ["0105T0000-0100"]


@pytest.mark.parametrize("tzid", ["Mars/Olympus", "GMT+0200", "", '"(UTC+01:00) Amsterdam, Berlin"'])
def test_c071_a_zone_that_nobody_knows_is_taken_for_the_calendar_s_and_reported(tzid):
    found = busy(event(f"DTSTART;TZID={tzid}:20260105T090000", "DURATION:PT1H"))

    assert found.spans[0][0] == int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp())
    assert len(found.problems) == 1


def test_c071_a_zone_with_a_colon_and_no_quotes_still_leaves_the_time():
    assert spans(event("DTSTART;TZID=GMT+01:00:20260105T090000", "DURATION:PT1H")) == ["0105T0800-0900"]


@st.composite
def _series(draw: st.DrawFn) -> dict[str, object]:
    start = draw(
        st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 1)).map(
            lambda at: at.replace(second=0, microsecond=0, fold=0)
        )
    )
    return {
        "start": start,
        "minutes": draw(st.integers(1, 3000)),
        "interval": draw(st.integers(1, 4)),
        "weekdays": draw(st.frozensets(st.integers(0, 6), max_size=4)),
        "days": draw(st.integers(0, 120)),
        "excluded": draw(st.frozensets(st.integers(0, 30), max_size=6)),
        "moved": draw(st.dictionaries(st.integers(0, 30), st.integers(-5000, 5000), max_size=4)),
        "added": draw(st.frozensets(st.integers(1, 100), max_size=3)),
    }


@pytest.mark.thorough
@settings(deadline=None, max_examples=120)
@given(
    series=_series(), zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
)
def test_c068_a_series_with_exceptions_additions_and_overrides_is_what_one_finds_day_by_day(series, zone):
    assert sorted(_from_text(series, zone)) == sorted(_day_by_day(series, ZoneInfo(zone)))


def _dates(series: dict[str, object]) -> list[datetime]:
    """The wall times of the rule, found by looking at each day."""
    start = series["start"]
    found = []
    for day in range(series["days"] + 1):
        wall = start + timedelta(days=day)
        if day % series["interval"] == 0 and (not series["weekdays"] or wall.weekday() in series["weekdays"]):
            found.append(wall)
    return sorted({start, *found})


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _day_by_day(series: dict[str, object], zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    lasts = _utc(series["start"], zone)
    length = _utc(series["start"] + timedelta(minutes=series["minutes"]), zone) - lasts
    dates = _dates(series)
    extra = [series["start"] + timedelta(days=day, minutes=7) for day in series["added"]]
    left = {at: wall for at, wall in enumerate(dates) if at not in series["excluded"] and at not in series["moved"]}
    found = [_utc(wall, zone) for wall in (*left.values(), *extra)]
    moved = [_utc(dates[at] + timedelta(minutes=by), zone) for at, by in series["moved"].items() if at < len(dates)]
    spans_ = [(at, at + length) for at in found] + [(at, at + timedelta(minutes=30)) for at in moved]
    return [
        (max(start, YEAR[0]), min(end, YEAR[1]))
        for start, end in spans_
        if end > YEAR[0] and start < YEAR[1] and end > start
    ]


def _from_text(series: dict[str, object], zone: str) -> list[tuple[datetime, datetime]]:
    start, dates = series["start"], _dates(series)
    until = _utc(start + timedelta(days=series["days"]), ZoneInfo(zone))
    by_day = ",".join(("MO", "TU", "WE", "TH", "FR", "SA", "SU")[each] for each in sorted(series["weekdays"]))
    lines = [
        f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone}:{start + timedelta(minutes=series['minutes']):%Y%m%dT%H%M%S}",
        f"RRULE:FREQ=DAILY;INTERVAL={series['interval']};UNTIL={until:%Y%m%dT%H%M%SZ};BYDAY={by_day}",
    ]
    lines += [f"EXDATE;TZID={zone}:{dates[at]:%Y%m%dT%H%M%S}" for at in series["excluded"] if at < len(dates)]
    lines += [f"RDATE;TZID={zone}:{start + timedelta(days=day, minutes=7):%Y%m%dT%H%M%S}" for day in series["added"]]
    overrides = [
        component(
            f"RECURRENCE-ID:{_utc(dates[at], ZoneInfo(zone)):%Y%m%dT%H%M%SZ}",
            f"DTSTART;TZID={zone}:{dates[at] + timedelta(minutes=by):%Y%m%dT%H%M%S}",
            "DURATION:PT30M",
        )
        for at, by in series["moved"].items()
        if at < len(dates)
    ]
    found = busy(calendar(component(*lines), *overrides), zone=BERLIN).spans
    return [(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)) for begin, end, _ in found]
