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


async def origins_of_business(session: Session, business: str) -> frozenset[str]:
    """The origins that *business* lists; none for one that does not exist."""
    return frozenset(await session.value("SELECT allowed_origins FROM businesses WHERE slug = $1", business) or ())


async def origins_of_token(session: Session, token_hash: bytes) -> frozenset[str]:
    """The origins of the business that a manage or hold token belongs to."""
    return frozenset(await session.value(_BY_BEARER, token_hash) or ())
