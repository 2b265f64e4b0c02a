"""
Owns our appointments as events of the provider's calendar: which are to be there, what we wrote, what became of it.

Leaves writing them to `usecases/sync`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ics.read.own_view import EventView
from ics.sync.edits import Edit, edit_of
from server.store.connections import Calendar
from server.store.engine import Row, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedEvent:
    """
    An appointment in a calendar.

    Attributes:
        href: Where it is; None before it was written, and after it was given up.
        shown: Start and end as we wrote them last.
        writing: Start and end as we were about to write them; the answer may have been lost.
        texts: `summary`, `description`, `location` as we wrote them last.
        edit: What the provider did to it: `moved`, `reshaped`, `removed`; None where nothing is open.
        wanted: Whether it is to be there.
    """

    business_id: int
    calendar_id: int
    appointment_id: int
    appointment: UUID
    uid: str
    wanted_version: int
    pushed_version: int
    href: str | None
    etag: str | None
    shown: tuple[datetime, datetime] | None
    writing: tuple[datetime, datetime] | None
    texts: Mapping[str, str]
    edit: str | None
    edit_shown: tuple[datetime, datetime] | None
    edit_at: datetime | None
    put_back: int
    tries: int
    wanted: bool
    future: bool

    def edit_in(self, seen: EventView) -> Edit | None:
        """What the provider did to it; what we did ourselves, and were not told of, is no edit."""
        if self.shown is None or (self.writing is not None and edit_of(self.writing, seen) is None):
            return None
        return edit_of(self.shown, seen)


_COLUMNS = """e.business_id, e.calendar_id, e.appointment_id, a.uid AS appointment, e.uid, e.wanted_version,
       e.pushed_version, e.href, e.etag, e.shown, e.writing, e.texts, e.edit,
       e.edit_shown, e.edit_at, e.put_back, e.tries,
       a.status IN ('pending', 'confirmed', 'completed', 'no_show') AND a.provider_id = c.provider_id
           AND (c.receives OR e.adopted) AS wanted,
       a.ends_at > clock_timestamp() AS future"""
_TABLES = """ pushed_events e
  JOIN appointments a ON a.business_id = e.business_id AND a.id = e.appointment_id
  JOIN calendars c ON c.business_id = e.business_id AND c.id = e.calendar_id"""

_WANT = """
WITH changed AS (
    SELECT a.business_id, a.id, a.uid, a.version, a.provider_id, a.status, a.ends_at
      FROM unnest($1::bigint[], $2::bigint[]) told (business_id, id)
      JOIN appointments a ON a.business_id = told.business_id AND a.id = told.id
), wanted AS (
    INSERT INTO pushed_events AS known (business_id, calendar_id, appointment_id, uid, wanted_version)
    SELECT a.business_id, c.id, a.id, a.uid::text, a.version
      FROM changed a
      JOIN calendars c ON c.business_id = a.business_id AND c.provider_id = a.provider_id AND c.receives
     WHERE a.status IN ('pending', 'confirmed') AND a.ends_at > clock_timestamp()
       AND NOT EXISTS (SELECT FROM pushed_events k
                         JOIN calendars kc ON kc.business_id = k.business_id AND kc.id = k.calendar_id
                                          AND kc.provider_id = a.provider_id
                        WHERE k.business_id = a.business_id AND k.appointment_id = a.id AND k.adopted)
        ON CONFLICT (business_id, calendar_id, appointment_id) DO UPDATE SET wanted_version = excluded.wanted_version
    RETURNING business_id, calendar_id, appointment_id
), unwanted AS (
    UPDATE pushed_events e SET wanted_version = a.version
      FROM changed a
     WHERE e.business_id = a.business_id AND e.appointment_id = a.id AND e.wanted_version < a.version
       AND NOT EXISTS (SELECT FROM wanted w WHERE w.business_id = e.business_id AND w.calendar_id = e.calendar_id
                                              AND w.appointment_id = e.appointment_id)
    RETURNING e.business_id, e.calendar_id
)
UPDATE connections k SET due_at = clock_timestamp()
 WHERE (k.business_id, k.id) IN (
       SELECT c.business_id, c.connection_id FROM calendars c
         JOIN (SELECT business_id, calendar_id FROM wanted UNION SELECT business_id, calendar_id FROM unwanted) t
           ON t.business_id = c.business_id AND t.calendar_id = c.id)
   -- A server in trouble is not asked sooner because of a booking.
   AND k.failures = 0
"""


async def want_pushed(session: Session, appointments: Sequence[tuple[int, int]]) -> None:
    """These appointments, `(business id, id)`, have changed: calendars that show them, or should, are to follow."""
    await session.execute(_WANT, [key[0] for key in appointments], [key[1] for key in appointments])


_WANT_ALL = """
INSERT INTO pushed_events AS known (business_id, calendar_id, appointment_id, uid, wanted_version)
SELECT a.business_id, $2, a.id, a.uid::text, a.version
  FROM appointments a
  JOIN calendars c ON c.business_id = a.business_id AND c.id = $2 AND c.provider_id = a.provider_id
 WHERE a.business_id = $1 AND a.status IN ('pending', 'confirmed') AND a.ends_at > clock_timestamp()
    ON CONFLICT (business_id, calendar_id, appointment_id) DO UPDATE
   SET wanted_version = excluded.wanted_version, pushed_version = 0
