"""The step between wall clocks and moments, against the zone database itself."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.domain.errors import UnknownZone
from server.domain.zones import day_span, instants, local_date, midnight, offset_at, stretches, zone
from tests.unit.domain.oracle import (
    BEGIN,
    END,
    HOUR,
    MINUTE,
    ZONES,
    Change,
    clock_changes,
    distinct_changes,
    reading,
)

THREE_YEARS = END - BEGIN


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_the_stretches_of_every_zone_end_where_its_clock_jumps_and_nowhere_else() -> None:
    for name in ZONES:
        found = stretches(ZoneInfo(name), BEGIN, END)
        seen = clock_changes(name, BEGIN, END)

        jumps = [Change(name, a.end, a.offset, b.offset) for a, b in itertools.pairwise(found)]
        assert jumps == seen


PECULIAR = [  # of the past, where no government can change them
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that did not exist
    ("Pacific/Kwajalein", date(1993, 8, 21)),  # another
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight itself is skipped
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the last hour of the day before comes twice
    ("Asia/Kathmandu", date(1986, 1, 1)),  # fifteen minutes, once and for ever
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Antarctica/Troll", date(2026, 3, 29)),  # two hours
    ("Antarctica/Troll", date(2026, 10, 25)),
    ("Africa/Casablanca", date(2026, 2, 15)),  # back for Ramadan
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("Asia/Pyongyang", date(2018, 5, 5)),
    ("America/Caracas", date(2016, 5, 1)),
]


def jumps_to_look_at() -> list[Change]:
    """Every distinct jump of the three years, and the peculiar ones."""
    peculiar = []
    for name, day in PECULIAR:
        around = midnight(day)
        peculiar += clock_changes(name, around - 36 * HOUR, around + 36 * HOUR)
    assert len({(change.zone, change.moment) for change in peculiar}) == len(PECULIAR)
    return [*distinct_changes(), *peculiar]


@pytest.mark.thorough
def test_E45_E46_wall_times_around_every_jump_are_the_moments_at_which_the_clock_reads_them() -> None:
    """In a gap and in a fold, across their edges, and a quarter of an hour on either side."""
    for change in jumps_to_look_at():
        shown = {m: wall_seconds(change.where, m) for m in range(change.moment - 4500, change.moment + 4500, MINUTE)}
        edges = [change.moment + offset + by for offset in change[2:] for by in (-900, 0, 900)]
        for begin, end in itertools.combinations(sorted(set(edges)), 2):
            spans = instants(change.where, begin, end)

            found = {m for m in shown if any(low <= m < high for low, high in spans)}
            assert found == {m for m, wall in shown.items() if begin <= wall < end}, (change, begin, end)


def test_dates_and_offsets_on_both_sides_of_every_jump_are_those_of_the_clock() -> None:
    for change in jumps_to_look_at():
        for moment in (change.moment - 1, change.moment, change.moment + HOUR, change.moment - HOUR):
            assert local_date(change.where, moment) == reading(change.where, moment).date(), change

        assert offset_at(change.where, change.moment - 1) == change.before
        assert offset_at(change.where, change.moment) == change.after


@pytest.mark.thorough
def test_E47_every_date_around_every_jump_begins_and_ends_when_the_calendar_says_so() -> None:
    for change in jumps_to_look_at():
        minutes = range(change.moment - 60 * HOUR, change.moment + 60 * HOUR, MINUTE)
        dates = {m: reading(change.where, m).date() for m in minutes}
        middle = dates[change.moment]
        for day in (middle - timedelta(days=1), middle, middle + timedelta(days=1)):
            start, end = day_span(change.where, day, day)

            lived = [m for m, on in dates.items() if on == day]
            span = (lived[0], lived[-1] + MINUTE) if lived else (start, start)
            assert (start, end) == span, (change, day)


def test_E47_several_dates_last_from_the_first_to_the_last() -> None:
    for change in jumps_to_look_at():
        before = reading(change.where, change.moment - 24 * HOUR).date()
        after = reading(change.where, change.moment + 24 * HOUR).date()

        span = day_span(change.where, before, after)

        assert span == (day_span(change.where, before, before)[0], day_span(change.where, after, after)[1])


@pytest.mark.parametrize(
    "name",
    [
        "Europe",
        "Europe/",
        "/Europe/Berlin",
        "../zoneinfo/Europe/Berlin",
        "Europe/../Europe/Berlin",
        "Europe\\Berlin",
        "C:\\Windows",
        "Europe/Berlin\0",
        "Europe/Berlin\n",
        " Europe/Berlin",
        "EUROPE/BERLIN",
        "Europe/Berlín",
        "Еurope/Berlin",  # a Cyrillic letter
        "\ud800",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "tzdata.zi",
        "posixrules",
        "localtime",
        "Factory",
        "UTC+1",
        "+01:00",
        "CET-1CEST",
        "None",
    ],
)
def test_E52_what_only_resembles_a_zone_is_refused_too(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "Mars/Olympus", "x" * 5000, "\0", ""])
def test_E52_an_unknown_name_never_reaches_the_zone_database(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str) -> ZoneInfo:
        raise AssertionError(f"looked up {key!r}")

    monkeypatch.setattr("server.domain.zones.ZoneInfo", refuse)

    with pytest.raises(UnknownZone) as refused:
        zone(name)
    assert name.startswith(refused.value.name)
    assert len(refused.value.name) <= 100


def test_E52_every_zone_that_a_person_could_mean_is_known_by_its_own_name() -> None:
    assert [zone(name).key for name in ZONES] == ZONES


def wall_seconds(where: ZoneInfo, moment: int) -> int:
    """What the clock reads, counted as if it were UTC."""
    return int(reading(where, moment).replace(tzinfo=UTC).timestamp())
