"""
Owns having what is offered at hand, and looking again when it was changed meanwhile.

Leaves reading it to `store/offers`.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.domain.catalogue import Offer
from server.domain.errors import CatalogueChanged, Unavailable
from server.usecases.core import Core

T = TypeVar("T")
_ATTEMPTS = 4


async def offers_of(
    core: Core,
    business: str,
    service: str,
    *,
    provider: str | None = None,
    location: str | None = None,
    anew: bool = False,
) -> list[Offer]:
    """
    Who offers *service* where; empty if everything named exists but nobody does.

    Args:
        anew: Do not take what is at hand.

    Raises:
        NotFound: Business, service, provider or location.
    """
    known = None if anew else core.offers.find(business, service, provider=provider, location=location)
    if known is not None:
        return known
    async with core.database.reading() as session:
        return await core.offers.read(session, business, service, provider=provider, location=location)


async def with_current_offers(attempt: Callable[[bool], Awaitable[T]]) -> T:
    """
    What *attempt* returns; called with True, to read what is offered anew, after it found that changed.

    Raises:
        Unavailable: Somebody changes the catalogue faster than it can be read.
    """
    for number in range(_ATTEMPTS):
        try:
            return await attempt(number > 0)
        except CatalogueChanged:
            continue
    raise Unavailable("catalogue")
