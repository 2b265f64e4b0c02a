"""
Owns feeds: finding one by its token, what it shows, and keeping their names, tokens and ends.

Leaves the texts of appointments to `appointment_texts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from server.domain.appointment import Place
from server.domain.channels import one_of
from server.domain.hours import DateException, WeeklyWindow
from server.domain.lifecycle import ENDED
from server.holidays import public_holidays
from server.store.appointments import PLACE_COLUMNS, PLACE_TABLES, place_of
from server.store.engine import Row, Session

Span = tuple[datetime, datetime]

PAGE = 1_000
"""Events of one page: what is in memory at once."""

_HAS_ENDED = one_of("a.status", ENDED)
_USED_EVERY = "5 minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFeed:
    """A feed as its token finds it, with everything that its ETag is made of; times aware UTC."""

    business_id: int
    id: int
    uid: UUID
    name: str
    scope: str
    scope_id: int
    privacy: str
    colour: str
    feed_version: int
    is_over: bool
    """The token was rotated away, or the feed revoked."""
    business: str
    business_name: str
    business_email: str
    catalogue_version: int
    subject: str
    """Name of the provider, service or location; empty for the business and for customers."""
    zone: str
    """Of the business's first location: what a client may show the calendar in."""
    created_at: datetime
    version: int
    changed_at: datetime
    """Of the feed, its appointments or any name that it shows."""
    busy_version: int
    busy_changed_at: datetime
    has_open_facts: bool
    """Something has happened to an appointment that the dispatcher has not seen yet."""
    now: datetime


_FIND = f"""
WITH used AS (
    UPDATE feeds f SET last_used_at = clock_timestamp() FROM feed_tokens t
     WHERE t.token_hash = $1 AND t.retired_at IS NULL AND f.business_id = t.business_id AND f.id = t.feed_id
       AND (f.last_used_at IS NULL OR f.last_used_at < clock_timestamp() - interval '{_USED_EVERY}')
)
SELECT f.business_id, f.id, f.uid, f.name, f.scope,
       coalesce(f.provider_id, f.service_id, f.location_id, f.customer_id, 0) AS scope_id, f.privacy, f.colour,
       f.version AS feed_version, t.retired_at IS NOT NULL OR f.revoked_at IS NOT NULL AS is_over,
       b.slug AS business, b.name AS business_name, b.email AS business_email, b.catalogue_version,
       coalesce(p.name, s.name, l.name, '') AS subject,
       coalesce(l.timezone, (SELECT timezone FROM locations WHERE business_id = b.id ORDER BY id LIMIT 1), 'Etc/UTC')
           AS zone,
       f.created_at,
       -- A busy block makes a row whose version is 1: that is no news of appointments.
       coalesce(v.version, 1) AS version, coalesce(v.busy_version, 0) AS busy_version,
       greatest(v.changed_at, f.updated_at, b.updated_at, p.updated_at, s.updated_at, l.updated_at) AS changed_at,
       greatest(v.busy_changed_at, f.updated_at, b.updated_at, p.updated_at, s.updated_at, l.updated_at)
           AS busy_changed_at,
       EXISTS (SELECT FROM outbox o WHERE o.business_id = f.business_id AND o.done_at IS NULL
                  AND o.appointment_id IS NOT NULL) AS has_open_facts,
       clock_timestamp() AS now
  FROM feed_tokens t
  JOIN feeds f ON f.business_id = t.business_id AND f.id = t.feed_id
  JOIN businesses b ON b.id = f.business_id
  LEFT JOIN providers p ON p.business_id = f.business_id AND p.id = f.provider_id
  LEFT JOIN services s ON s.business_id = f.business_id AND s.id = f.service_id
  LEFT JOIN locations l ON l.business_id = f.business_id AND l.id = f.location_id
  -- Of customers nothing is counted: for theirs, whatever happens in the business may be news.
  LEFT JOIN feed_versions v ON v.business_id = f.business_id
       AND v.scope = CASE f.scope WHEN 'customer' THEN 'business' ELSE f.scope END
       AND v.scope_id = coalesce(f.provider_id, f.service_id, f.location_id, 0)
 WHERE t.token_hash = $1
"""


async def find_feed(session: Session, token_hash: bytes) -> FoundFeed | None:
    """The feed that this token opens, or once opened. One query, which reads no appointment."""
    row = await session.first(_FIND, token_hash)
    return FoundFeed(**dict(row)) if row else None


