"""
Owns looking at deliveries, sending them again, and addresses that want no more.

Leaves sending to the worker and its ledger to `deliveries`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.channels import LOGGED, one_of
from server.store.engine import Row, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A delivery as people look at it."""

    business: str
    id: int
    uid: UUID
    channel: str
    message: str
    recipient: str
    target: str
    state: str
    tries: int
    due_at: datetime
    status: int | None
    detail: str
    body: str | None
    appointment: UUID | None
    endpoint: UUID | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a delivery."""

    attempt: int
    verdict: str
    status: int | None
    detail: str
    response: str
    duration_ms: int
    created_at: datetime


_SELECT = """
SELECT b.slug AS business, d.id, d.uid, d.channel, d.message, d.recipient, d.target, d.state, d.tries, d.due_at,
       d.status, d.detail, d.body, a.uid AS appointment, e.uid AS endpoint, d.created_at, d.finished_at
  FROM deliveries d
  JOIN businesses b ON b.id = d.business_id
  LEFT JOIN appointments a ON a.business_id = d.business_id AND a.id = d.appointment_id
  LEFT JOIN webhook_endpoints e ON e.business_id = d.business_id AND e.id = d.endpoint_id
 WHERE """ + one_of("d.channel", LOGGED)

_FILTERS = {
    "business_id": "d.business_id = {}",
    "business": "b.slug = {}",
    "state": "d.state = {}",
    "channel": "d.channel = {}",
    "appointment": "a.uid = {}",
    "webhook": "e.uid = {}",
    "uid": "d.uid = {}",
    "before": "d.id < {}",
}


async def list_deliveries(session: Session, wanted: Mapping[str, Any], *, limit: int) -> list[Logged]:
    """The newest deliveries that fit *wanted* (names as in `_FILTERS`)."""
    conditions = "".join(f" AND {_FILTERS[name].format(f'${n}')}" for n, name in enumerate(wanted, 1))
    rows = await session.fetch(f"{_SELECT}{conditions} ORDER BY d.id DESC LIMIT {limit:d}", *wanted.values())
    return [_logged(row) for row in rows]


async def attempts_of(session: Session, delivery_id: int) -> list[Attempt]:
    """What was tried, the first attempt first."""
    rows = await session.fetch(
        "SELECT attempt, verdict, status, detail, response, duration_ms, created_at FROM delivery_attempts"
        " WHERE delivery_id = $1 ORDER BY attempt",
        delivery_id,
    )
    return [Attempt(**dict(row)) for row in rows]


_AGAIN = """
UPDATE deliveries SET state = 'queued', tries = 0, lost = 0, due_at = clock_timestamp(), finished_at = NULL,
       detail = 'queued again'
 WHERE id = ANY($1::bigint[]) AND state IN ('dead', 'skipped', 'sent')
"""


async def send_again(session: Session, deliveries: Sequence[int]) -> int:
    """Queues them as if they had never been tried; those on their way are left alone. How many were queued."""
    return await session.execute(_AGAIN, list(deliveries))


async def dead_ids(session: Session, wanted: Mapping[str, Any], *, limit: int) -> list[int]:
    """Ids of the youngest dead deliveries that fit *wanted*."""
    return [logged.id for logged in await list_deliveries(session, {**wanted, "state": "dead"}, limit=limit)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A fact that could not be told."""

    business: str
    id: int
    kind: str
    detail: str
    parked_at: datetime


async def parked_facts(session: Session) -> list[Parked]:
    """Facts that were set aside, the oldest first."""
    rows = await session.fetch(
        "SELECT b.slug AS business, o.id, o.kind, o.detail, o.parked_at FROM outbox o"
        " JOIN businesses b ON b.id = o.business_id"
        " WHERE o.done_at IS NULL AND o.parked_at IS NOT NULL ORDER BY o.id LIMIT 1000"
    )
    return [Parked(**dict(row)) for row in rows]


async def unpark(session: Session) -> int:
    """Facts that were set aside are told again; how many."""
    return await session.execute(
        "UPDATE outbox SET parked_at = NULL, attempt = 0 WHERE done_at IS NULL AND parked_at IS NOT NULL"
    )


def _logged(row: Row) -> Logged:
    return Logged(**dict(row))
