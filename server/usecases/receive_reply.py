"""
Owns taking an answer to an invitation: it is noted, cancels, moves, or is sent the invitation again.

Leaves the mail that it came in to `receive_mail`, what it means to `domain/replies`, and the change to `cancel` and
`reschedule`, under their locks.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from ics.errors import Unreadable
from ics.event import Method
from ics.itip.counter import read_counter
from ics.itip.refresh import read_refresh
from ics.itip.reply import read_reply
from ics.read.message import Message
from server.domain.appointment import Place
from server.domain.errors import BookingError, IllegalTransition, InFlight, NotFound, PolicyClosed, Unavailable
from server.domain.events import Fact, Kind
from server.domain.lifecycle import Actor
from server.domain.replies import (
    Answer,
    Cancel,
    DeclineCounter,
    InviteAgain,
    Meaning,
    Move,
    Note,
    Nothing,
    Refuse,
    meaning_of,
)
from server.store.appointments import lock_appointment
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.replies import find_invited, invited_again, noted_answers, set_partstat
from server.tokens import ReplyAddress
from server.usecases.cancel import Cancelled, cancel
from server.usecases.core import Core
from server.usecases.once import Once
from server.usecases.places import Target
from server.usecases.reschedule import reschedule

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)


class Received(StrEnum):
    """What became of an answer."""

    NOTED = "noted"
    CANCELLED = "cancelled"
    MOVED = "moved"
    COUNTER_DECLINED = "counter declined"
    INVITED_AGAIN = "invited again"
    WITHOUT_EFFECT = "without effect"
    REFUSED = "refused"


_WRITTEN_DOWN: Mapping[type, Received] = {
    Note: Received.NOTED,
    DeclineCounter: Received.COUNTER_DECLINED,
    InviteAgain: Received.INVITED_AGAIN,
    Nothing: Received.WITHOUT_EFFECT,
}


async def invited_at(core: Core, address: ReplyAddress) -> Place:
    """
    The place whose answers *address* takes.

    Raises:
        NotFound: We never gave out this address, or its place is gone.
        Unavailable: Postgres is away.
    """
    async with core.database.reading() as session:
        found = await find_invited(session, address.business_id, address.attendee_id)
    if found is None or not core.vault.is_reply_address(address, found.attendee.token_salt):
        raise NotFound(what="address")
    return found


async def receive_reply(core: Core, address: ReplyAddress, sender: str | None, message: Message) -> Received:
    """
    Takes the answer in *message* to the invitation that came from *address*.

    Only the attendee to whom that invitation went is heard: the address, which only they were told, the ATTENDEE and
    the From of the mail must all be theirs. Nothing here can do more than the customer's own manage link.

    Raises:
        NotFound: Nobody has this address.
        Unavailable: Postgres is away; send it again.
    """
    place = await invited_at(core, address)
    try:
        answer = _answer_in(message)
    except Unreadable as error:
        return _refused(place, str(error))

    async def work(session: Session) -> tuple[Place, Meaning]:
        return await _take(session, place, answer, sender)

    place, meaning = await core.database.transact(work)
    target = Target(appointment=place.appointment, actor=Actor.CUSTOMER, attendee=place.attendee)
    match meaning:
        case Cancel():
            return await _cancel(core, target, place, answer)
        case Move():
            return await _move(core, target, place, answer, meaning)
        case Refuse(reason):
            return _refused(place, reason)
        case Nothing(reason):
            log.info("business %d: answer without effect: %s", place.appointment.business_id, reason)
    return _WRITTEN_DOWN[type(meaning)]


def _answer_in(message: Message) -> Answer:
    """
    What *message* says, in our words.

    Raises:
        Unreadable: It is no answer, or an incomplete one.
    """
    if message.method is Method.REFRESH:
        wish = read_refresh(message)
        return Answer(what="REFRESH", uid=wish.uid, sequence=0, stamp=wish.stamp, attendee=wish.attendee)
    if message.method is Method.COUNTER:
        counter = read_counter(message)
        return Answer(
            what=f"COUNTER:{counter.start.isoformat()}",
            uid=counter.uid,
            sequence=counter.sequence,
            stamp=counter.stamp,
            attendee=counter.attendee,
            comment=counter.comment,
            start=counter.start,
            end=counter.end,
        )
    reply = read_reply(message)
    return Answer(
        what=f"REPLY:{reply.partstat}",
        uid=reply.uid,
        sequence=reply.sequence,
        stamp=reply.stamp,
        attendee=reply.attendee,
        comment=reply.comment,
        partstat=reply.partstat.value,
    )


async def _take(session: Session, place: Place, answer: Answer, sender: str | None) -> tuple[Place, Meaning]:
    """What *answer* means, decided under the appointment's lock; what is only to be written down is written."""
    appointment = place.appointment
    await lock_appointment(session, appointment)
    found = await find_invited(session, appointment.business_id, place.attendee.id)
    if found is None:
        raise NotFound(what="address")
    place = found
    meaning = meaning_of(
        answer,
        place.appointment,
        place.attendee,
        await noted_answers(session, place),
        sender=sender,
        invited_today=await invited_again(session, place, within=_DAY),
        now=session.now,
    )
    match meaning:
        case Note(partstat):
            await set_partstat(session, place, partstat)
            await _tell(session, place, Kind.ANSWERED, answer, {"partstat": partstat})
        case DeclineCounter(reason):
            await _tell(session, place, Kind.COUNTER_DECLINED, answer, {"reason": reason})
        case InviteAgain():
            await _tell(session, place, Kind.INVITE_REQUESTED, answer, {})
        case _:
            pass
    return place, meaning


