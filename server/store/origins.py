"""
Owns reading which origins a business allows.

Leaves what an origin may do to `web/cors`.
"""

from server.store.engine import Session

_BY_BEARER = """
SELECT b.allowed_origins FROM businesses b
 WHERE b.id = (SELECT business_id FROM attendees WHERE token_hash = $1
               UNION ALL SELECT business_id FROM holds WHERE token_hash = $1 LIMIT 1)
"""


async def origins_of_business(session: Session, business: str) -> frozenset[str] | None:
    """The origins that *business* lists; None for one that does not exist."""
    found = await session.value("SELECT allowed_origins FROM businesses WHERE slug = $1", business)
    return frozenset(found) if found is not None else None


async def origins_of_token(session: Session, token_hash: bytes) -> frozenset[str] | None:
    """The origins of the business that a manage or hold token belongs to; None where it opens nothing."""
    found = await session.value(_BY_BEARER, token_hash)
    return frozenset(found) if found is not None else None
