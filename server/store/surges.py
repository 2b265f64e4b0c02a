"""
Owns counting how fast strangers take times, and what a business has been told and wants done.

Leaves how fast is too fast to `domain/surges`.
"""

from dataclasses import dataclass
from datetime import datetime

from server.domain.surges import Pace
from server.store.engine import Session
from server.store.set_aside import Key

GUARD_NOW = "CASE WHEN guard = 'open' AND guarded_until > clock_timestamp() THEN 'mail' ELSE guard END"
"""What a business asks of strangers at this moment: after a surge it may be more than it usually does."""

# Holds that wait for their address, or are being paid, are counted as what they wait for.
_TAKEN = """
SELECT business_id FROM attendees WHERE network IS NOT NULL AND created_at > clock_timestamp() - interval '1 hour'
UNION ALL
SELECT business_id FROM confirmations
 WHERE network IS NOT NULL AND confirmed_at IS NULL AND created_at > clock_timestamp() - interval '1 hour'
UNION ALL
SELECT business_id FROM holds
 WHERE network IS NOT NULL AND prolonged_at IS NULL AND expires_at > clock_timestamp()
   AND created_at > clock_timestamp() - interval '1 hour'
"""


async def busy_businesses(session: Session, *, least: int) -> list[Key]:
    """Businesses of which strangers took at least so many times within an hour, and which were not told of late."""
    rows = await session.fetch(
        f"SELECT b.id FROM ({_TAKEN}) taken JOIN businesses b ON b.id = taken.business_id"
        " WHERE b.surge_told_at IS NULL OR b.surge_told_at < clock_timestamp() - interval '1 hour'"
        " GROUP BY b.id HAVING count(*) >= $1 ORDER BY b.id",
        least,
    )
    return [Key(row["id"], row["id"]) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A business, locked, how fast times are taken there, and what it wants done."""

    slug: str
    email: str
    locale: str
    confirms: bool
    """It wants addresses confirmed for a while, and does not ask for more already."""
    pace: Pace


_PACE = f"""
SELECT b.slug, b.email, b.locale, b.on_surge = 'confirm' AND b.guard = 'open' AS confirms,
       (SELECT count(*) FROM ({_TAKEN}) taken WHERE taken.business_id = b.id) AS taken,
       coalesce((SELECT max(hour.booked) FROM (
           SELECT count(*) AS booked FROM attendees t
            WHERE t.business_id = b.id AND t.network IS NOT NULL
              AND t.created_at > clock_timestamp() - interval '7 days'
              AND t.created_at <= clock_timestamp() - interval '1 hour'
            GROUP BY date_trunc('hour', t.created_at)) hour), 0) AS usual
  FROM businesses b
 WHERE b.id = $1 AND (b.surge_told_at IS NULL OR b.surge_told_at < clock_timestamp() - interval '1 hour')
   FOR NO KEY UPDATE
"""


async def watch(session: Session, business_id: int) -> Watched | None:
    """A business that was not told within the last hour, until the transaction ends; None if it was."""
    row = await session.first(_PACE, business_id)
    if row is None:
        return None
    return Watched(
        slug=row["slug"],
        email=row["email"],
        locale=row["locale"],
        confirms=row["confirms"],
        pace=Pace(taken=row["taken"], usual=row["usual"]),
    )


async def mark_told(session: Session, business_id: int, *, guard_min: int | None) -> datetime | None:
    """It is told now; until when it confirms addresses, if it does so for *guard_min* minutes."""
    until: datetime | None = await session.value(
        "UPDATE businesses SET surge_told_at = clock_timestamp(),"
        " guarded_until = CASE WHEN $2::int IS NULL THEN guarded_until"
        "                      ELSE clock_timestamp() + make_interval(mins => $2) END"
        " WHERE id = $1 RETURNING CASE WHEN $2::int IS NULL THEN NULL ELSE guarded_until END",
        business_id,
        guard_min,
    )
    return until
