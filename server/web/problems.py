"""
Owns the one mapping from errors to HTTP: RFC 9457 problems with a stable type, and nothing of our insides.

Leaves raising them to everybody else.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web

from server.domain import errors
from server.domain.currencies import digits_of
from server.web.access import Forbidden, Unauthenticated, UnknownKey
from server.web.proxies import LocalOnly
from server.web.same_origin import CrossSite
from server.web.shapes.terms import TermsShape
from server.web.validation import InvalidRequest

log = logging.getLogger(__name__)


class ProblemKind(NamedTuple):
    """A problem's status, the slug of its type, and its title."""

    status: int
    slug: str
    title: str


KINDS: dict[type[BaseException], ProblemKind] = {
    InvalidRequest: ProblemKind(422, "invalid-request", "The request is not valid"),
    Unauthenticated: ProblemKind(401, "unauthenticated", "An API key is needed"),
    UnknownKey: ProblemKind(401, "unauthenticated", "This API key does not open anything"),
    Forbidden: ProblemKind(403, "forbidden", "This API key may not do that"),
    LocalOnly: ProblemKind(403, "local-only", "Only for the machine it runs on"),
    errors.TooManyRequests: ProblemKind(429, "too-many-requests", "Too many requests"),
    CrossSite: ProblemKind(403, "cross-site", "Another site sent this form"),
    errors.UnknownZone: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.InsecureEndpoint: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.NoPhone: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.PaymentNotSetUp: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.UnknownReference: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.DetailsMissing: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.QuotaReached: ProblemKind(429, "quota-reached", "That is enough for now"),
    errors.ProofRequired: ProblemKind(403, "proof-required", "A proof of work is needed"),
    errors.AwaitingConfirmation: ProblemKind(409, "awaiting-confirmation", "Another address is being confirmed"),
    errors.Blocked: ProblemKind(409, "not-bookable-online", "This cannot be booked online"),
    errors.NotFound: ProblemKind(404, "not-found", "Not found"),
    errors.Gone: ProblemKind(410, "gone", "No longer here"),
    errors.NotOffered: ProblemKind(422, "slot-not-offered", "This time is not offered"),
    errors.PaymentRequired: ProblemKind(402, "payment-required", "This is paid beforehand"),
    errors.TermsChanged: ProblemKind(409, "terms-changed", "The price, the length or the conditions have changed"),
    errors.NoLongerOffered: ProblemKind(409, "no-longer-offered", "No longer offered"),
    errors.SlotTaken: ProblemKind(409, "slot-unavailable", "This time has just been taken"),
    errors.TimesFree: ProblemKind(409, "times-free", "A time that suits is free"),
    errors.WrongDays: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.DaysPassed: ProblemKind(422, "invalid-request", "The request is not valid"),
    errors.PolicyClosed: ProblemKind(409, "policy-window-closed", "It is too late to change this online"),
    errors.IllegalTransition: ProblemKind(409, "illegal-transition", "Not possible in this state"),
    errors.TooEarly: ProblemKind(409, "too-early", "The appointment has not begun"),
    errors.NothingToCharge: ProblemKind(409, "nothing-to-charge", "There is no fee to charge"),
    errors.LimitReached: ProblemKind(409, "customer-limit-reached", "No more appointments of this service"),
    errors.IdempotencyMismatch: ProblemKind(422, "idempotency-key-reused", "The key was used for another request"),
    errors.InFlight: ProblemKind(409, "request-in-flight", "The first request is still being answered"),
    errors.StaleVersion: ProblemKind(412, "stale-version", "It was changed since you read it"),
    errors.PaymentRefused: ProblemKind(409, "payment-refused", "This cannot be paid online"),
    errors.NotChargeable: ProblemKind(422, "price-not-chargeable", "This price cannot be paid online"),
    errors.CalendarRefused: ProblemKind(422, "calendar-refused", "The calendar could not be connected"),
    errors.Conflict: ProblemKind(409, "conflict", "This does not fit with what is there"),
    errors.Unavailable: ProblemKind(503, "temporarily-unavailable", "Temporarily unavailable"),
}

OF_STATUS = {
    400: ProblemKind(400, "bad-request", "Bad request"),
    401: ProblemKind(401, "unauthenticated", "The signature is missing or wrong"),
    403: ProblemKind(403, "forbidden", "The signature is missing or wrong"),
    404: ProblemKind(404, "not-found", "Not found"),
    405: ProblemKind(405, "method-not-allowed", "Method not allowed"),
    408: ProblemKind(408, "too-slow", "The request took too long to arrive"),
    413: ProblemKind(413, "too-large", "The request is too large"),
    415: ProblemKind(415, "unsupported-media-type", "Send JSON"),
}

MALFORMED = ProblemKind(400, "bad-request", "This is not an HTTP request that can be read")
INTERNAL = ProblemKind(500, "internal-error", "Something went wrong on our side")
CONTENT_TYPE = "application/problem+json"


