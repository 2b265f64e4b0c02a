"""
Owns showing deliveries over HTTP and sending them again.

Leaves the endpoints of webhooks to `webhooks`.
"""

from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.usecases.deliveries import page_of_deliveries, redeliver, redrive, show_delivery
from server.web.access import Who
from server.web.answers import json_answer
from server.web.keys import CALLER, CORE
from server.web.route import Route, body_of, query_of
from server.web.shapes.deliveries import (
    DeliveriesQuery,
    DeliveryDetails,
    DeliveryItem,
    DeliveryPage,
    Redriven,
    RedriveOrder,
    details_of,
    item_of,
)
from server.web.shapes.drafts import write_cursor


async def get_deliveries(request: web.Request) -> web.Response:
    """Deliveries, the newest first."""
    asked = query_of(request, DeliveriesQuery)
    found, following = await page_of_deliveries(
        request.app[CORE],
        request[CALLER].business_id,
        asked.filters(),
        before=asked.cursor[1] if asked.cursor else None,
        limit=asked.limit,
    )
    cursor = write_cursor(following) if following is not None else None
    items = [item_of(logged) for logged in found]
    return json_answer(DeliveryPage.model_validate({"items": items, "next_cursor": cursor}))


async def get_delivery(request: web.Request) -> web.Response:
    """One of them, with what was tried."""
    logged, attempts = await show_delivery(request.app[CORE], request[CALLER].business_id, _uid(request))
    return json_answer(details_of(logged, attempts))


async def post_redelivery(request: web.Request) -> web.Response:
    """Sends one again."""
    logged = await redeliver(request.app[CORE], request[CALLER].business_id, _uid(request))
    return json_answer(DeliveryItem.model_validate(item_of(logged)))


async def post_redrive(request: web.Request) -> web.Response:
    """Sends dead ones again."""
    wanted = body_of(request, RedriveOrder).model_dump(exclude_none=True)
    queued = await redrive(request.app[CORE], {"business_id": request[CALLER].business_id, **wanted})
    return json_answer(Redriven(queued=queued))


def _uid(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="delivery") from None


def delivery_routes(base: str) -> list[Route]:
    """List, look, send again."""
    return [
        Route("GET", f"{base}/deliveries", Who.MANAGE, get_deliveries, "Webhooks", "What was sent to whom",
              query=DeliveriesQuery, answers={200: DeliveryPage}),
        Route("GET", f"{base}/deliveries/{{id}}", Who.MANAGE, get_delivery, "Webhooks", "A delivery and its attempts",
              answers={200: DeliveryDetails}),
        Route("POST", f"{base}/deliveries/{{id}}/redeliver", Who.MANAGE, post_redelivery, "Webhooks",
              "Send it again, with the same id", answers={200: DeliveryItem}),
        Route("POST", f"{base}/deliveries/redrive", Who.MANAGE, post_redrive, "Webhooks",
              "Send dead ones again", body=RedriveOrder, body_optional=True, answers={200: Redriven}),
    ]  # fmt: skip
