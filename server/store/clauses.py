"""
Owns the clauses that every step of an appointment shares: its log entry, its fact, its reminders, its answer to repeat.

Leaves the statements they are part of to `booking` and `appointments`. Each clause reads the CTE `appointment`, which
comes first in such a statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.domain.channels import BY_PHONE, one_of
from server.domain.lifecycle import Status
from server.domain.reminders import PlannedReminder
from server.store.idempotency import Memo

LOGGED = """
, logged AS (
    INSERT INTO transitions (business_id, appointment_id, from_status, to_status, actor, reason, sequence,
                             starts_at, at)
    SELECT business_id, id, :from_status, status, :actor, :reason, sequence, starts_at, :now
      FROM appointment
)"""

TOLD = """
, told AS (
    INSERT INTO outbox (business_id, kind, appointment_id, payload)
    SELECT business_id, :kind, id, :payload FROM appointment
)"""

TOLD_OF_ATTENDEE = """
, told AS (
    INSERT INTO outbox (business_id, kind, appointment_id, payload)
    SELECT appointment.business_id, :kind, appointment.id,
           :payload::jsonb || jsonb_build_object('attendee', attendee.id)
      FROM appointment, attendee
)"""

_PLANNED = """
, planned AS (
    SELECT * FROM unnest(:recipients::text[], :channels::text[], :offsets::int[], :due::timestamptz[])
        AS planned (recipient, channel, offset_min, due_at)
)"""

# For everybody in the CTE `attendee`, `(id, phone)`, whoever took the step: no text message without a number. Moved
# away and back again: the reminder that was dropped is planned once more.
REMINDED = (
    _PLANNED
    + """
, reminded AS (
    INSERT INTO reminders (business_id, appointment_id, attendee_id, recipient, channel, offset_min, due_at)
    SELECT appointment.business_id, appointment.id, attendee.id, planned.recipient, planned.channel,
           planned.offset_min, planned.due_at
      FROM appointment, attendee, planned
     WHERE attendee.phone <> '' OR planned.recipient <> 'customer' OR NOT ("""
    + one_of("planned.channel", BY_PHONE)
    + """)
        ON CONFLICT (business_id, appointment_id, attendee_id, recipient, channel, offset_min, due_at)
        DO UPDATE SET status = 'planned' WHERE reminders.status = 'dropped'
)"""
)

REMEMBERED = """
, remembered AS (
    INSERT INTO idempotency_records (business_id, caller, key_hash, request_hash, status, sealed_body)
    SELECT :business_id, :caller, :key_hash, :request_hash, :answer_status, :sealed_body
     WHERE :key_hash::bytea IS NOT NULL
        ON CONFLICT DO NOTHING
    RETURNING id
)"""


def reminder_values(reminders: Sequence[PlannedReminder]) -> dict[str, Any]:
    """Reminders as the arrays that the statements unnest."""
    return {
        "recipients": [r.rule.recipient for r in reminders],
        "channels": [r.rule.channel for r in reminders],
        "offsets": [r.rule.offset_min for r in reminders],
        "due": [r.due_at for r in reminders],
    }


def memo_values(memo: Memo | None) -> dict[str, Any]:
    """What is to be remembered of this request, as statement values; nothing without a key."""
    return {
        "caller": memo.request.caller if memo else None,
        "key_hash": memo.request.key_hash if memo else None,
        "request_hash": memo.request.request_hash if memo else None,
        "answer_status": memo.status if memo else None,
        "sealed_body": memo.sealed_body if memo else None,
    }


def log_values(actor: str, now: datetime, *, from_status: Status | None, reason: str = "") -> dict[str, Any]:
    """A transition, as statement values."""
    return {"actor": actor, "reason": reason, "now": now, "from_status": from_status}
