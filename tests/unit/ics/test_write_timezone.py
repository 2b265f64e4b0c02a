"""VTIMEZONE against what zoneinfo says, with dateutil as the reader of the rules."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import icalendar
import pytest
from dateutil.rrule import rrulestr

from ics.write.timezone import render_timezone
from tests.unit.ics.examples import lines, values

_TODAY = date(2026, 11, 20)
_FROM = datetime(2026, 11, 20, tzinfo=UTC)
_HOURS = 2 * 366 * 24

_ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def _offset(text: str) -> timedelta:
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))


def _onsets(block: str) -> list[tuple[datetime, timedelta]]:
    """When each observance of *block* begins, around the two years, and its offset."""
    found: list[tuple[datetime, timedelta]] = []
    for part in block.split("BEGIN:")[2:]:
        (first,), (before,), (after,) = (values(part, n) for n in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"))
        start = datetime.strptime(first, "%Y%m%dT%H%M%S")  # noqa: DTZ007  # wall time, by RFC 5545, 3.6.5
        wall = [start]
        for rule in values(part, "RRULE"):
            wall = rrulestr(rule, dtstart=start).between(datetime(2025, 1, 1), datetime(2030, 1, 1))
        found += [((at - _offset(before)).replace(tzinfo=UTC), _offset(after)) for at in wall]
    return sorted(found)


def _sampled(onsets: list[tuple[datetime, timedelta]]) -> list[datetime]:
    """Every seventh hour, which meets all hours of the day, and every hour around each onset."""
    hours = [_FROM + timedelta(hours=hour) for hour in range(0, _HOURS, 7)]
    for at, _ in onsets:
        if abs(at - _FROM) < timedelta(hours=_HOURS):
            hours += [at + timedelta(hours=hour) for hour in range(-30, 31)]
            hours += [at - timedelta(seconds=1), at + timedelta(seconds=1)]
    return hours


@pytest.mark.thorough
def test_c010_every_vtimezone_gives_the_instants_of_zoneinfo_for_two_years():
    """A zone changes its offset for weeks at least, so the hours left out lie between equal ones."""
    wrong = []
    for name in _ZONES:
        zone = ZoneInfo(name)
        block = render_timezone(zone, _TODAY)
        if block is None:
            continue
        onsets = _onsets(block)
        starts = [at for at, _ in onsets]
        for moment in _sampled(onsets):
            told = onsets[bisect_right(starts, moment) - 1][1]
            if told != moment.astimezone(zone).utcoffset():
                wrong.append((name, moment))

    assert wrong == []


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata"])
def test_c010_the_library_reads_the_same_offsets(name: str):
    zone = ZoneInfo(name)

    read = icalendar.Timezone.from_ical(render_timezone(zone, _TODAY)).to_tz(lookup_tzid=False)

    for hour in range(0, _HOURS, 13):
        wall = (_FROM + timedelta(hours=hour)).astimezone(zone).replace(tzinfo=None)
        assert wall.replace(tzinfo=read).utcoffset() == wall.replace(tzinfo=zone).utcoffset()


@pytest.mark.parametrize("name", _ZONES)
def test_c010_rules_are_yearly_and_there_is_at_most_one_of_each_kind(name: str):
    block = render_timezone(ZoneInfo(name), _TODAY)

    if block is not None:
        written = lines(block)
        rules = values(block, "RRULE")
        assert values(block, "TZID") == [name]
        assert written.count("BEGIN:STANDARD") == 1
        assert written.count("BEGIN:DAYLIGHT") == (1 if rules else 0)
        assert all(rule.startswith("FREQ=YEARLY;BYMONTH=") for rule in rules)
        assert all(first.startswith("1970") for first in values(block, "DTSTART"))
        assert "RDATE" not in block


@pytest.mark.parametrize(
    "name",
    [
        "Africa/Casablanca",
        "Africa/El_Aaiun",
        "Asia/Gaza",
        "Asia/Hebron",
        "Africa/Cairo",
        "Asia/Jerusalem",
        "Etc/UTC",
    ],
)
def test_zones_without_an_nth_weekday_rule_have_no_vtimezone(name: str):
    assert render_timezone(ZoneInfo(name), _TODAY) is None


def test_most_zones_have_a_vtimezone():
    assert sum(render_timezone(ZoneInfo(name), _TODAY) is None for name in _ZONES) < 40


def test_a_zone_whose_rule_changes_soon_has_no_vtimezone_until_it_has():
    """Paraguay gave up changing its clocks in October 2024."""
    zone = ZoneInfo("America/Asuncion")

    assert render_timezone(zone, date(2023, 5, 1)) is None
    assert values(render_timezone(zone, date(2026, 5, 1)), "TZOFFSETTO") == ["-0300"]


def test_the_greater_offset_is_daylight_even_where_winter_is_the_exception():
    """In the zone database Irish winter time is a negative daylight saving; clients know no such thing."""
    block = render_timezone(ZoneInfo("Europe/Dublin"), _TODAY)

    assert values(block, "TZNAME") == ["GMT", "IST"]
    assert values(block, "TZOFFSETTO") == ["+0000", "+0100"]


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_years_that_a_rule_cannot_cover_have_no_vtimezone(year: int):
    assert render_timezone(ZoneInfo("Europe/Berlin"), date(year, 6, 1)) is None
