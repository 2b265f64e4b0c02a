"""
Owns the shapes of the block list, and of cancelling what one source has booked.

Leaves comparing to `store/strangers`, and cancelling to `usecases/cancel_burst`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from server.domain.blocks import BlockKind, blocked_domain, blocked_network
from server.domain.bursts import Burst
from server.domain.lifecycle import Status
from server.web.shapes.base import Email, Instant, Line, Phone, Shape, Slug, wrong
from server.web.shapes.drafts import Cursor, Draft, Enabled, Numbered, PageQuery

_TEXT: Mapping[BlockKind, Callable[[str], str]] = {
    BlockKind.ADDRESS: TypeAdapter[str](Email).validate_python,
    BlockKind.DOMAIN: blocked_domain,
    BlockKind.PHONE: TypeAdapter[str](Phone).validate_python,
    BlockKind.NETWORK: blocked_network,
}
"""How each kind is written where it is compared."""


def _as_compared(kind: BlockKind, text: str, *, field: str) -> str:
    try:
        return _TEXT[kind](text)
    except ValidationError as error:
        raise wrong(field, detail=error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    except ValueError as error:
        raise wrong(field, detail=str(error)) from None


class BlockDraft(Draft):
    """Somebody from whom the business takes nothing online: no holds, no bookings, nobody on the waitlist."""

    kind: BlockKind
    value: Annotated[Line, StringConstraints(min_length=1)]
    """A mail address, a domain (with everything below it), a phone number, or a network (`203.0.113.7`,
    `2001:db8:1::/48`)."""
    reason: Annotated[Line, StringConstraints(max_length=500)] = ""
    """For the team; nobody else sees it."""
    ends_at: Instant | None = None
    """When it ends; null: when it is deleted."""

    @model_validator(mode="after")
    def _compared(self) -> Self:
        return self.model_copy(update={"value": _as_compared(self.kind, self.value, field="value")})


class BlockItem(Numbered, BlockDraft):
    """Somebody from whom the business takes nothing online. Who blocked them stands in the audit log."""


class BlockQuery(PageQuery):
    """Of one kind only?"""

    kind: BlockKind | None = None


def _whole(moment: object) -> object:
    """A moment as answers write it (`booked_at`), without the fraction of its second."""
    return re.sub(r"(?<=:\d\d)[.,]\d+", "", moment) if isinstance(moment, str) else moment


_Second = Annotated[Instant, BeforeValidator(_whole)]


class BurstOrder(Shape):
    """
    Which bookings to cancel: those made within a stretch of time by one source, or several.

    At least one of network, address, domain and phone; where there are several, each booking matches all.
    """

    since: _Second
    """When the first of them was booked; fractions of a second are cut off."""
    until: _Second
    """When the last of them was booked; that whole second counts."""
    network: Line | None = None
    """An address or a network; appointments show the networks of strangers for 30 days."""
    address: Line | None = None
    domain: Line | None = None
    phone: Line | None = None
    only_unconfirmed: Enabled = True
    """Leave alone whoever followed the link in a mail."""
    dry_run: Enabled = True
    """Only say what would be cancelled."""
    tell: Enabled = False
    """Mail customers and providers as for any cancellation."""
    reason: Line = ""
    limit: int = Field(default=50, ge=1, le=200)
    """Bookings at once."""
    cursor: Cursor | None = None
    """The `next_cursor` of the answer before."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.until < self.since:
            raise wrong("until", detail="must not be before since")
        given = {kind: getattr(self, kind) for kind in BlockKind if getattr(self, kind) is not None}
        if not given:
            raise wrong("network", detail="must be given, or address, domain or phone")
        return self.model_copy(update={kind: _as_compared(kind, text, field=kind) for kind, text in given.items()})

    def burst(self) -> Burst:
        """As the use-case sees it."""
        return Burst(
            since=self.since,
            until=self.until + timedelta(seconds=1),
            network=self.network,
            address=self.address,
            domain=self.domain,
            phone=self.phone,
            only_unproved=self.only_unconfirmed,
        )


class BurstBooking(Shape):
    """A booking of a burst."""

    id: str
    start: datetime
    service: Slug
    provider: Slug
    name: str
    email: str
    phone: str
    network: str | None
    booked_at: datetime
    status: Status
    cancelled: bool
    """False in a dry run, and for what could not be cancelled any more."""


class BurstAnswer(Shape):
    """What was cancelled, or would be."""

    dry_run: bool
    items: list[BurstBooking]
    let_go: int
    """Times that the source held, and places on the waitlist that it had, that were taken back with the first page."""
    next_cursor: str | None
    """Send it for the next page; null on the last one."""