"""


async def want_all(session: Session, calendar: Calendar) -> None:
    """All appointments to come are to be in *calendar*."""
    await session.execute(_WANT_ALL, calendar.business_id, calendar.id)


_GIVE_UP_OTHERS = """
WITH given_up AS (
    UPDATE pushed_events e SET adopted = false, pushed_version = 0
      FROM calendars c
     WHERE c.business_id = $1 AND c.provider_id = $2 AND c.id <> $3
       AND e.business_id = c.business_id AND e.calendar_id = c.id
    RETURNING c.connection_id)
UPDATE connections SET due_at = clock_timestamp()
 WHERE business_id = $1 AND id IN (SELECT connection_id FROM given_up)
"""


async def give_up_others(session: Session, calendar: Calendar, provider_id: int) -> None:
    """From now on the provider's appointments are in *calendar*: wherever else they were written, they go."""
    await session.execute(_GIVE_UP_OTHERS, calendar.business_id, provider_id, calendar.id)


async def want_again(session: Session, business_id: int, connection_id: int) -> None:
    """All that was ever written into the calendars of a connection is looked at again: the settings have changed."""
    await session.execute(
        "UPDATE pushed_events e SET pushed_version = 0 FROM calendars c"
        " WHERE c.business_id = $1 AND c.connection_id = $2 AND e.business_id = c.business_id AND e.calendar_id = c.id",
        business_id,
        connection_id,
    )


async def find_pushed(session: Session, calendar: Calendar, hrefs: Sequence[str]) -> dict[str, PushedEvent]:
    """Those of *hrefs* that are ours, by href."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2"
        " AND e.href = ANY($3::text[])",
        calendar.business_id,
        calendar.id,
        list(hrefs),
    )
    return {row["href"]: _pushed(row) for row in rows}


async def find_pushed_by_uid(session: Session, calendar: Calendar, uids: Sequence[str]) -> dict[str, PushedEvent]:
    """Those of *uids* that are ours in this calendar, wherever they were written, by UID."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2 AND e.uid = ANY($3::text[])",
        calendar.business_id,
        calendar.id,
        list(uids),
    )
    return {row["uid"]: _pushed(row) for row in rows}


async def open_edits(session: Session, calendar: Calendar) -> list[PushedEvent]:
    """What the provider did, and nobody has answered yet."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2 AND e.edit IS NOT NULL"
        " ORDER BY e.edit_at, e.appointment_id",
        calendar.business_id,
        calendar.id,
    )
    return [_pushed(row) for row in rows]


async def unpushed(session: Session, calendar: Calendar, limit: int) -> list[PushedEvent]:
    """What is to be written: the next appointments first, and those last that could not be written before."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2"
        " AND e.wanted_version <> e.pushed_version AND e.edit IS NULL"
        " ORDER BY e.problem <> '', a.starts_at, a.id LIMIT $3",
        calendar.business_id,
        calendar.id,
        limit,
    )
    return [_pushed(row) for row in rows]


async def unlisted(session: Session, calendar: Calendar) -> list[PushedEvent]:
    """What we wrote, and no listing has named since."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2 AND e.href IS NOT NULL"
        " AND e.edit IS NULL AND NOT EXISTS (SELECT FROM calendar_objects o WHERE o.business_id = e.business_id"
        " AND o.calendar_id = e.calendar_id AND o.href = e.href) ORDER BY e.appointment_id",
        calendar.business_id,
        calendar.id,
    )
    return [_pushed(row) for row in rows]


async def other_calendars_showing(session: Session, event: PushedEvent) -> set[int]:
    """Where else the same appointment is, or is to be, or has been and is still to go."""
    rows = await session.fetch(
        "SELECT calendar_id FROM pushed_events WHERE business_id = $1 AND appointment_id = $2 AND calendar_id <> $3",
        event.business_id,
        event.appointment_id,
        event.calendar_id,
    )
    return {row["calendar_id"] for row in rows}


async def count_future(session: Session, calendar: Calendar) -> tuple[int, int]:
    """How many of our events to come were in *calendar*, and how many of these the provider removed."""
    row = await session.first(
        "SELECT count(*) AS written, count(*) FILTER (WHERE e.edit = 'removed') AS removed"
        " FROM pushed_events e JOIN appointments a ON a.business_id = e.business_id AND a.id = e.appointment_id"
        " WHERE e.business_id = $1 AND e.calendar_id = $2 AND e.href IS NOT NULL AND a.ends_at > clock_timestamp()"
        " AND a.status IN ('pending', 'confirmed')",
        calendar.business_id,
        calendar.id,
    )
    assert row is not None
    return row["written"], row["removed"]


async def all_written(session: Session, calendar: Calendar) -> list[PushedEvent]:
    """Everything of ours that is in *calendar*."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE e.business_id = $1 AND e.calendar_id = $2 AND e.href IS NOT NULL"
        " ORDER BY a.starts_at",
        calendar.business_id,
        calendar.id,
    )
    return [_pushed(row) for row in rows]


