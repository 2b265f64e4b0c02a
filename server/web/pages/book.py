"""
Owns the booking page of a business: what a search engine reads, the widget for everybody with JavaScript, and links and
plain forms for everybody else.

Leaves booking to `usecases/book`, paying to `usecases/payments`. The plain form repeats its key, so that sending it
twice books once.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from pydantic import ValidationError

from server.domain.appointment import Booked, Held, Order
from server.domain.errors import (
    BookingError,
    DetailsMissing,
    LimitReached,
    NotFound,
    NotOffered,
    PaymentRequired,
    SlotTaken,
    Unavailable,
)
from server.domain.lifecycle import Actor
from server.store.idempotency import KeyedRequest
from server.store.origins import origins_of_business
from server.store.profile import load_profile
from server.usecases.book import book
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.usecases.hold import hold
from server.usecases.once import Once, Replay
from server.usecases.payments import start_payment
from server.web.keys import CORE, METHODS, SETTINGS
from server.web.pages.html import STYLE, brand_rule, page_answer, render_page
from server.web.pages.language import PageVoice, voice_of
from server.web.pages.paid import paid_page
from server.web.route import query_of
from server.web.shapes.appointments import AppointmentOrder
from server.web.shapes.book import BookQuery
from server.web.widget import build

_DAYS = 7
_FILL = "Please fill this in."

Row = Mapping[str, Any]


async def get_book(request: web.Request) -> web.Response:
    """The page, as far as its address says."""
    return await _page(request, {})


async def post_book(request: web.Request) -> web.Response:
    """Books what the plain form asks for, and shows it."""
    asked = query_of(request, BookQuery)
    form = await request.post()
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    core = request.app[CORE]
    voice = voice_of(request)
    try:
        order = _order(asked, typed, voice.tag)
        wanted = order.order(request.match_info["business"], Actor.CUSTOMER)
        once: Once[Booked] = Once(_keyed(order, typed), 201, lambda booked: orjson.dumps(booked.manage_token))
        try:
            result = await book(core, wanted, once)
        except PaymentRequired:
            return _on_to(await _checkout(request, wanted))
    except (NotFound, Unavailable):
        raise
    except ValidationError as error:
        return await _page(request, typed, problem=_missing(voice, error), status=422)
    except BookingError as error:
        return await _page(request, typed, problem=_refused(voice, error), status=409)
    token = orjson.loads(result.body) if isinstance(result, Replay) else result.manage_token
    return _on_to(f"{request.app[SETTINGS].http.base_url}/manage/{token}")


async def _checkout(request: web.Request, order: Order) -> str:
    """Where *order* is paid; its time is held meanwhile."""
    core = request.app[CORE]
    held = await hold(core, order.choice, Once(None, 201, lambda _: b""))
    assert isinstance(held, Held), "there is no key to repeat"
    started = await start_payment(
        core,
        request.app[METHODS],
        replace(order, hold=held.token),
        hold_s=request.app[SETTINGS].payment.hold_s,
        return_to=paid_page(request),
    )
    return started.url or paid_page(request) + str(started.payment.uid)


def _on_to(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


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


def _missing(voice: PageVoice, error: ValidationError) -> str:
    field = str(error.errors(include_url=False, include_input=False)[0]["loc"][-1])
    if field == "email":
        return voice.say("Please write it like name@example.com.")
    name = {"name": "Name", "phone": "Phone"}.get(field)
    return f"{voice.say(name)}: {voice.say(_FILL)}" if name else voice.say(_FILL)


def _refused(voice: PageVoice, error: BookingError) -> str:
    match error:
        case SlotTaken() | NotOffered():
            return voice.say("Somebody has just taken this time.")
        case LimitReached():
            return voice.say("You cannot book any more of these.")
        case DetailsMissing():
            return voice.say(_FILL)
    return voice.say("This did not work. What you typed is kept.")


async def _page(
    request: web.Request, typed: Mapping[str, str], *, problem: str = "", status: int = 200
) -> web.Response:
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
        "problem": problem,
        "start": None,
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
    brand = brand_rule(profile["theme"])
    html = render_page("book.html", STYLE, voice, brand=brand, **values)
    return page_answer(html, STYLE, status=status, forms=True, widget=True, framed_by=origins, brand=brand)


async def _times(request: web.Request, profile: Row, service: Row, asked: BookQuery) -> dict[str, Any]:
    """What the step with the times shows, or the form behind one of them."""
    providers = [each for each in profile["providers"] if each["slug"] in service["providers"]]
    places = {slug for each in providers for slug in each["locations"]}
    locations = [each for each in profile["locations"] if each["slug"] in places]
    today = datetime.now(UTC).date()
    first = max(asked.day or today, today)
    found = await find_slots(
        request.app[CORE],
        SlotQuery(
            business=profile["slug"],
            service=service["slug"],
            provider=asked.provider,
            location=asked.location or (locations[0]["slug"] if locations else None),
            first=first,
            last=first + timedelta(days=_DAYS - 1),
            where=None,
        ),
    )
    beyond = found.next_available
    return {
        "providers": providers,
        "locations": locations,
        "today": today,
        "first": first,
        "later": first + timedelta(days=_DAYS),
        "days": sorted(_by_day(found).items()),
        "next": datetime.fromtimestamp(beyond, found.where) if beyond else None,
        "where": found.where,
        "start": asked.start,
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
