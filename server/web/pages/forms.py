"""
Owns reading the plain forms of pages: what was typed, by name.

Leaves what it means to the pages.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from server.web.route import SLOWEST_BODY_S

_KINDS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def form_of(request: web.Request) -> Mapping[str, str]:
    """
    The fields of the form that was sent; files count as nothing.

    Raises:
        aiohttp.web.HTTPException: It is no form, cannot be read, is too large or does not arrive.
    """
    if not request.can_read_body:
        return {}
    if request.content_type not in _KINDS:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            form = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, LookupError, AssertionError):
        raise web.HTTPBadRequest from None
    return {name: value for name, value in form.items() if isinstance(value, str)}
