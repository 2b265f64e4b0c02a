"""
Owns reading the prices that are paid online.

Leaves whether they can be charged to `usecases/chargeable`.
"""

from dataclasses import dataclass

from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlinePrice:
    """What is paid for a service beforehand, by itself or with one of its providers."""

    service: str
    minor: int
    currency: str


_ONLINE = """
SELECT DISTINCT s.name AS service, price.minor, b.currency
  FROM services s
  JOIN businesses b ON b.id = s.business_id
  LEFT JOIN provider_services ps ON ps.business_id = s.business_id AND ps.service_id = s.id
 CROSS JOIN LATERAL (VALUES (s.price_minor), (ps.price_minor)) price (minor)
 WHERE s.business_id = $1 AND s.payment = 'online' AND price.minor > 0 AND ($2::text IS NULL OR s.slug = $2)
"""


async def online_prices(session: Session, business_id: int, *, service: str | None) -> list[OnlinePrice]:
    """All of the business, or those of one service by its slug."""
    return [OnlinePrice(**dict(row)) for row in await session.fetch(_ONLINE, business_id, service)]
