"""
Owns listing the appointments of a business by start.

Leaves a single appointment to `appointments`.
"""

from dataclasses import dataclass
from datetime import datetime

from server.domain.appointment import Appointment
from server.domain.lifecycle import Status
from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentFilter:
    """Which appointments are listed; None means any. *first* and *last* bound the start, half-open."""

    status: Status | None = None
    provider: str | None = None
    service: str | None = None
    location: str | None = None
    email: str | None = None
    first: datetime | None = None
    last: datetime | None = None

    def references(self) -> dict[str, str]:
        """What is named by its slug."""
        named = {"provider": self.provider, "service": self.service, "location": self.location}
        return {name: slug for name, slug in named.items() if slug is not None}


_PAGE = """
SELECT a.business_id, a.id, a.uid, a.status, a.starts_at AS start, a.ends_at AS "end", a.timezone, a.sequence,
       a.version, a.shared, s.capacity, a.seats_taken, a.provider_id,
       b.slug AS business, b.name AS business_name, s.slug AS service, s.name AS service_name,
       p.slug AS provider, p.name AS provider_name, l.slug AS location, l.name AS location_name
  FROM appointments a
  JOIN businesses b ON b.id = a.business_id
  JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
  JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
  JOIN locations l ON l.business_id = a.business_id AND l.id = a.location_id
 WHERE a.business_id = $1
   AND ($2::text IS NULL OR a.status = $2)
   AND ($3::text IS NULL OR p.slug = $3)
   AND ($4::text IS NULL OR s.slug = $4)
   AND ($5::text IS NULL OR l.slug = $5)
   AND ($6::text IS NULL OR EXISTS (
           SELECT FROM attendees t WHERE t.business_id = $1 AND t.appointment_id = a.id AND t.email = $6))
   AND a.starts_at >= coalesce($7, '-infinity'::timestamptz)
   AND a.starts_at < coalesce($8, 'infinity'::timestamptz)
   AND (a.starts_at, a.id) > (coalesce($9, '-infinity'::timestamptz), $10::bigint)
 ORDER BY a.starts_at, a.id
 LIMIT $11
"""


async def list_appointments(
    session: Session,
    business_id: int,
    wanted: AppointmentFilter,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Appointment]:
    """The *limit* appointments that follow the one that starts and is numbered as *after* says."""
    since, ident = after or (None, 0)
    rows = await session.fetch(
        _PAGE,
        business_id,
        wanted.status,
        wanted.provider,
        wanted.service,
        wanted.location,
        wanted.email,
        wanted.first,
        wanted.last,
        since,
        ident,
        limit,
    )
    return [Appointment(**{**row, "status": Status(row["status"])}) for row in rows]
