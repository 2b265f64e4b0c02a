"""
Owns reading appointments and attendees, and the statements that end, decide or move one.

Leaves making them to `booking`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.appointment import Appointment, Attendee, Place
from server.domain.claims import Claim
from server.domain.events import Fact
from server.domain.lifecycle import OWNS_TIME, Status
from server.domain.reminders import PlannedReminder
from server.domain.terms import Terms
from server.store.booking import NewAppointment
from server.store.clauses import LOGGED, REMEMBERED, REMINDED, TOLD, log_values, memo_values, reminder_values
from server.store.engine import Row, Session
from server.store.idempotency import Memo
from server.store.set_aside import not_set_aside
from server.store.statement import Statement
from server.store.terms import NEW_TERMS, new_terms_values, terms_of

APPOINTMENT_COLUMNS = """
SELECT a.business_id, a.id, a.uid, a.status, a.starts_at, a.ends_at, a.timezone, a.sequence, a.version,
       a.shared, s.capacity, a.seats_taken, a.provider_id,
       b.slug AS business, b.name AS business_name, s.slug AS service, s.name AS service_name,
       p.slug AS provider, p.name AS provider_name, l.slug AS location, l.name AS location_name"""
APPOINTMENT_TABLES = """
  FROM appointments a
  JOIN businesses b ON b.id = a.business_id
  JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
  JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
  JOIN locations l ON l.business_id = a.business_id AND l.id = a.location_id"""
_ATTENDEE_COLUMNS = """,
       t.id AS attendee_id, t.name, t.email, t.phone, t.timezone AS attendee_timezone, t.locale, t.partstat, t.answers,
       t.token_salt, t.token_hash, t.cancelled_at, t.fee_minor, t.network::text AS network, t.proved_at,
       t.price_minor, t.currency, t.change_window_min, t.cancel_fee_minor, t.approval,
       date_part('epoch', a.ends_at - a.starts_at)::int AS duration_s"""
_JOIN_ATTENDEE = " JOIN attendees t ON t.business_id = a.business_id AND t.appointment_id = a.id"

PLACE_COLUMNS = (
    APPOINTMENT_COLUMNS
    + _ATTENDEE_COLUMNS
    + ", b.email AS business_email, l.address, a.created_at, a.updated_at, clock_timestamp() AS now"
    + ", s.reapproval AND s.approval = 'manual' AS reapproval"
)
"""What `place_of` reads."""
PLACE_TABLES = APPOINTMENT_TABLES + _JOIN_ATTENDEE


async def find_place(session: Session, token_hash: bytes) -> Place | None:
    """The place that a manage token opens. Sets the session's clock."""
    row = await session.first(PLACE_COLUMNS + PLACE_TABLES + " WHERE t.token_hash = $1", token_hash)
    if row is None:
        return None
    session.now = row["now"]
    return place_of(row)


def place_of(row: Row) -> Place:
    """The place in a row of `PLACE_COLUMNS`."""
    return Place(
        appointment=appointment_of(row),
        attendee=_attendee(row),
        business_email=row["business_email"],
        address=row["address"],
        created_at=row["created_at"],
        changed_at=row["updated_at"],
        reapproval=row["reapproval"],
    )


async def find_appointment(session: Session, business_id: int, uid: UUID) -> Appointment | None:
    """The appointment of this business with this UID. Sets the session's clock."""
    row = await session.first(
        APPOINTMENT_COLUMNS
        + ", clock_timestamp() AS now"
        + APPOINTMENT_TABLES
        + " WHERE a.business_id = $1 AND a.uid = $2",
        business_id,
        uid,
    )
    if row is None:
        return None
    session.now = row["now"]
    return appointment_of(row)


_UNANSWERED = (
    APPOINTMENT_COLUMNS
    + ", clock_timestamp() AS now"
    + APPOINTMENT_TABLES
    + f"""
 WHERE a.status = 'pending' AND a.starts_at <= clock_timestamp() AND {not_set_aside("requests", "a")}
 ORDER BY a.starts_at LIMIT $1
   FOR UPDATE OF a SKIP LOCKED
"""
)


async def take_unanswered(session: Session, limit: int) -> list[Appointment]:
    """
    The oldest requests whose time has come, locked for this transaction; those that another sweeper has are left out.

    Sets the session's clock.
    """
    rows = await session.fetch(_UNANSWERED, limit)
    for row in rows[:1]:
        session.now = row["now"]
    return [appointment_of(row) for row in rows]


async def attendees_of(session: Session, business_id: int, appointments: Sequence[int]) -> dict[int, list[Attendee]]:
    """The attendees of each of *appointments*, in the order in which they booked."""
    rows = await session.fetch(
        "SELECT a.id"
        + _ATTENDEE_COLUMNS
        + " FROM appointments a"
        + _JOIN_ATTENDEE
        + " WHERE a.business_id = $1 AND a.id = ANY($2::bigint[]) ORDER BY t.id",
        business_id,
        list(appointments),
    )
    found: dict[int, list[Attendee]] = {appointment: [] for appointment in appointments}
    for row in rows:
        found[row["id"]].append(_attendee(row))
    return found


