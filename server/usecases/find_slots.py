"""
Owns answering "when is this free?", for any number of providers and days in a fixed number of queries.

Leaves caching to whoever asks, and the wording of the answer to `web/shapes/availability`.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from server.domain.appointment import Appointment
from server.domain.catalogue import Offer, Taken, ceil_second, cheapness, question_for, without
from server.domain.claims import Claim
from server.domain.errors import WrongDays
from server.domain.slots import Refusal, explain, find_starts
from server.domain.zones import date_in, day_span, zone
from server.store.appointments import claimed_resources
from server.store.engine import Session
from server.store.profile import home_zone
from server.store.taken import load_taken
from server.usecases.agreeing import as_agreed
from server.usecases.core import Core
from server.usecases.offering import offers_of, with_current_offers
from server.usecases.places import Target

MOST_DAYS = 62
"""Most days that one question may be about."""

_BY_DEFAULT = timedelta(days=6)
_STRIDE_S = 31 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotQuery:
    """Which starts are asked for; *first* and *last* are dates in *where*, both included."""

    business: str
    service: str
    provider: str | None = None
    location: str | None = None
    first: date | None = None
    """None: today."""
    last: date | None = None
    """None: six days after the first."""
    where: ZoneInfo | None = None
    """None: the zone of the (first) location."""

    def days(self, where: ZoneInfo) -> tuple[date, date]:
        """
        The first and the last date, as a calendar in *where* shows them.

        Raises:
            WrongDays: The last is before the first, or too far from it.
        """
        first = self.first or date_in(where, datetime.now(UTC))
        last = self.last or first + _BY_DEFAULT
        if not first <= last < first + timedelta(days=MOST_DAYS):
            raise WrongDays(most_days=MOST_DAYS)
        return first, last


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """
    Free slots: `(start, end, slugs of the providers who are free)`, ordered, in seconds since the epoch.

    Each start once; those with the lowest terms first, and the end is that of the first.
    """

    where: ZoneInfo
    first: date
    last: date
    slots: Sequence[tuple[int, int, tuple[str, ...]]]
    next_available: int | None
    """The first free start from *first* on, beyond *last* if there is none before; None up to the horizon."""
    capacity: int = 1
    places: Mapping[int, int] = field(default_factory=dict)
    """For a class: places left, by start; a start that is missing has all places left."""
    provider_terms: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Length in seconds and price of each provider, where they differ; else empty."""


async def find_slots(core: Core, query: SlotQuery) -> Availability:
    """
    The free slots of a service, of one provider or of all who offer it.

    One query, and one to read what is offered where that is not at hand; one more where the dates asked for hold
    nothing, to find the next free start.

    Raises:
        NotFound: Business, service, provider or location.
        WrongDays: See `SlotQuery.days`.
    """
    return await with_current_offers(lambda anew: _find(core, query, anew=anew))


async def find_slots_to_move(
    core: Core,
    target: Target,
    *,
    provider: str | None = None,
    first: date | None = None,
    last: date | None = None,
    where: ZoneInfo | None = None,
) -> Availability:
    """
    The free slots that *target* could move to: its own time does not stand in its way, and is not among them.

    Three queries, and those of `find_slots`.

    Args:
        provider: None: the same.
        first, last, where: As in `SlotQuery`.

    Raises:
        NotFound: The service is not offered there any more, or there is no such provider.
    """
    appointment = target.appointment
    query = SlotQuery(
        business=appointment.business,
        service=appointment.service,
        provider=provider or appointment.provider,
        location=appointment.location,
        first=first,
        last=last,
        where=where,
    )
    found = await with_current_offers(lambda anew: _find(core, query, anew=anew, moving=target))
    own = int(appointment.start.timestamp())
    if query.provider != appointment.provider:
        return found
    return replace(found, slots=[slot for slot in found.slots if slot[0] != own])


