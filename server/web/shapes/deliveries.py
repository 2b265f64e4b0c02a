"""
Owns the shapes of deliveries: what was sent to whom, and what came of it.

Leaves the words to the channels.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from server.domain.channels import LOGGED
from server.store.delivery_log import Attempt, Logged
from server.web.shapes.base import OneOf, Shape
from server.web.shapes.drafts import PageQuery, page_shape

State = Literal["queued", "sending", "retrying", "sent", "undelivered", "dead", "skipped"]
Channel = Annotated[str, OneOf(LOGGED)]


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    state: State | None = None
    channel: Channel | None = None
    appointment: UUID | None = None
    webhook: UUID | None = None


class RedriveOrder(Shape):
    """Which of the dead deliveries to send again; nothing named means all."""

    channel: Channel | None = None
    webhook: UUID | None = None


class Redriven(Shape):
    """How many were queued again."""

    queued: int


class DeliveryItem(Shape):
    """One message to one target."""

    id: str
    channel: Channel
    message: str
    recipient: str
    target: str
    """Mail address or phone number; empty for webhooks."""
    webhook: str | None
    appointment: str | None
    state: State
    tries: int
    next_try_at: datetime | None
    status: int | None
    """Of the last attempt: SMTP or HTTP."""
    detail: str
    created_at: datetime
    finished_at: datetime | None


class DeliveryAttempt(Shape):
    """One attempt."""

    attempt: int
    verdict: str
    status: int | None
    detail: str
    response: str
    """The beginning of what the receiver answered."""
    duration_ms: int
    at: datetime


class DeliveryDetails(DeliveryItem):
    """A delivery with everything that was tried."""

    body: str | None
    """What was sent, of webhooks."""
    attempts: list[DeliveryAttempt]


DeliveryPage = page_shape(DeliveryItem)


def item_of(logged: Logged) -> dict[str, Any]:
    """A delivery as the list shows it."""
    return {
        "id": str(logged.uid),
        "channel": logged.channel,
        "message": logged.message,
        "recipient": logged.recipient,
        "target": logged.target,
        "webhook": str(logged.endpoint) if logged.endpoint else None,
        "appointment": str(logged.appointment) if logged.appointment else None,
        "state": logged.state,
        "tries": logged.tries,
        "next_try_at": logged.due_at if logged.state in {"queued", "retrying"} else None,
        "status": logged.status,
        "detail": logged.detail,
        "created_at": logged.created_at,
        "finished_at": logged.finished_at,
    }


def details_of(logged: Logged, attempts: list[Attempt]) -> DeliveryDetails:
    """A delivery with its attempts."""
    tried = [
        DeliveryAttempt(
            attempt=a.attempt,
            verdict=a.verdict,
            status=a.status,
            detail=a.detail,
            response=a.response,
            duration_ms=a.duration_ms,
            at=a.created_at,
        )
        for a in attempts
    ]
    return DeliveryDetails(**item_of(logged), body=logged.body, attempts=tried)