async def questions_of(session: Session, appointment: Appointment) -> Sequence[Mapping[str, object]]:
    """What the service of *appointment* asks now."""
    found = await session.value(
        "SELECT questions FROM services WHERE business_id = $1 AND slug = $2",
        appointment.business_id,
        appointment.service,
    )
    return tuple(found or ())


async def lock_appointment(session: Session, appointment: Appointment) -> tuple[Status, int, datetime] | None:
    """
    The state, version and start of *appointment* now, locked until the transaction ends.

    Sets the session's clock. The caller compares: what was read before the lock may be old.
    """
    row = await session.first(
        "SELECT status, version, starts_at, clock_timestamp() AS now FROM appointments"
        " WHERE business_id = $1 AND id = $2 FOR UPDATE",
        appointment.business_id,
        appointment.id,
    )
    if row is None:
        return None
    session.now = row["now"]
    return Status(row["status"]), row["version"], row["starts_at"]


_STEP = """
WITH appointment AS (
    UPDATE appointments
       SET status = :status, sequence = sequence + :sequence_step, version = version + 1,
           updated_at = clock_timestamp(), seats_taken = seats_taken - :seats
     WHERE business_id = :business_id AND id = :id
    RETURNING business_id, id, status, sequence, starts_at
)"""

_FREED = """
, freed AS (
    DELETE FROM claims c USING appointment a
     WHERE :frees AND c.business_id = a.business_id AND c.appointment_id = a.id
)"""
_LEFT = """
, gone AS (
    UPDATE attendees t SET cancelled_at = :now, fee_minor = :fee_minor
      FROM appointment a
     WHERE t.business_id = a.business_id AND t.appointment_id = a.id AND t.cancelled_at IS NULL
       AND (:attendee_id::bigint IS NULL OR t.id = :attendee_id)
), dropped AS (
    UPDATE reminders r SET status = 'dropped'
      FROM appointment a
     WHERE r.business_id = a.business_id AND r.appointment_id = a.id AND r.status = 'planned'
       AND (:attendee_id::bigint IS NULL OR r.attendee_id = :attendee_id)
)"""
_OUTCOME = """
SELECT appointment.sequence, (SELECT count(*) FROM remembered) AS remembered FROM appointment"""

_DECIDE = Statement(_STEP + _FREED + LOGGED + TOLD + REMEMBERED + _OUTCOME)
_END = Statement(_STEP + _FREED + _LEFT + LOGGED + TOLD + REMEMBERED + _OUTCOME)


async def write_step(
    session: Session,
    appointment: Appointment,
    *,
    status: Status,
    fact: Fact,
    memo: Memo | None,
    reason: str = "",
    leaves: bool = False,
    attendee_id: int | None = None,
    seats: int = 0,
    fee_minor: int = 0,
) -> int:
    """
    Writes one step of an appointment, with its log entry and its fact; how many records were remembered.

    An appointment that does not take place any more gives up its claims.

    Args:
        reason: For the log; what people are told is in the fact.
        leaves: Its attendees, or the one named, leave, and their reminders are dropped.
        seats: Places that become free in it.
    """
    values: dict[str, Any] = {
        "business_id": appointment.business_id,
        "id": appointment.id,
        "status": status,
        "sequence_step": fact.sequence - appointment.sequence,
        "seats": seats,
        "frees": status not in OWNS_TIME,
        "attendee_id": attendee_id,
        "fee_minor": fee_minor,
        "kind": fact.kind,
        "payload": fact.payload(),
        **log_values(fact.actor, session.now, from_status=appointment.status, reason=reason),
        **memo_values(memo),
    }
    row = await session.first(*(_END if leaves else _DECIDE).bind(values))
    assert row is not None
    return int(row["remembered"])


