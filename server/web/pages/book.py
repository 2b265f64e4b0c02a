"""
Owns the booking page of a business: what a search engine reads, the widget for everybody with JavaScript, and links and
plain forms for everybody else.

Leaves booking to `usecases/book`, paying to `usecases/payments`. The plain form repeats its key, so that sending it
twice books once.
"""

import contextlib
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from pydantic import ValidationError

from server.domain.appointment import Booked, Held, Order
from server.domain.errors import (
    BookingError,
    DetailsMissing,
    IdempotencyMismatch,
    LimitReached,
    NotFound,
    NotOffered,
    PaymentRequired,
    SlotTaken,
    Unavailable,
)
from server.domain.lifecycle import Actor
from server.domain.zones import zone
from server.store.idempotency import KeyedRequest
from server.store.origins import origins_of_business
from server.store.profile import load_profile
from server.usecases.book import book
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.usecases.hold import hold, release
from server.usecases.once import Once, Replay
from server.usecases.payments import start_payment
from server.web.keys import CORE, METHODS, SETTINGS
from server.web.pages.forms import form_of
from server.web.pages.html import STYLE, brand_rule, page_answer, render_page
from server.web.pages.language import PageVoice, voice_of
from server.web.pages.paid import paid_page
from server.web.route import query_of
from server.web.shapes.appointments import AppointmentOrder
from server.web.shapes.book import BookQuery
from server.web.widget import build

