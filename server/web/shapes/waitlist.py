"""
Owns the shapes of the waitlist.

Leaves who is offered what to `usecases/waitlist`.
"""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from server.domain.appointment import CustomerDetails
from server.domain.waitlist import MOST_DAYS, Wish
from server.domain.zones import zone
from server.store.waitlist import Entry
from server.usecases.waitlist import Joined, Waiting
from server.web.shapes.appointments import CustomerShape, Token
from server.web.shapes.base import Shape, Slug, Written, Zone, wrong
from server.web.shapes.drafts import page_shape

Clock = Annotated[str, Written(r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "must be a time such as 09:00, up to 24:00")]
"""A time of day at the location, `HH:MM`."""


class TimesOfDay(Shape):
    """Part of a day: starts from *from* on, before *to*."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise wrong("to", detail="must be after from")
        return self

    def minutes(self) -> tuple[int, int]:
        """Minutes from midnight."""
        return _minutes(self.start), _minutes(self.end)


class WaitlistOrder(Shape):
    """What somebody waits for."""

    service: Slug
    provider: Slug | None = None
    location: Slug | None = None
    first_day: date = Field(alias="from")
    """First local date."""
    last_day: date = Field(alias="to")
    """Last local date, included."""
    tz: Zone | None = None
    """The zone of these dates. Omitted: the location's."""
    windows: list[TimesOfDay] = Field(default_factory=list, max_length=5)
    """Times of day; none means any."""
    customer: CustomerShape

    @model_validator(mode="after")
    def _sensible_days(self) -> Self:
        if not 0 <= (self.last_day - self.first_day).days < MOST_DAYS:
            raise wrong("to", detail=f"must not be before from, nor more than {MOST_DAYS - 1} days after it")
        return self

    def days_in(self) -> ZoneInfo | None:
        """Whose calendar the dates are of; None: the location's."""
        return zone(self.tz) if self.tz else None

    def wish(self) -> Wish:
        """What would suit."""
        return Wish(
            first_day=self.first_day,
            last_day=self.last_day,
            windows=[window.minutes() for window in self.windows],
            provider=self.provider,
            location=self.location,
        )

    def details(self) -> CustomerDetails:
        """Who waits."""
        customer = self.customer
        return CustomerDetails(
            name=customer.name,
            email=customer.email,
            phone=customer.phone or "",
            timezone=customer.timezone,
            locale=customer.locale,
        )


class WaitlistEntryItem(Shape):
    """Somebody on the waitlist, as staff sees it."""

    id: str
    service: Slug
    provider: Slug | None
    location: Slug | None
    first_day: date = Field(serialization_alias="from")
    last_day: date = Field(serialization_alias="to")
    status: Literal["waiting", "offered", "booked", "left", "expired"]
    name: str
    email: str
    offered_start: datetime | None
    offer_expires_at: datetime | None
    created_at: datetime


class WaitlistPlace(Shape):
    """A place on the waitlist, as its customer sees it."""

    id: str
    status: Literal["waiting", "offered", "booked", "left", "expired"]
    service: Slug
    offered_start: datetime | None
    offer_expires_at: datetime | None
    hold: Token | None
    """Opens the offered time while it is held: book with it, or take the offer here."""


class NewWaitlistPlace(Shape):
    """A place on the waitlist that was just taken."""

    id: str
    status: Literal["waiting"]
    token: Token
    url: str


WaitlistPage = page_shape(WaitlistEntryItem)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def item_of(entry: Entry) -> dict[str, object]:
    """As the list shows it."""
    return {
        "id": str(entry.uid),
        "service": entry.service,
        "provider": entry.wish.provider,
        "location": entry.wish.location,
        "first_day": entry.wish.first_day,
        "last_day": entry.wish.last_day,
        "status": entry.status,
        "name": entry.name,
        "email": entry.email,
        "offered_start": entry.offered_start,
        "offer_expires_at": entry.offer_expires_at,
        "created_at": entry.created_at,
    }


def place_of(waiting: Waiting) -> WaitlistPlace:
    """As its customer sees it."""
    entry = waiting.entry
    return WaitlistPlace.model_validate(
        {
            "id": str(entry.uid),
            "status": entry.status,
            "service": entry.service,
            "offered_start": entry.offered_start,
            "offer_expires_at": entry.offer_expires_at,
            "hold": waiting.hold,
        }
    )


def new_place(joined: Joined, base_url: str) -> NewWaitlistPlace:
    """The answer to joining."""
    url = f"{base_url}/waitlist/{joined.token}"
    return NewWaitlistPlace(id=str(joined.entry.uid), status="waiting", token=joined.token, url=url)
