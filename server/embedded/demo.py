"""
Owns making the demo business: its catalogue, and three weeks of bookings around today.

Leaves its names and hours to `demo_data`.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from server.domain.appointment import CustomerDetails
from server.domain.catalogue import Offer, Taken, question_for
from server.domain.claims import pick_resources
from server.domain.consequences import consequence_of
from server.domain.events import Fact
from server.domain.lifecycle import Actor, Status, Step
from server.domain.reminders import DEFAULT_RULES, plan_reminders
from server.domain.slots import find_starts
from server.domain.terms import Approval
from server.domain.zones import date_in, day_span, zone
from server.embedded import demo_data
from server.settings import DatabaseSettings
from server.store import schema
from server.store.booking import NewAttendee, find_class, insert_booking
from server.store.businesses import add, business_id_of, has_key, let_the_past_take_place
from server.store.engine import Database, Session
from server.store.feeds import find_feed, insert_feed, renew_token
from server.store.offers import OfferBook
from server.store.outbox import close_facts, take_facts
from server.tokens import Vault, new_api_key, new_salt, new_token, token_hash
from server.usecases.book import new_appointment, new_uid
from server.usecases.claiming import Choice
from server.usecases.render_texts import render_changed

_WEEK = timedelta(days=7)
_BUSY = 0.4
"""How much of what could be booked is: a believable week has gaps."""
_ANSWERED_BY = timedelta(days=2)
"""Requests for times that are nearer are answered."""


@dataclass(frozen=True, kw_only=True)
class DemoFacts:
    """What a visitor needs to try everything."""

    business: str
    api_key: str
    services: list[str]
    providers: dict[str, str]
    """Slug, and the token of a feed of all their appointments."""


async def seed_demo(
    database_url: str, vault: Vault, api_key: str | None, feeds: Mapping[str, str] | None = None
) -> DemoFacts:
    """
    The demo business, made if it is not there yet; the same day makes the same business.

    Args:
        vault: With the secrets of the installation, which its mails make links with.
        api_key: Of an earlier run; it is kept if it still opens the business, and replaced if not.
        feeds: Tokens of an earlier run, by provider; likewise.
    """
    database = await Database.open(DatabaseSettings(url=database_url))

    async def work(session: Session) -> tuple[str, dict[str, str]]:
        business_id = await business_id_of(session, demo_data.BUSINESS["slug"])
        if business_id is None:
            business_id = await _make_catalogue(session)
            today = date_in(zone(demo_data.LOCATIONS[0]["timezone"]), datetime.now(UTC))
            await _make_bookings(session, business_id, today, vault)
            await _tell_nobody(session)
        return await _key(session, business_id, api_key), await _feeds(session, business_id, feeds or {})

    try:
        key, tokens = await database.transact(work)
    finally:
        await database.close()
    return DemoFacts(
        business=demo_data.BUSINESS["slug"],
        api_key=key,
        services=[service["slug"] for service in demo_data.SERVICES],
        providers=tokens,
    )


async def _tell_nobody(session: Session) -> None:
    """What was booked before the demo opened is in the feeds, and is no reason for hundreds of mails."""
    while facts := await take_facts(session, 500):
        await render_changed(session, [(f.business_id, f.appointment_id) for f in facts if f.appointment_id])
        await close_facts(session, facts)


async def _feeds(session: Session, business_id: int, earlier: Mapping[str, str]) -> dict[str, str]:
    """A feed per provider: the token of an earlier run if it still opens one, else a new one."""
    tokens = {}
    for provider in demo_data.PROVIDERS:
        slug = provider["slug"]
        token = earlier.get(slug, "")
        found = await find_feed(session, token_hash(token)) if token else None
        if found is None or found.is_over or found.business_id != business_id:
            token = new_token()
            feed = {
                "uid": new_uid(),
                "name": provider["name"],
                "scope": "provider",
                "privacy": "full",
                "colour": "teal",
            }
            feed_id = await insert_feed(session, business_id, feed, slug)
            assert feed_id is not None
            await renew_token(session, business_id, feed_id, token_hash(token), token[-4:])
        tokens[slug] = token
    return tokens


async def _key(session: Session, business_id: int, earlier: str | None) -> str:
    if earlier is not None and await has_key(session, business_id, token_hash(earlier)):
        return earlier
    key, prefix = new_api_key()
    await add(
        session,
        schema.api_keys,
        business_id=business_id,
        name="demo.json",
        prefix=prefix,
        key_hash=token_hash(key),
        scopes=["read", "book", "manage"],
    )
    return key


async def _make_catalogue(session: Session) -> int:
    business = await add(session, schema.businesses, **demo_data.BUSINESS)
    locations = {
        row["slug"]: await add(session, schema.locations, business_id=business, **row) for row in demo_data.LOCATIONS
    }
    rooms = []
    for row in demo_data.ROOMS:
        columns = {name: value for name, value in row.items() if name != "location"}
        location_id = locations[row["location"]]
        rooms.append(await add(session, schema.resources, business_id=business, location_id=location_id, **columns))
    services = {}
    for row in demo_data.SERVICES:
        columns = {name: value for name, value in row.items() if name != "needs_room"}
        services[row["slug"]] = service = await add(session, schema.services, business_id=business, **columns)
        for room in rooms if row.get("needs_room") else ():
            await add(session, schema.service_resources, business_id=business, service_id=service, resource_id=room)
    for row in demo_data.SERVICE_HOURS:
        columns = {name: value for name, value in row.items() if name != "service"}
        service_id = services[row["service"]]
        await add(session, schema.service_hours, business_id=business, service_id=service_id, **columns)
    for row in demo_data.PROVIDERS:
        await _make_provider(session, business, row, locations, services)
    return business


async def _make_provider(
    session: Session, business: int, row: demo_data.Row, locations: dict[str, int], services: dict[str, int]
) -> None:
    columns = {name: value for name, value in row.items() if name not in {"services", "hours"}}
    slug, name = row["slug"], row["name"]
    resource = await add(session, schema.resources, business_id=business, slug=slug, name=name, kind="provider")
    email = f"{slug}@atelier-linde.example.com"
    provider = await add(session, schema.providers, business_id=business, resource_id=resource, email=email, **columns)
    of_provider = {"business_id": business, "provider_id": provider}
    for service in row["services"]:
        await add(session, schema.provider_services, **of_provider, service_id=services[service])
    for location, weekdays, start, end in row["hours"]:
        for weekday in weekdays:
            await add(
                session,
                schema.working_hours,
                **of_provider,
                location_id=locations[location],
                weekday=weekday,
                start_min=start,
                end_min=end,
            )


async def _make_bookings(session: Session, business_id: int, today: date, vault: Vault) -> None:
    """A week behind us and two ahead, by the rules that everybody's bookings obey."""
    chance = random.Random(f"demo {today}")  # noqa: S311  # the same day, the same bookings
    book, slug = OfferBook(), demo_data.BUSINESS["slug"]
    offers = [o for row in demo_data.SERVICES for o in await book.read(session, slug, row["slug"])]
    taken: dict[int, list[tuple[int, int]]] = {}
    for days in range(-7, 15):
        day = today + timedelta(days=days)
        for offer in chance.sample(offers, len(offers)):
            await _book_some(session, vault, offer, day, taken=taken, chance=chance)
    await let_the_past_take_place(session, business_id)


