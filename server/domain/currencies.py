"""
Owns how many digits the smallest unit of each currency has: one table for what is shown, asked for and charged.

Leaves what a payment service can charge to `payments`, and how an amount is written to `voice` and the widget.
"""

from collections.abc import Mapping
from decimal import Decimal

_DEFAULT_DIGITS = 2

# ISO 4217, list one, as of 2026-01-01 (amendment 180): without funds codes, metals, SDRs and test codes.
_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP"
    " CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES"
    " KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK"
    " NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB"
    " TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_OTHER_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_FORMER = "ANG BGN HRK SLL ZWL"
"""Gone from the list since 2023; a business whose prices are still in one goes on."""

DIGITS: Mapping[str, int] = {
    **dict.fromkeys(f"{_TWO_DIGITS} {_FORMER}".split(), _DEFAULT_DIGITS),
    **{code: digits for digits, codes in _OTHER_DIGITS.items() for code in codes.split()},
}
"""Digits after the point, by currency (ISO 4217, "minor unit")."""


def digits_of(currency: str) -> int:
    """Digits after the point; two for what the table does not know."""
    return DIGITS.get(currency, _DEFAULT_DIGITS)


def is_currency(code: str) -> bool:
    """Whether prices can be in *code*: a currency that is in use today."""
    return code in DIGITS


def in_units(minor: int, currency: str) -> Decimal:
    """*minor* smallest units as an amount of the currency, with all of its digits."""
    return Decimal(minor).scaleb(-digits_of(currency))
