"""
Owns what holding, booking and moving share: which locks, and under them who does it and with which resources.

Leaves the statements that write to `store/booking`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from server.domain.appointment import Appointment, SlotChoice
from server.domain.bounds import EVERY_RULE, OVERRIDE, Bounds
from server.domain.catalogue import Offer, Taken, cheapness, question_for, without
from server.domain.claims import Claim, pick_resources
from server.domain.errors import (
    BookingError,
    ConfirmationNeeded,
    LimitReached,
    NotFound,
    NotOffered,
    SlotTaken,
    TermsChanged,
)
from server.domain.networks import Networks
from server.domain.proofs import Guard, ShownProof, proof_to_spend
from server.domain.quotas import Wanting, refuse_too_much
from server.domain.slots import Refusal, explain
from server.domain.terms import Terms
from server.domain.zones import day_span, local_date
from server.store.booking import Seat, find_class
from server.store.engine import Database, Session
from server.store.locks import in_order, key_of, keys_for
from server.store.spent_proofs import spend
from server.store.taken import load_taken
from server.usecases.core import Core
from server.usecases.find_slots import free_slots
from server.usecases.offering import offers_of

MOST_CANDIDATES = 16
"""Providers locked at once for "whoever is free": more would make each booking of a large clinic wait for all."""

_ALTERNATIVES = 5
_ALTERNATIVES_WITHIN_S = 14 * 86_400


class Choice(NamedTuple):
    """Who does it, and with which resources, the provider's own first."""

    offer: Offer
    resources: list[int]
    joins: bool
    """There is a class at this time already: its claims are these resources'."""
    overridden: tuple[str, ...] = ()
    """Rules that would refuse it to a customer."""

    def logged(self, reason: str | None) -> str:
        """What the log says of it, staff having given *reason*."""
        return f"{reason} (overrides: {', '.join(self.overridden)})" if reason and self.overridden else reason or ""


async def offers_for(core: Core, choice: SlotChoice, *, anew: bool) -> list[Offer]:
    """
    Who could do what *choice* asks for.

    Raises:
        NotFound: Something that it names does not exist, or nobody offers it.
    """
    offers = await offers_of(
        core, choice.business, choice.service, provider=choice.provider, location=choice.location, anew=anew
    )
    if not offers:
        raise NotFound(what="offer")
    return offers


async def likeliest_first(core: Core, offers: Sequence[Offer], start: int) -> list[list[Offer]]:
    """
    *offers* in groups that are small enough to be locked together, those that look free now first.

    Only a business with many providers pays the extra query.
    """
    if len(offers) <= MOST_CANDIDATES:
        return [list(offers)]
    async with core.database.reading() as session:
        taken = await load_taken(session, offers, (start, start + 1), count_days=True)
        now = session.now
    fair = fairest_first(offers, taken, start)
    free = [o for o in fair if not _Ask(taken, start, now).refusals_of(o)]
    ordered = free or fair[:MOST_CANDIDATES]
    return [ordered[i : i + MOST_CANDIDATES] for i in range(0, len(ordered), MOST_CANDIDATES)]


def locks_for(
    offers: Iterable[Offer], start: int, *, email: str | None = None, asked_from: Networks | None = None
) -> list[int]:
    """
    The advisory keys that guard *start* for all *offers*, in order.

    A daily cap is a promise about a local date, so all UTC days of that date are locked; a limit per customer is a
    promise about the customer, who gets a key of their own. So does a network that strangers ask from: what it has is
    counted, and of two that ask at once the second counts the first.
    """
    keys: set[int] = set()
    for offer in offers:
        if asked_from is not None:
            keys |= network_keys(offer.business_id, asked_from)
        keys |= keys_for(offer.possible_claims(start))
        if offer.provider.daily_cap is not None:
            where = offer.location.zone
            day = local_date(where, start)
            keys |= keys_for([Claim(offer.provider.resource_id, *day_span(where, day, day))])
        if offer.service.per_customer_limit is not None and email is not None:
            keys.add(customer_key(offer.business_id, email))
    return in_order(keys)


def customer_key(business_id: int, email: str) -> int:
    """The advisory key that guards what a customer has of a business."""
    return key_of("customer", business_id, email)


def network_keys(business_id: int, asked_from: Networks) -> set[int]:
    """The advisory keys that guard what a network, and the wider one around it, have of a business."""
    return {key_of("network", business_id, each) for each in asked_from}


def as_shown(offers: list[Offer], terms: Terms | None) -> list[Offer]:
    """Those of *offers* that have *terms*, which the customer was shown; all, if none has, or none were shown."""
    return [offer for offer in offers if offer.service.terms == terms] or offers


def check_shown(offer: Offer, terms: Terms | None) -> None:
    """
    Whether what *offer* would bind to is what the customer was shown.

    Raises:
        TermsChanged: It is not.
    """
    if terms is not None and offer.service.terms != terms:
        raise TermsChanged(offer.service.terms)


async def with_seat(session: Session, choice: Choice, start: int) -> tuple[Choice, Seat | None]:
    """*choice*, lasting as long as the class that it joins; and that class, or None if it begins something new."""
    seat = await seat_of(session, choice, start)
    if seat is None:
        return choice, None
    return choice._replace(offer=choice.offer.lasting(seat.duration_s)), seat


async def seat_of(session: Session, choice: Choice, start: int) -> Seat | None:
    """
    The class that *choice* joins, or None if it begins something new.

    Raises:
        SlotTaken: The class was only held, and its hold ran out while we looked.
    """
    if not choice.joins:
        return None
    seat = await find_class(session, choice.offer, datetime.fromtimestamp(start, UTC))
    if seat is None:
        raise SlotTaken
    return seat


