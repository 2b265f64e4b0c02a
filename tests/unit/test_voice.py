"""
Times, lengths and prices read alike in mails, on pages and in the widget: `samples/spellings.json` says how.

The widget's half of the comparison is in `widget/test/formats.test.js`.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.voice import LANGUAGES, Voice

SPELLINGS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "samples" / "spellings.json").read_text("utf-8"))
BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = [datetime(2026, 12, 5, 8, tzinfo=UTC), datetime(2027, 7, 1, 17, 30, tzinfo=UTC)]
PRICES = [(4800, "EUR"), (4850, "EUR"), (150_000, "JPY"), (1500, "KWD")]


def plain(texts: list[str]) -> list[str]:
    """Whatever spaces there are, as one."""
    return [" ".join(text.split()) for text in texts]


def test_every_language_is_compared() -> None:
    assert {locale.split("-")[0] for locale in SPELLINGS} == set(LANGUAGES)


@pytest.mark.parametrize("locale", SPELLINGS)
def test_mails_and_pages_write_times_lengths_and_prices_as_the_table_says(locale: str) -> None:
    voice = Voice(locale, BERLIN)

    written = {
        "time": plain([voice.clock(moment) for moment in MOMENTS]),
        "moment": plain([voice.moment(moment) for moment in MOMENTS]),
        "price": plain([voice.money(minor, currency) for minor, currency in PRICES]),
        "length": plain([voice.length(minutes) for minutes in (20, 60, 150)]),
        "zone": plain([voice.zone_name(moment) for moment in MOMENTS]),
    }

    assert written == SPELLINGS[locale]


def test_a_span_says_when_it_begins_and_ends_as_clocks_do() -> None:
    start, end = datetime(2026, 12, 5, 8, tzinfo=UTC), datetime(2026, 12, 5, 9, tzinfo=UTC)

    spans = [plain([Voice(locale, BERLIN).span(start, end)])[0] for locale in ("en-GB", "en-US", "de", "ja")]

    assert spans == [
        "Saturday, 5 December 2026, 09:00 – 10:00",
        "Saturday, December 5, 2026, 9:00 AM – 10:00 AM",
        "Samstag, 5. Dezember 2026, 09:00 – 10:00",
        "2026年12月5日土曜日 9:00 – 10:00",
    ]
