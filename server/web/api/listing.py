"""
Owns what all plain lists of a business's things have in common: which page, and where the next one begins.

Leaves lists of the catalogue, which are filtered and changed, to `managed`.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from aiohttp import web

from server.usecases.core import Core
from server.web.answers import json_answer
from server.web.keys import CALLER, CORE
from server.web.route import query_of
from server.web.shapes.base import Shape
from server.web.shapes.drafts import PageQuery, write_cursor

T = TypeVar("T")


class Fetch(Protocol[T]):
    """Up to *limit* things of a business, and the id after which the next page begins; None on the last one."""

    async def __call__(
        self, core: Core, business_id: int, *, after: int | None, limit: int
    ) -> tuple[list[T], int | None]: ...


async def listed(request: web.Request, fetch: Fetch[T], page: type[Shape], item_of: Callable[[T], Any]) -> web.Response:
    """The page that *request* asks for."""
    asked = query_of(request, PageQuery)
    found, following = await fetch(
        request.app[CORE],
        request[CALLER].business_id,
        after=asked.cursor[1] if asked.cursor else None,
        limit=asked.limit,
    )
    cursor = write_cursor(following) if following is not None else None
    return json_answer(page.model_validate({"items": [item_of(one) for one in found], "next_cursor": cursor}))
