"""
Owns what tells a burst of bookings from the rest: when they were made, and by whom.

Leaves finding them to `store/bursts`.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Bookings that were made in `[since, until)` and match everything that is given."""

    since: datetime
    until: datetime
    network: str | None = None
    address: str | None = None
    domain: str | None = None
    phone: str | None = None
    only_unproved: bool = True
    """Without those whose address somebody has proved."""