async def _cancel(core: Core, target: Target, place: Place, answer: Answer) -> Received:
    once: Once[Cancelled] = Once(None, 200, lambda _: b"")
    try:
        await cancel(core, target, once, reason=answer.comment)
    except PolicyClosed:  # a moment too late
        return await _note(core, place, answer)
    except (IllegalTransition, NotFound):
        return Received.WITHOUT_EFFECT

    # Afterwards, so that an answer that comes again because we died in between finds the place still to be cancelled.
    async def work(session: Session) -> None:
        await set_partstat(session, place, "DECLINED")

    await core.database.transact(work)
    return Received.CANCELLED


async def _note(core: Core, place: Place, answer: Answer) -> Received:
    partstat = answer.partstat or ""

    async def work(session: Session) -> None:
        await set_partstat(session, place, partstat)
        await _tell(session, place, Kind.ANSWERED, answer, {"partstat": partstat})

    await core.database.transact(work)
    return Received.NOTED


async def _move(core: Core, target: Target, place: Place, answer: Answer, move: Move) -> Received:
    try:
        await reschedule(core, target, move.start, Once(None, 200, lambda _: b""))
    except (Unavailable, InFlight):
        raise
    except BookingError as error:
        reason = str(error)
    else:
        return Received.MOVED

    async def work(session: Session) -> None:
        await _tell(session, place, Kind.COUNTER_DECLINED, answer, {"reason": reason})

    await core.database.transact(work)
    return Received.COUNTER_DECLINED


async def _tell(session: Session, place: Place, kind: Kind, answer: Answer, more: Mapping[str, str]) -> None:
    """The fact that *answer* became, with the answer itself: by it a second copy is known (`noted_answers`)."""
    appointment = place.appointment
    fact = Fact(
        kind=kind,
        appointment=str(appointment.uid),
        sequence=appointment.sequence,
        actor=Actor.CUSTOMER,
        start=appointment.start,
        attendee=place.attendee.id,
        reason=answer.comment,
    )
    heard = {"answer": answer.what, "stamp": answer.stamp.isoformat()}
    await add_fact(
        session,
        appointment.business_id,
        kind,
        {**fact.payload(), **heard, **more},
        appointment_id=appointment.id,
    )


def _refused(place: Place, reason: str) -> Received:
    log.warning(
        "business %d, attendee %d: answer refused: %s", place.appointment.business_id, place.attendee.id, reason
    )
    return Received.REFUSED
