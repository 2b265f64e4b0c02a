"""
Owns what is known of an attendee's address.

Leaves the attendees themselves to `booking` and `appointments`.
"""

from server.store.engine import Session


async def mark_proved(session: Session, business_id: int, attendee_id: int) -> None:
    """Somebody who reads the mailbox of this attendee has followed a link there."""
    await session.execute(
        "UPDATE attendees SET proved_at = clock_timestamp() WHERE business_id = $1 AND id = $2 AND proved_at IS NULL",
        business_id,
        attendee_id,
    )
