"""
Owns the shapes of the people whom a business knows: providers, customers, and the programs that act for it.

Leaves when providers work to `hours`.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from server.domain.lifecycle import Status
from server.web.shapes.base import Email, Instant, Line, Locale, Name, OrEmpty, Phone, Prose, Shape, Slug
from server.web.shapes.drafts import Draft, Enabled, PageQuery, Stamped

Scope = Literal["availability", "read", "book", "manage"]
"""`availability` sees what the public sees, and no person."""


class ProviderDraft(Draft):
    """Who is booked."""

    slug: Slug
    name: Name
    title: Line = ""
    bio: Prose = ""
    email: Annotated[Email, OrEmpty()] = ""
    """For notifications; never shown to the public."""
    phone: Annotated[Phone, OrEmpty()] = ""
    """For reminders by text message; never shown to the public."""
    locale: Annotated[Locale, OrEmpty()] = ""
    """The language of mails to the provider; empty for the business's."""
    daily_cap: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    """Most appointments a day."""
    active: Enabled = True


class ProviderItem(Stamped, ProviderDraft):
    """Who is booked."""


class CustomerItem(Stamped):
    """Somebody who has booked."""

    uid: str
    email: str
    name: str
    phone: str
    timezone: str
    locale: str


class CustomerQuery(PageQuery):
    """Which customers?"""

    email: Email | None = None


class AppointmentsQuery(PageQuery):
    """Which appointments? Those whose start lies in `[from, to)`."""

    status: Status | None = None
    provider: Slug | None = None
    service: Slug | None = None
    location: Slug | None = None
    email: Email | None = None
    """Of an attendee."""
    first: Instant | None = Field(default=None, alias="from")
    last: Instant | None = Field(default=None, alias="to")


class ApiKeyDraft(Draft):
    """A key for a program; `manage` includes the other scopes."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    expires_at: Instant | None = None
    """When it ends; never if left out, or when the key that makes it does."""

    def distinct_scopes(self) -> list[str]:
        """Each once."""
        return sorted(set(self.scopes))


class ApiKeyItem(Shape):
    """A key, without the key itself."""

    id: int
    name: str
    prefix: Annotated[str, StringConstraints(max_length=16)]
    """What the key begins with."""
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None
    expires_at: datetime | None


class NewApiKey(ApiKeyItem):
    """A key that was just made."""

    key: str
    """Shown this once."""
