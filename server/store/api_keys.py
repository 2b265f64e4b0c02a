"""
Owns API keys: finding, making and revoking them.

Leaves what a scope allows to `web/access`.
"""

from dataclasses import dataclass
from datetime import datetime

from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that is in force."""

    business_id: int
    business: str
    id: int
    scopes: frozenset[str]


# Last use is written once a minute at most: a key that is used a thousand times a second is one row, not a thousand.
_FIND = """
WITH found AS (
    SELECT k.business_id, b.slug AS business, k.id, k.scopes, k.last_used_at
      FROM api_keys k JOIN businesses b ON b.id = k.business_id
     WHERE k.key_hash = $1 AND k.revoked_at IS NULL
), used AS (
    UPDATE api_keys k SET last_used_at = clock_timestamp() FROM found
     WHERE k.business_id = found.business_id AND k.id = found.id
       AND (found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute')
)
SELECT business_id, business, id, scopes FROM found
"""


async def find_api_key(session: Session, key_hash: bytes) -> ApiKey | None:
    """The key with this hash, unless it was revoked."""
    row = await session.first(_FIND, key_hash)
    if row is None:
        return None
    return ApiKey(
        business_id=row["business_id"], business=row["business"], id=row["id"], scopes=frozenset(row["scopes"])
    )


_INSERT = """
INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes)
SELECT id, $2, $3, $4, $5 FROM businesses WHERE slug = $1
RETURNING id, created_at
"""


async def insert_api_key(
    session: Session, business: str, *, name: str, prefix: str, key_hash: bytes, scopes: list[str]
) -> tuple[int, datetime] | None:
    """A new key's id and time; None if there is no such business."""
    row = await session.first(_INSERT, business, name, prefix, key_hash, scopes)
    return (row["id"], row["created_at"]) if row else None
