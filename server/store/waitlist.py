"""
Owns the waitlist's rows: joining, who waits, what was offered, and what came of it.

Leaves whom to offer what to `usecases/waitlist`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.waitlist import MOST_LAPSED, Wish
from server.store.engine import Row, Session
from server.store.set_aside import Key, columns_of, not_set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Somebody who waits, with the slugs of what they wait for."""

    business_id: int
    business: str
    business_name: str
    id: int
    uid: UUID
    service: str
    service_name: str
    needs_approval: bool
    provider: str | None
    location: str | None
    wish: Wish
    name: str
    email: str
    phone: str
    timezone: str
    locale: str
    salt: bytes
    status: str
    offered_start: datetime | None
    offer_expires_at: datetime | None
    offers: int
    created_at: datetime
    network: str | None
    """Where a stranger joined from, while that is kept."""


_SELECT = """
SELECT w.business_id, b.slug AS business, b.name AS business_name, w.id, w.uid, s.slug AS service,
       s.name AS service_name, s.approval = 'manual' AS needs_approval,
       p.slug AS provider, l.slug AS location, w.first_day, w.last_day, w.windows, w.name,
       w.email, w.phone, w.timezone, w.locale, w.token_salt AS salt, w.status, w.offered_start, w.offer_expires_at,
       w.offers, w.created_at, w.network::text AS network
  FROM waitlist_entries w
  JOIN businesses b ON b.id = w.business_id
  JOIN services s ON s.business_id = w.business_id AND s.id = w.service_id
  LEFT JOIN providers p ON p.business_id = w.business_id AND p.id = w.provider_id
  LEFT JOIN locations l ON l.business_id = w.business_id AND l.id = w.location_id
"""

_INSERT = """
INSERT INTO waitlist_entries (business_id, uid, service_id, provider_id, location_id, first_day, last_day, windows,
                              name, email, phone, timezone, locale, token_salt, token_hash, network)
SELECT b.id, $2, s.id, p.id, l.id, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::cidr
  FROM businesses b
  JOIN services s ON s.business_id = b.id AND s.slug = $3 AND s.active
  LEFT JOIN providers p ON p.business_id = b.id AND p.slug = $4
  LEFT JOIN locations l ON l.business_id = b.id AND l.slug = $5
 WHERE b.slug = $1 AND ($4::text IS NULL OR p.id IS NOT NULL) AND ($5::text IS NULL OR l.id IS NOT NULL)
RETURNING business_id
"""


async def what_is_asked(session: Session, business: str, service: str) -> tuple[bool, bool]:
    """Whether the service needs a phone number, and whether it asks more before it is booked: answers, or money."""
    row = await session.first(
        "SELECT s.phone_required, (s.payment = 'online' AND s.price_minor > 0)"
        "       OR jsonb_path_exists(s.questions, '$[*] ? (@.required == true)')"
        "  FROM services s JOIN businesses b ON b.id = s.business_id WHERE b.slug = $1 AND s.slug = $2",
        business,
        service,
    )
    return (row[0], row[1]) if row else (False, False)


async def insert_entry(session: Session, values: Mapping[str, Any], wish: Wish) -> int | None:
    """Somebody joins; the business's id, or None if it has no such service, provider or location."""
    found = await session.value(
        _INSERT,
        *(values[name] for name in ("business", "uid", "service", "provider", "location")),
        wish.first_day,
        wish.last_day,
        [list(window) for window in wish.windows],
        *(values[name] for name in ("name", "email", "phone", "timezone", "locale", "salt", "token_hash", "network")),
    )
    return int(found) if found is not None else None


async def count_waiting(session: Session, business: str, service: str, email: str) -> int:
    """How often this address waits for this service already."""
    return int(
        await session.value(
            "SELECT count(*) FROM waitlist_entries w JOIN businesses b ON b.id = w.business_id"
            " JOIN services s ON s.business_id = w.business_id AND s.id = w.service_id"
            " WHERE b.slug = $1 AND s.slug = $2 AND w.email = $3 AND w.status IN ('waiting', 'offered')",
            business,
            service,
            email,
        )
    )


async def find_entry(session: Session, token_hash: bytes) -> Entry | None:
    """The place on the waitlist that this token opens."""
    row = await session.first(_SELECT + " WHERE w.token_hash = $1", token_hash)
    return _entry(row) if row else None


async def waiting_entries(session: Session, business_id: int, *, limit: int) -> list[Entry]:
    """Who waits in a business, the first to come first."""
    rows = await session.fetch(
        _SELECT
        + " WHERE w.business_id = $1 AND w.status = 'waiting' AND w.last_day >= current_date - 1"
        + " ORDER BY w.id LIMIT $2",
        business_id,
        limit,
    )
    return [_entry(row) for row in rows]


