"""
Owns the endpoints of businesses: who hears of which facts, with which secrets, and managing them.

Leaves calling them to the worker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.errors import Conflict
from server.store.engine import Row, Session

MOST_ENDPOINTS = 20
"""Per business: each fact is sent to all of them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as the worker calls it; the secrets are sealed, the one in force first."""

    url: str
    secrets_sealed: Sequence[bytes]
    active: bool
    uid: UUID
    failing_since: datetime | None
    """Of the first call that failed, after the last that did not."""


_SUBSCRIBED = """
SELECT DISTINCT told.business_id, told.kind, e.id
  FROM unnest($1::bigint[], $2::text[]) told (business_id, kind)
  JOIN webhook_endpoints e ON e.business_id = told.business_id AND e.active
   AND (e.kinds = '{}' OR told.kind = ANY(e.kinds) OR told.kind = 'webhook.test')
 ORDER BY e.id
"""


async def subscribed(session: Session, facts: Sequence[tuple[int, str]]) -> dict[tuple[int, str], list[int]]:
    """Ids of the endpoints that hear of each `(business id, kind)`."""
    if not facts:
        return {}
    rows = await session.fetch(_SUBSCRIBED, [fact[0] for fact in facts], [fact[1] for fact in facts])
    found: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        found.setdefault((row["business_id"], row["kind"]), []).append(row["id"])
    return found


async def find_endpoint(session: Session, business_id: int, endpoint_id: int) -> Endpoint | None:
    """The endpoint with its secrets: for a while after a rotation there are two."""
    row = await session.first(
        "SELECT url, secret_sealed, active, uid, failing_since,"
        " CASE WHEN previous_until > clock_timestamp() THEN previous_secret_sealed END AS previous"
        " FROM webhook_endpoints WHERE business_id = $1 AND id = $2",
        business_id,
        endpoint_id,
    )
    if row is None:
        return None
    secrets = [secret for secret in (row["secret_sealed"], row["previous"]) if secret is not None]
    return Endpoint(row["url"], secrets, row["active"], row["uid"], row["failing_since"])


async def disable(session: Session, business_id: int, endpoint_id: int, reason: str) -> Row | None:
    """Calls it no more, until somebody switches it on again; whom to tell, or None if it was off already."""
    return await session.first(
        "UPDATE webhook_endpoints e SET active = false, disabled_reason = $3, failing_since = NULL,"
        " version = e.version + 1, updated_at = clock_timestamp()"
        "  FROM businesses b WHERE b.id = e.business_id AND e.business_id = $1 AND e.id = $2 AND e.active"
        " RETURNING b.email, b.locale",
        business_id,
        endpoint_id,
        reason,
    )


async def note_health(session: Session, business_id: int, endpoint_id: int, *, well: bool) -> None:
    """A call of it has worked, or failed like those since the first that failed."""
    await session.execute(
        "UPDATE webhook_endpoints"
        "   SET failing_since = CASE WHEN NOT $3 THEN coalesce(failing_since, clock_timestamp()) END"
        " WHERE business_id = $1 AND id = $2",
        business_id,
        endpoint_id,
        well,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An endpoint as its business manages it."""

    id: int
    uid: UUID
    url: str
    description: str
    kinds: list[str]
    active: bool
    disabled_reason: str
    previous_until: datetime | None
    created_at: datetime


_COLUMNS = "id, uid, url, description, kinds, active, disabled_reason, previous_until, created_at"


async def list_endpoints(session: Session, business_id: int, *, after: int | None, limit: int) -> list[EndpointRow]:
    """Endpoints of a business, the oldest first."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE business_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        business_id,
        after or 0,
        limit,
    )
    return [_row(row) for row in rows]


async def find_endpoint_row(session: Session, business_id: int, uid: UUID) -> EndpointRow | None:
    """One endpoint, locked where the transaction goes on to change it."""
    row = await session.first(
        f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE business_id = $1 AND uid = $2", business_id, uid
    )
    return _row(row) if row else None


async def insert_endpoint(session: Session, business_id: int, values: dict[str, Any], sealed: bytes) -> None:
    """
    A new endpoint.

    Raises:
        Conflict: There are `MOST_ENDPOINTS` already.
    """
    there = await session.value("SELECT count(*) FROM webhook_endpoints WHERE business_id = $1", business_id)
    if there >= MOST_ENDPOINTS:
        raise Conflict(f"There are {MOST_ENDPOINTS} endpoints already; delete one first.")
    await session.execute(
        "INSERT INTO webhook_endpoints (business_id, uid, url, description, kinds, secret_sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        business_id,
        values["uid"],
        values["url"],
        values["description"],
        values["kinds"],
        sealed,
    )


async def change_endpoint(session: Session, business_id: int, endpoint_id: int, values: dict[str, Any]) -> None:
    """Another url, description, kinds; on or off. Switching it on forgets why it was off."""
    await session.execute(
        "UPDATE webhook_endpoints SET url = $3, description = $4, kinds = $5, active = $6,"
        " disabled_reason = CASE WHEN $6 THEN '' ELSE disabled_reason END, failing_since = NULL, version = version + 1,"
        " updated_at = clock_timestamp() WHERE business_id = $1 AND id = $2",
        business_id,
        endpoint_id,
        values["url"],
        values["description"],
        values["kinds"],
        values["active"],
    )


async def rotate_secret(session: Session, business_id: int, endpoint_id: int, sealed: bytes, hours: int) -> None:
    """A new secret; the one before signs beside it for so many hours."""
    await session.execute(
        "UPDATE webhook_endpoints SET previous_secret_sealed = secret_sealed, secret_sealed = $3,"
        " previous_until = clock_timestamp() + make_interval(hours => $4), version = version + 1,"
        " updated_at = clock_timestamp() WHERE business_id = $1 AND id = $2",
        business_id,
        endpoint_id,
        sealed,
        hours,
    )


async def delete_endpoint(session: Session, business_id: int, endpoint_id: int) -> None:
    """Forgets it; what is on its way to it is not sent."""
    await session.execute("DELETE FROM webhook_endpoints WHERE business_id = $1 AND id = $2", business_id, endpoint_id)


def _row(row: Row) -> EndpointRow:
    return EndpointRow(**dict(row))
