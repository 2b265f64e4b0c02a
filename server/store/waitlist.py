"""
Owns the waitlist's rows: joining, who waits, what was offered, and what came of it.

Leaves whom to offer what to `usecases/waitlist`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from server.domain.proofs import Guard
from server.domain.waitlist import MOST_LAPSED, WaitlistOffer, Wish
from server.store.engine import Row, Session
from server.store.set_aside import Key, columns_of, not_set_aside
from server.store.surges import GUARD_NOW
from server.store.terms import terms_of


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
    wish: Wish
    name: str
    email: str
    phone: str
    timezone: str
    locale: str
    salt: bytes
    token_hash: bytes
    status: str
    offered_start: datetime | None
    offer_expires_at: datetime | None
    offers: int
    passed_start: int | None
    """The start, in seconds, that they let pass last: it is not offered to them again."""
    offer_hash: bytes | None
    """Of the token of the hold that is offered."""
    created_at: datetime
    network: str | None
    """Where a stranger joined from, while that is kept."""
    busy: Sequence[tuple[int, int]] = ()
    """Their appointments still to come, in seconds; only where it is asked whom to offer what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Those who wait for one service: *id* is the first to come, the days are those that any of them wishes for."""

    business_id: int
    id: int
    business: str
    service_id: int
    service: str
    first_day: date
    last_day: date


_COLUMNS = """
SELECT w.business_id, b.slug AS business, b.name AS business_name, w.id, w.uid, s.slug AS service,
       s.name AS service_name, s.approval = 'manual' AS needs_approval,
       p.slug AS provider, l.slug AS location, w.first_day, w.last_day, w.windows, w.name,
       w.email, w.phone, w.timezone, w.locale, w.token_salt AS salt, w.token_hash, w.status,
       w.offered_start, w.offer_expires_at, w.offers, h.token_hash AS offer_hash,
       date_part('epoch', w.passed_start)::bigint AS passed_start,
       w.created_at, w.network::text AS network{more}
  FROM waitlist_entries w
  JOIN businesses b ON b.id = w.business_id
  JOIN services s ON s.business_id = w.business_id AND s.id = w.service_id
  LEFT JOIN providers p ON p.business_id = w.business_id AND p.id = w.provider_id
  LEFT JOIN locations l ON l.business_id = w.business_id AND l.id = w.location_id
  LEFT JOIN holds h ON h.business_id = w.business_id AND h.id = w.hold_id
"""
_SELECT = _COLUMNS.format(more="")

# Days are those of calendars at the location; where any will do, of the one whose calendar is the last to turn.
_TODAY = """coalesce((
    SELECT min((clock_timestamp() AT TIME ZONE here.timezone)::date) FROM locations here
     WHERE here.business_id = w.business_id AND (w.location_id IS NULL OR here.id = w.location_id)),
    (clock_timestamp() AT TIME ZONE 'Etc/GMT+12')::date)"""

# What is under the same address is known to be theirs if it came from where the entry came from, or if both addresses
# were proved. Else an entry under an address that was typed would tell by waiting what its owner has. Staff may know.
_THEIRS = (
    "(w.network IS NULL OR {other}.network = w.network OR w.proved_at IS NOT NULL AND {other}.proved_at IS NOT NULL)"
)

_INSERT = """
INSERT INTO waitlist_entries (business_id, uid, service_id, provider_id, location_id, first_day, last_day, windows,
                              name, email, phone, timezone, locale, token_salt, token_hash, network)
SELECT b.id, $2, s.id, p.id, l.id, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::cidr
  FROM businesses b
  JOIN services s ON s.business_id = b.id AND s.slug = $3 AND s.active
  LEFT JOIN providers p ON p.business_id = b.id AND p.slug = $4 AND p.active
  LEFT JOIN locations l ON l.business_id = b.id AND l.slug = $5 AND l.active
 WHERE b.slug = $1 AND ($4::text IS NULL OR p.id IS NOT NULL) AND ($5::text IS NULL OR l.id IS NOT NULL)
   AND EXISTS (SELECT FROM provider_services ps
                 JOIN providers who ON who.business_id = ps.business_id AND who.id = ps.provider_id AND who.active
                WHERE ps.business_id = b.id AND ps.service_id = s.id AND (p.id IS NULL OR who.id = p.id))
RETURNING business_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistTerms:
    """What joining for a service depends on."""

    business_id: int
    needs_phone: bool
    asks_more: bool
    """Answers, or money, before it is booked: one press cannot do that."""
    zones: Sequence[str]
    """Of the places where it could be."""
    guard: Guard
    """What the business asks of strangers."""


