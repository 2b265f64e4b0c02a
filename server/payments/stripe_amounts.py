"""
Owns what an amount is at Stripe, whose smallest units are mostly those of ISO 4217, and what it cannot charge.

Leaves how many digits a currency has to `domain/currencies`.
"""

from collections.abc import Mapping
from decimal import Decimal

from server.domain.currencies import digits_of, in_units
from server.domain.errors import NotChargeable

_STRIPE_DIGITS: Mapping[str, int] = {"ISK": 2, "UGX": 2, "MGA": 0}
"""
Where Stripe counts with other digits than ISO 4217 (docs.stripe.com/currencies#zero-decimal and #special-cases): ISK
and UGX have no fractions any more but are still sent with two digits, MGA is sent without any.
"""

_STEP: Mapping[str, int] = {"ISK": 100, "UGX": 100, **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10)}
"""What an amount must be a multiple of, in Stripe's units: no fractions of ISK and UGX, two of three digits."""

_LEAST: Mapping[str, str] = {
    "AED": "2.00", "AUD": "0.50", "BRL": "0.50", "CAD": "0.50", "CHF": "0.50", "CZK": "15.00", "DKK": "2.50",
    "EUR": "0.50", "GBP": "0.30", "HKD": "4.00", "HUF": "175.00", "INR": "0.50", "JPY": "50", "MXN": "10",
    "MYR": "2", "NOK": "3.00", "NZD": "0.50", "PLN": "2.00", "RON": "2.00", "SEK": "3.00", "SGD": "0.50",
    "THB": "10", "USD": "0.50",
}  # fmt: skip
"""Least amount of a charge (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts)."""


def to_stripe(minor: int, currency: str) -> int:
    """
    *minor* smallest units of ISO 4217 in Stripe's.

    Raises:
        NotChargeable: It has a fraction that Stripe does not know.
    """
    digits, step = _digits(currency), _STEP.get(currency, 1)
    amount = in_units(minor, currency).scaleb(digits)
    if amount % step:
        multiple = Decimal(step).scaleb(-digits).normalize()
        raise NotChargeable(f"Stripe charges {currency} in multiples of {multiple:f} only.")
    return int(amount)


def from_stripe(amount: int, currency: str) -> int:
    """An amount of Stripe in the smallest units of ISO 4217; a fraction that these do not know is dropped."""
    return int(Decimal(amount).scaleb(digits_of(currency) - _digits(currency)))


def check_chargeable(minor: int, currency: str) -> None:
    """
    Whether Stripe can charge *minor*.

    Raises:
        NotChargeable: It cannot.
    """
    to_stripe(minor, currency)
    least = Decimal(_LEAST.get(currency, "0"))
    if in_units(minor, currency) < least:
        raise NotChargeable(f"Stripe charges at least {least} {currency}.")


def _digits(currency: str) -> int:
    return _STRIPE_DIGITS.get(currency, digits_of(currency))
