"""
Owns booking where a business confirms addresses first: the time is held, the address asked, and booked on its yes.

Leaves holding and booking to `hold` and `book`, and when to ask to `domain/proofs`.
"""

from dataclasses import replace
from datetime import timedelta

from server.domain.appointment import Booked, Held, Order
from server.domain.confirmations import Confirmation
from server.domain.errors import AwaitingConfirmation, ConfirmationNeeded, NotFound, SlotTaken, Unavailable
from server.domain.events import Kind
from server.domain.networks import Networks
from server.domain.terms import Terms
from server.store.confirmations import confirmation_of_hold, find_confirmation, insert_confirmation, mark_confirmed
from server.store.engine import Session
from server.store.holds import Hold, find_living_hold
from server.store.idempotency import remember
from server.store.outbox import add_fact
from server.store.payments import prolong_hold
from server.tokens import SecretMissing, new_salt, token_hash
from server.usecases.book import book, new_uid
from server.usecases.claiming import offers_for
from server.usecases.core import Core
from server.usecases.hold import hold
from server.usecases.once import Once, Replay, find_replay
from server.usecases.paid_order import UnreadableOrder, seal_order, unseal_order


class _ConfirmedAlready(Exception):
    """Another press of the button was faster."""


async def book_or_ask(
    core: Core, order: Order, booked: Once[Booked], asked: Once[Confirmation]
) -> Booked | Confirmation | Replay:
    """
    Books what *order* asks for; where the business confirms addresses, holds it and asks the address.

    Raises:
        As for `book` and `ask_to_confirm`.
    """
    try:
        return await book(core, order, booked)
    except ConfirmationNeeded:
        return await ask_to_confirm(core, order, asked)


async def ask_to_confirm(core: Core, order: Order, once: Once[Confirmation]) -> Confirmation | Replay:
    """
    Holds the time of *order* and mails its address a link that books it.

    One hold is confirmed by one address: asked again, it gets the same answer and no other mail.

    Raises:
        AwaitingConfirmation: The hold waits for another address.
        Others: As for `hold`.
    """
    try:
        held, token = await _held(core, order)
    except SlotTaken:
        if (replay := await _earlier(core, order, once)) is not None:
            return replay
        raise

    async def work(session: Session) -> Confirmation:
        return await _ask(core, session, replace(order, hold=token), held, once)

    return await once.run(core.database, core.vault, held.business_id, work)


async def _held(core: Core, order: Order) -> tuple[Hold, str]:
    """The hold on the time of *order*, and its token: its own, or a new one."""
    choice = order.choice
    if order.hold is not None:
        found = await _living(core, order.hold)
        if found is not None and (found.business, found.service, found.start) == (
            choice.business,
            choice.service,
            choice.start,
        ):
            return found, order.hold
    # What is asked here is a mail, and no proof of work besides.
    held = await hold(core, replace(choice, proof=None), Once[Held](None, 201, lambda _: b""))
    assert isinstance(held, Held), "without a key, nothing is answered again"
    found = await _living(core, held.token)
    if found is None:
        raise SlotTaken
    return found, held.token


async def _living(core: Core, token: str) -> Hold | None:
    async with core.database.reading() as session:
        return await find_living_hold(session, token_hash(token))


async def _earlier(core: Core, order: Order, once: Once[Confirmation]) -> Replay | None:
    """What the same request was answered before, if its own hold is why the time is taken."""
    if once.request is None:
        return None
    business_id = (await offers_for(core, order.choice, anew=False))[0].business_id
    async with core.database.reading() as session:
        return await find_replay(session, core.vault, business_id, once.request)


async def _ask(core: Core, session: Session, order: Order, held: Hold, once: Once[Confirmation]) -> Confirmation:
    hold_hash = token_hash(order.hold or "")
    if await prolong_hold(session, hold_hash, core.booking.confirm_s) is None:
        raise SlotTaken
    uid, salt = new_uid(), new_salt()
    token = core.vault.new_confirm_token(salt)
    networks = order.choice.asked_from
    is_new = await insert_confirmation(
        session,
        hold_hash,
        uid=uid,
        email=order.customer.email,
        salt=salt,
        token_hash=token_hash(token),
        order_sealed=seal_order(core.vault, order, length=timedelta(seconds=held.terms.duration_s)),
        network=networks.narrow if networks else None,
    )
    found = await confirmation_of_hold(session, hold_hash)
    if found is None:
        raise SlotTaken
    if found.email != order.customer.email:
        raise AwaitingConfirmation
    if is_new:
        customer = order.customer
        told = {"v": 1, "confirmation": str(uid), "locale": customer.locale, "timezone": customer.timezone}
        await add_fact(session, found.business_id, Kind.CONFIRMATION_WANTED, told)
    once.check(await remember(session, found.business_id, once.memo(core.vault, found)))
    return found


async def view_confirmation(core: Core, token: str) -> Confirmation:
    """
    What the link of a mail would book.

    Raises:
        NotFound: There is no such link, or it is a day too old.
    """
    async with core.database.reading() as session:
        found = await find_confirmation(session, token_hash(token))
    if found is None:
        raise NotFound(what="confirmation")
    return found


async def confirm(core: Core, token: str, *, terms: Terms | None = None) -> str:
    """
    Books what waits for this address; the appointment's manage token, however often it is called.

    Whoever comes after the hold ran out still gets the time if it is free.

    Args:
        terms: What they have agreed to since, in place of what the mail said.

    Raises:
        NotFound: See `view_confirmation`.
        Others: As for `book`.
    """
    found = await view_confirmation(core, token)
    if found.confirmed_at is None:
        try:
            await _book(core, found, terms or found.terms)
        except (_ConfirmedAlready, SlotTaken):
            # A second press finds the time taken, by the first.
            if (await view_confirmation(core, token)).confirmed_at is None:
                raise
        found = await view_confirmation(core, token)
    return manage_token_of(core, found)


def manage_token_of(core: Core, found: Confirmation) -> str:
    """
    What opens the appointment that was confirmed.

    Raises:
        Unavailable: The secret that made it is not there.
    """
    assert found.manage_hash is not None, "it is confirmed"
    try:
        return core.vault.manage_token(found.token_salt, found.manage_hash)
    except SecretMissing:
        raise Unavailable("secret keys") from None


async def _book(core: Core, found: Confirmation, terms: Terms) -> None:
    try:
        order = unseal_order(core.vault, found.order_sealed).order
    except UnreadableOrder:
        raise Unavailable("secret keys") from None
    networks = Networks(found.network, found.network) if found.network else None
    order = replace(
        order,
        # What was shown binds, though the hold that kept it be gone.
        choice=replace(order.choice, provider=found.provider, location=found.location, asked_from=networks),
        terms=terms,
        paid=False,
        proved=True,
        salt=found.token_salt,
    )

    async def also(session: Session, _: int) -> None:
        if not await mark_confirmed(session, found, token_hash(core.vault.new_manage_token(found.token_salt))):
            raise _ConfirmedAlready

    await book(core, order, Once(None, 201, lambda _: b""), also=also)