_DAYS = 7

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why the form was not taken: a sentence, and the name of the field that it is about."""

    sentence: str
    field: str = ""
    status: int = 422


async def get_book(request: web.Request) -> web.Response:
    """The page, as far as its address says."""
    return await _page(request, {})


async def post_book(request: web.Request) -> web.Response:
    """Books what the plain form asks for, and shows it; or leads to where it is paid."""
    typed = await form_of(request)
    try:
        order = _order(query_of(request, BookQuery), typed, voice_of(request).tag)
        where = await _booked(request, order, _keyed(order, typed))
    except (NotFound, Unavailable):
        raise
    except ValidationError as error:
        return await _page(request, typed, _misread(error))
    except BookingError as error:
        return await _page(request, typed, _refused(error))
    return web.Response(status=303, headers={"Location": where})


async def _booked(request: web.Request, order: AppointmentOrder, keyed: KeyedRequest | None) -> str:
    """Where to go on to: the appointment, or the page of its payment."""
    core = request.app[CORE]
    wanted = order.order(request.match_info["business"], Actor.CUSTOMER)
    once: Once[Booked] = Once(keyed, 201, lambda booked: orjson.dumps(booked.manage_token))
    try:
        result = await book(core, wanted, once)
    except PaymentRequired:
        return await _checkout(request, wanted, keyed)
    token = orjson.loads(result.body) if isinstance(result, Replay) else result.manage_token
    return f"{request.app[SETTINGS].http.base_url}/manage/{token}"


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
    result = await hold(core, order.choice, once)
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
            "customer": {
                "name": typed.get("name", ""),
                "email": typed.get("email", ""),
                "phone": typed.get("phone") or None,
                "timezone": typed.get("timezone") or "Etc/UTC",
                "locale": tag,
            },
            "answers": {
                name.removeprefix("q-"): value for name, value in typed.items() if name.startswith("q-") and value
            },
        }
    )


def _keyed(order: AppointmentOrder, typed: Mapping[str, str]) -> KeyedRequest | None:
    key = typed.get("key", "")
    if not 16 <= len(key) <= 64:
        return None
    return KeyedRequest(caller="page", key=key, request_hash=hashlib.sha256(order.model_dump_json().encode()).digest())


_FILL = "Please fill this in."


def _misread(error: ValidationError) -> _Trouble:
    found = error.errors(include_url=False, include_input=False)[0]
    *_, part, field = ("", *map(str, found["loc"]))
    match field:
        case "email":
            return _Trouble("Please write it like name@example.com.", field)
        case "phone":
            return _Trouble("Please write it with the country code, like +49 30 901820.", field)
        case "name":
            return _Trouble(_FILL, field)
    return _Trouble(_FILL, f"q-{field}" if part == "answers" else "")


def _refused(error: BookingError) -> _Trouble:
    match error:
        case SlotTaken():
            return _Trouble("This time was just taken.", status=409)
        case NotOffered():
            return _Trouble("This time is not offered any more.", status=409)
        case LimitReached():
            return _Trouble("You cannot book any more of these.", status=409)
        case IdempotencyMismatch():
            return _Trouble("This was sent before, with other details. Look into your mail.", status=409)
        case DetailsMissing(details=[(pointer, _), *_]):
            _, part, field = pointer.split("/")
            return _Trouble(_FILL, f"q-{field}" if part == "answers" else field)
    return _Trouble("This did not work. What you typed is kept.", status=409)


async def _page(request: web.Request, typed: Mapping[str, str], trouble: _Trouble | None = None) -> web.Response:
    asked = query_of(request, BookQuery)
    slug = request.match_info["business"]
    core = request.app[CORE]
    async with core.database.reading() as session:
        profile = await load_profile(session, slug)
        origins = await origins_of_business(session, slug)
    service = _named(profile["services"], asked.service)
    voice = voice_of(request)
    address = f"{request.app[SETTINGS].http.base_url}/book/{slug}"
    values: dict[str, Any] = {
        "business": profile,
        "service": service,
        "asked": asked,
        "typed": defaultdict(str, typed),
        "trouble": trouble,
        "start": None,
        "location": None,
        "framed": bool(origins),
        "address": address,
        "script": f"/widget/{build().name}/bookable.js",
        "integrity": build().integrity,
        "wishes": {"service": asked.service, "provider": asked.provider, "location": asked.location},
        "facts": partial(_facts, voice),
        "here": partial(_here, address),
    }
    if service is not None:
        found = await _times(request, profile, service, asked)
        voice = voice.at(found["where"])
        values |= found
        if asked.start and not found["start"] and trouble is None:
            values["trouble"] = _Trouble("This time is not offered any more.")
        elif trouble is not None:
            values["start"] = asked.start  # what was typed stays, whatever has become of the time
    brand = brand_rule(profile["theme"])
    html = render_page("book.html", STYLE, voice, brand=brand, **values)
    status = trouble.status if trouble else 200
    return page_answer(html, STYLE, status=status, forms=True, widget=True, framed_by=origins, brand=brand)


async def _times(request: web.Request, profile: Row, service: Row, asked: BookQuery) -> dict[str, Any]:
    """What the step with the times shows, or the form behind one of them."""
    providers = [each for each in profile["providers"] if each["slug"] in service["providers"]]
    provider = _named(providers, asked.provider)
    reachable = {slug for each in ([provider] if provider else providers) for slug in each["locations"]}
    offered = {slug for each in providers for slug in each["locations"]}
    locations = [each for each in profile["locations"] if each["slug"] in offered]
    location = _named([each for each in locations if each["slug"] in reachable], asked.location) or next(
        (each for each in locations if each["slug"] in reachable), None
    )
    where = zone(location["timezone"]) if location else None
    today = datetime.now(where or ZoneInfo("Etc/UTC")).date()
    wanted = asked.start.astimezone(where).date() if asked.start else asked.day
    first = max(wanted or today, today)
    found = await find_slots(
        request.app[CORE],
        SlotQuery(
            business=profile["slug"],
            service=service["slug"],
            provider=asked.provider,
            location=location["slug"] if location else None,
            first=first,
            last=first + timedelta(days=_DAYS - 1),
            where=where,
        ),
    )
    beyond = found.next_available
    chosen = asked.start and any(start == asked.start.timestamp() for start, _, _ in found.slots)
    return {
        "providers": providers,
        "provider": provider,
        "locations": locations,
        "location": location,
        "today": today,
        "first": first,
        "later": first + timedelta(days=_DAYS),
        "days": sorted(_by_day(found).items()),
        "next": datetime.fromtimestamp(beyond, found.where) if beyond else None,
        "where": found.where,
        "start": asked.start if chosen else None,
        "key": secrets.token_urlsafe(24),
        "pays": service["payment"] == "online" and service["price_minor"] > 0,
    }


def _by_day(found: Availability) -> Mapping[date, list[datetime]]:
    days: defaultdict[date, list[datetime]] = defaultdict(list)
    for start, _, _ in found.slots:
        moment = datetime.fromtimestamp(start, found.where)
        days[moment.date()].append(moment)
    return days


def _facts(voice: PageVoice, service: Row) -> str:
    price = service["price_minor"]
    costs = voice.money(price, service["currency"]) if price else voice.say("Free")
    return f"{voice.length(service['duration_min'])} · {costs}"


def _here(address: str, **query: str | None) -> str:
    asked = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(asked)}" if asked else address


def _named(rows: list[Row], slug: str | None) -> Row | None:
    return next((row for row in rows if row["slug"] == slug), None)
