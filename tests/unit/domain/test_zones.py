"""The step between wall clocks and moments, against the zone database itself."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from server.domain.errors import UnknownZone
from server.domain.zones import day_span, instants, local_date, midnight, stretches, zone

BEGIN = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
THREE_YEARS = 3 * 366 * 86_400
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def test_every_zone_is_covered_without_a_gap_and_with_its_own_offset_on_both_sides_of_each_change() -> None:
    for name in ZONES:
        where = ZoneInfo(name)
        found = stretches(where, BEGIN, BEGIN + THREE_YEARS)
        assert (found[0].start, found[-1].end) == (BEGIN, BEGIN + THREE_YEARS)
        assert all(a.end == b.start and a.offset != b.offset for a, b in itertools.pairwise(found)), name
        for stretch in found:
            for moment in (stretch.start, (stretch.start + stretch.end) // 2, stretch.end - 1):
                assert datetime.fromtimestamp(moment, where).utcoffset() == timedelta(seconds=stretch.offset), name


def test_E46_a_wall_time_in_a_fold_is_two_spans_and_in_a_gap_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    fold, gap = midnight(date(2027, 10, 31)) + 7200, midnight(date(2027, 3, 28)) + 7200

    assert len(instants(berlin, fold, fold + 1800)) == 2
    assert instants(berlin, gap, gap + 1800) == []


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", date(2027, 3, 28), 23),
        ("Europe/Berlin", date(2027, 10, 31), 25),
        ("Australia/Lord_Howe", date(2027, 4, 4), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Asia/Kathmandu", date(2027, 6, 1), 24),
    ],
)
def test_E47_a_date_lasts_as_long_as_it_does(name: str, day: date, hours: float) -> None:
    start, end = day_span(ZoneInfo(name), day, day)

    assert (end - start) / 3600 == hours
    assert hours == 0 or local_date(ZoneInfo(name), start) == local_date(ZoneInfo(name), end - 1) == day


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 5000, "europe/berlin", "", "\0"]
)
def test_E52_a_name_that_is_no_zone_is_refused_without_touching_the_disk(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone(name)


def test_E52_an_alias_is_a_zone() -> None:
    assert zone("US/Eastern").key == "US/Eastern"
