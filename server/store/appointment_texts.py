"""
Owns the calendar texts of appointments: which are out of date, keeping new ones, and counting what changed for whom.

Leaves rendering to `usecases/render_texts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.domain.appointment import Person, Shown
from server.domain.channels import one_of
from server.domain.details import by_label
from server.domain.lifecycle import ENDED
from server.store.appointments import APPOINTMENT_COLUMNS, APPOINTMENT_TABLES, appointment_of
from server.store.engine import Session
from server.store.locks import in_order, key_of


@dataclass(frozen=True, slots=True)
class NewText:
    """What is kept of one appointment."""

    shown: Shown
    full: str
    initials: str


async def one_at_a_time(session: Session, businesses: Iterable[int]) -> None:
    """
    Until the transaction ends, nobody else renders for *businesses*.

    So what is read afterwards is not older than what others have kept, and no two of them wait in a ring.
    """
    keys = in_order(key_of("calendar texts", business_id) for business_id in set(businesses))
    await session.execute("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) key", keys)


_STALE = (
    APPOINTMENT_COLUMNS
    + """, a.service_id, a.location_id, s.questions, b.email AS business_email, l.address, a.created_at, a.updated_at,
       x.provider_id AS text_provider, x.location_id AS text_location,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(t.name, t.email, t.phone, t.answers) ORDER BY t.id), '[]')
          FROM attendees t
         WHERE t.business_id = a.business_id AND t.appointment_id = a.id
           AND (t.cancelled_at IS NULL OR """
    + one_of("a.status", ENDED)
    + """)) AS people"""
    + APPOINTMENT_TABLES
    + """
  JOIN unnest($1::bigint[], $2::bigint[]) changed (business_id, id)
    ON changed.business_id = a.business_id AND changed.id = a.id
  LEFT JOIN appointment_texts x ON x.business_id = a.business_id AND x.appointment_id = a.id
 WHERE a.status <> 'held' AND ($3 OR x.version IS NULL OR x.version < a.version)
"""
)


async def stale_texts(
    session: Session, appointments: Sequence[tuple[int, int]], *, even_if_current: bool = False
) -> list[Shown]:
    """Those of *appointments*, `(business id, id)`, whose text is older than they are, or all of them."""
    rows = await session.fetch(
        _STALE, [key[0] for key in appointments], [key[1] for key in appointments], even_if_current
    )
    return [
        Shown(
            appointment=appointment_of(row),
            business_email=row["business_email"],
            address=row["address"],
            created_at=row["created_at"],
            changed_at=row["updated_at"],
            service_id=row["service_id"],
            location_id=row["location_id"],
            people=[_person(person, row["questions"]) for person in row["people"]],
            earlier=(row["text_provider"], row["text_location"]) if row["text_provider"] is not None else None,
        )
        for row in rows
    ]


def _person(person: Sequence[Any], questions: Sequence[Mapping[str, object]]) -> Person:
    name, email, phone, answers = person
    return Person(name, email, phone, by_label(answers, questions))


_KEEP = """
INSERT INTO appointment_texts AS known (business_id, appointment_id, version, provider_id, location_id, full_text,
                                        initials_text)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
    ON CONFLICT (business_id, appointment_id) DO UPDATE
   SET version = excluded.version, provider_id = excluded.provider_id, location_id = excluded.location_id,
       full_text = excluded.full_text, initials_text = excluded.initials_text
 WHERE known.version <= excluded.version
"""


async def keep_texts(session: Session, texts: Sequence[NewText]) -> None:
    """Keeps *texts*; one that is older than what is there is dropped."""
    ordered = sorted(texts, key=lambda text: (text.shown.appointment.business_id, text.shown.appointment.id))
    shown = [text.shown for text in ordered]
    await session.execute(
        _KEEP,
        [s.appointment.business_id for s in shown],
        [s.appointment.id for s in shown],
        [s.appointment.version for s in shown],
        [s.appointment.provider_id for s in shown],
        [s.location_id for s in shown],
        [text.full for text in ordered],
        [text.initials for text in ordered],
    )


_RAISE = """
INSERT INTO feed_versions AS known (business_id, scope, scope_id, version, busy_version)
SELECT *, 2, 2 FROM unnest($1::bigint[], $2::text[], $3::bigint[])
    ON CONFLICT (business_id, scope, scope_id) DO UPDATE
   SET version = known.version + 1, changed_at = clock_timestamp(),
       busy_version = known.busy_version + 1, busy_changed_at = clock_timestamp()
"""


async def raise_feed_versions(session: Session, scopes: Iterable[tuple[int, str, int]]) -> None:
    """
    Something has changed in each of *scopes*: `(business id, scope, id)`.

    In one order with everybody else's, so that none waits in a ring.
    """
    ordered = sorted(set(scopes))
    await session.execute(_RAISE, [s[0] for s in ordered], [s[1] for s in ordered], [s[2] for s in ordered])


_SHOWING = """
SELECT id FROM appointments
 WHERE business_id = $1 AND starts_at > clock_timestamp() - interval '60 days' AND status <> 'held'
   AND ($2 = 'businesses' OR service_id = $3 AND $2 = 'services' OR provider_id = $3 AND $2 = 'providers'
        OR location_id = $3 AND $2 = 'locations')
 ORDER BY id
"""


async def appointments_showing(session: Session, business_id: int, table: str, row_id: int) -> list[int]:
    """
    Ids of the appointments whose text has the name of this business, service, provider or location.

    Those of the last 60 days and all to come: what is longer past keeps the names of its time.
    """
    rows = await session.fetch(_SHOWING, business_id, table, row_id)
    return [row["id"] for row in rows]
