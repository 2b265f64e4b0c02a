"""
Owns the booking page of a business: what a search engine reads, the widget for everybody with JavaScript, and links and
plain forms for everybody else.

Leaves booking to `usecases/book`. The plain form repeats its key, so that sending it twice books once.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from pydantic import ValidationError

from server.domain.appointment import Booked
from server.domain.errors import BookingError, NotFound, Unavailable
from server.domain.lifecycle import Actor
from server.store.idempotency import KeyedRequest
from server.store.origins import origins_of_business
from server.store.profile import load_profile
from server.usecases.book import book
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.usecases.once import Once, Replay
from server.web.keys import CORE, SETTINGS
from server.web.pages.amounts import money
from server.web.pages.html import page_answer, render_page
from server.web.pages.language import language_of
from server.web.route import query_of
from server.web.shapes.appointments import AppointmentOrder
from server.web.shapes.book import BookQuery
from server.web.widget import build

STYLE = "tokens.css pages.css"
_DAYS = 7

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
    try:
        order = _order(asked, typed)
        once: Once[Booked] = Once(_keyed(order, typed), 201, lambda booked: orjson.dumps(booked.manage_token))
        result = await book(core, order.order(request.match_info["business"], Actor.CUSTOMER), once)
    except (NotFound, Unavailable):
        raise
    except ValidationError as error:
        return await _page(request, typed, problem=_first(error), status=422)
    except BookingError as error:
        return await _page(request, typed, problem=str(error), status=409)
    token = orjson.loads(result.body) if isinstance(result, Replay) else result.manage_token
    return web.Response(status=303, headers={"Location": f"{request.app[SETTINGS].http.base_url}/manage/{token}"})


def _order(asked: BookQuery, typed: Mapping[str, str]) -> AppointmentOrder:
    return AppointmentOrder.model_validate(
        {
            **asked.model_dump(exclude_none=True, include={"service", "provider", "location", "start"}),
            "customer": {
                "name": typed.get("name", ""),
                "email": typed.get("email", ""),
                "phone": typed.get("phone") or None,
                "timezone": typed.get("timezone", "UTC"),
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


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{found['loc'][-1]}: {found['msg'].removeprefix('Value error, ')}"


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
    language = language_of(request)
    address = f"{request.app[SETTINGS].http.base_url}/book/{slug}"
    values: dict[str, Any] = {
        "business": profile,
        "service": service,
        "asked": asked,
        "typed": defaultdict(str, typed),
        "problem": problem,
        "start": None,
        "lang": language.tag,
        "dir": language.direction,
        "address": address,
        "script": f"/widget/{build().name}/bookable.js",
        "integrity": build().integrity,
        "wishes": {"service": asked.service, "provider": asked.provider, "location": asked.location},
        "facts": _facts,
        "here": partial(_here, address),
    }
    if service is not None:
        values |= await _times(request, profile, service, asked)
    html = render_page("book.html", STYLE, **values)
    return page_answer(html, STYLE, status=status, forms=True, widget=True, framed_by=origins)


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
        "zone_name": found.where.key.replace("_", " "),
        "start": asked.start.astimezone(found.where) if asked.start else None,
        "key": secrets.token_urlsafe(24),
    }


def _by_day(found: Availability) -> Mapping[date, list[datetime]]:
    days: defaultdict[date, list[datetime]] = defaultdict(list)
    for start, _, _ in found.slots:
        moment = datetime.fromtimestamp(start, found.where)
        days[moment.date()].append(moment)
    return days


def _facts(service: Row) -> str:
    hours, minutes = divmod(service["duration_min"], 60)
    length = " ".join(text for text in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if text)
    price = money(service["price_minor"], service["currency"]) if service["price_minor"] else "Free"
    return f"{length} · {price}"


def _here(address: str, **query: str | None) -> str:
    asked = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(asked)}" if asked else address


def _named(rows: list[Row], slug: str | None) -> Row | None:
    return next((row for row in rows if row["slug"] == slug), None)
