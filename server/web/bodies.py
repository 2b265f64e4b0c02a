"""
Owns reading the body of a request: within its deadline, within its size, and signed where it has to be.

Leaves what stands in it to the handlers. Nobody else calls `read` or `post` on a request.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

T = TypeVar("T")

SLOWEST_S = 10
"""So long a body may take to arrive."""
_UNREADABLE = (HttpProcessingError, ClientPayloadError, web.RequestPayloadError, zlib.error)
"""Chunks that are none, a length that is not kept, octets that are not encoded as they say: each its own exception."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def read_body(request: web.Request, *, most: int | None = None) -> bytes:
    """
    The whole body.

    Args:
        most: Bytes; as the settings say if None.

    Raises:
        aiohttp.web.HTTPException: It is too large, malformed, or does not arrive.
    """
    return await _in_time((request if most is None else request.clone(client_max_size=most)).read())


async def read_form(request: web.Request) -> Mapping[str, str]:
    """
    The fields of the form that was sent; files count as nothing.

    Raises:
        aiohttp.web.HTTPException: It is no form, cannot be read, is too large or does not arrive.
    """
    if not request.can_read_body:
        return {}
    if request.content_type not in _FORMS:
        raise web.HTTPUnsupportedMediaType
    try:
        form = await _in_time(request.post())
    except (ValueError, LookupError, AssertionError):
        raise web.HTTPBadRequest from None
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def read_signed(request: web.Request, is_genuine: Callable[[bytes], bool], *, most: int | None = None) -> bytes:
    """
    The body of a callback, once *is_genuine* has found it signed by whoever may call.

    Raises:
        aiohttp.web.HTTPException: As for `read_body`, or 401: the signature is missing, wrong or not even text.
    """
    body = await read_body(request, most=most)
    if not is_genuine(body):
        raise web.HTTPUnauthorized
    return body


async def _in_time(reading: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(SLOWEST_S):
            return await reading
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except _UNREADABLE:
        raise web.HTTPBadRequest from None
