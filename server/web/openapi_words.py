"""
Owns what the API's description says in words: introduction, tags, parameters of the path and in headers.

Leaves putting it together to `openapi`.
"""

from collections.abc import Mapping
from typing import Any

from server.web.access import Who

DESCRIPTION = """\
Bookable makes any calendar bookable. What is public needs no key; everything else needs `Authorization: Bearer bk_...`.

Times are RFC 3339 with an offset, zones are IANA names, amounts are in the currency's minor unit. Errors are
`application/problem+json` with a stable `type`. Lists come in pages: pass `next_cursor` as `cursor`. Every POST takes
an `Idempotency-Key`: send the same request again after a failure, and it counts once. What has a `version` takes
`If-Match`, so that nobody's work is lost.
"""

TAGS: Mapping[str, str] = {
    "Business": "The profile that everybody sees, and the settings behind it.",
    "Availability": "When something is free.",
    "Booking": "What a customer does: hold, book, see, move, cancel.",
    "Appointments": "What staff sees and does.",
    "Places": "Locations, rooms and devices.",
    "People": "Providers and customers.",
    "Services": "What can be booked, by whom, and what it needs.",
    "Hours": "Weekly hours, exceptions, time off. An end that is not after its start is of the next day.",
    "Access": "API keys, and who changed what.",
    "Feeds": "Secret addresses that calendar apps subscribe to, and making and taking them back.",
    "Calendars": "Providers' own calendars elsewhere: what is in them takes time, and appointments appear there.",
    "Payments": "Paying for a held time before it is booked.",
    "Waitlist": "Waiting for a time to become free, and taking the one that is offered.",
    "Webhooks": "Endpoints of yours that are called when something happens, and what was sent to whom.",
    "Messages": "Addresses that get no more mails or text messages, and sending to them again.",
    "Pages": "For people: the booking page, the page behind the links in mails, the widget.",
    "Inbound": "Calls from services outside; each is signed by whoever makes it.",
    "Operation": "For whoever runs this server.",
}

WHO: Mapping[Who, str] = {
    Who.PUBLIC: "Anybody may call this.",
    Who.TOKEN: "Whoever holds the token in the path may call this.",
    Who.OPERATOR: "Needs the bearer token of `BOOKABLE_HTTP_OPERATOR_TOKEN` where one is set; `/readyz` says without it"
    " only whether it is ready.",
    Who.READ: "Needs an API key of the business with the scope `read` or `manage`.",
    Who.BOOK: "Needs an API key of the business with the scope `book` or `manage`.",
    Who.MANAGE: "Needs an API key of the business with the scope `manage`.",
}

PATH_PARAMETERS: Mapping[str, dict[str, Any]] = {
    "business": {"description": "Slug of the business.", "schema": {"type": "string"}, "example": "demo"},
    "slug": {"description": "Its slug.", "schema": {"type": "string"}},
    "id": {"description": "Its id.", "schema": {"type": "string"}},
    "calendar": {"description": "The id of one of its calendars.", "schema": {"type": "string"}},
    "hold": {"description": "The token that the hold was answered with.", "schema": {"type": "string"}},
    "token": {"description": "The secret in the address.", "schema": {"type": "string"}},
    "version": {"description": "`v1`, or an exact version.", "schema": {"type": "string"}, "example": "v1"},
    "file": {"description": "A file of the widget.", "schema": {"type": "string"}, "example": "bookable.js"},
    "manage_token": {"description": "The token that the booking was answered with.", "schema": {"type": "string"}},
}

HEADERS: Mapping[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A random text, such as a UUID, that is new for each thing you want to happen. The same request "
        "with the same key takes effect once, and is answered the same way again for a day. Without an API key it has "
        "at least 16 characters: the answer opens the appointment, and whoever guesses key and request would get it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "example": "0b4f7a7e-5b5e-4a54-9f3b-2f6a4d1c9e11",
    },
    "BookingProof": {
        "name": "Booking-Proof",
        "in": "header",
        "description": "A solved challenge, where the business asks strangers for one (`guard` is `proof`): base64 of "
        '`{"challenge": …, "solution": {"counter": …, "derivedKey": …}}`. Not needed with an API key.',
        "schema": {"type": "string", "maxLength": 4_096},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'The ETag that you read, such as `"v3"`: refused with 412 if it was changed since. `*` for any.',
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag that you have: answered with 304 if it is still true.",
        "schema": {"type": "string"},
    },
}

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). Some types have further members: `alternatives`, "
    "`current_version`, `fee` and so on; `/problems/{slug}` explains each.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Stable: decide by this."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "request_id": {"type": "string", "description": "Also in the header X-Request-Id, and in the server's log."},
        "errors": {
            "type": "array",
            "description": "Of `invalid-request`: where, and what.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) into the body."},
                    "parameter": {"type": "string", "description": "The query parameter, where it is about one."},
                    "header": {"type": "string", "description": "The header, where it is about one."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": "/problems/slot-unavailable",
        "title": "This time has just been taken",
        "status": 409,
        "detail": "Somebody else has just taken this time.",
        "request_id": "5d2f1c3b9a7e-2a",
        "alternatives": [
            {
                "start": "2026-12-01T10:30:00+01:00",
                "end": "2026-12-01T11:00:00+01:00",
                "providers": ["anna"],
            }
        ],
    },
}
