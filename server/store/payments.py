"""
Owns the rows of payments, from the moment a customer is sent to pay until it is booked or given back.

Leaves what they are worth to `usecases/payments`, and which state follows which to `domain/payments`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from server.domain.appointment import Appointment
from server.domain.payments import TRANSITIONS, Asked, PaymentStatus
from server.store.engine import Row, Session
from server.store.set_aside import not_set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment."""

    business_id: int
    business: str
    business_name: str
    business_email: str
    business_locale: str
    id: int
    uid: UUID
    service_name: str
    length: timedelta
    """Of the service, as it is now."""
    method: str
    status: PaymentStatus
    amount_minor: int
    return_minor: int | None
    currency: str
    paid_minor: int | None
    """What has arrived, where that is not what was asked for."""
    paid_currency: str | None
    trouble: str
    remote_id: str | None
    refund_id: str | None
    refund_round: int
    checkout_url: str | None
    order_sealed: bytes
    network: str | None
    """Where a stranger asked from, while that is kept."""
    appointment: UUID | None
    appointment_status: str | None
    appointment_start: datetime | None
    appointment_end: datetime | None
    held: bool
    """Its time is still held for the customer."""
    expires_at: datetime
    next_look_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def asked(self) -> Asked:
        """What we asked the provider for."""
        return Asked(reference=str(self.uid), amount_minor=self.amount_minor, currency=self.currency)

    @property
    def received(self) -> tuple[int, str]:
        """What has arrived: amount and currency."""
        if self.paid_minor is None or self.paid_currency is None:
            return self.amount_minor, self.currency
        return self.paid_minor, self.paid_currency


_SELECT = """
SELECT p.business_id, b.slug AS business, b.name AS business_name, b.email AS business_email,
       b.locale AS business_locale, p.id, p.uid, s.name AS service_name,
       make_interval(mins => s.duration_min) AS length, p.method,
       p.status, p.amount_minor, p.return_minor, p.currency, p.paid_minor, p.paid_currency, p.trouble,
       p.remote_id, p.refund_id, p.refund_round, p.checkout_url, p.order_sealed, p.network::text AS network,
       a.uid AS appointment, a.status AS appointment_status, a.starts_at AS appointment_start,
       a.ends_at AS appointment_end,
       coalesce(h.expires_at > clock_timestamp(), false) AS held,
       p.expires_at, p.next_look_at, p.created_at, p.updated_at
  FROM payments p
  JOIN businesses b ON b.id = p.business_id
  JOIN services s ON s.business_id = p.business_id AND s.id = p.service_id
  LEFT JOIN appointments a ON a.business_id = p.business_id AND a.id = p.appointment_id
  LEFT JOIN holds h ON h.business_id = p.business_id AND h.id = p.hold_id
"""


async def prolong_hold(
    session: Session, token_hash: bytes, seconds: int, *, customer_email: str | None = None
) -> tuple[int, datetime] | None:
    """
    The hold and its claims last so long from now on, once: who asks again is told the same end.

    Args:
        customer_email: Of whoever pays: from now on it counts for their limit.

    Its id, and until when, or None if it is over.
    """
    row = await session.first(
        """
        WITH hold AS (
            UPDATE holds
               SET expires_at = CASE WHEN prolonged_at IS NULL
                                     THEN greatest(expires_at, clock_timestamp() + make_interval(secs => $2))
                                     ELSE expires_at END,
                   prolonged_at = coalesce(prolonged_at, clock_timestamp()),
                   customer_email = coalesce($3, customer_email)
             WHERE token_hash = $1 AND expires_at > clock_timestamp()
            RETURNING business_id, id, appointment_id, expires_at
        ), claimed AS (
            -- A class that is only held lasts as long as the longest hold in it.
            UPDATE claims c SET expires_at = greatest(c.expires_at, hold.expires_at) FROM hold
             WHERE c.business_id = hold.business_id AND c.expires_at IS NOT NULL
               AND (c.hold_id = hold.id OR c.appointment_id = hold.appointment_id)
        )
        SELECT id, expires_at FROM hold
        """,
        token_hash,
        float(seconds),
        customer_email,
    )
    return (row["id"], row["expires_at"]) if row else None


_INSERTED = (
    "business_id",
    "uid",
    "hold_id",
    "service_id",
    "method",
    "amount_minor",
    "currency",
    "order_sealed",
    "network",
)


async def insert_payment(session: Session, values: Mapping[str, Any]) -> None:
    """A payment that was begun; it is looked at when its time is over, if not before."""
    await session.execute(
        f"INSERT INTO payments ({', '.join(_INSERTED)}, expires_at, next_look_at, status)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 'open')",
        *(values[name] for name in _INSERTED),
        values["expires_at"],
    )


async def find_payment(session: Session, uid: UUID, *, business_id: int | None = None) -> Payment | None:
    """The payment with this id."""
    row = await session.first(
        _SELECT + " WHERE p.uid = $1 AND ($2::bigint IS NULL OR p.business_id = $2)", uid, business_id
    )
    return _payment(row) if row else None


_REMOTE = {"session": "remote_id", "refund": "refund_id", "disputed": "intent_id"}


async def find_by_remote_id(session: Session, what: str, remote_id: str) -> Payment | None:
    """The payment whose *what* (`session`, `refund`, `disputed`) its provider calls so; locked against nobody."""
    row = await session.first(_SELECT + f" WHERE p.{_REMOTE[what]} = $1", remote_id)
    return _payment(row) if row else None


