"""The digits of every currency, against Babel's data; the differences have names."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision, parse_decimal

from server.domain.currencies import DIGITS, digits_of, in_units, is_currency
from server.voice import LANGUAGES, Voice

SHOWN_WITHOUT = "AFN ALL IRR KPW LAK LBP MGA MMK RSD SOS SYP YER"
"""ISO 4217 and Stripe count in hundredths, CLDR shows none: nobody pays with coins there."""
SHOWN_WITH_LESS = {"IQD": (3, 0)}
FORMER = {"SLL": (2, 0)}


def test_M126_the_table_is_babels_but_for_what_is_named_here() -> None:
    differences = {
        code: (digits, get_currency_precision(code))
        for code, digits in DIGITS.items()
        if digits != get_currency_precision(code)
    }

    assert differences == {**dict.fromkeys(SHOWN_WITHOUT.split(), (2, 0)), **SHOWN_WITH_LESS, **FORMER}


def test_every_currency_of_a_country_of_today_is_in_the_table() -> None:
    living = {
        code
        for uses in get_global("territory_currencies").values()
        for code, _since, until, tender in uses
        if until is None and tender
    }

    missing = {code for code in living if not is_currency(code)}

    assert missing == set()


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (4800, "EUR", "48"),
        (9000, "ISK", "9000"),
        (1_200_000, "HUF", "12000"),
        (5125, "KWD", "5.125"),
        (1, "RSD", "0.01"),
    ],
)
def test_an_amount_has_the_digits_of_iso_4217(minor: int, currency: str, amount: str) -> None:
    assert in_units(minor, currency) == Decimal(amount)


def test_what_the_table_does_not_know_has_two() -> None:
    assert digits_of("XXX") == 2


@pytest.mark.thorough
def test_M126_what_a_mail_shows_is_the_amount_to_its_last_digit() -> None:
    """In every language and currency: nothing is rounded on the way to the reader."""
    wrong = []
    for language in LANGUAGES:
        voice = Voice(language, ZoneInfo("Etc/UTC"))
        for code in DIGITS:
            shown = voice.money(1_234_567, code)
            digits = "".join(str(int(c)) for c in shown if c.isdecimal())
            if digits != "1234567":
                wrong.append((language, code, shown))

    assert wrong == []


def test_a_mail_says_how_much_in_the_readers_way() -> None:
    german = Voice("de", ZoneInfo("Etc/UTC"))

    assert german.money(300_050, "RSD").replace("\u00a0", " ") == "3.000,50 RSD"
    assert parse_decimal("3.000,50", locale="de") == in_units(300_050, "RSD")
