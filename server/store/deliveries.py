"""
Owns the ledger of deliveries: adding, claiming for a while, renewing the claim, and writing what became of them.

Leaves lists for people to `delivery_log`. The database's clock decides what is due and whose lease is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.channels import CHANNELS, Address, Recipient
from server.store.engine import Session
from server.store.set_aside import Key, columns_of, delete_keys, not_set_aside

MOST_LOST = 5
"""A delivery that was lost so often, each time with its worker, is taken for the cause and set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One message to one target, to be sent once."""

    business_id: int
    dedupe_key: str
    channel: str
    message: str
    recipient: str
    target: str = ""
    peer: str
    lane: str | None = None
    appointment_id: int | None = None
    attendee_id: int | None = None
    endpoint_id: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that this worker has claimed: *attempt* is the fence against whoever had it before."""

    business_id: int
    id: int
    uid: UUID
    channel: str
    message: str
    recipient: str
    target: str
    peer: str
    appointment_id: int | None
    attendee_id: int | None
    endpoint_id: int | None
    payload: Mapping[str, Any]
    attempt: int
    tries: int
    """Attempts before this one that reached the peer, or could have."""
    due_at: datetime
    created_at: datetime


_INSERT = """
INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, target, peer, lane, appointment_id,
                        attendee_id, endpoint_id, payload)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::bigint[], $10::bigint[], $11::bigint[], $12::jsonb[])
    ON CONFLICT (business_id, dedupe_key) DO NOTHING
"""


async def insert_deliveries(session: Session, new: Sequence[NewDelivery]) -> int:
    """Adds *new*; one whose dedupe key is known already is left as it is. How many were added."""
    if not new:
        return 0
    return await session.execute(
        _INSERT,
        [d.business_id for d in new],
        [d.dedupe_key for d in new],
        [d.channel for d in new],
        [d.message for d in new],
        [d.recipient for d in new],
        [d.target for d in new],
        [d.peer for d in new],
        [d.lane for d in new],
        [d.appointment_id for d in new],
        [d.attendee_id for d in new],
        [d.endpoint_id for d in new],
        [dict(d.payload) for d in new],
    )


# The same people are served in turn: a peer gets no more than its share of each claim, and in a lane (one person, one
# channel) only the first is sent. One that is being retried bars nobody: what comes later supersedes it.
_CLAIM = """
WITH due AS (
    SELECT at, due_at, row_number() OVER (PARTITION BY peer, business_id ORDER BY due_at, id) AS turn
      FROM unnest($4::text[]) wanted (channel),
           LATERAL (
            SELECT ctid AS at, business_id, id, due_at, peer
              FROM deliveries d
             WHERE d.channel = wanted.channel AND state IN ('queued', 'retrying') AND due_at <= clock_timestamp()
               AND peer <> ALL($1::text[])
               AND (lane IS NULL OR NOT EXISTS (
                    SELECT FROM deliveries first
                     WHERE first.lane = d.lane AND first.id < d.id
                       AND first.state IN ('queued', 'sending')))
             ORDER BY due_at, id LIMIT $2 * 5
               FOR UPDATE SKIP LOCKED) oldest
)
UPDATE deliveries d
   SET state = 'sending', attempt = attempt + 1, lease_until = clock_timestamp() + make_interval(secs => $3)
 -- By its place in the table: they are locked, and no statistics can lead the planner astray.
 WHERE ctid = ANY (ARRAY(SELECT at FROM due WHERE turn <= $5 ORDER BY turn, due_at LIMIT $2))
RETURNING d.business_id, d.id, d.uid, d.channel, d.message, d.recipient, d.target, d.peer, d.appointment_id,
          d.attendee_id, d.endpoint_id, d.payload, d.attempt, d.tries, d.due_at, d.created_at
"""


async def claim_deliveries(
    session: Session,
    channels: Sequence[str],
    limit: int,
    *,
    lease_s: float,
    without: Sequence[str] = (),
    per_peer: int = 1_000_000,
) -> list[Delivery]:
    """
    Up to *limit* deliveries over *channels* that are due, now this worker's for *lease_s*.

    Args:
        without: Peers that are in trouble, or busy enough.
        per_peer: Most for one business at one peer.
    """
    rows = await session.fetch(_CLAIM, list(without), limit, lease_s, list(channels), per_peer)
    return sorted((Delivery(**dict(row)) for row in rows), key=lambda delivery: (delivery.due_at, delivery.id))


