"""
Owns addresses that are left alone: why, until when, and lifting that.

Leaves asking for it to the use-cases, and looking at it before sending to `letters`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that is left alone."""

    business_id: int
    id: int
    channel: str
    target: str
    scope: str
    reason: str
    until: datetime | None
    created_at: datetime


_COLUMNS = "business_id, id, channel, target, scope, reason, until, created_at"


async def suppress(
    session: Session,
    business_id: int,
    *,
    channel: str,
    target: str,
    scope: str,
    reason: str,
    for_: timedelta | None = None,
) -> None:
    """*target* gets no more of *scope*: for so long, or until somebody lifts it."""
    await session.execute(
        "INSERT INTO suppressions (business_id, channel, target, scope, reason, until)"
        " VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))"
        " ON CONFLICT (business_id, channel, target, scope) DO UPDATE"
        " SET until = excluded.until, reason = excluded.reason"
        " WHERE suppressions.until IS NOT NULL",
        business_id,
        channel,
        target,
        scope,
        reason,
        for_.total_seconds() if for_ is not None else None,
    )


async def list_suppressions(session: Session, business_id: int, *, after: int | None, limit: int) -> list[Suppression]:
    """Those of a business that hold, the oldest first."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM suppressions WHERE business_id = $1 AND id > $2"
        " AND (until IS NULL OR until > clock_timestamp()) ORDER BY id LIMIT $3",
        business_id,
        after or 0,
        limit,
    )
    return [Suppression(**dict(row)) for row in rows]


async def lift(session: Session, business_id: int, suppression_id: int) -> Suppression | None:
    """Ends one; None if the business has none like this."""
    row = await session.first(
        f"DELETE FROM suppressions WHERE business_id = $1 AND id = $2 RETURNING {_COLUMNS}", business_id, suppression_id
    )
    return Suppression(**dict(row)) if row else None


async def lift_of_number(session: Session, number: str) -> int:
    """Whoever has *number* wants messages again, of every business that the sender stands for; how many it ended."""
    return await session.execute("DELETE FROM suppressions WHERE channel = 'sms' AND target = $1", number)
