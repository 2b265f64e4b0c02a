"""
Owns what a route declares, and the steps that every request takes before its handler.

Leaves the URL table to `routes`. Routing, validation, access and OpenAPI are made from one declaration, so they agree.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TypeVar

import orjson
from aiohttp import hdrs, web
from pydantic import ValidationError

from server.domain.errors import NotFound, ProofRequired
from server.store.api_keys import find_api_key
from server.store.idempotency import KeyedRequest
from server.tokens import is_api_key, token_hash
from server.web.access import KEY_SCOPES, Caller, Forbidden, Unauthenticated, UnknownKey, Who
from server.web.bodies import read_body
from server.web.client_address import client_address
from server.web.cors import is_unknown_business, learn_origins, note_unknown_business
from server.web.keys import BODY, CALLER, CORE, COUNTED, LIMITS, PROXIES, QUERY, RAW_BODY, SETTINGS
from server.web.proofs import proof_shown, with_challenge
from server.web.same_origin import refuse_other_sites
from server.web.shapes.base import Shape, is_slug
from server.web.validation import Json, invalid_body, invalid_header, invalid_parameter, invalid_query

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
S = TypeVar("S", bound=Shape)

_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_BEARER = "Bearer "
_LONGEST_KEY = 200
_SHORTEST_ANONYMOUS_KEY = 16


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path: what it takes, who may call it, what it answers."""

    method: str
    path: str
    who: Who
    handler: Handler
    tag: str
    summary: str
    _: KW_ONLY
    query: type[Shape] | None = None
    body: type[Shape] | None = None
    body_optional: bool = False
    answers: Mapping[int, type[Shape] | None] = field(default_factory=dict)
    """Status to shape; None where there is no body, or one that is not JSON. A refusal among them is plain text."""
    refuses: tuple[int, ...] = ()
    """Statuses of problems that do not follow from what is declared above."""
    idempotent: bool = False
    """Takes an Idempotency-Key."""
    media_type: str = "application/json"
    checks_sender: bool = False
    """Asks itself which site sent a form; all other forms of pages are refused where it was not ours."""
    guarded: bool = False
    """Strangers may have to show a proof of work (`Booking-Proof`)."""
    limited: bool = True
    """False for what must be answered whoever asks, and however often: health checks."""
    ready: Callable[[web.Request], web.Response | None] | None = None
    """Gives an answer that is already there, before anything of the request is read."""


SIGNED = (400, 401, 404, 408, 413)
"""What a door refuses whose callers sign their bodies; 404 where it is not set up, or it is about nothing of ours."""


def as_handler(route: Route) -> Handler:
    """The aiohttp handler of *route*: count, ask who it is, read, then call."""
    limit = "read" if route.method in _READING else "write"
    needs_key = route.who in KEY_SCOPES
    is_form = route.media_type == "text/html" and route.method not in _READING

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[PROXIES].look(request)
        address = client_address(request, request.app[SETTINGS].http.trusted_proxies)
        caller = None
        if hdrs.AUTHORIZATION in request.headers and route.who is not Who.OPERATOR:
            caller = await _authenticate(request, address)
            _check_scope(request, caller, route.who)
        elif needs_key:
            raise Unauthenticated
        limits = request.app[LIMITS]
        if route.limited and not limits.is_exempt(address):
            await (limits.count_key(caller.key_id) if caller else limits.count(limit, address))
        request[COUNTED] = True
        await learn_origins(request)
        if is_form and not route.checks_sender:
            refuse_other_sites(request)
        if route.ready is not None and (answer := route.ready(request)) is not None:
            return answer
        await _read(request, route)
        caller = request[CALLER] = _stranger_or_known(request, route, caller or Caller(address=address))
        try:
            return await route.handler(request)
        except ProofRequired as error:
            raise await with_challenge(request, error, limits.networks(address).narrow) from None
        except NotFound as error:
            if error.what == "business" and not caller.key_id:
                note_unknown_business(request)
            raise

    return handle


def _stranger_or_known(request: web.Request, route: Route, caller: Caller) -> Caller:
    """*caller*; whoever may only look is a stranger when they book."""
    if caller.holds(Who.BOOK):
        return caller
    proof = proof_shown(request) if route.guarded else None
    return replace(caller, stranger=request.app[LIMITS].stranger(caller.address), proof=proof)