_RENEW = """
UPDATE deliveries d SET lease_until = clock_timestamp() + make_interval(secs => $4)
  FROM unnest($1::bigint[], $2::bigint[], $3::int[]) mine (business_id, id, attempt)
 WHERE d.business_id = mine.business_id AND d.id = mine.id AND d.attempt = mine.attempt AND d.state = 'sending'
RETURNING d.id
"""


async def renew_leases(session: Session, mine: Sequence[Delivery], *, lease_s: float) -> set[int]:
    """This worker is still at it; the ids of those that are still its own."""
    rows = await session.fetch(
        _RENEW, [d.business_id for d in mine], [d.id for d in mine], [d.attempt for d in mine], lease_s
    )
    return {row["id"] for row in rows}


_RECLAIM = f"""
UPDATE deliveries d
   SET state = CASE WHEN lost + 1 >= {MOST_LOST} THEN 'dead' ELSE 'retrying' END, lost = lost + 1,
       detail = 'the worker that sent it was lost', lease_until = NULL,
       finished_at = CASE WHEN lost + 1 >= {MOST_LOST} THEN clock_timestamp() END,
       due_at = clock_timestamp() + make_interval(secs => CASE lost WHEN 0 THEN 0 ELSE power(2, lost) END)
 WHERE (business_id, id) IN (
        SELECT business_id, id FROM deliveries
         WHERE state = 'sending' AND lease_until < clock_timestamp() LIMIT 500 FOR UPDATE SKIP LOCKED)
"""


