"""
Owns the shapes of feeds: what is asked for, and the addresses that an answer shows once.

Leaves what is in a feed to `usecases/read_feed`.
"""

import io
from datetime import datetime
from typing import Literal, Self
from urllib.parse import quote

import segno
from pydantic import model_validator

from server.store.feeds import FeedRow
from server.web.shapes.base import Name, Shape, Slug, wrong
from server.web.shapes.drafts import page_shape

Privacy = Literal["full", "initials", "busy"]
Colour = Literal[
    "", "crimson", "orangered", "orange", "gold", "olivedrab", "seagreen", "teal", "steelblue", "royalblue",
    "rebeccapurple", "orchid", "saddlebrown", "slategray",
]  # fmt: skip


class FeedDraft(Shape):
    """A feed to be made: of a provider, a service or a location; of the whole business if none is named."""

    name: Name
    """Shown as the calendar's name in calendar apps."""
    provider: Slug | None = None
    service: Slug | None = None
    location: Slug | None = None
    privacy: Privacy = "full"
    """`full`: customers with contact details. `initials`: initials only. `busy`: nothing but when."""
    colour: Colour = ""

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(part is not None for part in (self.provider, self.service, self.location)) > 1:
            raise wrong(
                next(name for name in ("location", "service") if getattr(self, name) is not None),
                detail="must be left out: a feed is about one provider, service or location, or about all",
            )
        return self

    def scope(self) -> tuple[str, str | None]:
        """What it is about: the kind, and its slug."""
        for kind in ("provider", "service", "location"):
            if (slug := getattr(self, kind)) is not None:
                return kind, slug
        return "business", None


class FeedPatch(Shape):
    """What to change of a feed."""

    name: Name | None = None
    privacy: Privacy | None = None
    colour: Colour | None = None


class FeedItem(Shape):
    """A feed, without its address: that was shown once."""

    id: str
    name: str
    scope: Literal["business", "provider", "service", "location"]
    subject: str | None
    """Slug of the provider, service or location."""
    privacy: Privacy
    colour: str
    hint: str
    """The last characters of the secret in its address."""
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class FeedAddresses(Shape):
    """Where a feed is read. Each address is a secret."""

    appointments: str
    freebusy: str
    """Busy time as events."""
    ifb: str
    """Busy time as VFREEBUSY."""
    availability: str | None
    """Working hours as VAVAILABILITY; of providers only."""
    webcal: str
    """Opens in the calendar app of this device."""
    google: str
    outlook: str


class NewFeed(FeedItem):
    """A feed with its addresses, which are shown this once."""

    urls: FeedAddresses
    qr_svg: str
    """The `webcal` address as a QR code, SVG."""


class FeedMailed(Shape):
    """The address of a customer's feed goes to the customer, by mail."""

    detail: str = "We have sent the address of the calendar feed to the email address of this appointment."


FeedPage = page_shape(FeedItem)


def item_of(row: FeedRow) -> dict[str, object]:
    """A feed as the list shows it."""
    return {
        "id": str(row.uid),
        "name": row.name,
        "scope": row.scope,
        "subject": row.subject,
        "privacy": row.privacy,
        "colour": row.colour,
        "hint": row.hint,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
        "created_at": row.created_at,
    }


def addresses(base_url: str, token: str, *, name: str, has_hours: bool) -> FeedAddresses:
    """Every way to read the feed of *token*."""
    base = f"{base_url}/feeds/{token}"
    appointments = f"{base}/appointments.ics"
    webcal = "webcal://" + appointments.partition("://")[2]
    there = quote(appointments, safe="")
    return FeedAddresses(
        appointments=appointments,
        freebusy=f"{base}/freebusy.ics",
        ifb=f"{base}/freebusy.ifb",
        availability=f"{base}/availability.ics" if has_hours else None,
        webcal=webcal,
        google=f"https://calendar.google.com/calendar/r?cid={quote(webcal, safe='')}",
        outlook=f"https://outlook.live.com/calendar/0/addfromweb?url={there}&name={quote(name[:60], safe='')}",
    )


def qr_svg(text: str) -> str:
    """*text* as a QR code that scales, without a colour of its own behind it."""
    picture = io.BytesIO()
    segno.make(text, error="m").save(picture, kind="svg", xmldecl=False, svgns=True, border=2, scale=4)
    return picture.getvalue().decode()
