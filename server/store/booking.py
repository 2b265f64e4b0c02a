"""
Owns the statements that book, hold and move: each writes everything that one step makes true, in one round trip.

Leaves reading what is taken to `taken`, and deciding to the use-cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from server.domain.appointment import CustomerDetails, Order
from server.domain.catalogue import Offer
from server.domain.events import Fact
from server.domain.lifecycle import Actor, Status
from server.domain.reminders import PlannedReminder
from server.domain.terms import Terms
from server.store.clauses import (
    LOGGED,
    REMEMBERED,
    REMINDED,
    TOLD,
    TOLD_OF_ATTENDEE,
    log_values,
    memo_values,
    reminder_values,
)
from server.store.engine import Row, Session
from server.store.idempotency import Memo
from server.store.statement import Statement
from server.store.terms import NEW_TERMS, new_terms_values, terms_values

_NEW_APPOINTMENT = """
WITH appointment AS (
    INSERT INTO appointments (business_id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                              timezone, local_day, shared, seats_taken)
    VALUES (:business_id, :uid, :service_id, :provider_id, :location_id, :status, :starts_at, :ends_at,
            :timezone, :local_day, :shared, :seats)
    RETURNING business_id, id, status, sequence, starts_at, version, seats_taken
)"""

# DO NOTHING: a conflict shows as a missing row, not as an error that has to be told from others.
_CLAIM = """
, claimed AS (
    INSERT INTO claims (business_id, resource_id, during, appointment_id, expires_at)
    SELECT business_id, resource_id, tstzrange(:claim_start, :claim_end), id, :expires_at::timestamptz
      FROM appointment, unnest(:resources::bigint[]) resource_id
        ON CONFLICT DO NOTHING
    RETURNING resource_id
)"""

_TAKE_SEAT = """
WITH appointment AS (
    UPDATE appointments
       SET seats_taken = seats_taken + :seats, status = :status, version = version + 1, updated_at = clock_timestamp()
     -- Cancelling takes no advisory lock, only the row's: whoever waited for it must not revive what ended meanwhile.
     WHERE business_id = :business_id AND id = :appointment_id
       AND (:promised OR seats_taken + :seats <= (
               SELECT s.capacity FROM services s
                WHERE s.business_id = appointments.business_id AND s.id = appointments.service_id))
       AND status IN ('held', 'confirmed') AND starts_at = :starts_at
    RETURNING business_id, id, status, sequence, starts_at, version, seats_taken
), claimed AS (
    UPDATE claims c SET expires_at = :expires_at::timestamptz
      FROM appointment a
     WHERE c.business_id = a.business_id AND c.appointment_id = a.id
    RETURNING resource_id
)"""

_ATTENDEE = """
, known AS (
    SELECT id FROM customers WHERE business_id = :business_id AND email = :email
), fresh AS (
    -- What a stranger types must not change what is known of a customer: a conflict updates nothing that matters.
    INSERT INTO customers (business_id, uid, email, name, phone, timezone, locale)
    SELECT :business_id, :customer_uid, :email, :name, :phone, :customer_timezone, :locale
     WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT (business_id, email) DO UPDATE SET email = excluded.email
    RETURNING id
), attendee AS (
    INSERT INTO attendees (business_id, appointment_id, customer_id, name, email, phone, timezone, locale, answers,
                           token_salt, token_hash, price_minor, currency, change_window_min, cancel_fee_minor, approval,
                           network, proved_at)
    SELECT business_id, appointment.id, customer.id, :name, :email, :phone, :customer_timezone, :locale, :answers,
           :token_salt, :token_hash, :price_minor, :currency, :change_window_min, :cancel_fee_minor, :approval,
           :network::cidr, CASE WHEN :proved THEN clock_timestamp() END
      FROM appointment, (SELECT id FROM known UNION ALL SELECT id FROM fresh) customer
    RETURNING id, phone
)"""

_OUTCOME = """
SELECT appointment.id, appointment.version, appointment.seats_taken, (SELECT count(*) FROM claimed) AS claimed,
       (SELECT count(*) FROM remembered) AS remembered
  FROM appointment"""

_MOVED_ATTENDEE = (
    """
