"""
Owns the shape of addresses that are left alone.

Leaves leaving them alone to the worker.
"""

from datetime import datetime
from typing import Annotated

from server.domain.channels import SUPPRESSIBLE
from server.store.suppressions import Suppression
from server.web.shapes.base import OneOf, Shape
from server.web.shapes.drafts import page_shape


class SuppressionItem(Shape):
    """An address that gets no messages, or no reminders."""

    id: int
    channel: Annotated[str, OneOf(SUPPRESSIBLE)]
    target: str
    """Mail address or phone number."""
    scope: Annotated[str, OneOf(("all", "reminders"))]
    reason: str
    until: datetime | None
    """null: until it is lifted."""
    created_at: datetime


SuppressionPage = page_shape(SuppressionItem)


def item_of(found: Suppression) -> SuppressionItem:
    """As the list shows it."""
    return SuppressionItem(
        id=found.id,
        channel=found.channel,
        target=found.target,
        scope=found.scope,
        reason=found.reason,
        until=found.until,
        created_at=found.created_at,
    )
