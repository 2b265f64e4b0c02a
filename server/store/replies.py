"""
Owns what answers to invitations need of the database: whose address it is, what they answered before, PARTSTAT.

Leaves what an answer means to `domain/replies`, and cancelling and moving to `appointments`.
"""

from datetime import timedelta

from server.domain.appointment import Place
from server.domain.events import Kind
from server.domain.replies import Noted
from server.store.appointments import PLACE_COLUMNS, PLACE_TABLES, place_of
from server.store.engine import Session

_MOST_NOTED = 50


async def find_invited(session: Session, business_id: int, attendee_id: int) -> Place | None:
    """The place of an attendee. Sets the session's clock."""
    row = await session.first(
        PLACE_COLUMNS + PLACE_TABLES + " WHERE t.business_id = $1 AND t.id = $2", business_id, attendee_id
    )
    if row is None:
        return None
    session.now = row["now"]
    return place_of(row)


_NOTED = """
SELECT payload->>'answer' AS what, (payload->>'stamp')::timestamptz AS stamp, created_at AS heard_at
  FROM outbox
 WHERE business_id = $1 AND appointment_id = $2 AND kind = ANY($3::text[])
   AND (payload->>'attendee')::bigint = $4 AND (payload->>'sequence')::int = $5 AND payload ? 'answer'
 ORDER BY id DESC LIMIT $6
"""


async def noted_answers(session: Session, place: Place) -> list[Noted]:
    """The newest answers of this attendee to the invitation as it stands, as far as facts are kept."""
    rows = await session.fetch(
        _NOTED,
        place.appointment.business_id,
        place.appointment.id,
        [Kind.ANSWERED, Kind.COUNTER_DECLINED],
        place.attendee.id,
        place.appointment.sequence,
        _MOST_NOTED,
    )
    return [Noted(**dict(row)) for row in rows]


_INVITED = """
SELECT count(*) FROM outbox
 WHERE business_id = $1 AND appointment_id = $2 AND kind = $3 AND (payload->>'attendee')::bigint = $4
   AND created_at > $5
"""


async def invited_again(session: Session, place: Place, *, within: timedelta) -> int:
    """How often this attendee has got the invitation again, counted back from the session's clock."""
    return int(
        await session.value(
            _INVITED,
            place.appointment.business_id,
            place.appointment.id,
            Kind.INVITE_REQUESTED,
            place.attendee.id,
            session.now - within,
        )
    )


async def set_partstat(session: Session, place: Place, partstat: str) -> None:
    """What the attendee answered last."""
    await session.execute(
        "UPDATE attendees SET partstat = $3 WHERE business_id = $1 AND id = $2 AND partstat <> $3",
        place.appointment.business_id,
        place.attendee.id,
        partstat,
    )
