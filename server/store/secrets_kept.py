"""
Owns going through everything in the database that is sealed and lasts, so that it can be sealed with another secret.

Leaves sealing to `tokens`. What lasts only for hours (stored answers, sign-ins under way, orders being paid) is not
here.
"""

from collections.abc import Sequence
from typing import NamedTuple

from server.store.engine import Session
from server.tokens import Purpose

KEPT = (
    ("connections", "secret_sealed", Purpose.CREDENTIALS),
    ("webhook_endpoints", "secret_sealed", Purpose.WEBHOOK_SECRET),
    ("webhook_endpoints", "previous_secret_sealed", Purpose.WEBHOOK_SECRET),
)
"""Tables and columns, and what they are sealed for."""


class Kept(NamedTuple):
    """A sealed value, and the row that has it."""

    business_id: int
    id: int
    sealed: bytes


async def kept_secrets(session: Session, table: str, column: str, *, after: tuple[int, int], limit: int) -> list[Kept]:
    """Those behind the row *after*, `(business id, id)`, in order."""
    rows = await session.fetch(
        f"SELECT business_id, id, {column} AS sealed FROM {table}"
        f" WHERE {column} IS NOT NULL AND (business_id, id) > ($1, $2) ORDER BY business_id, id LIMIT $3",
        *after,
        limit,
    )
    return [Kept(**dict(row)) for row in rows]


async def reseal(session: Session, table: str, column: str, kept: Sequence[tuple[Kept, bytes]]) -> int:
    """Puts each new seal in place of the old one, unless that has changed meanwhile; how many."""
    return await session.execute(
        f"UPDATE {table} t SET {column} = f.fresh"
        " FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) f (business_id, id, old, fresh)"
        f" WHERE t.business_id = f.business_id AND t.id = f.id AND t.{column} = f.old",
        [each.business_id for each, _ in kept],
        [each.id for each, _ in kept],
        [each.sealed for each, _ in kept],
        [fresh for _, fresh in kept],
    )
