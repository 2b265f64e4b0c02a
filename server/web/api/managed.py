"""
Owns the handlers that all managed collections share, and the routes made of them.

Leaves which collections there are to `catalogue`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import hdrs, web
from pydantic import ValidationError

from server.domain.errors import NotFound
from server.store.collection import Collection, Record, Values
from server.usecases.catalogue import Editor, Saved, change, create, list_page, read, remove
from server.usecases.once import Once, Replay
from server.web.access import Who
from server.web.answers import raw_answer, replayed
from server.web.keys import CALLER, CAPABILITIES, CORE, RAW_BODY
from server.web.preconditions import etag_of, expected_versions
from server.web.route import Handler, Route, body_of, keyed, query_of
from server.web.shapes.base import Shape, is_slug
from server.web.shapes.drafts import Draft, PageQuery, page_shape, patch_of, write_cursor
from server.web.shapes.setup import FindingItem, saved_shape
from server.web.validation import invalid_body

_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """
    A collection as the API serves it.

    Attributes:
        path: Under the business; of one thing with its slug or id behind it.
        draft: What a caller says of a thing; nothing where only the server makes them.
        lasting: Fields that cannot change.
    """

    path: str
    tag: str
    noun: str
    collection: Collection
    item: type[Shape]
    query: type[PageQuery]
    draft: type[Draft] = Draft
    lasting: tuple[str, ...] = ()
    readers: Who = Who.READ


def managed_routes(base: str, managed: Managed) -> Iterator[Route]:
    """List, create, read, change, delete."""
    things, one = f"{base}/{managed.path}", f"{base}/{managed.path}/{{{managed.collection.key}}}"
    tag, noun, item, draft, collection = managed.tag, managed.noun, managed.item, managed.draft, managed.collection
    patch = patch_of(draft, without=managed.lasting)
    # fmt: off
    yield list_route(base, managed)
    yield Route("POST", things, Who.MANAGE, _creator(managed), tag, f"Create {noun}",
                body=draft, answers={201: saved_shape(item)}, idempotent=True)
    yield Route("GET", one, managed.readers, reader(collection, item, draft), tag, f"Read {noun}", answers={200: item})
    yield Route("PATCH", one, Who.MANAGE, changer(collection, item, draft, patch), tag, f"Change {noun}",
                body=patch, answers={200: saved_shape(item)})
    yield Route("DELETE", one, Who.MANAGE, remover(collection), tag, f"Delete {noun}", answers={204: None})
    # fmt: on


def list_route(base: str, managed: Managed) -> Route:
    """A page of the collection."""
    return Route(
        "GET",
        f"{base}/{managed.path}",
        managed.readers,
        _lister(managed),
        managed.tag,
        f"List {managed.noun}",
        query=managed.query,
        answers={200: page_shape(managed.item)},
    )


def editor_of(request: web.Request) -> Editor:
    """Who edits; the key says which business."""
    caller = request[CALLER]
    return Editor(name=caller.name, business=caller.business, business_id=caller.business_id)


def key_of_path(request: web.Request, collection: Collection) -> str | int:
    """
    The slug or id in the path.

    Raises:
        NotFound: Nothing can be called that.
    """
    if "slug" in request.match_info:
        if is_slug(request.match_info["slug"]):
            return request.match_info["slug"]
    elif _ID.fullmatch(request.match_info["id"]):
        return int(request.match_info["id"])
    raise NotFound(what=collection.subject)


def reader(collection: Collection, item: type[Shape], draft: type[Draft]) -> Handler:
    """Answers one record, of the path or the caller's own business."""

    async def handle(request: web.Request) -> web.Response:
        record = await read(request.app[CORE], request[CALLER].business_id, collection, _key(request, collection))
        return _answer(collection, render(item, draft, record.values), record)

    return handle


def changer(collection: Collection, item: type[Shape], draft: type[Draft], patch: type[Shape]) -> Handler:
    """Lays what was sent over what is there, checks the whole, and stores it."""

    async def handle(request: web.Request) -> web.Response:
        given = body_of(request, patch).model_dump(exclude_unset=True)

        def rewrite(values: Values) -> Values:
            shown = draft.shown(values)
            try:
                return draft.model_validate({**{name: shown[name] for name in draft.model_fields}, **given}).values()
            except ValidationError as error:
                raise invalid_body(error, draft, orjson.loads(request[RAW_BODY]), merged=True) from None

        saved = await change(
            request.app[CORE],
            editor_of(request),
            collection,
            _key(request, collection),
            rewrite,
            versions=expected_versions(request),
            capabilities=request.app[CAPABILITIES],
        )
        return _answer(collection, _render_saved(item, draft, saved), saved.record)

    return handle


def remover(collection: Collection) -> Handler:
    """Deletes one record."""

    async def handle(request: web.Request) -> web.Response:
        versions = expected_versions(request) if collection.has_version else None
        key = key_of_path(request, collection)
        await remove(request.app[CORE], editor_of(request), collection, key, versions=versions)
        return web.Response(status=204)

    return handle


def render(item: type[Shape], draft: type[Draft], values: Values) -> bytes:
    """A record as *item*; what we stored is not checked again."""
    return orjson.dumps(_shown(item, draft, values), option=orjson.OPT_UTC_Z)


def _render_saved(item: type[Shape], draft: type[Draft], saved: Saved) -> bytes:
    """The record, and what does not work because of it."""
    warnings = [FindingItem.of(finding).model_dump() for finding in saved.warnings]
    return orjson.dumps({**_shown(item, draft, saved.record.values), "warnings": warnings}, option=orjson.OPT_UTC_Z)


def _creator(managed: Managed) -> Handler:
    item, draft, collection = managed.item, managed.draft, managed.collection

    async def handle(request: web.Request) -> web.Response:
        once: Once[Saved] = Once(keyed(request), 201, lambda saved: _render_saved(item, draft, saved))
        values = body_of(request, draft).values()
        result = await create(
            request.app[CORE], editor_of(request), collection, values, once, capabilities=request.app[CAPABILITIES]
        )
        if isinstance(result, Replay):
            return replayed(result)
        response = _answer(collection, once.render(result), result.record, status=201)
        response.headers[hdrs.LOCATION] = f"{request.path}/{result.record.values[collection.key]}"
        return response

    return handle


def _lister(managed: Managed) -> Handler:
    item, draft, query = managed.item, managed.draft, managed.query

    async def handle(request: web.Request) -> web.Response:
        asked = query_of(request, query)
        records, following = await list_page(
            request.app[CORE],
            request[CALLER].business_id,
            managed.collection,
            asked.filters(),
            after=asked.cursor[1] if asked.cursor else None,
            limit=asked.limit,
        )
        page = {
            "items": [_shown(item, draft, record.values) for record in records],
            "next_cursor": write_cursor(following) if following is not None else None,
        }
        return raw_answer(orjson.dumps(page, option=orjson.OPT_UTC_Z))

    return handle


def _key(request: web.Request, collection: Collection) -> str | int:
    if collection.subject == "business":
        return request[CALLER].business
    return key_of_path(request, collection)


def _shown(item: type[Shape], draft: type[Draft], values: Values) -> dict[str, Any]:
    shown = draft.shown(values)
    return {name: shown[name] for name in item.model_fields}


def _answer(collection: Collection, body: bytes, record: Record, *, status: int = 200) -> web.Response:
    headers: dict[str, str] = {hdrs.ETAG: etag_of(record.version)} if collection.has_version else {}
    return raw_answer(body, status=status, headers=headers)
