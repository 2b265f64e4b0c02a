"""
Owns which numbers text messages may go to: mobile ones, of the allowed countries.

Leaves how many a day to the worker, and the numbers in requests to `web/shapes`.
"""

from collections.abc import Sequence

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

_TEXTED = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""All others are refused. Premium, shared-cost, personal and VoIP numbers are how an attacker is paid for the messages
that we send (SMS pumping); landlines and toll-free numbers receive nothing. North America does not tell mobile from
landline."""

_NO_COUNTRY = "001"
"""Satellite phones and international premium services, in libphonenumber's words."""


class BadNumber(ValueError):
    """This is not a phone number."""


def region_of(number: str) -> str | None:
    """The country of an E.164 *number*, such as `DE`; None where it has none."""
    region: str | None = phonenumbers.region_code_for_number(_parsed(number))
    return None if region == _NO_COUNTRY else region


def why_not_texted(number: str, *, countries: Sequence[str]) -> str | None:
    """Why no text message may go to *number*, without naming it; None if it may. Empty *countries*: all."""
    try:
        parsed = _parsed(number)
    except BadNumber as error:
        return str(error)
    region = region_of(number)
    if region is None or phonenumbers.number_type(parsed) not in _TEXTED:
        return "This is no mobile number."
    if countries and region not in countries:
        return f"No text messages go to {region}."
    return None


def masked(number: str) -> str:
    """*number* for logs: its last three digits."""
    return "…" + number[-3:]


def _parsed(text: str) -> PhoneNumber:
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise BadNumber("This is not a phone number.") from error
    if not phonenumbers.is_possible_number(parsed):
        raise BadNumber("This is not a phone number.")
    return parsed