async def reclaim_lost(session: Session) -> int:
    """Takes back what a worker died over, or is too slow with; how many."""
    return await session.execute(_RECLAIM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one attempt came to."""

    state: str
    verdict: str
    retry_in_s: float = 0
    status: int | None = None
    detail: str = ""
    response: str = ""
    remote_id: str | None = None
    duration_ms: int = 0


async def keep_body(session: Session, delivery: Delivery, body: str) -> str:
    """Keeps *body* for every attempt of *delivery*, unless one is kept already; the one that is kept."""
    kept = await session.value(
        "UPDATE deliveries SET body = coalesce(body, $3) WHERE business_id = $1 AND id = $2 RETURNING body",
        delivery.business_id,
        delivery.id,
        body,
    )
    return str(kept)


_FINISH = """
WITH told AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::int[], $7::text[],
                         $8::text[], $9::text[], $10::float[], $11::int[])
        AS report (business_id, id, attempt, state, verdict, status, detail, response, remote_id, retry_in_s, took_ms)
), mine AS (
    UPDATE deliveries d
       -- Its service may have been faster than we, and have said what became of it.
       SET state = CASE WHEN told.state = 'sent' AND d.remote_id = told.remote_id
                             AND d.remote_status IN ('undelivered', 'failed', 'canceled') THEN 'undelivered'
                        ELSE told.state END,
           detail = CASE WHEN d.remote_id = told.remote_id AND d.remote_status <> '' THEN d.detail ELSE told.detail END,
           remote_status = CASE WHEN told.remote_id IS NULL OR d.remote_id = told.remote_id THEN d.remote_status
                                ELSE '' END,
           status = told.status, remote_id = coalesce(told.remote_id, d.remote_id), lease_until = NULL, lost = 0,
           tries = d.tries + (told.verdict <> 'skipped')::int,
           due_at = CASE WHEN told.state = 'retrying' THEN clock_timestamp() + make_interval(secs => told.retry_in_s)
                         ELSE d.due_at END,
           finished_at = CASE WHEN told.state = 'retrying' THEN NULL ELSE clock_timestamp() END
      FROM told
     WHERE d.business_id = told.business_id AND d.id = told.id AND d.attempt = told.attempt AND d.state = 'sending'
    RETURNING d.id
), logged AS (
    INSERT INTO delivery_attempts (business_id, delivery_id, attempt, verdict, status, detail, response, duration_ms)
    SELECT business_id, id, attempt, verdict, status, detail, response, took_ms
      FROM told JOIN mine USING (id) WHERE verdict <> 'skipped'
)
SELECT id FROM mine
"""


async def finish_deliveries(session: Session, reports: Sequence[tuple[Delivery, Report]]) -> set[int]:
    """
    Writes what became of each; the ids that were written.

    One that is missing there is not this worker's any more, and nothing of it is written.
    """
    rows = await session.fetch(
        _FINISH,
        [d.business_id for d, _ in reports],
        [d.id for d, _ in reports],
        [d.attempt for d, _ in reports],
        [r.state for _, r in reports],
        [r.verdict for _, r in reports],
        [r.status for _, r in reports],
        [r.detail[:500] for _, r in reports],
        [r.response[:2000] for _, r in reports],
        [r.remote_id for _, r in reports],
        [r.retry_in_s for _, r in reports],
        [r.duration_ms for _, r in reports],
    )
    return {row["id"] for row in rows}


_ADDRESSES = {
    (Recipient.CUSTOMER, Address.EMAIL): "t.email",
    (Recipient.CUSTOMER, Address.PHONE): "t.phone",
    (Recipient.PROVIDER, Address.EMAIL): "coalesce(nullif(p.email, ''), b.email)",
    # The business's number may be anybody's at the desk: a text message goes to the provider or to nobody.
    (Recipient.PROVIDER, Address.PHONE): "p.phone",
}
_TARGET = (
    "CASE "
    + " ".join(
        f"WHEN r.channel = '{channel}' AND r.recipient = '{recipient}' THEN {_ADDRESSES[recipient, spec.address]}"
        for channel, spec in CHANNELS.items()
        if spec.address is not None
        for recipient in spec.recipients
    )
    + " END"
)

# Set-based: whoever is reminded is in the rows, and a reminder is handed over with the mark that it was.
_REMIND = f"""
WITH due AS (
    SELECT r.business_id, r.id, r.appointment_id, r.attendee_id, r.recipient, r.channel, r.offset_min, r.due_at,
           a.starts_at, a.status = 'confirmed' AND t.cancelled_at IS NULL AS alive,
           clock_timestamp() > least(a.starts_at, r.due_at + make_interval(mins => least($2, r.offset_min / 2)))
               AS stale,
           {_TARGET} AS target
      FROM reminders r
      JOIN appointments a ON a.business_id = r.business_id AND a.id = r.appointment_id
      JOIN businesses b ON b.id = r.business_id
      JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
      LEFT JOIN attendees t ON t.business_id = r.business_id AND t.id = r.attendee_id
     WHERE r.status = 'planned' AND r.due_at <= clock_timestamp()
       AND ($3::bigint IS NULL OR r.business_id = $3 AND r.appointment_id = $4)
       AND ($5::bigint IS NULL OR r.business_id = $5 AND r.id = $6)
       AND {not_set_aside("reminders", "r")}
     ORDER BY r.due_at LIMIT $1
       FOR UPDATE OF r SKIP LOCKED
), marked AS (
    UPDATE reminders r SET status = CASE WHEN NOT alive THEN 'dropped' WHEN stale OR target = '' THEN 'skipped'
                                         ELSE 'queued' END
      FROM due WHERE r.business_id = due.business_id AND r.id = due.id
), handed AS (
    INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, target, peer, lane, appointment_id,
                            attendee_id, payload, due_at)
    SELECT business_id,
           concat_ws(':', 'reminder', CASE recipient WHEN 'customer' THEN attendee_id ELSE appointment_id END,
                     recipient, channel, offset_min, extract(epoch FROM due_at)::bigint),
           channel, 'reminder', recipient, target, channel,
           concat_ws(':', channel, recipient, CASE recipient WHEN 'customer' THEN attendee_id ELSE appointment_id END),
           appointment_id, attendee_id,
           jsonb_build_object('v', 1, 'start', starts_at, 'offset_min', offset_min), due_at
      FROM due WHERE alive AND NOT stale AND target <> ''
        ON CONFLICT (business_id, dedupe_key) DO NOTHING
)
SELECT count(*), count(*) FILTER (WHERE alive AND (stale OR target = '')) FROM due
"""


async def queue_due_reminders(
    session: Session,
    limit: int,
    *,
    stale_after_min: int,
    appointment: tuple[int, int] | None = None,
    only: Key | None = None,
) -> tuple[int, int]:
    """
    Hands the reminders that are due over to the deliveries; `(looked at, skipped because too late)`.

    A reminder that is later than *stale_after_min*, or than half its lead time, is worth less than its noise.

    Args:
        appointment: Only those of this `(business id, appointment id)`.
        only: This one alone.
    """
    one = (only.business_id, only.id) if only is not None else (None, None)
    row = await session.first(_REMIND, limit, stale_after_min, *(appointment or (None, None)), *one)
    assert row is not None
    return int(row[0]), int(row[1])


async def due_reminders(session: Session, after: Key | None, limit: int) -> list[Key]:
    """The reminders that are due, by their ids: those after *after*, without those that are set aside."""
    rows = await session.fetch(
        "SELECT business_id, id FROM reminders r WHERE status = 'planned' AND due_at <= clock_timestamp()"
        f" AND (business_id, id) > ($1, $2) AND {not_set_aside('reminders', 'r')} ORDER BY business_id, id LIMIT $3",
        after.business_id if after is not None else 0,
        after.id if after is not None else 0,
        limit,
    )
    return [Key(*row) for row in rows]


_UPCOMING = """
SELECT DISTINCT business_id, appointment_id, due_at FROM reminders
 WHERE status = 'planned' AND due_at > clock_timestamp()
   AND due_at <= clock_timestamp() + make_interval(secs => $1)
 ORDER BY due_at LIMIT $2