async def _read(request: web.Request, route: Route) -> None:
    """
    Path, query and body, as the route declares them.

    Raises:
        NotFound: The path cannot name a business.
        InvalidRequest: The query or the body is not what the route takes.
    """
    business = request.match_info.get("business", "any")
    if not is_slug(business) or is_unknown_business(request.app, business):
        raise NotFound(what="business")
    if route.query is not None:
        request[QUERY] = _read_query(request, route.query)
    elif request.query_string:
        raise invalid_parameter(
            next(iter(request.query), request.query_string)[:100], "This takes no query parameters."
        )
    if route.body is not None:
        request[BODY] = await _read_body(request, route)


async def _authenticate(request: web.Request, address: str) -> Caller:
    """
    The caller with the rights of their API key.

    Raises:
        UnknownKey: There is no such key, or it was revoked or has ended.
        TooManyRequests: Nor were there many before it.
    """
    limits = request.app[LIMITS]
    header = request.headers[hdrs.AUTHORIZATION]
    key = header[len(_BEARER) :].strip() if header.startswith(_BEARER) else ""
    found = None
    if is_api_key(key):
        async with limits.looking_up_key(address), request.app[CORE].database.reading() as session:
            found = await find_api_key(session, token_hash(key))
    if found is None:
        limits.note_wrong_key(address)
        raise UnknownKey
    return Caller(
        address=address,
        business=found.business,
        business_id=found.business_id,
        key_id=found.id,
        scopes=found.scopes,
        expires_at=found.expires_at,
    )


def _check_scope(request: web.Request, caller: Caller, who: Who) -> None:
    """
    Whether a key may be used here: for its own business only, also where no key is needed.

    Raises:
        NotFound: It belongs to another business.
        Forbidden: Its scopes do not suffice.
    """
    business = request.match_info.get("business")
    if business is not None and business != caller.business:
        raise NotFound(what="business")  # the same as for one that does not exist
    if not caller.may(who):
        raise Forbidden(scope=who)


def _read_query(request: web.Request, shape: type[Shape]) -> Shape:
    query = request.query
    values = {name: query[name] for name in query}
    if len(values) != len(query):
        twice = next(name for name in values if len(query.getall(name)) > 1)
        raise invalid_parameter(twice[:100], "is given twice")
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise invalid_query(error, shape) from None


async def _read_body(request: web.Request, route: Route) -> Shape:
    shape = route.body
    assert shape is not None
    body = request[RAW_BODY] = await read_body(request)
    if not body and route.body_optional:
        body = b"{}"
    elif request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error, shape, _parsed(body)) from None


def _parsed(body: bytes) -> Json:
    """The JSON of a body that was refused; null where it is none."""
    try:
        parsed: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed


def body_of(request: web.Request, shape: type[S]) -> S:
    """The request's body, which the route declares as *shape*."""
    body = request[BODY]
    assert isinstance(body, shape)
    return body


def query_of(request: web.Request, shape: type[S]) -> S:
    """The request's query, which the route declares as *shape*."""
    query = request[QUERY]
    assert isinstance(query, shape)
    return query


def keyed(request: web.Request) -> KeyedRequest | None:
    """
    The request with its Idempotency-Key, if it has one.

    Raises:
        InvalidRequest: The key is empty, too long or not printable ASCII; or a stranger's, and so short that others
            may come upon it: strangers share one space of keys, because their addresses change between a request
            and its retry.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        detail = "must be 1 to 200 printable ASCII characters"
        raise invalid_header("Idempotency-Key", detail)
    if not request[CALLER].key_id and len(key) < _SHORTEST_ANONYMOUS_KEY:
        detail = (
            f"must have at least {_SHORTEST_ANONYMOUS_KEY} characters without an API key, and be random, as a UUID is: "
            "whoever guesses it could see the answer"
        )
        raise invalid_header("Idempotency-Key", detail)
    raw = request.get(RAW_BODY) or b"{}"
    # The same JSON with other white space or order is the same request.
    canonical = orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
    what = f"{request.method} {request.path}\n".encode()
    return KeyedRequest(caller=request[CALLER].name, key=key, request_hash=hashlib.sha256(what + canonical).digest())
