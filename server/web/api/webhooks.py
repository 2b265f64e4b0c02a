"""
Owns managing webhook endpoints over HTTP.

Leaves what was sent to them to `deliveries`.
"""

from uuid import UUID

from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.usecases.once import Once, Replay
from server.usecases.webhooks import (
    WithSecret,
    add_endpoint,
    edit_endpoint,
    page_of_endpoints,
    read_endpoint,
    remove_endpoint,
    rotate_endpoint,
    test_endpoint,
)
from server.web.access import Who
from server.web.answers import as_json, json_answer, raw_answer, replayed
from server.web.api.listing import listed
from server.web.api.managed import editor_of
from server.web.keys import CALLER, CORE, SETTINGS
from server.web.route import Route, body_of, keyed
from server.web.shapes.drafts import PageQuery
from server.web.shapes.webhooks import (
    WebhookDraft,
    WebhookItem,
    WebhookPage,
    WebhookPatch,
    WebhookWithSecret,
    item_of,
)


async def get_webhooks(request: web.Request) -> web.Response:
    """Endpoints, the oldest first."""
    return await listed(request, page_of_endpoints, WebhookPage, item_of)


async def get_webhook(request: web.Request) -> web.Response:
    """One endpoint."""
    row = await read_endpoint(request.app[CORE], request[CALLER].business_id, _uid(request))
    return json_answer(WebhookItem.model_validate(item_of(row)))


async def post_webhook(request: web.Request) -> web.Response:
    """Adds an endpoint; this answer is the only one that shows its secret."""
    once: Once[WithSecret] = Once(keyed(request), 201, lambda result: as_json(_with_secret(result)))
    values = body_of(request, WebhookDraft).model_dump()
    settings = request.app[SETTINGS].webhook
    result = await add_endpoint(request.app[CORE], settings, editor_of(request), values, once)
    if isinstance(result, Replay):
        return replayed(result)
    location = {str(hdrs.LOCATION): f"{request.path}/{result.endpoint.uid}"}
    return raw_answer(once.body(result), status=201, headers=location)


async def patch_webhook(request: web.Request) -> web.Response:
    """Changes an endpoint, or switches it on or off."""
    values = body_of(request, WebhookPatch).model_dump(exclude_none=True)
    settings = request.app[SETTINGS].webhook
    row = await edit_endpoint(request.app[CORE], settings, editor_of(request), _uid(request), values)
    return json_answer(WebhookItem.model_validate(item_of(row)))


async def post_webhook_rotation(request: web.Request) -> web.Response:
    """A new secret."""
    settings = request.app[SETTINGS].webhook
    result = await rotate_endpoint(request.app[CORE], settings, editor_of(request), _uid(request))
    return json_answer(_with_secret(result))


async def post_webhook_test(request: web.Request) -> web.Response:
    """Calls it as soon as a worker comes by."""
    await test_endpoint(request.app[CORE], editor_of(request), _uid(request))
    return web.Response(status=202)


async def delete_webhook(request: web.Request) -> web.Response:
    """Calls it no more."""
    await remove_endpoint(request.app[CORE], editor_of(request), _uid(request))
    return web.Response(status=204)


def _with_secret(result: WithSecret) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate({**item_of(result.endpoint), "secret": result.secret})


def _uid(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="webhook") from None


def webhook_routes(base: str) -> list[Route]:
    """List, add, read, change, rotate, test, remove."""
    one = f"{base}/webhooks/{{id}}"
    return [
        Route("GET", f"{base}/webhooks", Who.MANAGE, get_webhooks, "Webhooks", "List webhooks",
              query=PageQuery, answers={200: WebhookPage}),
        Route("POST", f"{base}/webhooks", Who.MANAGE, post_webhook, "Webhooks",
              "Add a webhook; its secret is shown this once",
              body=WebhookDraft, answers={201: WebhookWithSecret}, idempotent=True),
        Route("GET", one, Who.MANAGE, get_webhook, "Webhooks", "Read a webhook", answers={200: WebhookItem}),
        Route("PATCH", one, Who.MANAGE, patch_webhook, "Webhooks", "Change a webhook, or switch it on or off",
              body=WebhookPatch, answers={200: WebhookItem}),
        Route("DELETE", one, Who.MANAGE, delete_webhook, "Webhooks", "Remove a webhook", answers={204: None}),
        Route("POST", f"{one}/rotate", Who.MANAGE, post_webhook_rotation, "Webhooks",
              "A new secret; the old one signs beside it for a while", answers={200: WebhookWithSecret}),
        Route("POST", f"{one}/test", Who.MANAGE, post_webhook_test, "Webhooks", "Send a webhook.test",
              answers={202: None}),
    ]  # fmt: skip