"""


async def upcoming_reminders(session: Session, horizon_s: float, *, limit: int) -> list[tuple[int, int, datetime]]:
    """`(business id, appointment id, due)` of the reminders that become due within the horizon."""
    return [(row[0], row[1], row[2]) for row in await session.fetch(_UPCOMING, horizon_s, limit)]


_OLD = f"""
SELECT business_id, id FROM deliveries d
 WHERE finished_at < clock_timestamp() - make_interval(days => $1) AND state <> 'dead'
   AND {not_set_aside("deliveries", "d")}
 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def old_deliveries(session: Session, limit: int, *, days: int) -> list[Key]:
    """The oldest deliveries that ended more than *days* ago, but for dead ones, locked."""
    return [Key(*row) for row in await session.fetch(_OLD, days, limit)]


async def forget_deliveries(session: Session, old: Sequence[Key]) -> None:
    """Deletes them, with their attempts."""
    await session.execute(delete_keys("deliveries"), *columns_of(old))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    What waits: facts nobody was told yet, those set aside, deliveries that are due and that are dead.

    Attributes:
        oldest_fact_s: Age of the oldest open fact.
        oldest_s: How long the oldest due delivery has been due.
    """

    facts: int
    oldest_fact_s: float
    parked: int
    due: int
    dead: int
    set_aside: int
    """Rows that made a batch fail, and wait for their next look."""
    stuck_payments: int
    """Payments that wait for a person, or that have been on their way back for over an hour."""
    oldest_s: float


MOST_COUNTED = 10_000
"""Nobody needs to know a longer queue exactly, and counting must not make it longer."""

_BACKLOG = f"""
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE done_at IS NULL AND parked_at IS NULL
                               LIMIT {MOST_COUNTED}) open) AS facts,
       coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at) FROM outbox
                  WHERE done_at IS NULL AND parked_at IS NULL ORDER BY id LIMIT 1), 0)::float AS oldest_fact_s,
       (SELECT count(*) FROM (SELECT FROM outbox WHERE done_at IS NULL AND parked_at IS NOT NULL
                               LIMIT {MOST_COUNTED}) parked) AS parked,
       (SELECT count(*) FROM (SELECT FROM deliveries WHERE state = 'dead' LIMIT {MOST_COUNTED}) dead) AS dead,
       (SELECT count(*) FROM (SELECT FROM set_aside WHERE look_at > clock_timestamp() LIMIT {MOST_COUNTED}) aside)
           AS set_aside,
       (SELECT count(*) FROM (SELECT FROM payments
                               WHERE status IN ('contested', 'refund_failed', 'returning')
                                 AND (status <> 'returning' OR updated_at < clock_timestamp() - interval '1 hour')
                               LIMIT {MOST_COUNTED}) stuck) AS stuck_payments,
       count(*) AS due, coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float AS oldest_s
  FROM (SELECT due_at FROM deliveries
         WHERE state IN ('queued', 'retrying') AND due_at <= clock_timestamp() LIMIT {MOST_COUNTED}) waiting
"""


async def backlog(session: Session) -> Backlog:
    """What waits now; counts end at `MOST_COUNTED`."""
    row = await session.first(_BACKLOG)
    assert row is not None
    return Backlog(**dict(row))
