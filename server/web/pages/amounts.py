"""
Owns how pages write money.

Leaves how mails do to the channels, and the widget to Intl.
"""

from babel.numbers import format_currency, get_currency_precision


def money(minor: int, currency: str) -> str:
    """*minor* units of *currency*, in English: `€48.00`."""
    return format_currency(minor / 10 ** get_currency_precision(currency), currency, locale="en")