async def list_payments(
    session: Session, business_id: int, *, status: str | None, after: int | None, limit: int
) -> list[Payment]:
    """Payments of a business, the oldest first."""
    rows = await session.fetch(
        _SELECT
        + " WHERE p.business_id = $1 AND p.id > $2 AND ($4::text IS NULL OR p.status = $4) ORDER BY p.id LIMIT $3",
        business_id,
        after or 0,
        limit,
        status,
    )
    return [_payment(row) for row in rows]


# What is not held any more is looked at as well: its customer let it go, and shall not pay for it.
_DUE = f"""
{_SELECT}
 WHERE p.next_look_at IS NOT NULL
   AND (p.next_look_at <= clock_timestamp() OR p.status = 'open' AND p.hold_id IS NOT NULL AND h.id IS NULL)
   AND {not_set_aside("payments", "p")}
   AND (p.next_look_at, p.business_id, p.id) > ($1, $2, $3)
 ORDER BY p.next_look_at, p.business_id, p.id LIMIT $4
"""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


async def payments_to_look_at(session: Session, after: Payment | None, limit: int) -> list[Payment]:
    """Payments that are due to be looked at: those after *after*, without those that are set aside."""
    cursor = (after.next_look_at, after.business_id, after.id) if after is not None else (_BEGINNING, 0, 0)
    return [_payment(row) for row in await session.fetch(_DUE, *cursor, limit)]


async def look_again(session: Session, payment: Payment, wait: timedelta | None) -> None:
    """The next look at *payment* comes so much later; none at all for None."""
    await session.execute(
        "UPDATE payments SET next_look_at = clock_timestamp() + make_interval(secs => $3)"
        " WHERE business_id = $1 AND id = $2",
        payment.business_id,
        payment.id,
        wait.total_seconds() if wait is not None else None,
    )


async def look_soon(session: Session, payment: Payment) -> None:
    """Something has happened: *payment* is due, whatever state it is in."""
    await session.execute(
        "UPDATE payments SET next_look_at = clock_timestamp() WHERE business_id = $1 AND id = $2",
        payment.business_id,
        payment.id,
    )


_MAY_LOOK = """
UPDATE payments SET looked_at = clock_timestamp()
 WHERE business_id = $1 AND id = $2
   AND (looked_at IS NULL OR looked_at < clock_timestamp() - make_interval(secs => $3))
"""


async def may_look_now(session: Session, payment: Payment, *, every_s: float) -> bool:
    """Whether nobody has wanted to know about *payment* in the last *every_s*; from now on somebody has."""
    return await session.execute(_MAY_LOOK, payment.business_id, payment.id, every_s) > 0


async def note_dispute(session: Session, payment: Payment) -> bool:
    """Its bank wants the money of *payment* back; False if that is known."""
    return (
        await session.execute(
            "UPDATE payments SET disputed_at = clock_timestamp()"
            " WHERE business_id = $1 AND id = $2 AND disputed_at IS NULL",
            payment.business_id,
            payment.id,
        )
        > 0
    )


async def note_checkout(session: Session, payment: Payment, remote_id: str, url: str | None) -> None:
    """What the provider calls *payment*, and where it is paid."""
    await session.execute(
        "UPDATE payments SET remote_id = $3, checkout_url = $4, version = version + 1, updated_at = clock_timestamp()"
        " WHERE business_id = $1 AND id = $2",
        payment.business_id,
        payment.id,
        remote_id,
        url,
    )


_KNOWN_BY_STEPS = frozenset(
    {
        "appointment_id",
        "intent_id",
        "paid_currency",
        "paid_minor",
        "refund_id",
        "refund_round",
        "return_minor",
        "trouble",
    }
)


async def step_payment(
    session: Session,
    payment: Payment,
    status: PaymentStatus,
    known: Mapping[str, object] = MappingProxyType({}),
    *,
    wait: timedelta | None = None,
) -> bool:
    """
    Gives *payment* another status; False if it has left the one that was read, or cannot get there from it.

    Args:
        known: What else is known now, by column.
        wait: Until the next look at it; None for none.
    """
    if not known.keys() <= _KNOWN_BY_STEPS:
        raise LookupError(f"no columns of a step: {known.keys() - _KNOWN_BY_STEPS}")
    if status not in TRANSITIONS[payment.status]:
        return False
    given = "".join(f", {name} = ${n}" for n, name in enumerate(known, 6))
    return (
        await session.execute(
            "UPDATE payments SET status = $3, version = version + 1, updated_at = clock_timestamp(),"
            f" next_look_at = clock_timestamp() + make_interval(secs => $5){given}"
            " WHERE business_id = $1 AND id = $2 AND status = $4",
            payment.business_id,
            payment.id,
            str(status),
            str(payment.status),
            wait.total_seconds() if wait is not None else None,
            *known.values(),
        )
        > 0
    )


async def return_of_cancelled(session: Session, business_id: int, appointment_id: int, fee_minor: int) -> UUID | None:
    """What was paid for an appointment is to be given back, less the fee; its payment, if there was one."""
    found: UUID | None = await session.value(
        """
        UPDATE payments
           SET status = 'returning', version = version + 1, updated_at = clock_timestamp(),
               -- The fee is in the currency that was asked for; of other money all goes back.
               return_minor = CASE WHEN paid_currency <> currency THEN paid_minor
                                   ELSE greatest(coalesce(paid_minor, amount_minor) - $3, 0) END
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
    return Payment(**{**dict(row), "status": PaymentStatus(row["status"])})
