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
    expires_at: datetime | None


# Last use is written once a minute at most: a key that is used a thousand times a second is one row, not a thousand.
_FIND = """
WITH found AS (
    SELECT k.business_id, b.slug AS business, k.id, k.scopes, k.last_used_at, k.expires_at
      FROM api_keys k JOIN businesses b ON b.id = k.business_id
     WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
), used AS (
    UPDATE api_keys k SET last_used_at = clock_timestamp() FROM found
     WHERE k.business_id = found.business_id AND k.id = found.id
       AND (found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute')
)
SELECT business_id, business, id, scopes, expires_at FROM found
"""


async def find_api_key(session: Session, key_hash: bytes) -> ApiKey | None:
    """The key with this hash, unless it was revoked or has ended."""
    row = await session.first(_FIND, key_hash)
    if row is None:
        return None
    return ApiKey(**{**dict(row), "scopes": frozenset(row["scopes"])})


_INSERT = """
INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes, expires_at)
SELECT id, $2, $3, $4, $5, clock_timestamp() + $6::int * interval '1 day' FROM businesses WHERE slug = $1
RETURNING id, created_at
"""


async def insert_api_key(
    session: Session, business: str, *, name: str, prefix: str, key_hash: bytes, scopes: list[str], days: int | None
) -> tuple[int, datetime] | None:
    """A new key's id and time; None if there is no such business. It ends after so many *days*, if any."""
    row = await session.first(_INSERT, business, name, prefix, key_hash, scopes, days)
    return (row["id"], row["created_at"]) if row else None


async def list_api_keys(session: Session, business: str) -> list[tuple[str, str, str, str]]:
    """`(prefix, name, scopes, state)` of each key of *business*, the newest first."""
    rows = await session.fetch(
        """
        SELECT k.prefix, k.name, array_to_string(k.scopes, ' '),
               CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
                    WHEN expires_at <= clock_timestamp() THEN 'ended ' || (expires_at AT TIME ZONE 'UTC')::date
                    WHEN last_used_at IS NULL THEN 'never used'
                    ELSE 'used ' || (last_used_at AT TIME ZONE 'UTC')::date END
          FROM api_keys k JOIN businesses b ON b.id = k.business_id
         WHERE b.slug = $1 ORDER BY k.id DESC
        """,
        business,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def revoke_api_key(session: Session, business: str, prefix: str) -> bool:
    """Whether there was a key in force with this prefix; now there is none."""
    revoked = await session.execute(
        """
        UPDATE api_keys SET revoked_at = clock_timestamp()
         WHERE business_id = (SELECT id FROM businesses WHERE slug = $1) AND prefix = $2 AND revoked_at IS NULL
        """,
        business,
        prefix,
    )
    return revoked > 0
