"""
Owns finding the appointment that somebody wants to see or change, and what they may change now.

Leaves changing it to its neighbours.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.domain.appointment import Appointment, Attendee, Place
from server.domain.errors import NotFound, PolicyClosed
from server.domain.lifecycle import CHANGEABLE, Actor
from server.domain.policies import Unmovable, asks_again, check_moving
from server.store.appointments import attendees_of, find_appointment, find_place
from server.store.engine import Session
from server.store.offers import is_offered
from server.tokens import token_hash
from server.usecases.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An appointment to be changed, by whom, and the attendee it is about (None: all of them)."""

    appointment: Appointment
    actor: Actor
    attendee: Attendee | None = None
    override: str | None = None
    """Why staff breaks what is promised to customers; None if they do not."""

    @property
    def gives_up_its_time(self) -> bool:
        """Whether moving frees the time: a class goes on without one customer, unless it was the last."""
        return self.attendee is None or not self.appointment.shared or self.appointment.seats_taken <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A place as its customer may see it, and what is possible now."""

    place: Place
    can_cancel: bool
    unmovable: Unmovable | None
    """Why it cannot be moved; None if it can."""
    late_fee_minor: int
    asks_again: bool
    """Moving it needs an approval."""
    now: datetime
    """When this was so, by the database's clock."""

    @property
    def can_reschedule(self) -> bool:
        """Whether its customer may move it."""
        return self.unmovable is None


async def target_of_token(core: Core, token: str) -> Target:
    """
    What a manage token may change.

    Raises:
        NotFound: There is no such token.
    """
    async with core.database.reading() as session:
        place = await _place(session, token)
    return Target(appointment=place.appointment, actor=Actor.CUSTOMER, attendee=place.attendee)


async def target_of_staff(core: Core, business_id: int, uid: UUID, *, override: str | None = None) -> Target:
    """
    What staff of a business may change.

    Raises:
        NotFound: The business has no such appointment.
    """
    async with core.database.reading() as session:
        appointment = await find_appointment(session, business_id, uid)
    if appointment is None:
        raise NotFound(what="appointment")
    return Target(appointment=appointment, actor=Actor.PROVIDER, override=override)


async def view(core: Core, token: str) -> View:
    """
    The appointment that a manage token opens.

    Raises:
        NotFound: There is no such token.
    """
    async with core.database.reading() as session:
        place = await _place(session, token)
        now = session.now
        unmovable = await _why_unmovable(session, place)
    appointment, terms = place.appointment, place.attendee.terms
    alive = place.status in CHANGEABLE
    in_time = now <= terms.closes_at(appointment.start)
    return View(
        place=place,
        can_cancel=alive and now < appointment.start and (in_time or terms.cancel_fee_minor > 0),
        unmovable=unmovable,
        late_fee_minor=0 if in_time else terms.cancel_fee_minor,
        asks_again=alive and asks_again(terms, place.status, actor=Actor.CUSTOMER, reapproval=place.reapproval),
        now=now,
    )


async def _why_unmovable(session: Session, place: Place) -> Unmovable | None:
    if place.status not in CHANGEABLE:
        return Unmovable.OVER
    try:
        check_moving(place.attendee.terms, place.appointment.start, now=session.now, actor=Actor.CUSTOMER)
    except PolicyClosed:
        return Unmovable.TOO_LATE
    return None if await is_offered(session, place.appointment) else Unmovable.NOT_OFFERED


async def show(core: Core, business_id: int, uid: UUID) -> tuple[Appointment, list[Attendee]]:
    """
    An appointment and its attendees, for staff.

    Raises:
        NotFound: The business has no such appointment.
    """
    async with core.database.reading() as session:
        appointment = await find_appointment(session, business_id, uid)
        if appointment is None:
            raise NotFound(what="appointment")
        attendees = await attendees_of(session, business_id, [appointment.id])
    return appointment, attendees[appointment.id]


async def _place(session: Session, token: str) -> Place:
    found = await find_place(session, token_hash(token))
    if found is None:
        raise NotFound(what="appointment")
    return found
