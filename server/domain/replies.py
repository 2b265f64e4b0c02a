"""
Owns what the answer to an invitation means: note it, cancel, move, invite again, say no, or leave everything as it is.

Leaves reading the answer to `ics/itip`, and doing what it means to `usecases/receive_reply`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from server.domain.appointment import Appointment, Attendee
from server.domain.lifecycle import CHANGEABLE

INVITES_PER_DAY = 3
"""How often a day one attendee gets an invitation again by asking for it."""

_AHEAD = timedelta(days=5 * 366)
_DECLINED = "DECLINED"
_NOTED = frozenset({"ACCEPTED", "TENTATIVE", _DECLINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What an attendee said, by mail, about the invitation with that *sequence*.

    Attributes:
        what: `REPLY:ACCEPTED`, `COUNTER:2027-03-01T09:00:00+00:00`, `REFRESH`: equal for the same answer.
        stamp: When they said it, by their own clock.
    """

    what: str
    uid: str
    sequence: int
    stamp: datetime
    attendee: str | None
    comment: str = ""
    partstat: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An answer that has taken effect: what it was, its own stamp, and when we heard it."""

    what: str
    stamp: datetime
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """Write down what they answered."""

    partstat: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """They do not come, and may still say so: cancel their place."""


@dataclass(frozen=True, slots=True)
class Move:
    """They would rather come at *start*: move them there, if the rules let them."""

    start: datetime


@dataclass(frozen=True, slots=True)
class DeclineCounter:
    """The time that they propose cannot be had."""

    reason: str


@dataclass(frozen=True, slots=True)
class InviteAgain:
    """Send them the invitation once more."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """It changes nothing, and nothing is wrong with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not change anything."""

    reason: str


Meaning: TypeAlias = Note | Cancel | Move | DeclineCounter | InviteAgain | Nothing | Refuse


def meaning_of(
    answer: Answer,
    appointment: Appointment,
    attendee: Attendee,
    earlier: Sequence[Noted],
    *,
    sender: str | None,
    invited_today: int,
    now: datetime,
) -> Meaning:
    """
    What *answer* means for this place, as it stands now.

    Args:
        earlier: Answers of this attendee to the present sequence that have taken effect.
        sender: Address that the mail came from.
        invited_today: How often they have got the invitation again within a day.
    """
    refusal = _why_refused(answer, appointment, attendee, sender)
    if refusal is not None:
        return Refuse(refusal)
    if appointment.status not in CHANGEABLE or attendee.cancelled_at is not None:
        return Nothing("the appointment is over")
    if answer.what == "REFRESH":
        return InviteAgain() if invited_today < INVITES_PER_DAY else Nothing("it was sent again often enough today")
    if answer.sequence < appointment.sequence:
        return Nothing("it answers an older invitation")
    if _is_repeated(answer, earlier):
        return Nothing("it was heard before, or is older than what was")
    return _meaning_of_news(answer, appointment, attendee, now)


def _why_refused(answer: Answer, appointment: Appointment, attendee: Attendee, sender: str | None) -> str | None:
    """Who says it must be who was asked, in the document and in the mail around it (RFC 5546, 6.1.1)."""
    theirs = attendee.email.lower()
    if sender != theirs or answer.attendee not in {None, theirs}:
        return "it is not from the attendee"
    if answer.uid.lower() != str(appointment.uid):
        return "it is about another appointment"
    return None


def _is_repeated(answer: Answer, earlier: Sequence[Noted]) -> bool:
    """
    Whether this answer, or a later one, has taken effect (RFC 5546, 2.1.5).

    A clock that runs ahead must not make its owner's next answer look old: no stamp counts as later than its arrival.
    """
    return any(
        (noted.what == answer.what and noted.stamp == answer.stamp) or answer.stamp < min(noted.stamp, noted.heard_at)
        for noted in earlier
    )


def _meaning_of_news(answer: Answer, appointment: Appointment, attendee: Attendee, now: datetime) -> Meaning:
    if answer.start is not None:
        return _meaning_of_counter(answer, answer.start, appointment, now)
    if answer.partstat not in _NOTED:
        return Nothing("it does not say yes, no or maybe")
    free_of_charge = now <= attendee.terms.closes_at(appointment.start) and now < appointment.start
    if answer.partstat == _DECLINED and free_of_charge:
        return Cancel()
    if answer.partstat == attendee.partstat:
        return Nothing("it says what is known")
    return Note(answer.partstat)


def _meaning_of_counter(answer: Answer, start: datetime, appointment: Appointment, now: datetime) -> Meaning:
    if not now < start < now + _AHEAD:  # nor can every calendar be asked about the year 9999
        return DeclineCounter("It cannot be in the past or years ahead.")
    if answer.end is not None and answer.end - start != appointment.end - appointment.start:
        return DeclineCounter("It cannot be longer or shorter.")
    if start == appointment.start:
        return DeclineCounter("It is at that time already.")
    if start != start.replace(second=0, microsecond=0):
        return DeclineCounter("It begins on a full minute.")
    return Move(start)
