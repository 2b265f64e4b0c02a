"""
Owns the booking page of a business: what a search engine reads, the widget for everybody with JavaScript, and links and
plain forms for everybody else.

Leaves what the form does to `plain_form`.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from server.domain.zones import date_in, local_date, zone
from server.store.origins import origins_of_business
from server.store.profile import load_profile
from server.usecases.find_slots import Availability, SlotQuery, find_slots
from server.voice_terms import say_terms
from server.web.keys import CORE, SETTINGS
from server.web.pages.brand import brand_rule
from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import PageVoice, voice_of
from server.web.route import query_of
from server.web.shapes.book import BookQuery
from server.web.shapes.terms import ShownTerms, terms_shown
from server.web.widget import build

_DAYS = 7

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the form was not taken: a sentence, and the name of the field that it is about."""

    sentence: str
    field: str = ""
    status: int = 422


async def get_book(request: web.Request) -> web.Response:
    """The page, as far as its address says."""
    return await book_page(request, {})


async def book_page(request: web.Request, typed: Mapping[str, str], trouble: Trouble | None = None) -> web.Response:
    """The page, with what was *typed* into its form, and why that was not taken."""
    asked = query_of(request, BookQuery)
    slug = request.match_info["business"]
    core = request.app[CORE]
    async with core.database.reading() as session:
        profile = await load_profile(session, slug)
        origins = await origins_of_business(session, slug) or frozenset()
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
        "terms": _terms,
        "here": partial(_here, address),
    }
    if service is not None:
        found = await _times(request, profile, service, asked)
        voice = voice.at(found["where"])
        values["policy"] = partial(_policy, voice)
        values |= found
        if asked.start and not found["start"] and trouble is None:
            values["trouble"] = Trouble("This time is not offered any more.")
        elif trouble is not None:
            values["start"] = asked.start  # what was typed stays, whatever has become of the time
    brand = brand_rule(profile["theme"].get("accent"))
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
    today = date_in(where or zone("Etc/UTC"), datetime.now(UTC))
    wanted = date_in(where, asked.start) if asked.start and where else asked.day
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
    free = [slugs for start, _, slugs in found.slots if asked.start and start == asked.start.timestamp()]
    # Who it will be is shown, and booked, where it matters to what it costs.
    cheapest = free[0][0] if free and found.provider_terms else None
    return {
        "providers": providers,
        "provider": provider or _named(providers, cheapest),
        "who": asked.provider or cheapest,
        "meant": [each["slug"] for each in providers if _is_meant(each, asked.provider, location)],
        "locations": locations,
        "location": location,
        "today": today,
        "first": first,
        "later": first + timedelta(days=_DAYS),
        "days": sorted(by_day(found).items()),
        "next": datetime.fromtimestamp(beyond, found.where) if beyond else None,
        "where": found.where,
        "now": datetime.now(found.where),
        "start": asked.start.astimezone(found.where) if asked.start and free else None,
        "key": secrets.token_urlsafe(24),
        "pays": service["payment"] == "online" and _terms(service, asked.provider or cheapest)["price_minor"] > 0,
    }


def _is_meant(provider: Row, asked: str | None, location: Row | None) -> bool:
    if asked is not None:
        return bool(provider["slug"] == asked)
    return location is None or location["slug"] in provider["locations"]


def _terms(service: Row, provider: str | None) -> Row:
    """What is promised to whoever books *service* with that provider: the fields of `ShownTerms`."""
    shown = {**service, **service["provider_terms"].get(provider, {})}
    return {name: shown[name] for name in ShownTerms.model_fields if name in shown}


def _policy(voice: PageVoice, service: Row, provider: str | None, start: datetime) -> str:
    """What changing it costs."""
    terms = terms_shown(ShownTerms.model_validate(_terms(service, provider)))
    assert terms is not None, "there are some"
    return say_terms(voice, terms, start, now=datetime.now(UTC))


def by_day(found: Availability) -> Mapping[date, list[datetime]]:
    """The starts of *found* by their date."""
    days: defaultdict[date, list[datetime]] = defaultdict(list)
    for start, _, _ in found.slots:
        days[local_date(found.where, start)].append(datetime.fromtimestamp(start, found.where))
    return days


def _facts(voice: PageVoice, service: Row, providers: Sequence[str] = ()) -> str:
    """What *service* takes and costs with whoever of *providers* it will be; none named means all."""
    terms = [_terms(service, slug) for slug in providers or service["providers"]] or [service]
    minutes = sorted({each["duration_min"] for each in terms})
    prices = sorted({each["price_minor"] for each in terms})
    least = voice.money(prices[0], service["currency"])
    costs = voice.say("from {price}", price=least) if len(prices) > 1 else least if prices[0] else voice.say("Free")
    return f"{' – '.join(voice.length(each) for each in (minutes[0], minutes[-1])[: len(minutes)])} · {costs}"


def _here(address: str, **query: str | None) -> str:
    asked = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(asked)}" if asked else address


def _named(rows: list[Row], slug: str | None) -> Row | None:
    return next((row for row in rows if row["slug"] == slug), None)
