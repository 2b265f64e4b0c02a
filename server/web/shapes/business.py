"""
Owns the shapes of a business: what it shows to everybody, and its settings.

Leaves the fields of what it offers to `catalogue`, `services` and `people`.
"""

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from server.domain.currencies import is_currency
from server.web.shapes.availability import AvailabilityAnswer, AvailabilityQuery, Day, ProviderTerms
from server.web.shapes.base import Email, Line, Locale, Name, OrEmpty, Phone, Prose, Shape, Slug, Written, Zone, wrong
from server.web.shapes.drafts import Draft, Enabled, Stamped
from server.web.shapes.services import Question

_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_ORIGIN = re.compile(rf"(https?)://({_HOST}|\[([0-9a-f:.]+)\])(?::([1-9][0-9]{{0,4}}))?")
_USUAL_PORT = {"http": "80", "https": "443"}


def _exact_origin(text: str) -> str:
    """As a browser spells it: a port only where it is not the usual one, never a path, a user or a wildcard."""
    if text == "*":
        return text
    match = _ORIGIN.fullmatch(text)
    if match is None or int(match[4] or 0) > 65_535 or (match[3] and not _is_ipv6(match[3])):
        raise ValueError("must be an origin such as https://example.com or http://localhost:8080, or *")
    if match[4] == _USUAL_PORT[match[1]]:
        raise ValueError("must be spelled as browsers do: without the usual port")
    return text


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _known_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError("must be a currency of ISO 4217, such as EUR")
    return code


Currency = Annotated[str, StringConstraints(max_length=3), AfterValidator(_known_currency)]
"""ISO 4217."""

Origin = Annotated[str, StringConstraints(max_length=255), AfterValidator(_exact_origin)]
"""A web site that may call the API from a browser."""

Origins = Annotated[list[Origin], Field(max_length=50)]

WebAddress = Annotated[
    str,
    StringConstraints(max_length=500),
    Written(r"^https?://[^\s\x00-\x1f<>\x22\\]{1,480}$", "must be a web address such as https://example.com"),
]
Picture = Annotated[
    str,
    StringConstraints(max_length=500),
    Written(
        r"^https://[^\s\x00-\x1f<>\x22\\]{1,480}$", "must be the https:// address of a picture: pages load no other"
    ),
]
Colour = Annotated[str, Written("^#[0-9a-fA-F]{6}$", "must be a colour such as #8b1e3f")]


Guard = Literal["open", "mail", "proof"]


class Theme(Shape):
    """How the widget and the hosted pages look."""

    accent: Colour | None = None
    scheme: Literal["auto", "light", "dark"] | None = None
    radius_px: Annotated[int, Field(strict=True, ge=0, le=32)] | None = None
    logo: Picture | None = None


class QuotasShape(Shape):
    """What a business lets strangers have; what is not set is as the deployment says."""

    starts: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = None
    """Times that one network holds, or has booked within ten minutes without confirming an address."""
    bookings_per_day: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    """Bookings of one network in 24 hours, until their addresses are confirmed."""
    bookings_per_address: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    """Upcoming bookings under one address, until it is confirmed."""
    waiting: Annotated[int, Field(strict=True, ge=1, le=1_000)] | None = None
    """Places on the waitlist of one network."""


