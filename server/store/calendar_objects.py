"""
Owns what is known of the events in somebody else's calendar, and the time they take.

Leaves our own events there to `pushed_events`. Every function here runs in the transaction of a round (`still_ours`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ics.remote.notice import Subscription
from server.store.connections import Calendar
from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObject:
    """An event as it was read last. *etag* is None where it has to be read again."""

    id: int
    href: str
    uid: str
    etag: str | None
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshObject:
    """An event as it was read now; *spans* are seconds since the epoch."""

    href: str
    uid: str
    etag: str | None
    kept: str | None
    problem: str
    spans: Sequence[tuple[int, int]]
    keeps_spans: bool = False
    """It could not be read: the time that it took before goes on counting."""


async def known_objects(session: Session, calendar: Calendar, hrefs: Sequence[str]) -> dict[str, KnownObject]:
    """Those of *hrefs* that are known, by href."""
    rows = await session.fetch(
        "SELECT id, href, uid, etag, generation FROM calendar_objects"
        " WHERE business_id = $1 AND calendar_id = $2 AND href = ANY($3::text[])",
        calendar.business_id,
        calendar.id,
        list(hrefs),
    )
    return {row["href"]: KnownObject(**dict(row)) for row in rows}


async def unread_objects(session: Session, calendar: Calendar, limit: int) -> list[str]:
    """hrefs that were listed, and could not be read yet; others each time, so that all have their turn."""
    rows = await session.fetch(
        "SELECT href FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2 AND etag IS NULL"
        " ORDER BY random() LIMIT $3",
        calendar.business_id,
        calendar.id,
        limit,
    )
    return [row["href"] for row in rows]


_KEEP = """
INSERT INTO calendar_objects AS known (business_id, calendar_id, href, uid, etag, generation, kept, problem)
SELECT $1, $2, href, uid, etag, $8, kept, problem
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) f (href, uid, etag, kept, problem)
    ON CONFLICT (business_id, calendar_id, href) DO UPDATE
   SET uid = excluded.uid, etag = excluded.etag, generation = excluded.generation, kept = excluded.kept,
       problem = excluded.problem
RETURNING id, href
"""

_BLOCK = """
INSERT INTO busy_blocks (business_id, provider_id, during, source, object_id)
SELECT $1, $2, tstzrange(to_timestamp(start), to_timestamp(finish)), 'calendar', object_id
  FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) s (object_id, start, finish)
"""


async def keep_objects(session: Session, calendar: Calendar, provider_id: int, fresh: Sequence[FreshObject]) -> bool:
    """*fresh* replaces what was known of them, and the time they took; whether any time changed, or may have."""
    if not fresh:
        return False
    rows = await session.fetch(
        _KEEP,
        calendar.business_id,
        calendar.id,
        [each.href for each in fresh],
        [each.uid for each in fresh],
        [each.etag for each in fresh],
        [each.kept for each in fresh],
        [each.problem[:300] for each in fresh],
        calendar.generation,
    )
    ids = {row["href"]: row["id"] for row in rows}
    return await replace_spans(
        session, calendar, provider_id, {ids[each.href]: each.spans for each in fresh if not each.keeps_spans}
    )


async def replace_spans(
    session: Session, calendar: Calendar, provider_id: int, spans: Mapping[int, Sequence[tuple[int, int]]]
) -> bool:
    """Other time for these objects, by id; whether there was or is any."""
    if not spans:
        return False
    deleted = await session.execute(
        "DELETE FROM busy_blocks WHERE business_id = $1 AND object_id = ANY($2::bigint[])",
        calendar.business_id,
        list(spans),
    )
    flat = [(object_id, *span) for object_id, its in spans.items() for span in its]
    if flat:
        await session.execute(
            _BLOCK,
            calendar.business_id,
            provider_id,
            [each[0] for each in flat],
            [each[1] for each in flat],
            [each[2] for each in flat],
        )
    return bool(deleted or flat)


async def mark_seen(session: Session, calendar: Calendar, hrefs: Sequence[str]) -> None:
    """They were listed in this generation, and are as we know them."""
    await session.execute(
        "UPDATE calendar_objects SET generation = $4"
        " WHERE business_id = $1 AND calendar_id = $2 AND href = ANY($3::text[])",
        calendar.business_id,
        calendar.id,
        list(hrefs),
        calendar.generation,
    )


async def note_unread(session: Session, calendar: Calendar, hrefs: Sequence[str], problem: str) -> None:
    """They were listed and did not come: known time goes on counting, and they are asked for again."""
    await session.execute(
        "INSERT INTO calendar_objects AS known (business_id, calendar_id, href, generation, problem)"
        " SELECT $1, $2, href, $4, $5 FROM unnest($3::text[]) href"
        " ON CONFLICT (business_id, calendar_id, href)"
        " DO UPDATE SET etag = NULL, generation = excluded.generation, problem = excluded.problem",
        calendar.business_id,
        calendar.id,
        list(hrefs),
        calendar.generation,
        problem[:300],
    )


async def forget_objects(session: Session, calendar: Calendar, hrefs: Sequence[str]) -> int:
    """They are gone, and so is the time they took; how many were known."""
    return await session.execute(
        "DELETE FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2 AND href = ANY($3::text[])",
        calendar.business_id,
        calendar.id,
        list(hrefs),
    )


async def kept_objects(session: Session, calendar: Calendar, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Id and what expanding takes of events of which there may be more later, in order of their id."""
    rows = await session.fetch(
        "SELECT id, kept FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2 AND id > $3"
        " AND kept IS NOT NULL ORDER BY id LIMIT $4",
        calendar.business_id,
        calendar.id,
        after,
        limit,
    )
    return [(row["id"], row["kept"]) for row in rows]