_STALE = """
SELECT DISTINCT o.appointment_id
  FROM outbox o
  JOIN appointments a ON a.business_id = o.business_id AND a.id = o.appointment_id AND a.status <> 'held'
  LEFT JOIN appointment_texts x ON x.business_id = a.business_id AND x.appointment_id = a.id
 WHERE o.business_id = $1 AND o.done_at IS NULL AND (x.version IS NULL OR x.version < a.version)
 LIMIT $2
"""


async def stale_appointments(session: Session, business_id: int, *, limit: int) -> list[int]:
    """Ids of appointments with a fact that was not dispatched yet, and a text that is older."""
    return [row["appointment_id"] for row in await session.fetch(_STALE, business_id, limit)]


async def stay_in_this_moment(session: Session) -> None:
    """All that this transaction reads from now on is of one moment, and it writes nothing."""
    await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


_OF_SCOPE = {
    "business": "$2::bigint = 0",
    "provider": "a.provider_id = $2",
    "service": "a.service_id = $2",
    "location": "a.location_id = $2",
    "customer": """a.id IN (SELECT t.appointment_id FROM attendees t
                             WHERE t.business_id = $1 AND t.customer_id = $2 AND t.cancelled_at IS NULL)""",
}


def _within(scope: str) -> str:
    """The appointments of a scope that a feed shows: in its window, and cancelled ones for a while."""
    return f"""
     WHERE a.business_id = $1 AND {_OF_SCOPE[scope]} AND a.starts_at >= $3 AND a.starts_at < $4
       AND a.status <> 'held'"""


@dataclass(frozen=True, slots=True)
class TextPage:
    """Events of a feed, in the order of their start."""

    texts: list[str]
    stale: list[int]
    """Ids of appointments that have no text, or an old one."""
    following: tuple[datetime, int] | None
    """Where the next page begins; None on the last one."""


async def page_of_texts(
    session: Session, feed: FoundFeed, window: Span, cancelled_since: datetime, after: tuple[datetime, int]
) -> TextPage:
    """Up to `PAGE` texts after *after*."""
    column = "full_text" if feed.privacy == "full" else "initials_text"
    rows = await session.fetch(
        f"""
        SELECT a.starts_at, a.id, x.{column} AS text, x.version IS DISTINCT FROM a.version AS is_stale
          FROM appointments a
          LEFT JOIN appointment_texts x ON x.business_id = a.business_id AND x.appointment_id = a.id
        {_within(feed.scope)}
           AND (NOT ({_HAS_ENDED}) OR a.updated_at >= $5)
           AND (a.starts_at, a.id) > ($6, $7)
         ORDER BY a.starts_at, a.id LIMIT {PAGE}
        """,
        feed.business_id,
        feed.scope_id,
        *window,
        cancelled_since,
        *after,
    )
    return TextPage(
        texts=[row["text"] for row in rows if row["text"] is not None],
        stale=[row["id"] for row in rows if row["is_stale"]],
        following=(rows[-1]["starts_at"], rows[-1]["id"]) if len(rows) == PAGE else None,
    )


_BUSY_OF_PROVIDER = """
SELECT lower(c.during) AS start, upper(c.during) AS end
  FROM claims c JOIN providers p ON p.business_id = c.business_id AND p.resource_id = c.resource_id
 WHERE c.business_id = $1 AND p.id = $2 AND c.appointment_id IS NOT NULL AND c.expires_at IS NULL
   AND lower(c.during) < $4 AND lower(c.during) > $3::timestamptz - interval '5 days' AND upper(c.during) > $3
UNION ALL
SELECT lower(during), upper(during) FROM busy_blocks
 WHERE business_id = $1 AND provider_id = $2 AND upper(during) > $3 AND lower(during) < $4
"""


async def busy_spans(session: Session, feed: FoundFeed, window: Span) -> list[Span]:
    """
    When somebody is busy: claims of appointments, buffers included, and busy blocks; of others than providers, when
    their appointments take place. Holds are nobody's business: most of them are gone in minutes.

    Nothing reaches out of *window*.
    """
    if feed.scope == "provider":
        query = _BUSY_OF_PROVIDER
    else:
        query = f"""
        SELECT a.starts_at AS start, a.ends_at AS end FROM appointments a {_within(feed.scope)}
           AND NOT ({_HAS_ENDED})"""
    rows = await session.fetch(query, feed.business_id, feed.scope_id, *window)
    return [(max(row["start"], window[0]), min(row["end"], window[1])) for row in rows]


