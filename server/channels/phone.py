"""
Owns which numbers text messages may go to: mobile ones, of the allowed countries.

Leaves how many a day to the worker, and the numbers in requests to `web/shapes`.
"""

import re
from collections.abc import Collection, Iterable

import phonenumbers
from babel.core import get_global
from phonenumbers import PhoneNumber, PhoneNumberType

_TEXTED = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""All others are refused. Premium, shared-cost, personal and VoIP numbers are how an attacker is paid for the messages
that we send (SMS pumping); landlines and toll-free numbers receive nothing. North America does not tell mobile from
landline."""

_NO_COUNTRY = "001"
"""Satellite phones and international premium services, in libphonenumber's words."""


class BadNumber(ValueError):
    """This is not a phone number."""


ALL_COUNTRIES = "*"
"""Among countries: no country is left out."""


def region_of(number: str) -> str | None:
    """The country of an E.164 *number*, such as `DE`; None where it has none."""
    region: str | None = phonenumbers.region_code_for_number(_parsed(number))
    return None if region == _NO_COUNTRY else region


def home_countries(countries: Iterable[str], zones: Iterable[str], phones: Iterable[str]) -> frozenset[str]:
    """Where a business is, as far as the holidays, zones and phones of it and its places tell; empty if they do not."""
    territories = get_global("zone_territories")
    of_zones = {territories.get(zone) for zone in zones}
    of_phones = {region_of(phone) for phone in phones if _is_number(phone)}
    found = {*countries, *of_zones, *of_phones}
    return frozenset(each for each in found if each is not None and re.fullmatch("[A-Z]{2}", each) and each != "ZZ")


def _is_number(text: str) -> bool:
    try:
        _parsed(text)
    except BadNumber:
        return False
    return True


def why_not_texted(number: str, *, countries: Collection[str]) -> str | None:
    """Why no text message may go to *number*, without naming it; None if it may. Empty *countries*, or `*`: all."""
    try:
        parsed = _parsed(number)
    except BadNumber as error:
        return str(error)
    region = region_of(number)
    if region is None or phonenumbers.number_type(parsed) not in _TEXTED:
        return "This is no mobile number."
    if countries and ALL_COUNTRIES not in countries and region not in countries:
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