async def note_edit(
    session: Session, event: PushedEvent, edit: str, shown: tuple[datetime, datetime] | None, etag: str | None
) -> None:
    """The provider did this to it."""
    await session.execute(
        "UPDATE pushed_events SET edit = $4::varchar, edit_shown = tstzrange($5, $6), etag = $7,"
        " edit_at = CASE WHEN edit = $4::varchar THEN edit_at ELSE clock_timestamp() END"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        edit,
        *(shown or (None, None)),
        etag,
    )


async def note_seen(session: Session, event: PushedEvent, etag: str | None) -> None:
    """It is as we wrote it, or differs in what is theirs; a removal that was only thought of is taken back."""
    await session.execute(
        "UPDATE pushed_events SET etag = $4, edit = NULL, edit_shown = NULL, edit_at = NULL"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        etag,
    )


async def note_adopted(session: Session, event: PushedEvent, calendar: Calendar, href: str) -> None:
    """It turned up at another place: there it stays. What else was done to it on the way is still to be read."""
    await session.execute(
        "UPDATE pushed_events SET calendar_id = $4, href = $5, etag = NULL, adopted = true, edit = NULL,"
        " edit_shown = NULL, edit_at = NULL"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        calendar.id,
        href,
    )


async def note_writing(session: Session, event: PushedEvent, span: tuple[datetime, datetime]) -> None:
    """We are about to write these times."""
    await session.execute(
        "UPDATE pushed_events SET writing = tstzrange($4, $5)"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        *span,
    )


async def note_written(
    session: Session,
    event: PushedEvent,
    *,
    version: int,
    href: str,
    etag: str | None,
    shown: tuple[datetime, datetime],
    texts: Mapping[str, str],
) -> None:
    """It is there as we want it."""
    await session.execute(
        "UPDATE pushed_events SET pushed_version = $4, href = $5, etag = $6, shown = tstzrange($7, $8), texts = $9,"
        " uid = $10, writing = NULL, edit = NULL, edit_shown = NULL, edit_at = NULL, tries = 0, problem = ''"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        version,
        href,
        etag,
        *shown,
        dict(texts),
        event.uid,
    )


async def note_failed(session: Session, event: PushedEvent, problem: str, *, give_up: bool) -> None:
    """It could not be written this time; where we give up, not before it changes again."""
    await session.execute(
        "UPDATE pushed_events SET tries = tries + 1, problem = $4,"
        " pushed_version = CASE WHEN $5 THEN wanted_version ELSE pushed_version END"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        problem[:300],
        give_up,
    )


async def put_back(session: Session, event: PushedEvent, *, gone: bool) -> None:
    """What the provider did is undone: it is written again, where it is *gone* as a new event."""
    await session.execute(
        "UPDATE pushed_events SET pushed_version = 0, put_back = put_back + 1, edit = NULL, edit_shown = NULL,"
        " edit_at = NULL, href = CASE WHEN $4 THEN NULL ELSE href END, etag = CASE WHEN $4 THEN NULL ELSE etag END"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        gone,
    )


async def accept_move(session: Session, event: PushedEvent) -> None:
    """The appointment follows the event: what is there now counts as written by us."""
    await session.execute(
        "UPDATE pushed_events SET shown = coalesce(edit_shown, shown), edit = NULL, edit_shown = NULL, edit_at = NULL,"
        " put_back = 0 WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
    )


async def note_delayed(session: Session, event: PushedEvent, problem: str) -> None:
    """It could not be written now: others are tried before it the next time."""
    await session.execute(
        "UPDATE pushed_events SET problem = $4 WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        problem[:300],
    )


async def leave_alone(session: Session, event: PushedEvent, problem: str) -> None:
    """It stays as the provider has it, until the appointment changes; that it was put back so often is remembered."""
    await session.execute(
        "UPDATE pushed_events SET shown = coalesce(edit_shown, shown), edit = NULL, edit_shown = NULL, edit_at = NULL,"
        " pushed_version = wanted_version, problem = $4"
        " WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
        problem[:300],
    )


async def forget_pushed(session: Session, event: PushedEvent) -> None:
    """It is not there any more, and is not to be."""
    await session.execute(
        "DELETE FROM pushed_events WHERE business_id = $1 AND calendar_id = $2 AND appointment_id = $3",
        event.business_id,
        event.calendar_id,
        event.appointment_id,
    )


def _pushed(row: Row) -> PushedEvent:
    values = dict(row)
    for name in ("shown", "writing", "edit_shown"):
        held = values[name]
        values[name] = (held.lower, held.upper) if held is not None and held.lower is not None else None
    return PushedEvent(**values)