async def forget_past_time(session: Session, calendar: Calendar, *, days: int) -> None:
    """Busy time that has passed long ago is nobody's business any more."""
    await session.execute(
        "DELETE FROM busy_blocks b USING calendar_objects o"
        " WHERE o.business_id = $1 AND o.calendar_id = $2 AND b.business_id = o.business_id AND b.object_id = o.id"
        " AND upper(b.during) < clock_timestamp() - make_interval(days => $3)",
        calendar.business_id,
        calendar.id,
        days,
    )


async def begin_listing(session: Session, calendar: Calendar) -> int:
    """
    A complete listing begins; its generation.

    The token is forgotten at once: were it used again by a round that takes over, what it does not name would be taken
    for what the listing does not name.
    """
    return int(
        await session.value(
            "UPDATE calendars SET generation = generation + 1, listing = true, token = NULL"
            " WHERE business_id = $1 AND id = $2 RETURNING generation",
            calendar.business_id,
            calendar.id,
        )
    )


async def note_token(session: Session, calendar: Calendar, token: str | None, *, listing: bool) -> None:
    """Where to go on from; in the transaction of what it stands for."""
    await session.execute(
        "UPDATE calendars SET token = $3, listing = $4 WHERE business_id = $1 AND id = $2",
        calendar.business_id,
        calendar.id,
        token,
        listing,
    )


async def note_known(session: Session, calendar: Calendar, as_of: datetime, window_end: datetime) -> None:
    """All that its server had at *as_of* is known here, up to *window_end*."""
    await session.execute(
        "UPDATE calendars SET known_at = $3, window_end = $4 WHERE business_id = $1 AND id = $2",
        calendar.business_id,
        calendar.id,
        as_of,
        window_end,
    )


async def longest_horizon_days(session: Session, business_id: int) -> int:
    """How far ahead anything of the business can be booked."""
    return int(
        await session.value(
            "SELECT coalesce(max(horizon_days), 90) FROM services WHERE business_id = $1 AND active", business_id
        )
    )


_OURS = re.compile("([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-[0-9]+)?", re.IGNORECASE)
"""The UID of an appointment, or what it got where a server did not take that one a second time."""


async def own_uids(session: Session, business_id: int, uids: Sequence[str]) -> set[str]:
    """Those of *uids* that were given to appointments of this business, at any time: they are never busy time."""
    named = {uid: match[1].lower() for uid in uids if (match := _OURS.fullmatch(uid))}
    rows = await session.fetch(
        "SELECT uid::text AS uid FROM appointments WHERE business_id = $1 AND uid = ANY($2::text[]::uuid[])",
        business_id,
        list(named.values()),
    )
    ours = {row["uid"] for row in rows}
    return {uid for uid, appointment in named.items() if appointment in ours}


async def count_objects(session: Session, calendar: Calendar) -> int:
    """How many objects of *calendar* are known."""
    return int(
        await session.value(
            "SELECT count(*) FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2",
            calendar.business_id,
            calendar.id,
        )
    )


async def feeds_showing(session: Session, business_id: int, provider_id: int) -> list[str]:
    """uids of the feeds in which time of this provider can show: a calendar may have subscribed to one."""
    rows = await session.fetch(
        "SELECT uid::text AS uid FROM feeds WHERE business_id = $1 AND (provider_id = $2 OR provider_id IS NULL)",
        business_id,
        provider_id,
    )
    return [row["uid"] for row in rows]


async def unseen_hrefs(session: Session, calendar: Calendar) -> list[str]:
    """After a complete listing: what it did not name."""
    rows = await session.fetch(
        "SELECT href FROM calendar_objects WHERE business_id = $1 AND calendar_id = $2 AND generation < $3",
        calendar.business_id,
        calendar.id,
        calendar.generation,
    )
    return [row["href"] for row in rows]


async def copies_of(session: Session, calendar: Calendar, uid: str) -> list[tuple[int, str, str | None]]:
    """Calendar, href and ETag of the objects with *uid* in all calendars of the connection."""
    rows = await session.fetch(
        "SELECT o.calendar_id, o.href, o.etag FROM calendar_objects o"
        " JOIN calendars c ON c.business_id = o.business_id AND c.id = o.calendar_id"
        " WHERE o.business_id = $1 AND o.uid = $2 AND c.connection_id = $3",
        calendar.business_id,
        uid,
        calendar.connection_id,
    )
    return [(row["calendar_id"], row["href"], row["etag"]) for row in rows]


async def note_notice(session: Session, calendar: Calendar, notice: Subscription) -> None:
    """The peer has promised to call when *calendar* changes."""
    await session.execute(
        "UPDATE calendars SET notice_id = $3, notice_resource = $4, notice_until = $5"
        " WHERE business_id = $1 AND id = $2",
        calendar.business_id,
        calendar.id,
        notice.id,
        notice.resource,
        notice.expires_at,
    )
