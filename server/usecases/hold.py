"""
Owns keeping a time for a customer for a few minutes, and letting it go.

Leaves turning it into an appointment to `book`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from server.domain.appointment import Held, SlotChoice
from server.domain.catalogue import Offer
from server.domain.errors import NotFound, SlotTaken
from server.domain.lifecycle import Actor, Status
from server.domain.terms import Terms
from server.store.booking import insert_hold
from server.store.engine import Session
from server.store.holds import end_hold, find_hold, let_go_of_classes
from server.store.outbox import tell_of_freed_time
from server.tokens import new_token, token_hash
from server.usecases.book import new_appointment
from server.usecases.claiming import (
    as_shown,
    check_shown,
    choose,
    likeliest_first,
    locks_for,
    offers_for,
    with_alternatives,
    with_seat,
)
from server.usecases.core import Core
from server.usecases.offering import with_current_offers
from server.usecases.once import Once, Replay
from server.usecases.strangers import wanting


async def hold(
    core: Core,
    choice: SlotChoice,
    once: Once[Held],
    *,
    actor: Actor = Actor.CUSTOMER,
    seconds: int | None = None,
    token: str | None = None,
    terms: Terms | None = None,
    also: Callable[[Session, Held], Awaitable[None]] | None = None,
) -> Held | Replay:
    """
    Keeps the time of *choice*.

    Args:
        seconds: How long; as the settings say if None.
        token: What opens it, where that must be known beforehand.
        terms: What the customer was shown.
        also: What else becomes true in the same transaction, given the hold.

    Raises:
        QuotaReached, Blocked, ProofRequired: A stranger has enough, or is not wanted.
        NotFound, NotOffered, TermsChanged, SlotTaken, InFlight, IdempotencyMismatch, Unavailable: As for `book`.
    """
    wish = _Wish(choice, once, actor, seconds or core.booking.hold_s, token or new_token(), terms, also)
    return await with_current_offers(lambda anew: _hold_any(core, wish, anew=anew))


@dataclass(frozen=True, slots=True)
class _Wish:
    """Everything that `hold` was asked for."""

    choice: SlotChoice
    once: Once[Held]
    actor: Actor
    seconds: int
    token: str
    terms: Terms | None
    also: Callable[[Session, Held], Awaitable[None]] | None


async def _hold_any(core: Core, wish: _Wish, *, anew: bool) -> Held | Replay:
    choice = wish.choice
    start = int(choice.start.timestamp())
    offers = as_shown(await offers_for(core, choice, anew=anew), wish.terms)
    for group in await likeliest_first(core, offers, start):

        async def work(session: Session, group: list[Offer] = group) -> tuple[Held, Offer]:
            return await _hold_one(core, session, group, start, wish)

        guards = locks_for(group, start, asked_from=choice.asked_from)
        try:
            result = await wish.once.run(
                core.database,
                core.vault,
                offers[0].business_id,
                work,
                locks=guards,
            )
        except SlotTaken:
            continue
        if isinstance(result, Replay):
            return result
        held, offer = result
        shared = bool(offer.needs)
        await core.changes.announce(choice.business, None if shared else [offer.provider.slug], held.start)
        return held
    raise await with_alternatives(core.database, choice, offers)


async def _hold_one(core: Core, session: Session, offers: list[Offer], start: int, wish: _Wish) -> tuple[Held, Offer]:
    choice = await choose(session, offers, start, wanting=wanting(core.booking, wish.choice), proof=wish.choice.proof)
    chosen, seat = await with_seat(session, choice, start)
    offer = chosen.offer
    check_shown(offer, wish.terms)
    new = new_appointment(chosen, start, uid=seat.uid if seat else None, status=seat.status if seat else Status.HELD)
    token = wish.token
    expires_at = session.now + timedelta(seconds=wish.seconds)
    held = Held(
        token=token,
        expires_at=expires_at,
        start=new.start,
        end=new.end,
        provider=offer.provider.slug,
        location=offer.location.slug,
        terms=offer.service.terms,
    )
    written = await insert_hold(
        session,
        new,
        seat=seat,
        actor=wish.actor,
        terms=held.terms,
        token_hash=token_hash(token),
        network=wish.choice.asked_from.narrow if wish.choice.asked_from else None,
        expires_at=expires_at,
        memo=wish.once.memo(core.vault, held),
        now=session.now,
    )
    if not written.owns(chosen.resources):
        raise SlotTaken
    wish.once.check(written.remembered)
    if wish.also is not None:
        await wish.also(session, held)
    return held, offer


async def release(core: Core, token: str) -> None:
    """
    Lets go of a hold.

    Raises:
        NotFound: There is none with this token, or it is over.
    """
    async with core.database.reading() as session:
        found = await find_hold(session, token_hash(token))
    if found is None:
        raise NotFound(what="hold")

    async def work(session: Session) -> bool:
        ended = await end_hold(session, found)
        if ended and found.appointment_id is not None:
            await let_go_of_classes(session, found.business_id, [found.appointment_id])
        if ended:
            await tell_of_freed_time(session, [found.business_id])
        return ended

    if not await core.database.transact(work):
        raise NotFound(what="hold")
    await core.changes.announce(found.business, None, found.start)