, attendee AS (
    UPDATE attendees t SET appointment_id = appointment.id, partstat = 'NEEDS-ACTION',"""
    + NEW_TERMS
    + """
      FROM appointment
     WHERE t.business_id = appointment.business_id AND t.id = :attendee_id
    RETURNING t.id, t.phone
), dropped AS (
    UPDATE reminders r SET status = 'dropped'
     WHERE r.business_id = :business_id AND r.attendee_id = :attendee_id AND r.status = 'planned'
)"""
)
_MOVED = _MOVED_ATTENDEE + LOGGED + REMINDED + TOLD + REMEMBERED + _OUTCOME
_MOVE_TO_NEW = Statement(_NEW_APPOINTMENT + _CLAIM + _MOVED)
_MOVE_TO_CLASS = Statement(_TAKE_SEAT + _MOVED)

_BOOKED = _ATTENDEE + LOGGED + REMINDED + TOLD_OF_ATTENDEE + REMEMBERED + _OUTCOME
_BOOK = Statement(_NEW_APPOINTMENT + _CLAIM + _BOOKED)
_JOIN = Statement(_TAKE_SEAT + _BOOKED)

_HOLD_TIME = Statement(
    """
WITH hold AS (
    INSERT INTO holds (business_id, service_id, provider_id, location_id, starts_at, expires_at, token_hash,
                       duration_s, price_minor, currency, change_window_min, cancel_fee_minor, approval, network,
                       local_day)
    VALUES (:business_id, :service_id, :provider_id, :location_id, :starts_at, :expires_at, :token_hash,
            :duration_s, :price_minor, :currency, :change_window_min, :cancel_fee_minor, :approval,
            :network::cidr, :local_day)
    RETURNING business_id, id
), claimed AS (
    INSERT INTO claims (business_id, resource_id, during, hold_id, expires_at)
    SELECT business_id, resource_id, tstzrange(:claim_start, :claim_end), id, :expires_at
      FROM hold, unnest(:resources::bigint[]) resource_id
        ON CONFLICT DO NOTHING
    RETURNING resource_id
)"""
    + REMEMBERED
    + """
