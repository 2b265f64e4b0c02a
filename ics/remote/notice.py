"""
Owns what we keep of a peer's promise to call us when a calendar changes.

Leaves asking for it to `graph_subscriptions` and `google_channels`. A call is a hint to look; who never gets one polls.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """
    A promise.

    Attributes:
        id: Names it at the peer, and in every call.
        resource: What is watched, in the peer's words; needed to end it.
        expires_at: When it ends unless it is renewed; aware UTC.
    """

    id: str
    resource: str
    expires_at: datetime
