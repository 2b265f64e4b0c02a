"""
Owns public holidays of a region, as dates.

Leaves which location keeps them to its settings.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays


def subdivisions_of(country: str) -> Mapping[str, str] | None:
    """
    The parts of *country* (ISO 3166-1) that have holidays of their own, by code, with a name or ""; None if the
    `holidays` package does not know the country.
    """
    codes = holidays.list_supported_countries(include_aliases=True).get(country)
    if codes is None:
        return None
    aliases = type(holidays.country_holidays(country)).subdivisions_aliases
    names = {code: alias for alias, code in aliases.items()}
    return {code: names.get(code, "") for code in codes}


@lru_cache(maxsize=2048)
def public_holidays(country: str | None, subdivision: str | None, first_year: int, last_year: int) -> frozenset[date]:
    """The public holidays of the years *first_year* to *last_year*; none without a country."""
    if country is None:
        return frozenset()
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=range(first_year, last_year + 1)))