def _slots(alternatives: Sequence[tuple[int, int, tuple[str, ...]]], where: ZoneInfo | None) -> list[dict[str, object]]:
    return [
        {
            "start": datetime.fromtimestamp(start, where or UTC).isoformat(),
            "end": datetime.fromtimestamp(end, where or UTC).isoformat(),
            "providers": list(providers),
        }
        for start, end, providers in alternatives
    ]


def _amount(minor: int, currency: str) -> dict[str, object]:
    return {"amount_minor": minor, "currency": currency, "currency_digits": digits_of(currency)}


_EXTRAS: dict[type[BaseException], Callable[[Any], dict[str, object]]] = {
    InvalidRequest: lambda e: {"errors": list(e.errors)},
    Forbidden: lambda e: {"scope": e.scope},
    errors.UnknownZone: lambda e: {"errors": [{"pointer": "/timezone", "detail": str(e)}]},
    errors.InsecureEndpoint: lambda e: {"errors": [{"pointer": "/url", "detail": str(e)}]},
    errors.NoPhone: lambda e: {"errors": [{"pointer": e.pointer, "detail": str(e)}]},
    errors.PaymentNotSetUp: lambda e: {"errors": [{"pointer": "/payment", "detail": str(e)}]},
    errors.UnknownReference: lambda e: {
        "errors": [
            {"parameter": name, "detail": f"This business has no {name} with the slug {slug}."}
            for name, slug in e.lacking.items()
        ]
    },
    errors.DetailsMissing: lambda e: {"errors": [{"pointer": p, "detail": why} for p, why in e.details]},
    errors.NotFound: lambda e: {"what": e.what},
    errors.NoLongerOffered: lambda e: {"what": e.what},
    errors.NotOffered: lambda e: {
        "reasons": [{"rule": rule, "detail": why} for rule, why in e.reasons],
        **({"can_override": True} if e.can_override else {}),
    },
    errors.TermsChanged: lambda e: {"terms": TermsShape.of(e.terms).model_dump(mode="json")},
    errors.SlotTaken: lambda e: {"alternatives": _slots(e.alternatives, e.where)},
    errors.TimesFree: lambda e: {"alternatives": _slots(e.alternatives, e.where)},
    errors.WrongDays: lambda e: {
        "errors": [
            {
                "parameter": "to",
                "detail": f"must not be before from (by default today), nor more than {e.most_days - 1} days after it",
            }
        ]
    },
    errors.DaysPassed: lambda e: {"errors": [{"pointer": "/to", "detail": str(e)}]},
    errors.PolicyClosed: lambda e: {
        "closed_at": e.closed_at,
        "fee": _amount(e.fee_minor, e.currency) if e.fee_minor else None,
    },
    errors.IllegalTransition: lambda e: {"appointment_status": e.status, "wanted": e.wanted},
    errors.ProofRequired: lambda e: {"reason": e.reason, "challenge": e.challenge},
    errors.TooEarly: lambda e: {"begins_at": e.begins_at},
    errors.NothingToCharge: lambda e: {"free_until": e.free_until},
    errors.LimitReached: lambda e: {"limit": e.limit},
    errors.StaleVersion: lambda e: {"current_version": e.current},
    errors.NotChargeable: lambda e: {"detail": e.detail},
    errors.CalendarRefused: lambda e: {"detail": e.detail},
    errors.Conflict: lambda e: {"detail": e.detail},
}


def problem(error: BaseException, request_id: str) -> web.Response:
    """The answer to *error*; an unexpected one is logged whole and answered with nothing but its request id."""
    if isinstance(error, web.HTTPException):
        return _of_http_exception(error, request_id)
    kind = KINDS.get(type(error))
    if kind is None:
        log.error("unexpected error in request %s", request_id, exc_info=error)
        return _respond(INTERNAL, "If it happens again, tell us the request id.", {}, request_id)
    headers = {}
    if isinstance(error, errors.Unavailable | errors.TooManyRequests | errors.QuotaReached):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.InFlight):
        headers["Retry-After"] = "1"
    if isinstance(error, Unauthenticated | UnknownKey):
        headers["WWW-Authenticate"] = 'Bearer realm="bookable"'
    extras = _EXTRAS.get(type(error), lambda _: {})(error)
    return _respond(kind, str(error), extras, request_id, headers)


def plain_problem(kind: ProblemKind) -> web.Response:
    """*kind* where there is no request that an id could be of."""
    return _respond(kind, kind.title + ".", {}, "")


def _of_http_exception(error: web.HTTPException, request_id: str) -> web.Response:
    kind = OF_STATUS.get(error.status) or ProblemKind(error.status, "bad-request", error.reason)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return _respond(kind, kind.title + ".", {}, request_id, headers)


def _respond(
    kind: ProblemKind,
    detail: str,
    extras: dict[str, object],
    request_id: str,
    headers: dict[str, str] | None = None,
) -> web.Response:
    body = {
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "request_id": request_id,
        **extras,
    }
    return web.Response(
        status=kind.status,
        body=orjson.dumps(body, option=orjson.OPT_UTC_Z),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
