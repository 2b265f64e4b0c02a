"""
Owns the rows of payments, from the moment a customer is sent to pay until it is booked or given back.

Leaves what they are worth to `usecases/payments`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from server.domain.appointment import Appointment
from server.store.engine import Row, Session
from server.store.set_aside import not_set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment."""

    business_id: int
    business: str
    business_name: str
    id: int
    uid: UUID
    service_name: str
    method: str
    status: str
    amount_minor: int
    return_minor: int | None
    currency: str
    remote_id: str | None
    checkout_url: str | None
    order_sealed: bytes
    appointment: UUID | None
    appointment_status: str | None
    appointment_start: datetime | None
    expires_at: datetime
    created_at: datetime


_SELECT = """
SELECT p.business_id, b.slug AS business, b.name AS business_name, p.id, p.uid, s.name AS service_name, p.method,
       p.status, p.amount_minor, p.return_minor, p.currency, p.remote_id, p.checkout_url, p.order_sealed,
       a.uid AS appointment, a.status AS appointment_status, a.starts_at AS appointment_start,
       p.expires_at, p.created_at
  FROM payments p
  JOIN businesses b ON b.id = p.business_id
  JOIN services s ON s.business_id = p.business_id AND s.id = p.service_id
  LEFT JOIN appointments a ON a.business_id = p.business_id AND a.id = p.appointment_id
"""


async def prolong_hold(session: Session, token_hash: bytes, seconds: int) -> datetime | None:
    """
    The hold and its claims last so long from now on, once: who asks again is told the same end.

    Until when, or None if it is over.
    """
    expires: datetime | None = await session.value(
        """
        WITH hold AS (
            UPDATE holds
               SET expires_at = CASE WHEN prolonged_at IS NULL
                                     THEN greatest(expires_at, clock_timestamp() + make_interval(secs => $2))
                                     ELSE expires_at END,
                   prolonged_at = coalesce(prolonged_at, clock_timestamp())
             WHERE token_hash = $1 AND expires_at > clock_timestamp()
            RETURNING business_id, id, expires_at
        ), claimed AS (
            UPDATE claims c SET expires_at = hold.expires_at FROM hold
             WHERE c.business_id = hold.business_id AND c.hold_id = hold.id
        )
        SELECT expires_at FROM hold
        """,
        token_hash,
        float(seconds),
    )
    return expires


async def insert_payment(session: Session, values: Mapping[str, Any]) -> None:
    """A payment that was begun."""
    await session.execute(
        "INSERT INTO payments (business_id, uid, service_id, method, status, amount_minor, currency, order_sealed,"
        " expires_at) VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8)",
        *(values[name] for name in ("business_id", "uid", "service_id", "method", "amount_minor", "currency")),
        values["order_sealed"],
        values["expires_at"],
    )


async def find_payment(session: Session, uid: UUID, *, business_id: int | None = None) -> Payment | None:
    """The payment with this id."""
    row = await session.first(
        _SELECT + " WHERE p.uid = $1 AND ($2::bigint IS NULL OR p.business_id = $2)", uid, business_id
    )
    return _payment(row) if row else None


async def find_by_remote_id(session: Session, remote_id: str) -> Payment | None:
    """The payment that its provider calls so."""
    row = await session.first(_SELECT + " WHERE p.remote_id = $1", remote_id)
    return _payment(row) if row else None


async def list_payments(session: Session, business_id: int, *, after: int | None, limit: int) -> list[Payment]:
    """Payments of a business, the oldest first."""
    rows = await session.fetch(
        _SELECT + " WHERE p.business_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3", business_id, after or 0, limit
    )
    return [_payment(row) for row in rows]


_STALE = f"""
{_SELECT}
 WHERE p.status = 'open' AND p.expires_at < clock_timestamp() AND {not_set_aside("payments", "p")}
   AND (p.expires_at, p.business_id, p.id) > ($1, $2, $3)
 ORDER BY p.expires_at, p.business_id, p.id LIMIT $4
"""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


async def stale_payments(session: Session, after: Payment | None, limit: int) -> list[Payment]:
    """Payments that are still open after their time: those after *after*, without those that are set aside."""
    cursor = (after.expires_at, after.business_id, after.id) if after is not None else (_BEGINNING, 0, 0)
    return [_payment(row) for row in await session.fetch(_STALE, *cursor, limit)]


async def step_payment(
    session: Session, payment: Payment, status: str, *, before: tuple[str, ...], **columns: object
) -> bool:
    """Gives *payment* another status, if it has one of *before*; False if not."""
    given = "".join(f", {name} = ${n}" for n, name in enumerate(columns, 5))
    return (
        await session.execute(
            f"UPDATE payments SET status = $3, version = version + 1, updated_at = clock_timestamp(){given}"
            " WHERE business_id = $1 AND id = $2 AND status = ANY($4::text[])",
            payment.business_id,
            payment.id,
            status,
            list(before),
            *columns.values(),
        )
        > 0
    )


async def return_of_cancelled(session: Session, business_id: int, appointment_id: int, fee_minor: int) -> UUID | None:
    """What was paid for an appointment is to be given back, less the fee; its payment, if there was one."""
    found: UUID | None = await session.value(
        """
        UPDATE payments
           SET status = 'returning', return_minor = greatest(amount_minor - $3, 0), version = version + 1,
               updated_at = clock_timestamp()
         WHERE business_id = $1 AND appointment_id = $2 AND status = 'booked' AND method <> 'on_site'
        RETURNING uid
        """,
        business_id,
        appointment_id,
        fee_minor,
    )
    return found


async def is_paid_beforehand(session: Session, appointment: Appointment) -> bool:
    """Whether *appointment* was paid before it was booked."""
    return bool(
        await session.value(
            "SELECT EXISTS (SELECT FROM payments WHERE business_id = $1 AND appointment_id = $2"
            " AND status = 'booked' AND method <> 'on_site')",
            appointment.business_id,
            appointment.id,
        )
    )


def _payment(row: Row) -> Payment:
    return Payment(**dict(row))