_MOVE = Statement(
    """
WITH appointment AS (
    UPDATE appointments
       SET status = :status, provider_id = :provider_id, location_id = :location_id,
           starts_at = :starts_at, ends_at = :ends_at,
           timezone = :timezone, local_day = :local_day, sequence = sequence + 1, version = version + 1,
           updated_at = clock_timestamp()
     WHERE business_id = :business_id AND id = :id
    RETURNING business_id, id, status, sequence, starts_at
), claimed AS (
    INSERT INTO claims (business_id, resource_id, during, appointment_id)
    SELECT business_id, resource_id, tstzrange(:claim_start, :claim_end), id
      FROM appointment, unnest(:resources::bigint[]) resource_id
        ON CONFLICT DO NOTHING
    RETURNING resource_id
), asked_again AS (
    -- A yes to the old time is no yes to the new one (RFC 5546, 2.1.4).
    UPDATE attendees t SET partstat = 'NEEDS-ACTION',"""
    + NEW_TERMS
    + """
      FROM appointment a
     WHERE t.business_id = a.business_id AND t.appointment_id = a.id
       AND (t.partstat <> 'NEEDS-ACTION' OR :price_minor::int IS NOT NULL)
), attendee AS (
    SELECT t.id, t.phone
      FROM appointment a
      JOIN attendees t ON t.business_id = a.business_id AND t.appointment_id = a.id AND t.cancelled_at IS NULL
)"""
    + REMINDED
    + """
, dropped AS (
    -- One for the very same moment, of a move to somebody else at that time, stays: a row can change once a statement.
    UPDATE reminders r SET status = 'dropped'
      FROM appointment a
     WHERE r.business_id = a.business_id AND r.appointment_id = a.id AND r.status = 'planned'
       AND NOT EXISTS (SELECT FROM planned p
                        WHERE (p.recipient, p.channel, p.offset_min, p.due_at)
                            = (r.recipient, r.channel, r.offset_min, r.due_at))
)"""
    + LOGGED
    + TOLD
    + REMEMBERED
    + """
SELECT appointment.id, (SELECT count(*) FROM claimed) AS claimed, (SELECT count(*) FROM remembered) AS remembered
  FROM appointment"""
)


async def release_claims(session: Session, appointment: Appointment) -> None:
    """Gives up the time of *appointment*, within a transaction that claims another for it."""
    await session.execute(
        "DELETE FROM claims WHERE business_id = $1 AND appointment_id = $2", appointment.business_id, appointment.id
    )


async def write_move(
    session: Session,
    appointment: Appointment,
    new: NewAppointment,
    *,
    terms: Terms | None,
    reminders: Sequence[PlannedReminder],
    fact: Fact,
    memo: Memo | None,
    reason: str,
) -> tuple[int, int]:
    """
    Writes *appointment* at its new time; how many resources were claimed and records remembered.

    Args:
        terms: What its customer has agreed to; None where the agreed ones stay.
        reason: For the log.
    """
    values = {
        **new.values(),
        **new_terms_values(terms),
        **reminder_values(reminders),
        **log_values(fact.actor, session.now, from_status=appointment.status, reason=reason),
        **memo_values(memo),
        "id": appointment.id,
        "kind": fact.kind,
        "payload": fact.payload(),
    }
    row = await session.first(*_MOVE.bind(values))
    assert row is not None
    return int(row["claimed"]), int(row["remembered"])


async def claimed_resources(session: Session, appointment: Appointment) -> list[Claim]:
    """What *appointment* owns."""
    rows = await session.fetch(
        "SELECT resource_id, floor(extract(epoch FROM lower(during)))::bigint,"
        " ceil(extract(epoch FROM upper(during)))::bigint"
        " FROM claims WHERE business_id = $1 AND appointment_id = $2",
        appointment.business_id,
        appointment.id,
    )
    return [Claim(*row) for row in rows]


async def claimed_spans(
    session: Session, appointments: Sequence[tuple[int, int]]
) -> dict[int, tuple[datetime, datetime]]:
    """From the first to the last moment that each of *appointments*, `(business id, id)`, takes, buffers included."""
    rows = await session.fetch(
        "SELECT appointment_id, min(lower(during)) AS first, max(upper(during)) AS last FROM claims"
        " WHERE (business_id, appointment_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))"
        " GROUP BY appointment_id",
        [key[0] for key in appointments],
        [key[1] for key in appointments],
    )
    return {row["appointment_id"]: (row["first"], row["last"]) for row in rows}


def appointment_of(row: Row) -> Appointment:
    """The appointment in a row of `APPOINTMENT_COLUMNS`."""
    return Appointment(
        business_id=row["business_id"],
        id=row["id"],
        uid=row["uid"],
        status=Status(row["status"]),
        start=row["starts_at"],
        end=row["ends_at"],
        timezone=row["timezone"],
        sequence=row["sequence"],
        version=row["version"],
        shared=row["shared"],
        capacity=row["capacity"],
        seats_taken=row["seats_taken"],
        business=row["business"],
        business_name=row["business_name"],
        service=row["service"],
        service_name=row["service_name"],
        provider=row["provider"],
        provider_name=row["provider_name"],
        provider_id=row["provider_id"],
        location=row["location"],
        location_name=row["location_name"],
    )


def _attendee(row: Row) -> Attendee:
    return Attendee(
        id=row["attendee_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        timezone=row["attendee_timezone"],
        locale=row["locale"],
        partstat=row["partstat"],
        answers=row["answers"],
        token_salt=row["token_salt"],
        token_hash=row["token_hash"],
        cancelled_at=row["cancelled_at"],
        fee_minor=row["fee_minor"],
        terms=terms_of(row),
        network=row["network"],
        proved_at=row["proved_at"],
    )