async def _find(core: Core, query: SlotQuery, *, anew: bool, moving: Target | None = None) -> Availability:
    offers = await _offers(core, query, anew=anew)
    if moving is not None:
        offers = as_agreed(offers, moving.appointment, moving.attendee)
    if not offers:
        async with core.database.reading() as session:
            where = query.where or zone(await home_zone(session, query.business))
        first, last = query.days(where)
        return Availability(where=where, first=first, last=last, slots=(), next_available=None)
    where = query.where or offers[0].location.zone
    first, last = query.days(where)
    window = day_span(where, first, last)
    async with core.database.reading() as session:
        taken_in = partial(_taken_for, session, offers, await _given_up(session, moving))
        taken = await taken_in(window)
        slots = free_slots(offers, taken, window, now=session.now)
        next_available = slots[0][0] if slots else await _next_start(session, offers, taken_in, after=window[1])
    return Availability(
        where=where,
        first=first,
        last=last,
        slots=slots,
        next_available=next_available,
        capacity=offers[0].service.capacity,
        places=_places(taken),
        provider_terms=_differing_terms(offers),
    )


def free_slots(
    offers: Sequence[Offer], taken: Taken, window: tuple[int, int], *, now: datetime
) -> list[tuple[int, int, tuple[str, ...]]]:
    """The union over *offers*: for each start, when it ends, and who is free; whom "anybody" gets first."""
    who: defaultdict[int, list[str]] = defaultdict(list)
    ends: dict[int, int] = {}
    for offer in sorted(offers, key=cheapness):
        slug, duration = offer.provider.slug, offer.service.duration_s
        for start in find_starts(question_for(offer, taken, window=window, now=now)):
            free = who[start]
            if slug not in free:
                free.append(slug)
            ends.setdefault(start, start + duration)
    return [(start, ends[start], tuple(slugs)) for start, slugs in sorted(who.items())]


def _differing_terms(offers: Sequence[Offer]) -> dict[str, tuple[int, int]]:
    terms = {offer.provider.slug: (offer.service.duration_s, offer.service.price_minor) for offer in offers}
    return terms if len(set(terms.values())) > 1 else {}


@dataclass(frozen=True, slots=True)
class _GivenUp:
    """What an appointment that moves gives up; a class that goes on without one customer gives up nothing."""

    appointment: Appointment
    claims: Sequence[Claim]


async def _given_up(session: Session, moving: Target | None) -> _GivenUp | None:
    if moving is None or not moving.gives_up_its_time:
        return None
    owned = await claimed_resources(session, moving.appointment)
    return _GivenUp(moving.appointment, owned)


async def _taken_for(
    session: Session, offers: Sequence[Offer], given_up: _GivenUp | None, window: tuple[int, int]
) -> Taken:
    taken = await load_taken(session, offers, window)
    return without(taken, given_up.appointment, given_up.claims) if given_up else taken


async def _next_start(
    session: Session, offers: Sequence[Offer], taken_in: Callable[[tuple[int, int]], Awaitable[Taken]], *, after: int
) -> int | None:
    """The first free start from *after* on: everything up to the horizon is read once, then walked by month."""
    begin = max(after, ceil_second(session.now))
    end = ceil_second(session.now) + offers[0].service.horizon_s + 1
    if begin >= end:
        return None
    taken = await taken_in((begin, end))
    for low in range(begin, end, _STRIDE_S):
        slots = free_slots(offers, taken, (low, min(low + _STRIDE_S, end)), now=session.now)
        if slots:
            return slots[0][0]
    return None


async def explain_start(core: Core, query: SlotQuery, start: datetime) -> list[tuple[Offer, list[Refusal]]]:
    """
    For each provider and location, which rules refuse *start*, and why; an empty list means that it is free.

    Raises:
        NotFound: Business, service, provider or location.
    """

    async def attempt(anew: bool) -> list[tuple[Offer, list[Refusal]]]:
        offers = await _offers(core, query, anew=anew)
        if not offers:
            return []
        moment = int(start.timestamp())
        window = (moment, moment + 1)
        async with core.database.reading() as session:
            taken = await load_taken(session, offers, window)
            now = session.now
        return [(offer, explain(question_for(offer, taken, window=window, now=now), moment)) for offer in offers]

    return await with_current_offers(attempt)


async def _offers(core: Core, query: SlotQuery, *, anew: bool) -> list[Offer]:
    return await offers_of(
        core, query.business, query.service, provider=query.provider, location=query.location, anew=anew
    )


def _places(taken: Taken) -> dict[int, int]:
    places: dict[int, int] = {}
    for classes in taken.classes.values():
        for start, left in classes.items():
            places[start] = max(left, places.get(start, 0))
    return places