async def choose(
    session: Session,
    offers: Sequence[Offer],
    start: int,
    *,
    customer_remaining: int | None = None,
    moving: Appointment | None = None,
    bounds: Bounds = EVERY_RULE,
    wanting: Wanting | None = None,
    proof: ShownProof | None = None,
    is_unproved: bool = False,
) -> Choice:
    """
    The first of *offers* that can be had at *start*, in the order of `fairest_first`.

    Call it under the locks of `locks_for`: what it finds free stays free until the transaction ends.

    Args:
        moving: The appointment that gives up its own time in this transaction: it does not count as booked.
        bounds: Which rules hold for whoever chooses; whoever breaks none of the others comes first.
        wanting: The stranger who asks: they may have so much and no more.
        is_unproved: They book under an address that nobody has proved: the business may want that first.
        proof: What they show of a proof of work, which is spent here if the business asks for one.

    Raises:
        ConfirmationNeeded: The business confirms addresses first.
        ProofRequired: There is none that counts.
        QuotaReached, Blocked: See `refuse_too_much`.
        SlotTaken: It would be offered, were it not for others.
        NotOffered: It is not a time at which this is offered.
        LimitReached: The customer may not book more of this service.
    """
    several = len({offer.provider.id for offer in offers}) > 1
    stranger = wanting.stranger if wanting is not None else None
    taken = await load_taken(session, offers, (start, start + 1), count_days=several, sweep=True, stranger=stranger)
    if wanting is not None and taken.had is not None:
        refuse_too_much(wanting, taken.had)
    if is_unproved and taken.guard is Guard.MAIL:
        raise ConfirmationNeeded
    if to_spend := proof_to_spend(taken.guard, proof):
        await spend(session, offers[0].business_id, to_spend)
    if moving is not None:
        taken = without(taken, moving)
    ordered = fairest_first(offers, taken, start) if several else offers
    return _first_fit(_Ask(taken, start, session.now, customer_remaining), ordered, bounds)


class _Ask(NamedTuple):
    """What the rules are asked about each offer."""

    taken: Taken
    start: int
    now: datetime
    customer_remaining: int | None = None

    def refusals_of(self, offer: Offer, bounds: Bounds = EVERY_RULE) -> list[Refusal]:
        question = question_for(
            offer,
            self.taken,
            window=(self.start, self.start + 1),
            now=self.now,
            customer_remaining=self.customer_remaining,
            backdate_s=bounds.backdate_s,
        )
        return explain(question, self.start)


def _first_fit(ask: _Ask, offers: Sequence[Offer], bounds: Bounds) -> Choice:
    """The first of *offers*; of those that break promises, the one that breaks the fewest."""
    found = [(offer, ask.refusals_of(offer, bounds)) for offer in offers]
    if not bounds.promises:
        found.sort(key=lambda each: len(each[1]))
    for offer, refusals in found:
        if bounds.binding(refusals):
            continue
        overridden = () if bounds.promises else tuple(refusal.rule for refusal in ask.refusals_of(offer))
        if ask.start in ask.taken.classes.get(offer.provider.id, {}):
            return Choice(offer, [], joins=True, overridden=overridden)
        picked = pick_resources(offer.needs, dict(ask.taken.claims), *offer.claim(ask.start))
        if picked is not None:
            return Choice(offer, [offer.provider.resource_id, *picked], joins=False, overridden=overridden)
    for offer, refusals in found if bounds.may_override else ():
        if refusals and not OVERRIDE.binding(ask.refusals_of(offer, OVERRIDE)):
            raise NotOffered(reasons=[(r.rule, r.sentence) for r in refusals], can_override=True)
    raise _refusal([bounds.binding(refusals) for _, refusals in found], offers[0])


def fairest_first(offers: Sequence[Offer], taken: Taken, start: int) -> list[Offer]:
    """
    Whom "anybody" means: the lowest terms, then a class that has begun to fill, then the fewest bookings on that local
    date; among equals the turn passes on from day to day.
    """
    everyone = sorted({offer.provider.id for offer in offers})
    turn = {provider: index for index, provider in enumerate(everyone)}

    def rank(offer: Offer) -> tuple[tuple[int, int], bool, int, int]:
        day = local_date(offer.location.zone, start)
        booked = taken.booked_on.get(offer.provider.id, {}).get(day, 0)
        fills = taken.classes.get(offer.provider.id, {}).get(start, 0) > 0
        return cheapness(offer), not fills, booked, (turn[offer.provider.id] - day.toordinal()) % len(everyone)

    return sorted(offers, key=rank)


async def with_alternatives(database: Database, choice: SlotChoice, offers: Sequence[Offer]) -> SlotTaken:
    """The refusal of *choice*, with the nearest times that are free now."""
    start = int(choice.start.timestamp())
    async with database.reading() as session:
        window = (start - 86_400, start + _ALTERNATIVES_WITHIN_S)
        taken = await load_taken(session, offers, window)
        slots = free_slots(offers, taken, window, now=session.now)
    nearest = sorted(slots, key=lambda slot: (abs(slot[0] - start), slot[0]))[:_ALTERNATIVES]
    return SlotTaken(alternatives=nearest, where=offers[0].location.zone)


def _refusal(refused: Sequence[Sequence[Refusal]], offer: Offer) -> BookingError:
    """What to say when nobody can: "taken" as soon as one of them only has no time left."""
    if any(all(refusal.is_taken for refusal in refusals) for refusals in refused):
        return SlotTaken()
    if any({refusal.rule for refusal in refusals} == {"customer-limit"} for refusals in refused):
        return LimitReached(limit=offer.service.per_customer_limit or 0)
    # Whose time it is, and why it is taken, is nobody's business.
    return NotOffered(reasons=[(r.rule, r.sentence) for r in refused[0] if not r.is_taken])
