"""
Owns what a webhook says: the fact from the outbox as JSON.

Leaves signing and sending it to `webhook`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from server.domain.webhook_fields import shown


def webhook_body(*, kind: str, payload: Mapping[str, object], at: datetime) -> bytes:
    """
    The body for one fact, the same bytes on every attempt.

    Events are not ordered. `version` counts the changes of the appointment, so that a receiver can drop what is older
    than what it has seen; it is null where no appointment is concerned.

    Args:
        kind: A `domain.events.Kind`.
        payload: What the outbox keeps, such as a `domain.events.Fact.payload()`, and what was looked up for it; only
            what `domain.webhook_fields` allows is sent.
        at: When it happened.
    """
    return orjson.dumps(
        {
            "type": kind,
            "timestamp": at.astimezone(UTC).isoformat(),
            "version": payload.get("sequence") if "appointment" in payload else None,
            "data": shown(kind, payload),
        }
    )