_OF_CUSTOMER = (
    PLACE_COLUMNS
    + PLACE_TABLES
    + f"""
 WHERE a.business_id = $1 AND t.customer_id = $2 AND a.starts_at >= $3 AND a.starts_at < $4 AND a.status <> 'held'
   AND (t.cancelled_at IS NULL OR t.cancelled_at >= $5) AND t.id > $6
 ORDER BY t.id LIMIT {PAGE}
"""
)


async def places_of_customer(session: Session, feed: FoundFeed, window: Span, cancelled_since: datetime) -> list[Place]:
    """A customer's own appointments in the window, in their order."""
    found: list[Place] = []
    while True:
        after = found[-1].attendee.id if found else 0
        rows = await session.fetch(_OF_CUSTOMER, feed.business_id, feed.scope_id, *window, cancelled_since, after)
        found += [place_of(row) for row in rows]
        if len(rows) < PAGE:
            return sorted(found, key=lambda place: (place.appointment.start, place.appointment.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed as its business manages it."""

    id: int
    uid: UUID
    name: str
    scope: str
    subject: str | None
    """Slug of the provider, service or location."""
    privacy: str
    colour: str
    hint: str
    """The last characters of the token in force."""
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


_ROWS = """
SELECT f.id, f.uid, f.name, f.scope, coalesce(p.slug, s.slug, l.slug) AS subject, f.privacy, f.colour,
       coalesce((SELECT t.hint FROM feed_tokens t WHERE t.business_id = f.business_id AND t.feed_id = f.id
                    AND t.retired_at IS NULL), '') AS hint, f.last_used_at, f.revoked_at, f.created_at
  FROM feeds f
  LEFT JOIN providers p ON p.business_id = f.business_id AND p.id = f.provider_id
  LEFT JOIN services s ON s.business_id = f.business_id AND s.id = f.service_id
  LEFT JOIN locations l ON l.business_id = f.business_id AND l.id = f.location_id
 WHERE f.business_id = $1 AND f.scope <> 'customer'
"""


async def list_feeds(session: Session, business_id: int, *, after: int | None, limit: int) -> list[FeedRow]:
    """Feeds of a business, the oldest first."""
    rows = await session.fetch(_ROWS + " AND f.id > $2 ORDER BY f.id LIMIT $3", business_id, after or 0, limit)
    return [_row(row) for row in rows]


async def find_feed_row(session: Session, business_id: int, uid: UUID, *, lock: bool = False) -> FeedRow | None:
    """One feed of a business; with *lock* nobody else changes it, or its tokens, until the transaction ends."""
    if lock:
        await session.execute("SELECT FROM feeds WHERE business_id = $1 AND uid = $2 FOR UPDATE", business_id, uid)
    row = await session.first(_ROWS + " AND f.uid = $2", business_id, uid)
    return _row(row) if row else None


def _row(row: Row) -> FeedRow:
    return FeedRow(**dict(row))


_SUBJECTS = {"provider": "providers", "service": "services", "location": "locations"}


async def insert_feed(session: Session, business_id: int, values: dict[str, Any], subject: str | None) -> int | None:
    """A new feed's id; None if there is no provider, service or location called *subject*."""
    scope = values["scope"]
    subject_id = values.get("customer_id")
    if scope in _SUBJECTS:
        subject_id = await session.value(
            f"SELECT id FROM {_SUBJECTS[scope]} WHERE business_id = $1 AND slug = $2", business_id, subject
        )
    if scope != "business" and subject_id is None:
        return None
    column = f", {scope}_id" if scope != "business" else ""
    return int(
        await session.value(
            f"INSERT INTO feeds (business_id, uid, name, scope, privacy, colour{column})"
            f" VALUES ($1, $2, $3, $4, $5, $6{', $7' if column else ''}) RETURNING id",
            business_id,
            values["uid"],
            values["name"],
            scope,
            values["privacy"],
            values["colour"],
            *([subject_id] if column else []),
        )
    )


class CustomerFeed(NamedTuple):
    """A customer's own feed."""

    id: int
    uid: UUID


async def customer_feed(session: Session, business_id: int, customer_id: int) -> CustomerFeed | None:
    """The feed that this customer has already, if it was not revoked."""
    row = await session.first(
        "SELECT id, uid FROM feeds WHERE business_id = $1 AND customer_id = $2 AND revoked_at IS NULL",
        business_id,
        customer_id,
    )
    return CustomerFeed(row["id"], row["uid"]) if row else None


async def add_token(session: Session, business_id: int, feed_id: int, token_hash: bytes, hint: str) -> None:
    """The feed opens with this token, too; nothing happens if it does already."""
    await session.execute(
        "INSERT INTO feed_tokens (business_id, feed_id, token_hash, hint) SELECT $1, $2, $3, $4"
        " WHERE NOT EXISTS (SELECT FROM feed_tokens WHERE business_id = $1 AND feed_id = $2 AND token_hash = $3)",
        business_id,
        feed_id,
        token_hash,
        hint,
    )


async def renew_token(session: Session, business_id: int, feed_id: int, token_hash: bytes, hint: str) -> None:
    """The feed opens with this token from now on, and with no other."""
    await retire_tokens(session, business_id, feed_id)
    await add_token(session, business_id, feed_id, token_hash, hint)


async def retire_tokens(session: Session, business_id: int, feed_id: int) -> None:
    """No token opens this feed any more."""
    await session.execute(
        "UPDATE feed_tokens SET retired_at = clock_timestamp()"
        " WHERE business_id = $1 AND feed_id = $2 AND retired_at IS NULL",
        business_id,
        feed_id,
    )


async def revoke_feed(session: Session, business_id: int, feed_id: int) -> bool:
    """Ends a feed; False if it had ended."""
    return (
        await session.execute(
            "UPDATE feeds SET revoked_at = clock_timestamp(), version = version + 1"
            " WHERE business_id = $1 AND id = $2 AND revoked_at IS NULL",
            business_id,
            feed_id,
        )
        > 0
    )


async def change_feed(session: Session, business_id: int, feed_id: int, values: Sequence[str]) -> None:
    """Gives a feed a new name, privacy and colour."""
    await session.execute(
        "UPDATE feeds SET name = $3, privacy = $4, colour = $5, version = version + 1, updated_at = clock_timestamp()"
        " WHERE business_id = $1 AND id = $2",
        business_id,
        feed_id,
        *values,
    )


async def lock_customer_of(session: Session, business_id: int, attendee_id: int) -> int:
    """The customer that an attendee is. Until the transaction ends, nobody else gives them a feed."""
    return int(
        await session.value(
            "SELECT c.id FROM attendees t JOIN customers c ON c.business_id = t.business_id AND c.id = t.customer_id"
            " WHERE t.business_id = $1 AND t.id = $2 FOR NO KEY UPDATE OF c",
            business_id,
            attendee_id,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHours:
    """A provider's hours at one location: weekly windows, and dates whose windows replace them."""

    zone: str
    weekly: Sequence[WeeklyWindow]
    exceptions: Sequence[DateException]
    holidays: frozenset[date]
    """Closed, unless an exception says otherwise."""


_HOURS = """
SELECT l.timezone, l.holiday_country, l.holiday_subdivision, weekly.windows AS weekly, special.days AS exceptions
  FROM locations l
 CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(weekday, start_min, end_min, valid_from, valid_until)
                       ORDER BY weekday, start_min) AS windows
         FROM working_hours w
        WHERE w.business_id = l.business_id AND w.location_id = l.id AND w.provider_id = $2) weekly
 CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(day,
                (SELECT coalesce(json_agg(json_build_array(lower(part), upper(part))), '[]')
                   FROM unnest(windows) part))) AS days
         FROM exceptions e
        WHERE e.business_id = l.business_id AND e.location_id = l.id AND e.provider_id = $2
          AND e.day BETWEEN $3 AND $4) special
 WHERE l.business_id = $1 AND l.active AND (weekly.windows IS NOT NULL OR special.days IS NOT NULL)
 ORDER BY l.id
"""


async def hours_of_provider(session: Session, feed: FoundFeed, first: date, last: date) -> list[PlaceHours]:
    """The working hours of the provider of *feed*, one entry per location, with what differs from *first* to *last*."""
    rows = await session.fetch(_HOURS, feed.business_id, feed.scope_id, first, last)
    return [
        PlaceHours(
            zone=row["timezone"],
            weekly=[
                WeeklyWindow(weekday, start, end, _date(valid_from), _date(valid_until))
                for weekday, start, end, valid_from, valid_until in row["weekly"] or ()
            ],
            exceptions=[
                DateException(date.fromisoformat(day), tuple((start, end) for start, end in windows))
                for day, windows in row["exceptions"] or ()
            ],
            holidays=public_holidays(row["holiday_country"], row["holiday_subdivision"], first.year, last.year),
        )
        for row in rows
    ]


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None