async def waitlist_terms(session: Session, business: str, service: str, location: str | None) -> WaitlistTerms | None:
    """The terms of *service*; None if the business does not offer it."""
    row = await session.first(
        f"""
        SELECT b.id AS business_id, {GUARD_NOW} AS guard, s.phone_required AS needs_phone,
               (s.payment = 'online' AND s.price_minor > 0)
                   OR jsonb_path_exists(s.questions, '$[*] ? (@.required == true)') AS asks_more,
               ARRAY(SELECT l.timezone FROM locations l
                      WHERE l.business_id = b.id AND l.active AND ($3::text IS NULL OR l.slug = $3)) AS zones
          FROM services s JOIN businesses b ON b.id = s.business_id
         WHERE b.slug = $1 AND s.slug = $2 AND s.active
        """,
        business,
        service,
        location,
    )
    return WaitlistTerms(**{**dict(row), "guard": Guard(row["guard"])}) if row else None


async def insert_entry(session: Session, values: Mapping[str, Any], wish: Wish) -> int | None:
    """Somebody joins; the business's id, or None if it has no such service, provider or location."""
    found = await session.value(
        _INSERT,
        *(values[name] for name in ("business", "uid", "service")),
        wish.provider,
        wish.location,
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


_OFFERED = """
SELECT w.uid, w.name, w.locale, w.timezone, w.token_salt, w.token_hash, s.name AS service_name, p.name AS provider_name,
       l.name AS location_name, l.address, l.timezone AS location_zone, l.online, h.starts_at AS start,
       h.starts_at + make_interval(secs => h.duration_s) AS "end", w.offer_expires_at AS expires_at,
       h.duration_s, h.price_minor, h.currency, h.change_window_min, h.cancel_fee_minor, h.approval
  FROM unnest($1::bigint[], $2::uuid[]) asked (business_id, uid)
  JOIN waitlist_entries w ON w.business_id = asked.business_id AND w.uid = asked.uid AND w.status = 'offered'
  JOIN holds h ON h.business_id = w.business_id AND h.id = w.hold_id
  JOIN services s ON s.business_id = h.business_id AND s.id = h.service_id
  JOIN providers p ON p.business_id = h.business_id AND p.id = h.provider_id
  JOIN locations l ON l.business_id = h.business_id AND l.id = h.location_id
"""


async def offers_of_entries(session: Session, entries: Sequence[tuple[int, UUID]]) -> dict[UUID, WaitlistOffer]:
    """What is held now for each of *entries*, `(business id, uid)`; without those that have no offer any more."""
    rows = await session.fetch(_OFFERED, [each[0] for each in entries], [each[1] for each in entries])
    return {row["uid"]: _offer(row) for row in rows}


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who waits, or waited, as far as others are told of them."""

    name: str
    email: str
    phone: str
    timezone: str
    locale: str


async def waiters_of(session: Session, entries: Sequence[tuple[int, UUID]]) -> dict[UUID, Waiter]:
    """Who each of *entries*, `(business id, uid)`, is."""
    rows = await session.fetch(
        "SELECT w.uid, w.name, w.email, w.phone, w.timezone, w.locale"
        "  FROM unnest($1::bigint[], $2::uuid[]) asked (business_id, uid)"
        "  JOIN waitlist_entries w ON w.business_id = asked.business_id AND w.uid = asked.uid",
        [each[0] for each in entries],
        [each[1] for each in entries],
    )
    return {row["uid"]: Waiter(*tuple(row)[1:]) for row in rows}


async def businesses_waiting(session: Session, after: Key | None, limit: int) -> list[Key]:
    """Businesses in which somebody waits: those after *after*, without those that are set aside."""
    rows = await session.fetch(
        "SELECT DISTINCT w.business_id FROM waitlist_entries w JOIN businesses b ON b.id = w.business_id"
        " WHERE w.status = 'waiting' AND w.business_id > $1"
        " AND NOT EXISTS (SELECT FROM set_aside aside WHERE aside.business_id = w.business_id"
        " AND aside.batch = 'waitlists' AND aside.look_at > clock_timestamp())"
        " ORDER BY w.business_id LIMIT $2",
        after.business_id if after is not None else 0,
        limit,
    )
    return [Key(row[0], row[0]) for row in rows]


_QUEUES = f"""
SELECT w.business_id, min(w.id) AS id, b.slug AS business, s.id AS service_id, s.slug AS service,
       min(w.first_day) AS first_day, max(w.last_day) AS last_day
  FROM waitlist_entries w
  JOIN businesses b ON b.id = w.business_id
  JOIN services s ON s.business_id = w.business_id AND s.id = w.service_id AND s.active
 WHERE w.business_id = $1 AND w.status = 'waiting' AND {not_set_aside("waitlist", "w")}
 GROUP BY w.business_id, b.slug, s.id, s.slug
 ORDER BY min(w.id)
"""


async def waiting_queues(session: Session, business_id: int) -> list[Queue]:
    """For each service that is offered and waited for, from when to when; the one waited for longest first."""
    return [Queue(**dict(row)) for row in await session.fetch(_QUEUES, business_id)]


# Whoever has an offer of this service is asked again when they have answered. Providers and locations that are not
# offered any more can come back, so their entries wait on.
_WAITING = (
    _COLUMNS.format(
        more=f""",
       coalesce((
           SELECT jsonb_agg(jsonb_build_array(date_part('epoch', a.starts_at), date_part('epoch', a.ends_at)))
             FROM customers c
             JOIN attendees t ON t.business_id = c.business_id AND t.customer_id = c.id AND t.cancelled_at IS NULL
             JOIN appointments a ON a.business_id = t.business_id AND a.id = t.appointment_id
            WHERE c.business_id = w.business_id AND c.email = w.email AND {_THEIRS.format(other="t")}
              AND a.status IN ('pending', 'confirmed') AND a.ends_at > clock_timestamp()), '[]') AS busy"""
    )
    + f"""
 WHERE w.business_id = $1 AND w.service_id = ANY($2::bigint[]) AND w.status = 'waiting' AND w.id > $3
   AND s.active AND (p.id IS NULL OR p.active) AND (l.id IS NULL OR l.active) AND {not_set_aside("waitlist", "w")}
   AND NOT EXISTS (SELECT FROM waitlist_entries other
                    WHERE other.business_id = w.business_id AND other.service_id = w.service_id
                      AND other.email = w.email AND other.status = 'offered' AND {_THEIRS.format(other="other")})
 ORDER BY w.id LIMIT $4
"""
)


async def waiting_entries(
    session: Session, business_id: int, services: Sequence[int], *, after: int, limit: int
) -> list[Entry]:
    """Who waits for *services* and can be offered a time now: entries after *after*, the first to come first."""
    return [_entry(row) for row in await session.fetch(_WAITING, business_id, list(services), after, limit)]


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
            " AND w.business_id = $1 AND w.id = $2 AND w.status = 'waiting' AND w.offers = $6"
            # Read again: the page of entries was read before the offers that this run has made since.
            " AND NOT EXISTS (SELECT FROM waitlist_entries other WHERE other.business_id = w.business_id"
            " AND other.service_id = w.service_id AND other.email = w.email AND other.status = 'offered'"
            f" AND {_THEIRS.format(other='other')})",
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
       SET status = CASE WHEN w.offers >= {MOST_LAPSED} OR w.last_day < {_TODAY} THEN 'expired' ELSE 'waiting' END,
           passed_start = w.offered_start, hold_id = NULL, offered_start = NULL, offer_expires_at = NULL,
           version = version + 1, updated_at = clock_timestamp()
      FROM unnest($1::bigint[], $2::bigint[]) lapsed (business_id, id)
     WHERE w.business_id = lapsed.business_id AND w.id = lapsed.id
    RETURNING w.business_id, w.uid, w.passed_start
)
INSERT INTO outbox (business_id, kind, payload)
SELECT business_id, 'waitlist.lapsed', jsonb_build_object('v', 2, 'entry', uid, 'start', passed_start) FROM back
"""


async def lapse(session: Session, entries: Sequence[Key]) -> None:
    """Their customers wait again, or have had enough."""
    await session.execute(_LAPSE, *columns_of(entries))


_OVER = f"""
SELECT business_id, id FROM waitlist_entries w
 WHERE w.status = 'waiting' AND w.last_day < {_TODAY} AND {not_set_aside("waiting", "w")}
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


def _offer(row: Row) -> WaitlistOffer:
    said = {name: value for name, value in dict(row).items() if name in WaitlistOffer.__slots__}
    return WaitlistOffer(terms=terms_of(row), **said)


def _entry(row: Row) -> Entry:
    values = dict(row)
    wish = Wish(
        first_day=values.pop("first_day"),
        last_day=values.pop("last_day"),
        windows=tuple((begin, end) for begin, end in values.pop("windows")),
        provider=values.pop("provider"),
        location=values.pop("location"),
    )
    return Entry(wish=wish, **values)