class BusinessDraft(Draft):
    """The settings of a business."""

    name: Name
    description: Prose = ""
    category: Annotated[Line, StringConstraints(max_length=63)] = ""
    email: Annotated[Email, OrEmpty()] = ""
    """Where customers' mails come from and replies go to."""
    phone: Annotated[Phone, OrEmpty()] = ""
    website: Annotated[WebAddress, OrEmpty()] = ""
    currency: Currency = "EUR"
    locale: Locale = "en"
    """The language of mails to providers who have none of their own."""
    allowed_origins: Origins = Field(default=[])
    """Web sites whose pages may call the API, spelled exactly; `*` for all."""
    theme: Theme = Theme()
    listed: Enabled = False
    """Found by the search across businesses."""
    calendar_stale_min: Annotated[int, Field(strict=True, ge=5, le=10_080)] = 60
    """How old what is known of a provider's own calendar may be, in minutes; after that the provider cannot be
    booked."""
    guard: Guard = "open"
    """What strangers show before they can book: `open` nothing, `mail` that they read the address they gave, `proof`
    some seconds of their device's work. Calls with an API key are not asked."""
    on_surge: Literal["tell", "confirm"] = "tell"
    """What happens when strangers book much faster than usual: you are told by mail and webhook, or addresses are also
    confirmed by mail for two hours."""
    quotas: QuotasShape = QuotasShape()
    """What strangers may have, where it differs from the deployment's settings. An API key is not counted."""

    def values(self) -> dict[str, Any]:
        """With nothing in the theme and the quotas that is not set."""
        return {
            **self.model_dump(),
            "theme": self.theme.model_dump(exclude_none=True),
            "quotas": self.quotas.model_dump(exclude_none=True),
        }


class BusinessItem(Stamped, BusinessDraft):
    """The settings of a business."""

    slug: Slug


class ProfileQuery(Shape):
    """
    With `include=availability`, the answer of the availability endpoint comes along; else the rest is ignored.

    Without a service that is about the only one there is; where there are several, nothing comes along.
    """

    include: Literal["availability"] | None = None
    service: Slug | None = None
    provider: Slug | None = None
    location: Slug | None = None
    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")
    tz: Zone | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.include is not None and (self.first is None or self.last is None):
            raise wrong("from" if self.first is None else "to", detail="is needed with include=availability")
        try:
            self.availability(["any"])
        except ValidationError as error:
            found = error.errors()[0]
            path = found.get("ctx", {}).get("path", ()) or found["loc"]
            raise wrong(*path, detail=found["msg"].removeprefix("Value error, ")) from None
        return self

    def availability(self, services: Sequence[str]) -> AvailabilityQuery | None:
        """What is asked about free time of a business that has *services*."""
        meant = self.service or (services[0] if len(services) == 1 else None)
        if self.include is None or meant is None:
            return None
        asked = {**self.model_dump(by_alias=True, exclude={"include"}), "service": meant}
        return AvailabilityQuery.model_validate(asked)


class PublicLocation(Shape):
    """Where it happens."""

    slug: Slug
    name: str
    timezone: str
    online: bool
    address: str
    latitude: float | None
    longitude: float | None


class PublicService(Shape):
    """What can be booked, and on which terms."""

    slug: Slug
    name: str
    description: str
    duration_min: int
    price_minor: int
    currency: str
    currency_digits: int
    """How many digits of an amount stand behind the decimal point."""
    capacity: int
    approval: Literal["automatic", "manual"]
    payment: Literal["on_site", "online"]
    questions: list[Question]
    phone_required: bool
    waitlist: bool
    """Whether one can wait for it."""
    change_window_min: int
    cancel_fee_minor: int
    providers: list[Slug]
    provider_terms: dict[Slug, ProviderTerms]
    """Length and price of those providers who have their own."""


class PublicProvider(Shape):
    """Who can be booked."""

    slug: Slug
    name: str
    title: str
    bio: str
    locations: list[Slug]


class Policies(Shape):
    """What holds for every booking; a service's own terms stand with it."""

    hold_s: int
    """How long a hold keeps a time."""
    most_days: int
    """Most days in one question about availability."""


class PublicTheme(Theme):
    """How the widget and the hosted pages look."""

    on_accent: Colour | None = None
    """Black or white: what can be read on the accent."""


class BusinessProfile(Shape):
    """What a widget needs to know."""

    slug: Slug
    name: str
    description: str
    category: str
    phone: str
    website: str
    currency: str
    theme: PublicTheme
    guard: Guard
    """What is asked of strangers before they can book; see the settings of the business."""
    locations: list[PublicLocation]
    services: list[PublicService]
    providers: list[PublicProvider]
    policies: Policies
    availability: AvailabilityAnswer | None = None
    """If it was asked for."""
