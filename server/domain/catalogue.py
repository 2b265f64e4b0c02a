"""
Owns what is offered, as the rules see it: a service by one provider at one location.

Leaves who may edit it to `usecases/catalogue`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from server.domain.appointment import Appointment
from server.domain.claims import Claim
from server.domain.hours import DateException, Sheet, WeeklyWindow, open_sheet
from server.domain.intervals import Spans
from server.domain.proofs import Guard
from server.domain.quotas import Had
from server.domain.reminders import ReminderRule
from server.domain.rules import Question
from server.domain.terms import Approval, Terms
from server.domain.zones import local_date, zone

_MOST_SHEETS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as it is offered; a provider's own length and price are already in."""

    id: int
    slug: str
    name: str
    duration_s: int
    buffer_before_s: int
    buffer_after_s: int
    step_s: int
    notice_s: int
    horizon_s: int
    capacity: int
    approval: Approval
    per_customer_limit: int | None
    price_minor: int
    currency: str
    change_window_min: int
    cancel_fee_minor: int
    reminders: tuple[ReminderRule, ...]
    hours: tuple[WeeklyWindow, ...]
    phone_required: bool
    questions: tuple[Mapping[str, object], ...]
    reapproval: bool = False
    """It asks for approval now, and does so again for an approved appointment that its customer moves."""
    payment_online: bool = False
    """What it costs is paid before there is an appointment."""

    @property
    def pays_online(self) -> bool:
        """Whether customers pay first."""
        return self.payment_online and self.price_minor > 0

    @property
    def is_class(self) -> bool:
        """Several customers share one appointment."""
        return self.capacity > 1

    @property
    def terms(self) -> Terms:
        """What whoever books it now is promised."""
        return Terms(
            price_minor=self.price_minor,
            currency=self.currency,
            duration_s=self.duration_s,
            change_window_min=self.change_window_min,
            cancel_fee_minor=self.cancel_fee_minor,
            approval=self.approval,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who is booked, and the resource that stands for their time."""

    id: int
    slug: str
    name: str
    resource_id: int
    daily_cap: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where it happens, and the zone in which its hours are written."""

    id: int
    slug: str
    name: str
    address: str
    zone: ZoneInfo
    holidays: frozenset[date]
    """Of the years that the question touches; empty where the location did not opt in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One service of one provider at one location, and when it is open."""

    business_id: int
    business: str
    """Its slug."""
    business_name: str
    service: Service
    provider: Provider
    location: Location
    weekly: tuple[WeeklyWindow, ...]
    exceptions: tuple[DateException, ...]
    needs: tuple[tuple[int, ...], ...]
    """For each need of the service, the resources at this location that could meet it."""
    catalogue_version: int
    """Of the business, when this was read."""
    sheets: dict[tuple[int, int], Sheet] = field(default_factory=dict, compare=False, repr=False)
    """Opening time that was worked out already, by window."""

    def at(self, terms: Terms) -> "Offer":
        """The same at *terms*, which were promised when others were offered."""
        service = replace(
            self.service,
            price_minor=terms.price_minor,
            currency=terms.currency,
            duration_s=terms.duration_s,
            change_window_min=terms.change_window_min,
            cancel_fee_minor=terms.cancel_fee_minor,
            approval=terms.approval,
        )
        return replace(self, service=service, sheets={})

    def lasting(self, seconds: int) -> "Offer":
        """The same for so long."""
        return self.at(replace(self.service.terms, duration_s=seconds))

    def claiming(self, before_s: int, after_s: int) -> "Offer":
        """The same with so much time kept free around it."""
        return replace(self, service=replace(self.service, buffer_before_s=before_s, buffer_after_s=after_s))

    def claim(self, start: int) -> tuple[int, int]:
        """The time that an appointment at *start* takes, buffers included."""
        return (
            start - self.service.buffer_before_s,
            start + self.service.duration_s + self.service.buffer_after_s,
        )

    def resources(self) -> list[int]:
        """Every resource that an appointment could take."""
        return [self.provider.resource_id, *(resource for need in self.needs for resource in need)]

    def possible_claims(self, start: int) -> list[Claim]:
        """What could be claimed for *start*; the locks to take."""
        return [Claim(resource, *self.claim(start)) for resource in self.resources()]


def cheapness(offer: Offer) -> tuple[int, int]:
    """
    What "anybody" means where providers have terms of their own: the lowest price, then the shortest time.

    It orders what is shown and who is booked alike, so that whoever was shown "from 30.00" pays that where they can.
    """
    return offer.service.price_minor, offer.service.duration_s


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken around a question, by resource or provider."""

    claims: Mapping[int, Spans] = field(default_factory=dict)
    busy: Mapping[int, Spans] = field(default_factory=dict)
    booked_on: Mapping[int, Mapping[date, int]] = field(default_factory=dict)
    """By provider: appointments that are not cancelled per local date."""
    classes: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    """By provider: places left in each class of the service, by its start."""
    unknown: frozenset[int] = frozenset()
    """Providers whose own calendars have not been read for too long: what is in them nobody knows."""
    had: Had | None = None
    """What the stranger who asks has already, where the question said who that is."""
    guard: Guard = Guard.OPEN
    """What the business asks of strangers now."""


def without(taken: Taken, moving: Appointment, claims: Iterable[Claim] = ()) -> Taken:
    """
    *taken* as it is for *moving*, which gives up its own time.

    Args:
        claims: What it owns; none where they are gone already.
    """
    own: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for claim in claims:
        own[claim.resource_id].add((claim.start, claim.end))
    kept = {resource: [span for span in spans if span not in own[resource]] for resource, spans in taken.claims.items()}
    provider, start = moving.provider_id, int(moving.start.timestamp())
    day = local_date(zone(moving.timezone), start)
    days = taken.booked_on.get(provider, {})
    counted = {**taken.booked_on, provider: {**days, day: days[day] - 1}} if day in days else taken.booked_on
    classes = {
        each: {at: left for at, left in places.items() if (each, at) != (provider, start)}
        for each, places in taken.classes.items()
    }
    return replace(taken, claims=kept, booked_on=counted, classes=classes)


def question_for(
    offer: Offer,
    taken: Taken,
    *,
    window: tuple[int, int],
    now: datetime,
    customer_remaining: int | None = None,
    backdate_s: int = 0,
) -> Question:
    """What the rules are asked about *offer*, *taken* being the taken time around *window*."""
    service, provider = offer.service, offer.provider
    return Question(
        zone=offer.location.zone,
        window=window,
        now=ceil_second(now),
        duration_s=service.duration_s,
        buffer_before_s=service.buffer_before_s,
        buffer_after_s=service.buffer_after_s,
        step_s=service.step_s,
        notice_s=service.notice_s,
        horizon_s=service.horizon_s,
        weekly=offer.weekly,
        exceptions=offer.exceptions,
        holidays=offer.location.holidays,
        service_hours=service.hours,
        busy=taken.busy.get(provider.id, ()),
        claims=taken.claims.get(provider.resource_id, ()),
        needs=tuple(tuple(taken.claims.get(r, ()) for r in need) for need in offer.needs),
        daily_cap=provider.daily_cap,
        booked_on=taken.booked_on.get(provider.id, {}),
        customer_remaining=customer_remaining,
        classes=taken.classes.get(provider.id, {}),
        calendar_unknown=provider.id in taken.unknown,
        backdate_s=backdate_s,
        sheet=_sheet(offer, window),
    )


def _sheet(offer: Offer, window: tuple[int, int]) -> Sheet:
    """The opening time around *window*: the same for every question until the offer changes, so it is kept."""
    sheet = offer.sheets.get(window)
    if sheet is None:
        if len(offer.sheets) >= _MOST_SHEETS:
            offer.sheets.clear()
        sheet = offer.sheets[window] = open_sheet(
            offer.location.zone,
            (window[0], window[1] + offer.service.duration_s),
            weekly=offer.weekly,
            exceptions=offer.exceptions,
            holidays=offer.location.holidays,
        )
    return sheet


def ceil_second(moment: datetime) -> int:
    """The first whole second that is not before *moment*."""
    return -int(-moment.timestamp() // 1)
