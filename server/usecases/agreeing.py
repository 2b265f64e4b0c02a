"""
Owns at which terms an appointment is moved: the agreed ones, unless its customer agrees to others; and whether it has
to be approved again.

Leaves moving it to `reschedule` and `move_seat`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.appointment import Appointment, Attendee
from server.domain.catalogue import Offer
from server.domain.errors import Conflict, TermsChanged
from server.domain.lifecycle import Actor, Step
from server.domain.policies import asks_again
from server.domain.terms import Terms
from server.store.engine import Session
from server.store.payments import is_paid_beforehand
from server.usecases.once import Once
from server.usecases.places import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move as it is asked for; *start* in seconds since the epoch."""

    target: Target
    start: int
    once: Once[Appointment]
    terms: Terms | None = None
    """What the customer agrees to."""


def as_agreed(offers: Sequence[Offer], appointment: Appointment, attendee: Attendee | None) -> list[Offer]:
    """
    *offers*, as this appointment would be moved to them.

    Whatever the service has become since, its length and the customer's terms stay. Only a customer who chooses
    another provider or place gets what is offered there; staff may send somebody else, at what was agreed.
    """
    if attendee is None:
        length = int((appointment.end - appointment.start).total_seconds())
        return [offer.lasting(length) for offer in offers]
    return [offer.at(attendee.terms) if _is_same(offer, appointment) else offer for offer in offers]


async def newly_agreed(
    session: Session, offer: Offer, move: Move, appointment: Appointment, attendee: Attendee | None
) -> Terms | None:
    """
    The terms that a move to *offer* gives the attendee; None where theirs stay.

    Raises:
        TermsChanged: They have not agreed to them.
        Conflict: They have paid another price, and a difference can neither be asked for nor given back here.
    """
    if attendee is None:
        return None
    bound = offer.service.terms
    if bound != (move.terms or attendee.terms):
        raise TermsChanged(bound)
    if bound == attendee.terms:
        return None
    costs_the_same = (bound.price_minor, bound.currency) == (attendee.terms.price_minor, attendee.terms.currency)
    if not costs_the_same and await is_paid_beforehand(session, appointment):
        raise Conflict(
            "This appointment is paid, and the price there is another one. Choose a time with the same provider, or ask"
            " the business."
        )
    return bound


def step_of(offer: Offer, actor: Actor, appointment: Appointment) -> Step:
    """The step that a move of *appointment* to *offer* is."""
    service = offer.service
    again = asks_again(service.terms, appointment.status, actor=actor, reapproval=service.reapproval)
    return Step.ASK_AGAIN if again else Step.RESCHEDULE


def former_provider(appointment: Appointment, offer: Offer) -> str | None:
    """The slug of whoever loses *appointment* when it moves to *offer*; None where they keep it."""
    return appointment.provider if offer.provider.id != appointment.provider_id else None


def _is_same(offer: Offer, appointment: Appointment) -> bool:
    return (offer.provider.id, offer.location.slug) == (appointment.provider_id, appointment.location)
