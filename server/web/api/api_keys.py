"""
Owns API keys over HTTP: a key can never give what it does not have.

Leaves keys of requests to `route`.
"""

import orjson
from aiohttp import hdrs, web

from server.store.catalogue import API_KEYS
from server.store.collection import Record
from server.tokens import new_api_key, token_hash
from server.usecases.catalogue import Saved, create
from server.usecases.once import Once, Replay
from server.web.access import Forbidden, Who
from server.web.answers import raw_answer, replayed
from server.web.api.managed import Managed, editor_of, list_route, remover, render
from server.web.keys import CALLER, CAPABILITIES, CORE
from server.web.route import Route, body_of, keyed
from server.web.shapes.drafts import PageQuery
from server.web.shapes.people import ApiKeyDraft, ApiKeyItem, NewApiKey


async def create_api_key(request: web.Request) -> web.Response:
    """Makes a key; this answer is the only one that shows it."""
    order = body_of(request, ApiKeyDraft)
    for scope in order.distinct_scopes():
        if not request[CALLER].may(Who(scope)):
            raise Forbidden(scope=scope)
    key, prefix = new_api_key()
    ends = [each for each in (order.expires_at, request[CALLER].expires_at) if each is not None]
    values = {
        "name": order.name,
        "scopes": order.distinct_scopes(),
        "expires_at": min(ends, default=None),
        "prefix": prefix,
        "key_hash": token_hash(key),
    }
    once: Once[Saved] = Once(keyed(request), 201, lambda saved: _render(saved.record, key))
    result = await create(
        request.app[CORE], editor_of(request), API_KEYS, values, once, capabilities=request.app[CAPABILITIES]
    )
    if isinstance(result, Replay):
        return replayed(result)
    location: dict[str, str] = {hdrs.LOCATION: f"{request.path}/{result.record.id}"}
    return raw_answer(once.render(result), status=201, headers=location)


LISTED = Managed(
    path="api-keys",
    tag="Access",
    noun="API keys",
    collection=API_KEYS,
    item=ApiKeyItem,
    query=PageQuery,
    readers=Who.MANAGE,
)


def _render(record: Record, key: str) -> bytes:
    item = orjson.loads(render(ApiKeyItem, ApiKeyDraft, record.values))
    return orjson.dumps({**item, "key": key})


def api_key_routes(base: str) -> list[Route]:
    """List, create, revoke."""
    return [
        list_route(base, LISTED),
        Route("POST", f"{base}/api-keys", Who.MANAGE, create_api_key, "Access", "Create an API key, shown this once",
              body=ApiKeyDraft, answers={201: NewApiKey}, idempotent=True),
        Route("DELETE", f"{base}/api-keys/{{id}}", Who.MANAGE, remover(API_KEYS), "Access", "Revoke an API key",
              answers={204: None}),
    ]  # fmt: skip