SELECT hold.id, 0 AS version, 0 AS seats_taken, (SELECT count(*) FROM claimed) AS claimed,
       (SELECT count(*) FROM remembered) AS remembered
  FROM hold"""
)

_SEAT_HELD = """
, hold AS (
    INSERT INTO holds (business_id, service_id, provider_id, location_id, appointment_id, starts_at, expires_at,
                       token_hash, duration_s, price_minor, currency, change_window_min, cancel_fee_minor, approval,
                       network, local_day)
    SELECT business_id, :service_id, :provider_id, :location_id, id, starts_at, :hold_expires_at, :token_hash,
           :duration_s, :price_minor, :currency, :change_window_min, :cancel_fee_minor, :approval,
           :network::cidr, :local_day
      FROM appointment
)"""
_HOLD_FIRST_SEAT = Statement(_NEW_APPOINTMENT + _CLAIM + _SEAT_HELD + LOGGED + REMEMBERED + _OUTCOME)
_HOLD_SEAT = Statement(_TAKE_SEAT + _SEAT_HELD + REMEMBERED + _OUTCOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a statement did: enough to see whether somebody else was first."""

    id: int | None
    version: int = 0
    seats_taken: int = 0
    claimed: int
    remembered: int

    def owns(self, resources: Sequence[int]) -> bool:
        """Whether the appointment is there, with the time of *resources*; of a class that was joined, with any time."""
        return self.id is not None and self.claimed >= max(1, len(resources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A class that exists already, and the state it is in."""

    appointment_id: int
    uid: UUID
    status: Status
    sequence: int
    duration_s: int
    claim_expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAppointment:
    """The row of an appointment to be made, and what it claims."""

    offer: Offer
    uid: UUID
    status: Status
    start: datetime
    end: datetime
    local_day: date
    claim_start: datetime
    claim_end: datetime
    resources: Sequence[int]

    def values(self) -> dict[str, Any]:
        """For the statements above."""
        offer = self.offer
        return {
            "business_id": offer.business_id,
            "uid": self.uid,
            "service_id": offer.service.id,
            "provider_id": offer.provider.id,
            "location_id": offer.location.id,
            "status": self.status,
            "starts_at": self.start,
            "ends_at": self.end,
            "timezone": offer.location.zone.key,
            "local_day": self.local_day,
            "shared": offer.service.is_class,
            "claim_start": self.claim_start,
            "claim_end": self.claim_end,
            "resources": list(self.resources),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttendee:
    """The customer's part of a booking."""

    customer: CustomerDetails
    customer_uid: UUID
    answers: dict[str, str]
    terms: Terms
    token_salt: bytes
    token_hash: bytes
    reminders: Sequence[PlannedReminder]
    network: str | None
    """Where a stranger booked from."""
    proved: bool
    """Somebody who reads the mailbox of the address booked, or staff vouches for it."""

    def values(self) -> dict[str, Any]:
        """For the statements above."""
        return {
            "customer_uid": self.customer_uid,
            "email": self.customer.email,
            "name": self.customer.name,
            "phone": self.customer.phone,
            "customer_timezone": self.customer.timezone,
            "locale": self.customer.locale,
            "answers": self.answers,
            "token_salt": self.token_salt,
            "token_hash": self.token_hash,
            **terms_values(self.terms),
            "network": self.network,
            "proved": self.proved,
            **reminder_values(self.reminders),
        }


async def insert_booking(
    session: Session,
    new: NewAppointment,
    attendee: NewAttendee,
    *,
    seat: Seat | None,
    promised: bool = False,
    fact: Fact,
    memo: Memo | None,
    now: datetime,
    reason: str = "",
) -> Written:
    """
    Writes a booking: a new appointment, or a place in the class *seat*.

    Args:
        promised: The place was held, and is had though the class has fewer now.
        reason: For the log.
    """
    values = {
        **new.values(),
        **attendee.values(),
        **memo_values(memo),
        **log_values(fact.actor, now, from_status=seat.status if seat else None, reason=reason),
        "kind": fact.kind,
        "payload": fact.payload(),
        "seats": 1,
        "promised": promised,
        "expires_at": None,
        "appointment_id": seat.appointment_id if seat else None,
    }
    return _written(await session.first(*(_JOIN if seat else _BOOK).bind(values)))


async def move_attendee(
    session: Session,
    new: NewAppointment,
    attendee_id: int,
    *,
    seat: Seat | None,
    terms: Terms | None,
    reminders: Sequence[PlannedReminder],
    fact: Fact,
    memo: Memo | None,
    now: datetime,
) -> Written:
    """
    Writes an attendee's move to a new appointment, or to a place in the class *seat*.

    Args:
        terms: What they have agreed to; None where theirs stay.
    """
    values = {
        **new.values(),
        **new_terms_values(terms),
        **reminder_values(reminders),
        **memo_values(memo),
        **log_values(fact.actor, now, from_status=seat.status if seat else None),
        "kind": fact.kind,
        "payload": fact.payload(),
        "seats": 1,
        "promised": False,
        "expires_at": None,
        "appointment_id": seat.appointment_id if seat else None,
        "attendee_id": attendee_id,
    }
    return _written(await session.first(*(_MOVE_TO_CLASS if seat else _MOVE_TO_NEW).bind(values)))


async def insert_hold(
    session: Session,
    new: NewAppointment,
    *,
    seat: Seat | None,
    actor: Actor,
    terms: Terms,
    token_hash: bytes,
    network: str | None,
    expires_at: datetime,
    memo: Memo | None,
    now: datetime,
) -> Written:
    """Writes a hold: of the whole time, of a place in the class *seat*, or of the first place in a new class."""
    is_class = new.offer.service.is_class
    # A held class keeps its time as long as its longest hold; a confirmed one for good.
    class_expiry = max(expires_at, seat.claim_expires_at) if seat and seat.claim_expires_at else expires_at
    values = {
        **new.values(),
        **memo_values(memo),
        **log_values(actor, now, from_status=None),
        **terms_values(terms),
        "token_hash": token_hash,
        "network": network,
        "hold_expires_at": expires_at,
        "expires_at": (None if seat and not seat.claim_expires_at else class_expiry) if is_class else expires_at,
        "appointment_id": seat.appointment_id if seat else None,
        "seats": 0,
        "promised": False,
    }
    statement = _HOLD_TIME if not is_class else _HOLD_SEAT if seat else _HOLD_FIRST_SEAT
    return _written(await session.first(*statement.bind(values)))


_SEAT = """
SELECT a.id, a.uid, a.status, a.sequence, date_part('epoch', a.ends_at - a.starts_at)::int AS duration_s, c.expires_at
  FROM appointments a
  JOIN claims c ON c.business_id = a.business_id AND c.appointment_id = a.id
               AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
 WHERE a.business_id = $1 AND a.service_id = $2 AND a.provider_id = $3 AND a.starts_at = $4 AND a.shared
   AND a.status IN ('held', 'confirmed')
 LIMIT 1
"""


async def find_class(session: Session, offer: Offer, start: datetime) -> Seat | None:
    """The class of *offer* at *start*, if somebody has booked or holds a place in it."""
    row = await session.first(_SEAT, offer.business_id, offer.service.id, offer.provider.id, start)
    if row is None:
        return None
    return Seat(
        appointment_id=row["id"],
        uid=row["uid"],
        status=Status(row["status"]),
        sequence=row["sequence"],
        duration_s=row["duration_s"],
        claim_expires_at=row["expires_at"],
    )


_UPCOMING = """
SELECT (
SELECT count(*)
  FROM customers c
  JOIN attendees t ON t.business_id = c.business_id AND t.customer_id = c.id AND t.cancelled_at IS NULL
  JOIN appointments a ON a.business_id = t.business_id AND a.id = t.appointment_id
 WHERE c.business_id = $1 AND c.email = $2 AND a.service_id = $3
   AND a.status IN ('pending', 'confirmed') AND a.starts_at > clock_timestamp()
   AND ($4::cidr IS NULL OR t.network = $4::cidr OR $5 AND t.proved_at IS NOT NULL)
) + (
-- What they are paying for is theirs already, unless it is this.
SELECT count(*)
  FROM holds h
 WHERE h.business_id = $1 AND h.customer_email = $2 AND h.service_id = $3 AND h.expires_at > clock_timestamp()
   AND h.token_hash IS DISTINCT FROM $6 AND ($4::cidr IS NULL OR h.network = $4::cidr)
)
"""


async def count_upcoming(session: Session, offer: Offer, order: Order, *, own_hold: bytes | None) -> int:
    """
    How many appointments of this service the customer of *order* has before them, or is paying for.

    Of a stranger, who may have typed anybody's address, only what came from the same network counts: a refusal must not
    say who is a customer, nor may a stranger use up what belongs to one. Where the address is proved, all that was
    proved counts.

    Args:
        own_hold: Hash of the token of the hold that *order* is about, which does not count.
    """
    networks = order.choice.asked_from
    return int(
        await session.value(
            _UPCOMING,
            offer.business_id,
            order.customer.email,
            offer.service.id,
            networks.narrow if networks else None,
            order.proved,
            own_hold,
        )
    )


def _written(row: Row | None) -> Written:
    if row is None:
        return Written(id=None, claimed=0, remembered=0)
    return Written(
        id=row["id"],
        version=row["version"],
        seats_taken=row["seats_taken"],
        claimed=row["claimed"],
        remembered=row["remembered"],
    )
