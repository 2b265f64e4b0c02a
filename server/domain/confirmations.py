"""
Owns a time that is held until somebody who reads the mailbox of its customer's address says so.

Leaves holding and booking it to the use-cases.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from server.domain.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What waits for its address, with everything that a page, a mail and an answer say of it."""

    business_id: int
    business: str
    business_name: str
    id: int
    uid: UUID
    service: str
    service_name: str
    provider: str
    provider_name: str
    location: str
    location_name: str
    address: str
    location_zone: str
    online: bool
    start: datetime
    terms: Terms
    email: str
    token_salt: bytes
    token_hash: bytes
    manage_hash: bytes | None
    """Of the appointment's manage token, once there is one."""
    order_sealed: bytes
    network: str | None
    expires_at: datetime
    is_held: bool
    """Its time has not run out."""
    confirmed_at: datetime | None

    @property
    def end(self) -> datetime:
        """When the appointment will end."""
        return self.start + timedelta(seconds=self.terms.duration_s)
