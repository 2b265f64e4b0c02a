"""
Owns the answers to "when is this free?" and "why not?".

Leaves computing them to `usecases/find_slots`, keeping them to the cache.
"""

from aiohttp import hdrs, web
from multidict import CIMultiDict

from server.domain.zones import zone
from server.redis.availability_cache import Answer
from server.usecases.find_slots import SlotQuery, explain_start, find_slots
from server.web.answers import SAFE, json_answer
from server.web.compression import is_known, tag_of, takes_gzip
from server.web.keys import CACHE, CORE, SETTINGS
from server.web.route import query_of
from server.web.shapes.availability import (
    AvailabilityQuery,
    ExplainAnswer,
    ExplainQuery,
    Explanation,
    RuleVerdict,
    render_availability,
)

_HEADERS: "CIMultiDict[str]" = CIMultiDict(
    {
        **SAFE,
        hdrs.CONTENT_TYPE: "application/json",
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.VARY: f"{hdrs.ORIGIN}, {hdrs.ACCEPT_ENCODING}",
    }
)


async def get_availability(request: web.Request) -> web.Response:
    """Free slots by day, from the cache where it is still true."""
    business = request.match_info["business"]
    asked = query_of(request, AvailabilityQuery)

    async def compute() -> bytes:
        found = await find_slots(request.app[CORE], slot_query(business, asked))
        return render_availability(found, _stream(request))

    return _respond(request, await request.app[CACHE].get(request.raw_path, (business, asked.provider), compute))


def ready_availability(request: web.Request) -> web.Response | None:
    """The same, if the very same question was answered a moment ago and nothing has changed."""
    answer = request.app[CACHE].ready(request.raw_path)
    return _respond(request, answer) if answer is not None else None


def _respond(request: web.Request, answer: Answer) -> web.Response:
    headers = _HEADERS.copy()
    zipped = takes_gzip(request, len(answer.body))
    headers[hdrs.ETAG] = tag_of(answer.etag, zipped=zipped)
    if is_known(request, answer.etag):
        return web.Response(status=304, headers=headers)
    if zipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(body=answer.zipped if zipped else answer.body, headers=headers)


async def explain_availability(request: web.Request) -> web.Response:
    """Which rule refuses one start, and why."""
    asked = query_of(request, ExplainQuery)
    query = SlotQuery(
        business=request.match_info["business"],
        service=asked.service,
        provider=asked.provider,
        location=asked.location,
    )
    candidates = await explain_start(request.app[CORE], query, asked.start)
    return json_answer(
        ExplainAnswer(
            start=asked.start,
            candidates=[
                Explanation(
                    provider=offer.provider.slug,
                    location=offer.location.slug,
                    offered=not refusals,
                    refused_by=[RuleVerdict(rule=r.rule, detail=r.sentence) for r in refusals],
                )
                for offer, refusals in candidates
            ],
        )
    )


def slot_query(business: str, asked: AvailabilityQuery) -> SlotQuery:
    """The question as the use-case takes it."""
    return SlotQuery(
        business=business,
        service=asked.service,
        provider=asked.provider,
        location=asked.location,
        first=asked.first,
        last=asked.last,
        where=zone(asked.tz) if asked.tz else None,
    )


def _stream(request: web.Request) -> str | None:
    """Only over HTTP/2 may a page keep a stream open: over HTTP/1.1 the seventh tab would hang."""
    if not request.app[SETTINGS].http.behind_http2:
        return None
    base_url = request.app[SETTINGS].http.base_url
    return f"{base_url}{request.path}/stream?{request.query_string}"
