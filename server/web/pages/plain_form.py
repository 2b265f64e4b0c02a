"""
Owns what the booking page's plain form does, for browsers without JavaScript: it books, or leads to where it is paid.

Leaves the page to `book`, booking and paying to the use-cases. The form repeats its key, so that sending it twice books
once.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace

import orjson
from aiohttp import web
from pydantic import ValidationError

from server.domain.appointment import Booked, Held, Order
from server.domain.confirmations import Confirmation
from server.domain.errors import (
    Blocked,
    BookingError,
    ConfirmationNeeded,
    DetailsMissing,
    IdempotencyMismatch,
    LimitReached,
    NotFound,
    NotOffered,
    PaymentRefused,
    PaymentRequired,
    ProofRequired,
    QuotaReached,
    SlotTaken,
    TermsChanged,
    Unavailable,
)
from server.domain.lifecycle import Actor
from server.domain.proofs import Flaw
from server.store.idempotency import KeyedRequest
from server.usecases.book import book
from server.usecases.confirm import ask_to_confirm, view_confirmation
from server.usecases.hold import hold, release
from server.usecases.once import Once, Replay
from server.usecases.payments import start_payment
from server.web.bodies import read_form
from server.web.keys import CALLER, CORE, METHODS, SETTINGS
from server.web.pages.book import Trouble, book_page
from server.web.pages.confirm import asked_page
from server.web.pages.language import voice_of
from server.web.pages.paid import paid_page
from server.web.route import query_of
from server.web.shapes.appointments import AppointmentOrder
from server.web.shapes.book import BookQuery

_FILL = "Please fill this in."


async def post_book(request: web.Request) -> web.Response:
    """Books what the plain form asks for, and shows it; or leads to where it is paid."""
    typed = await read_form(request)
    try:
        order = _order(query_of(request, BookQuery), typed, voice_of(request).tag)
        return await _booked(request, order, _keyed(order, typed))
    except (NotFound, Unavailable):
        raise
    except ValidationError as error:
        return await book_page(request, typed, _misread(error))
    except BookingError as error:
        return await book_page(request, typed, _refused(error))


async def _booked(request: web.Request, order: AppointmentOrder, keyed: KeyedRequest | None) -> web.Response:
    """Goes on to the appointment, to the page of its payment, or says where to look for the link that books it."""
    core = request.app[CORE]
    business = request.match_info["business"]
    wanted = order.order(business, Actor.CUSTOMER, request[CALLER].stranger, Flaw.MISSING)
    once: Once[Booked] = Once(keyed, 201, lambda booked: orjson.dumps({"manage": booked.manage_token}))
    try:
        result = await book(core, wanted, once)
    except PaymentRequired:
        return _on_to(await _checkout(request, wanted, keyed))
    except (ConfirmationNeeded, ProofRequired):
        # Without JavaScript nobody does work for us: a mail asks for less, and proves more.
        return await _asked(request, wanted, keyed)
    if not isinstance(result, Replay):
        return _on_to(f"{request.app[SETTINGS].http.base_url}/manage/{result.manage_token}?done=booked")
    return await _answered(request, orjson.loads(result.body))


async def _asked(request: web.Request, order: Order, keyed: KeyedRequest | None) -> web.Response:
    core = request.app[CORE]
    once: Once[Confirmation] = Once(
        keyed,
        201,
        lambda found: orjson.dumps({"confirm": core.vault.confirm_token(found.token_salt, found.token_hash)}),
    )
    result = await ask_to_confirm(core, order, once)
    return (
        await _answered(request, orjson.loads(result.body))
        if isinstance(result, Replay)
        else await asked_page(request, result)
    )


async def _answered(request: web.Request, earlier: Mapping[str, str]) -> web.Response:
    """What the same form was answered before."""
    if "confirm" in earlier:
        return await asked_page(request, await view_confirmation(request.app[CORE], earlier["confirm"]))
    return _on_to(f"{request.app[SETTINGS].http.base_url}/manage/{earlier['manage']}?done=booked")


def _on_to(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where})


async def _checkout(request: web.Request, order: Order, keyed: KeyedRequest | None) -> str:
    """
    The page of a payment for *order*, whose time is held meanwhile.

    Raises:
        Unavailable: There is no way to pay now; the time is let go.
    """
    core, methods = request.app[CORE], request.app[METHODS]
    if "stripe" not in methods:
        raise Unavailable("payment", retry_after_s=60)
    once: Once[Held] = Once(keyed, 201, lambda held: orjson.dumps(held.token))
    # Without JavaScript nobody does work for us: what bounds this is the quotas, and the price.
    result = await hold(core, replace(order.choice, proof=None), once)
    token = orjson.loads(result.body) if isinstance(result, Replay) else result.token
    try:
        started = await start_payment(
            core,
            methods,
            replace(order, hold=token),
            hold_s=request.app[SETTINGS].payment.hold_s,
            return_to=paid_page(request),
        )
    except BookingError:
        with contextlib.suppress(BookingError):
            await release(core, token)
        raise
    return paid_page(request) + str(started.payment.uid)


def _order(asked: BookQuery, typed: Mapping[str, str], tag: str) -> AppointmentOrder:
    return AppointmentOrder.model_validate(
        {
            **asked.model_dump(exclude_none=True, include={"service", "provider", "location", "start"}),
            "terms": _part(typed, "t-") or None,
            "customer": {
                "name": typed.get("name", ""),
                "email": typed.get("email", ""),
                "phone": typed.get("phone") or None,
                "timezone": typed.get("timezone") or "Etc/UTC",
                "locale": tag,
            },
            "answers": _part(typed, "q-"),
        }
    )


def _part(typed: Mapping[str, str], prefix: str) -> dict[str, str]:
    """What was filled into the fields whose names begin with *prefix*, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in typed.items() if name.startswith(prefix) and value}


