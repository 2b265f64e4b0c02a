"""
Owns what `bookable doctor` says about the configuration of each business: what cannot be booked, paid or sent.

Leaves the checks to `domain/setup_checks`; `GET .../setup` has the warnings, too.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from server.cli.doctor import Finding

if TYPE_CHECKING:
    from server.settings import Settings

_MOST_NAMED = 20


async def examine_setup(settings: "Settings") -> AsyncIterator[Finding]:
    """What is wrong with each business, up to a number; nothing while there is no database."""
    from asyncpg import PostgresError

    from server.domain.errors import Unavailable
    from server.domain.setup_checks import Severity, check_setup
    from server.store.configuration import all_configurations
    from server.store.engine import standalone
    from server.usecases.setup import capabilities_of

    if settings.database.url is None:
        return
    # Whether mail leaves is said once, for all of them.
    capabilities = replace(capabilities_of(settings), mail=True)
    businesses = named = 0
    try:
        async with standalone(settings.database.url) as session:
            async for configuration in all_configurations(session):
                businesses += 1
                for found in check_setup(configuration, capabilities):
                    if found.severity is Severity.ERROR and named < _MOST_NAMED:
                        named += 1
                        what = f"{configuration.business.slug}: {found.subject} {found.key} ({found.code})"
                        yield Finding(what, found.detail, is_advice=True)
    except (Unavailable, OSError, ValueError, PostgresError):
        return  # that the address is wrong, the database away or its schema old, is said already
    yield Finding(f"businesses: {businesses}" if businesses else "no business yet: `bookable business create`")