async def _book_some(
    session: Session,
    vault: Vault,
    offer: Offer,
    day: date,
    *,
    taken: dict[int, list[tuple[int, int]]],
    chance: random.Random,
) -> None:
    window = day_span(offer.location.zone, day, day)
    asked = datetime.fromtimestamp(window[0], UTC) - _WEEK
    resource = offer.provider.resource_id
    for start in find_starts(question_for(offer, Taken(claims=taken), window=window, now=asked)):
        span = offer.claim(start)
        picked = pick_resources(((resource,), *offer.needs), dict(taken), *span)
        if picked is None or chance.random() > _BUSY / 3:
            continue
        for one in picked:
            taken.setdefault(one, []).append(span)
        for _ in range(chance.randint(3, 7) if offer.service.is_class else 1):
            await _book_one(session, vault, offer, start, resources=picked, asked=asked, chance=chance)


async def _book_one(
    session: Session,
    vault: Vault,
    offer: Offer,
    start: int,
    *,
    resources: list[int],
    asked: datetime,
    chance: random.Random,
) -> None:
    salt = new_salt()
    name = chance.choice(demo_data.CUSTOMERS)
    email = f"{name.lower().replace(' ', '.')}@example.com"
    now = datetime.now(UTC)
    # A request that is not answered before its time is over, and says so by mail: the demo has none that soon is.
    waits = offer.service.approval is Approval.MANUAL and start > (now + _ANSWERED_BY).timestamp()
    step = Step.REQUEST if waits else Step.BOOK
    status = Status.PENDING if waits else Status.CONFIRMED
    new = new_appointment(Choice(offer, resources, joins=False), start, uid=new_uid(), status=status)
    seat = await find_class(session, offer, new.start) if offer.service.is_class else None
    uid: UUID = seat.uid if seat else new.uid
    await insert_booking(
        session,
        new,
        NewAttendee(
            customer=CustomerDetails(name=name, email=email, timezone=offer.location.zone.key),
            customer_uid=new_uid(),
            answers={},
            terms=offer.service.terms,
            token_salt=salt,
            token_hash=token_hash(vault.new_manage_token(salt)),
            reminders=plan_reminders(DEFAULT_RULES, new.start, now=now),
            network=None,
            proved=True,
        ),
        seat=seat,
        fact=Fact(
            kind=consequence_of(step, Actor.CUSTOMER).fact,
            appointment=str(uid),
            sequence=0,
            actor=Actor.CUSTOMER,
            start=new.start,
        ),
        memo=None,
        now=asked,
    )
