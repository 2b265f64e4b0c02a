"""
Owns the translation of a plain `postgresql://` address into SQLAlchemy's asyncpg address.

Leaves addresses that asyncpg itself opens (`engine`) as they are.
"""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")

PARAMETERS = {
    "host": "host",
    "port": "port",
    "sslmode": "ssl",
    "ssl": "ssl",
    "target_session_attrs": "target_session_attrs",
}
"""Parameters after the `?` in libpq's words, and in asyncpg's."""


class UnusableUrl(ValueError):
    """The address of the database is not one that Bookable can use."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the address of the database cannot be used: {why}")


def async_url(url: str) -> URL:
    """
    *url* for `create_async_engine`.

    Args:
        url: `postgresql://user:password@host:5432/name`, or `postgresql://user@/name?host=/folder/of/socket`.

    Raises:
        UnusableUrl: Another scheme, no database name, or a parameter that asyncpg does not have. The text does
            not repeat the address, which may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UnusableUrl("it is not of the form postgresql://user:password@host/name") from None
    if parsed.drivername not in SCHEMES:
        raise UnusableUrl(f"it begins with {parsed.drivername}:// and not with postgresql://")
    if not parsed.database:
        raise UnusableUrl("it names no database (postgresql://user:password@host/NAME)")
    if unknown := sorted(set(parsed.query) - set(PARAMETERS)):
        raise UnusableUrl(f"its parameter {unknown[0]} is not one of {', '.join(sorted(PARAMETERS))}")
    query = {PARAMETERS[name]: value for name, value in parsed.query.items()}
    return parsed.set(drivername="postgresql+asyncpg", query=query)