def _keyed(order: AppointmentOrder, typed: Mapping[str, str]) -> KeyedRequest | None:
    key = typed.get("key", "")
    if not 16 <= len(key) <= 64:
        return None
    return KeyedRequest(caller="page", key=key, request_hash=hashlib.sha256(order.model_dump_json().encode()).digest())


def _misread(error: ValidationError) -> Trouble:
    found = error.errors(include_url=False, include_input=False)[0]
    *_, part, field = ("", *map(str, found["loc"]))
    match field:
        case "email":
            return Trouble("Please write it like name@example.com.", field)
        case "phone":
            return Trouble("Please write it with the country code, like +49 30 901820.", field)
        case "name":
            return Trouble(_FILL, field)
    return Trouble(_FILL, f"q-{field}" if part == "answers" else "")


_REFUSED: Mapping[type[BookingError], Trouble] = {
    TermsChanged: Trouble("The price or the conditions have changed. Please look again.", status=409),
    SlotTaken: Trouble("This time was just taken.", status=409),
    NotOffered: Trouble("This time is not offered any more.", status=409),
    LimitReached: Trouble("You cannot book any more of these.", status=409),
    QuotaReached: Trouble("That is enough for now. Open the link in our mail, or try again later.", status=429),
    Blocked: Trouble("This cannot be booked online. Please contact us.", status=409),
    PaymentRefused: Trouble("This cannot be booked online. Please contact us.", status=409),
    IdempotencyMismatch: Trouble("This was sent before, with other details. Look into your mail.", status=409),
}


def _refused(error: BookingError) -> Trouble:
    if isinstance(error, DetailsMissing) and error.details:
        _, part, field = error.details[0][0].split("/")
        return Trouble(_FILL, f"q-{field}" if part == "answers" else field)
    return _REFUSED.get(type(error)) or Trouble("This did not work. What you typed is kept.", status=409)
