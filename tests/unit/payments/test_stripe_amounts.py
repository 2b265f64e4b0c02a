"""Amounts as Stripe counts them: https://docs.stripe.com/currencies, read in November 2026."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.currencies import DIGITS, in_units
from server.domain.errors import NotChargeable
from server.payments.stripe_amounts import check_chargeable, from_stripe, to_stripe

ZERO_DECIMAL = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
"""docs.stripe.com/currencies#zero-decimal, without UGX: "must be sent with two digits" (#special-cases)."""
THREE_DECIMAL = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}


def stripes_value(amount: int, currency: str) -> Decimal:
    """What Stripe takes from a card, by its own documentation."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return Decimal(amount).scaleb(-digits)


@given(st.sampled_from(sorted(DIGITS)), st.integers(0, 2**31 - 1))
def test_M126_what_is_charged_is_what_is_shown(currency: str, minor: int) -> None:
    try:
        sent = to_stripe(minor, currency)
    except NotChargeable:
        assert currency in {"MGA", "BHD", "JOD", "KWD", "OMR", "TND"}
        return

    assert stripes_value(sent, currency) == in_units(minor, currency)
    assert from_stripe(sent, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "sent"),
    [(4800, "EUR", 4800), (9000, "ISK", 900_000), (5000, "UGX", 500_000), (500, "JPY", 500),
     (1_200_000, "HUF", 1_200_000), (5120, "KWD", 5120), (30_000, "MGA", 300)],
)  # fmt: skip
def test_M126_each_currency_in_stripes_own_unit(minor: int, currency: str, sent: int) -> None:
    assert to_stripe(minor, currency) == sent


@pytest.mark.parametrize(
    ("minor", "currency", "why"),
    [
        (5125, "KWD", "Stripe charges KWD in multiples of 0.01 only."),
        (30_050, "MGA", "Stripe charges MGA in multiples of 1 only."),
        (49, "EUR", "Stripe charges at least 0.50 EUR."),
        (17_400, "HUF", "Stripe charges at least 175.00 HUF."),
        (49, "JPY", "Stripe charges at least 50 JPY."),
    ],
)
def test_what_cannot_be_charged_says_why(minor: int, currency: str, why: str) -> None:
    with pytest.raises(NotChargeable, match=why):
        check_chargeable(minor, currency)


def test_what_is_just_enough_can_be_charged() -> None:
    for minor, currency in ((50, "EUR"), (17_500, "HUF"), (50, "JPY"), (5120, "KWD")):
        check_chargeable(minor, currency)
