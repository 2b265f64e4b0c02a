"""
Owns writing what the service says about text messages, found by our own id: it may be faster than our own answer.

Leaves which status counts to `domain/sms_status`.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from server.store.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text message that was handed to the service."""

    business_id: int
    id: int
    target: str
    state: str
    tries: int
    remote_id: str | None
    remote_status: str
    business_email: str
    business_locale: str


async def find_text(session: Session, uid: UUID) -> Text | None:
    """The message with our id, locked."""
    row = await session.first(
        "SELECT d.business_id, d.id, d.target, d.state, d.tries, d.remote_id, d.remote_status,"
        "       b.email AS business_email, b.locale AS business_locale"
        "  FROM deliveries d JOIN businesses b ON b.id = d.business_id"
        " WHERE d.uid = $1 AND d.channel = 'sms' FOR UPDATE OF d",
        uid,
    )
    return Text(**dict(row)) if row else None


async def note_status(session: Session, text: Text, remote_id: str, status: str, *, detail: str, lost: bool) -> None:
    """The service's last word on *text*; a lost one that was sent is `undelivered`."""
    await session.execute(
        "UPDATE deliveries SET remote_id = $3, remote_status = $4, detail = $5,"
        "       state = CASE WHEN $6 AND state = 'sent' THEN 'undelivered' ELSE state END"
        " WHERE business_id = $1 AND id = $2",
        text.business_id,
        text.id,
        remote_id,
        status,
        detail[:500],
        lost,
    )


async def send_once_more(session: Session, text: Text, wait: timedelta) -> None:
    """*text*, which was lost, goes again later."""
    await session.execute(
        "UPDATE deliveries SET state = 'retrying', finished_at = NULL,"
        "       due_at = clock_timestamp() + make_interval(secs => $3) WHERE business_id = $1 AND id = $2",
        text.business_id,
        text.id,
        wait.total_seconds(),
    )


async def lost_in_a_row(session: Session, business_id: int, target: str, *, most: int) -> int:
    """How many of the last *most* messages to a number were lost, counted from the newest until one that was not."""
    rows = await session.fetch(
        "SELECT state FROM deliveries WHERE channel = 'sms' AND target = $2 AND business_id = $1"
        "   AND remote_status IN ('delivered', 'read', 'undelivered', 'failed') ORDER BY id DESC LIMIT $3",
        business_id,
        target,
        most,
    )
    for count, row in enumerate(rows):
        if row["state"] != "undelivered":
            return count
    return len(rows)


# The same is not said twice by mail, where a mail of its own was planned beside the text message.
_FALL_BACK = """
INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, target, peer, lane, appointment_id,
                        attendee_id, payload)
SELECT d.business_id, 'instead:' || d.id, 'mail', d.message, d.recipient,
       CASE WHEN d.recipient = 'provider' THEN coalesce(nullif(p.email, ''), b.email) ELSE t.email END,
       'mail', NULL, d.appointment_id, d.attendee_id, d.payload
  FROM deliveries d
  JOIN businesses b ON b.id = d.business_id
  JOIN appointments a ON a.business_id = d.business_id AND a.id = d.appointment_id
  JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
  LEFT JOIN attendees t ON t.business_id = d.business_id AND t.id = d.attendee_id
 WHERE d.business_id = $1 AND d.id = $2
   AND CASE WHEN d.recipient = 'provider' THEN coalesce(nullif(p.email, ''), b.email) ELSE t.email END <> ''
   AND NOT EXISTS (
       SELECT FROM deliveries o
        WHERE o.business_id = d.business_id AND o.appointment_id = d.appointment_id AND o.channel = 'mail'
          AND o.message = d.message AND o.recipient = d.recipient AND o.attendee_id IS NOT DISTINCT FROM d.attendee_id
          AND o.payload -> 'start' = d.payload -> 'start' AND o.payload -> 'offset_min' = d.payload -> 'offset_min')
    ON CONFLICT (business_id, dedupe_key) DO NOTHING
"""


async def fall_back_to_mail(session: Session, business_id: int, delivery_id: int) -> bool:
    """What a text message would have said goes by mail, if there is an address; whether it does."""
    return await session.execute(_FALL_BACK, business_id, delivery_id) > 0
