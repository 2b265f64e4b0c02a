"""
Owns managing feeds over HTTP, and giving customers one of their own.

Leaves reading feeds to `web/feeds`.
"""

from uuid import UUID

from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.usecases.manage_feeds import (
    Issued,
    create_feed,
    edit_feed,
    end_feed,
    mail_feed_of_customer,
    page_of_feeds,
    rotate_feed,
)
from server.usecases.once import Once, Replay
from server.web.access import Who
from server.web.answers import as_json, json_answer, raw_answer, replayed
from server.web.api.listing import listed
from server.web.api.managed import editor_of
from server.web.keys import CORE, SETTINGS
from server.web.route import Route, body_of, keyed
from server.web.shapes.drafts import PageQuery
from server.web.shapes.feeds import (
    FeedDraft,
    FeedItem,
    FeedMailed,
    FeedPage,
    FeedPatch,
    NewFeed,
    addresses,
    item_of,
    qr_svg,
)


async def get_feeds(request: web.Request) -> web.Response:
    """Feeds of the business; customers' own are theirs."""
    return await listed(request, page_of_feeds, FeedPage, item_of)


async def post_feed(request: web.Request) -> web.Response:
    """Makes a feed; this answer is the only one that shows its addresses."""
    draft = body_of(request, FeedDraft)
    scope, subject = draft.scope()
    base_url = request.app[SETTINGS].http.base_url
    once: Once[Issued] = Once(keyed(request), 201, lambda issued: as_json(_new(issued, base_url)))
    values = {"name": draft.name, "scope": scope, "privacy": draft.privacy, "colour": draft.colour}
    result = await create_feed(request.app[CORE], editor_of(request), values, subject, once)
    if isinstance(result, Replay):
        return replayed(result)
    location = {str(hdrs.LOCATION): f"{request.path}/{result.feed.uid}"}
    return raw_answer(once.body(result), status=201, headers=location)


async def patch_feed(request: web.Request) -> web.Response:
    """Another name, privacy or colour."""
    values = body_of(request, FeedPatch).model_dump(exclude_none=True)
    row = await edit_feed(request.app[CORE], editor_of(request), _uid(request), values)
    return json_answer(FeedItem.model_validate(item_of(row)))


async def post_rotation(request: web.Request) -> web.Response:
    """A new address; the old one is over."""
    issued = await rotate_feed(request.app[CORE], editor_of(request), _uid(request))
    return json_answer(_new(issued, request.app[SETTINGS].http.base_url))


async def delete_feed(request: web.Request) -> web.Response:
    """Takes it back."""
    await end_feed(request.app[CORE], editor_of(request), _uid(request))
    return web.Response(status=204)


async def post_customer_feed(request: web.Request) -> web.Response:
    """
    Mails the address of a feed of all of a customer's appointments to the customer.

    The answer is the same whether or not there are others: the caller may be anybody who typed the address.
    """
    await mail_feed_of_customer(request.app[CORE], request.match_info["manage_token"])
    return json_answer(FeedMailed(), status=202)


def _uid(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="feed") from None


def _new(issued: Issued, base_url: str) -> NewFeed:
    feed = issued.feed
    urls = addresses(base_url, issued.token, name=feed.name, has_hours=feed.scope == "provider")
    return NewFeed.model_validate({**item_of(feed), "urls": urls, "qr_svg": qr_svg(urls.webcal)})


def feed_management_routes(base: str, place: str) -> list[Route]:
    """List, make, change, rotate, take back; and the customer's own."""
    return [
        Route("GET", f"{base}/feeds", Who.MANAGE, get_feeds, "Feeds", "List feeds",
              query=PageQuery, answers={200: FeedPage}),
        Route("POST", f"{base}/feeds", Who.MANAGE, post_feed, "Feeds", "Make a feed; its addresses are shown this once",
              body=FeedDraft, answers={201: NewFeed}, idempotent=True),
        Route("PATCH", f"{base}/feeds/{{id}}", Who.MANAGE, patch_feed, "Feeds", "Change name, privacy or colour",
              body=FeedPatch, answers={200: FeedItem}),
        Route("POST", f"{base}/feeds/{{id}}/rotate", Who.MANAGE, post_rotation, "Feeds",
              "A new address; the old one answers 410", answers={200: NewFeed}),
        Route("DELETE", f"{base}/feeds/{{id}}", Who.MANAGE, delete_feed, "Feeds", "Take a feed back",
              answers={204: None}),
        Route("POST", f"{place}/feed", Who.TOKEN, post_customer_feed, "Feeds",
              "Mail the customer the address of a feed of all their appointments", answers={202: FeedMailed}),
    ]  # fmt: skip
