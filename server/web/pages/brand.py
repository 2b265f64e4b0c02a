"""
Owns the colour that the pages of a business wear.

Leaves which colour can be read on it to `domain/colours`.
"""

from aiohttp import web

from server.domain.colours import ink_on
from server.store.businesses import accent_of_business
from server.web.keys import CORE


async def brand_of(request: web.Request, business: str) -> str:
    """The sheet of *business*, by its slug."""
    async with request.app[CORE].database.reading() as session:
        return brand_rule(await accent_of_business(session, business))


def brand_rule(accent: str | None) -> str:
    """The colour of a business, as a sheet of its own; empty if it has chosen none."""
    return f":root{{--brand:{accent};--on-brand:{ink_on(accent)}}}" if accent else ""
