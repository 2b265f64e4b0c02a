"""
Owns what a business has set up, as one value that can be checked as a whole.

Leaves the checks to `setup_checks`, and what each field may be to the shapes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple


class ReminderRule(NamedTuple):
    """A reminder by *channel* to *recipient*."""

    channel: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What this server can do for its businesses, by its settings."""

    mail: bool
    sms: bool
    online_payment: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredBusiness:
    """The settings of a business that something else depends on."""

    slug: str
    email: str
    website: str
    logo: str
    allowed_origins: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredLocation:
    """An active location; *timezone* is an IANA name."""

    slug: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredProvider:
    """An active provider."""

    slug: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredOffer:
    """An active provider offers an active service: their own length and price, or the service's."""

    provider: str
    duration_min: int
    price_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyHours:
    """Open on *weekday* (Monday is 0), minutes after its local midnight; past 1440 on the next day."""

    id: int
    weekday: int
    start_min: int
    end_min: int
    valid_from: date | None
    valid_until: date | None
    provider: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredService:
    """An active service with who offers it, and when it may be."""

    slug: str
    capacity: int
    slot_step_min: int
    min_notice_min: int
    horizon_days: int
    price_minor: int
    cancel_fee_minor: int
    payment: str
    reminders: Sequence[ReminderRule]
    offers: Sequence[ConfiguredOffer]
    hours: Sequence[WeeklyHours] = ()
    needs_without_resource: Sequence[str] = ()
    """Needs for which no active room or device is where the service is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All of it. *hours* are those that are not over, of active providers at active locations."""

    business: ConfiguredBusiness
    locations: Sequence[ConfiguredLocation]
    providers: Sequence[ConfiguredProvider]
    services: Sequence[ConfiguredService]
    hours: Sequence[WeeklyHours]
    utc_offset_min: Mapping[str, int] = field(default_factory=dict)
    """By location: minutes its clocks are ahead of UTC now."""
    dates: Sequence[WeeklyHours] = ()
    """The hours of dates still to come that have their own, as of their weekday."""
