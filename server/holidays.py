"""
Owns public holidays of a region, as dates.

Leaves which location keeps them to its settings.
"""

from datetime import date
from functools import lru_cache

import holidays


def is_known_region(country: str, subdivision: str | None) -> bool:
    """Whether the `holidays` package knows this country, and this subdivision of it."""
    subdivisions = holidays.list_supported_countries(include_aliases=True).get(country)
    return subdivisions is not None and (subdivision is None or subdivision in subdivisions)


@lru_cache(maxsize=2048)
def public_holidays(country: str | None, subdivision: str | None, first_year: int, last_year: int) -> frozenset[date]:
    """The public holidays of the years *first_year* to *last_year*; none without a country."""
    if country is None:
        return frozenset()
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=range(first_year, last_year + 1)))