async def list_entries(session: Session, business_id: int, *, after: int | None, limit: int) -> list[Entry]:
    """Everybody who joined, the first to come first."""
    rows = await session.fetch(
        _SELECT + " WHERE w.business_id = $1 AND w.id > $2 ORDER BY w.id LIMIT $3", business_id, after or 0, limit
    )
    return [_entry(row) for row in rows]


async def mark_offered(
    session: Session, entry: Entry, *, hold_hash: bytes, start: datetime, expires_at: datetime
) -> bool:
    """The hold with this token's hash is for *entry*; False if they do not wait any more."""
    return (
        await session.execute(
            "UPDATE waitlist_entries w SET status = 'offered', offered_start = $4, offer_expires_at = $5,"
            " offers = offers + 1, version = version + 1, updated_at = clock_timestamp(), hold_id = h.id"
            " FROM holds h WHERE h.business_id = w.business_id AND h.token_hash = $3"
            " AND w.business_id = $1 AND w.id = $2 AND w.status = 'waiting' AND w.offers = $6",
            entry.business_id,
            entry.id,
            hold_hash,
            start,
            expires_at,
            entry.offers,
        )
        > 0
    )


async def mark_taken(session: Session, business_id: int, hold_id: int) -> None:
    """Whoever was offered this hold has booked with it."""
    await session.execute(
        "UPDATE waitlist_entries SET status = 'booked', version = version + 1, updated_at = clock_timestamp()"
        " WHERE business_id = $1 AND hold_id = $2 AND hold_id IS NOT NULL AND status = 'offered'",
        business_id,
        hold_id,
    )


async def mark_left(session: Session, entry: Entry) -> bool:
    """They wait no more; False if that was over already."""
    return (
        await session.execute(
            "UPDATE waitlist_entries SET status = 'left', version = version + 1, updated_at = clock_timestamp()"
            " WHERE business_id = $1 AND id = $2 AND status IN ('waiting', 'offered')",
            entry.business_id,
            entry.id,
        )
        > 0
    )


_LAPSED = f"""
SELECT business_id, id FROM waitlist_entries w
 WHERE status = 'offered' AND offer_expires_at <= clock_timestamp() AND {not_set_aside("lapses", "w")}
 ORDER BY offer_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""


async def lapsed_offers(session: Session, limit: int) -> list[Key]:
    """Entries whose offer nobody took in time, locked."""
    return [Key(*row) for row in await session.fetch(_LAPSED, limit)]


_LAPSE = f"""
WITH back AS (
    UPDATE waitlist_entries w
       SET status = CASE WHEN w.offers >= {MOST_LAPSED} OR w.last_day < current_date THEN 'expired' ELSE 'waiting' END,
           hold_id = NULL, offered_start = NULL, offer_expires_at = NULL, version = version + 1,
           updated_at = clock_timestamp()
      FROM unnest($1::bigint[], $2::bigint[]) lapsed (business_id, id)
     WHERE w.business_id = lapsed.business_id AND w.id = lapsed.id
    RETURNING w.business_id
)
INSERT INTO outbox (business_id, kind, payload)
SELECT DISTINCT business_id, 'waitlist.lapsed', '{{"v": 1}}'::jsonb FROM back
"""


async def lapse(session: Session, entries: Sequence[Key]) -> None:
    """Their customers wait again, or have had enough."""
    await session.execute(_LAPSE, *columns_of(entries))


_OVER = f"""
SELECT business_id, id FROM waitlist_entries w
 WHERE status = 'waiting' AND last_day < current_date - 1 AND {not_set_aside("waiting", "w")}
 ORDER BY business_id, id LIMIT $1 FOR UPDATE SKIP LOCKED
"""


async def waited_in_vain(session: Session, limit: int) -> list[Key]:
    """Entries whose last day has passed, locked."""
    return [Key(*row) for row in await session.fetch(_OVER, limit)]


async def expire(session: Session, entries: Sequence[Key]) -> None:
    """They wait no more."""
    await session.execute(
        "UPDATE waitlist_entries w SET status = 'expired', updated_at = clock_timestamp()"
        " FROM unnest($1::bigint[], $2::bigint[]) over (business_id, id)"
        " WHERE w.business_id = over.business_id AND w.id = over.id",
        *columns_of(entries),
    )


def _entry(row: Row) -> Entry:
    values = dict(row)
    windows = tuple((begin, end) for begin, end in values.pop("windows"))
    wish = Wish(first_day=values.pop("first_day"), last_day=values.pop("last_day"), windows=windows)
    return Entry(wish=wish, **values)
