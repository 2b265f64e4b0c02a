"""
Owns the link under which a provider answers a request: which one it means, and whether it is still to be answered.

Leaves answering to `decide`. The link is in one mail, to the provider; whoever has it may approve or decline that one
request at that one time, and nothing else. It ends when the request is decided, moved or over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.domain.appointment import Appointment, Attendee
from server.domain.details import by_label
from server.domain.errors import NotFound
from server.domain.lifecycle import Actor, Status, Step
from server.store.appointments import attendees_of, find_appointment, questions_of
from server.tokens import Purpose, Vault
from server.usecases.core import Core
from server.usecases.decide import decide
from server.usecases.once import Once
from server.usecases.places import Target

_REQUEST = re.compile(rb"request (\d{1,19}) ([0-9a-f]{32}) (\d{1,12})")


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one time; *start* in seconds since the epoch."""

    business_id: int
    uid: UUID
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request as its provider sees it."""

    appointment: Appointment
    attendee: Attendee
    answers: Mapping[str, str]
    """What the customer answered, by the words of the question."""
    is_open: bool
    """It waits for an answer."""


def seal_request(vault: Vault, request: Request) -> str:
    """What the link carries: nobody can make one for another request."""
    plain = f"request {request.business_id} {request.uid.hex} {request.start}"
    return vault.seal(plain.encode(), Purpose.DECISION).decode()


async def view_request(core: Core, token: str) -> RequestView:
    """
    The request that *token* opens.

    Raises:
        NotFound: There is no such token, or the appointment is gone.
    """
    plain = core.vault.unseal(token, Purpose.DECISION)
    match = _REQUEST.fullmatch(plain) if plain is not None else None
    if match is None:
        raise NotFound(what="request")
    business_id, uid, start = int(match[1]), UUID(match[2].decode()), int(match[3])
    async with core.database.reading() as session:
        appointment = await find_appointment(session, business_id, uid)
        if appointment is None:
            raise NotFound(what="request")
        now = session.now
        attendee = (await attendees_of(session, business_id, [appointment.id]))[appointment.id][0]
        answers = by_label(attendee.answers, await questions_of(session, appointment)) if attendee.answers else {}
    same_time = int(appointment.start.timestamp()) == start
    is_open = appointment.status is Status.PENDING and same_time and now < appointment.start
    return RequestView(appointment=appointment, attendee=attendee, answers=answers, is_open=is_open)


async def answer_request(core: Core, token: str, *, approve: bool, reason: str) -> None:
    """
    Approves or declines what *token* opens; nothing where it was answered already.

    Raises:
        NotFound: As `view_request`.
        IllegalTransition: Somebody answered it at this moment.
    """
    seen = await view_request(core, token)
    if not seen.is_open:
        return
    target = Target(appointment=seen.appointment, actor=Actor.PROVIDER)
    once: Once[Appointment] = Once(None, 200, lambda _: b"")
    await decide(core, target, Step.APPROVE if approve else Step.DECLINE, once, reason=reason)
