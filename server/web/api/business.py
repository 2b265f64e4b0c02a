"""
Owns the profile of a business, for everybody, and its settings, for its own people.

Leaves the availability that may come along to `find_slots` and the cache.
"""

import gzip
from hashlib import blake2b
from urllib.parse import urlencode

import orjson
from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.store.catalogue import BUSINESS
from server.store.profile import load_profile
from server.usecases.find_slots import MOST_DAYS, find_slots
from server.usecases.setup import read_setup
from server.web.access import Who
from server.web.answers import SAFE, json_answer
from server.web.api.availability import slot_query
from server.web.api.managed import changer, reader
from server.web.compression import is_known, tag_of, takes_gzip
from server.web.keys import CACHE, CALLER, CAPABILITIES, CORE, SETTINGS
from server.web.route import Route, query_of
from server.web.shapes.availability import AvailabilityQuery, render_availability
from server.web.shapes.base import is_slug
from server.web.shapes.business import BusinessDraft, BusinessItem, BusinessProfile, ProfileQuery
from server.web.shapes.drafts import patch_of
from server.web.shapes.setup import SetupAnswer, saved_shape


async def get_business(request: web.Request) -> web.Response:
    """What a widget needs to know, with the first free times if it asks for them: one round trip."""
    business = request.match_info["business"]
    if not is_slug(business):
        raise NotFound(what="business")
    async with request.app[CORE].database.reading() as session:
        profile = await load_profile(session, business)
    services = [service["slug"] for service in profile["services"]]
    asked = query_of(request, ProfileQuery).availability(services)
    profile["policies"] = {"hold_s": request.app[SETTINGS].booking.hold_s, "most_days": MOST_DAYS}
    if asked is not None:
        profile["availability"] = orjson.Fragment(await _availability(request, business, asked))
    body = orjson.dumps(profile)
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    zipped = takes_gzip(request, len(body))
    headers = {
        **SAFE,
        hdrs.ETAG: tag_of(etag, zipped=zipped),
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.VARY: f"{hdrs.ORIGIN}, {hdrs.ACCEPT_ENCODING}",
    }
    if is_known(request, etag):
        return web.Response(status=304, headers=headers)
    if zipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = gzip.compress(body, 4, mtime=0)
    return web.Response(body=body, content_type="application/json", headers=headers)


async def get_setup(request: web.Request) -> web.Response:
    """What in the configuration does not work as it stands."""
    app = request.app
    findings = await read_setup(app[CORE], request[CALLER].business_id, app[CAPABILITIES])
    return json_answer(SetupAnswer.of(findings))


async def _availability(request: web.Request, business: str, asked: AvailabilityQuery) -> bytes:
    async def compute() -> bytes:
        found = await find_slots(request.app[CORE], slot_query(business, asked))
        return render_availability(found, _stream(request, asked))

    question = f"profile {business} {asked.model_dump_json()}"
    return (await request.app[CACHE].get(question, (business, asked.provider), compute)).body


def _stream(request: web.Request, asked: AvailabilityQuery) -> str | None:
    http = request.app[SETTINGS].http
    if not http.behind_http2:
        return None
    question = urlencode(asked.model_dump(mode="json", by_alias=True, exclude_none=True))
    return f"{http.base_url}{request.path}/availability/stream?{question}"


def business_routes(base: str) -> list[Route]:
    """The profile, and the settings behind it."""
    patch = patch_of(BusinessDraft)
    return [
        Route("GET", base, Who.PUBLIC, get_business, "Business", "What a widget needs to know, in one answer",
              query=ProfileQuery, answers={200: BusinessProfile, 304: None}),
        Route("PATCH", base, Who.MANAGE, changer(BUSINESS, BusinessItem, BusinessDraft, patch),
              "Business", "Change the settings", body=patch, answers={200: saved_shape(BusinessItem)}),
        Route("GET", f"{base}/settings", Who.READ, reader(BUSINESS, BusinessItem, BusinessDraft),
              "Business", "Read the settings", answers={200: BusinessItem}),
        Route("GET", f"{base}/setup", Who.READ, get_setup,
              "Business", "Check whether the configuration can work", answers={200: SetupAnswer}),
    ]  # fmt: skip
