"""Calendars as other programs write them, and when they are busy."""

from datetime import UTC, datetime

import pytest

from ics.read.calendar_object import split_file
from tests.samples.calendar_files import NAMES, sample
from tests.unit.ics.read.objects import busy, spans

_MARCH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 15, tzinfo=UTC))
_ME = frozenset({"anna@salon.example"})

_BUSY = {
    "google-series": """
        0316T0900-0945 0324T1300-1400 0330T0800-0845 0401T0800-0845 0406T0800-0845 0408T0800-0845
        """,
    "google-published": """
        0302T0730-0800 0310T1300-1400 0311T2300-0313T2300 0406T0630-0700
        """,
    "outlook-published": """
        0311T0800-0900 0315T2300-0317T2300 0320T0700-0730 0408T0700-0800
        """,
    "exchange-custom-zone": """
        0327T0800-0830 0330T0700-0730 0331T0700-0730 0401T0700-0730 0402T0700-0730
        """,
    "apple-series": """
        0306T2100-2200 0313T2000-2100 0328T1500-1600 0403T2000-2100
        """,
    "nextcloud-series": """
        0328T2200-0329T0200 0329T2100-0330T0100
        """,
    "zimbra-free-busy": """
        0302T0800-0900 0303T0800-0830 0304T0800-0900 0305T1600-0306T0700
        """,
}


def test_c072_every_sample_has_its_times():
    assert sorted(_BUSY) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_c068_what_other_programs_write_is_busy_when_they_show_it(name):
    assert spans(sample(name), window=_MARCH, addresses=_ME) == _BUSY[name].split()


@pytest.mark.parametrize("name", NAMES)
def test_c068_nothing_in_what_other_programs_write_is_a_problem(name):
    assert busy(sample(name), window=_MARCH, addresses=_ME).problems == []


@pytest.mark.parametrize("name", NAMES)
def test_c068_a_file_cut_into_its_objects_is_as_busy_as_the_whole(name):
    objects = split_file(sample(name))

    found = sorted(span for _, text in objects for span in spans(text, window=_MARCH, addresses=_ME))

    assert found == sorted(_BUSY[name].split())
    assert [busy(text).uid for _, text in objects] == [uid for uid, _ in objects]


def test_c072_by_choice_neither_days_nor_what_is_tentative_are_busy():
    chosen = {"window": _MARCH, "all_day": False, "tentative": False}

    assert spans(sample("outlook-published"), **chosen) == ["0311T0800-0900", "0408T0700-0800"]
    assert spans(sample("google-published"), **chosen) == ["0310T1300-1400"]
