"""
Owns the shapes of connected calendars: what connects one, how it stands, its log, and conflicts.

Leaves feeds, which go the other way, to `feeds`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from server.calendars.presets import PRESETS
from server.store.calendar_conflicts import CalendarConflict
from server.store.connections import Calendar
from server.store.sync_turns import LogEntry
from server.usecases.connections import Shown
from server.web.shapes.base import AnyQuery, Email, Line, Shape, Slug, Written, wrong
from server.web.shapes.drafts import Enabled, page_shape

Service = Literal["google", "outlook", "icloud", "fastmail", "nextcloud", "caldav", "ics"]
State = Literal["active", "degraded", "paused", "needs_reauth"]
OnMove = Literal["reschedule", "put_back"]
OnDelete = Literal["cancel", "put_back"]

Secret = Annotated[
    str, StringConstraints(min_length=1, max_length=1_000), Written(r"^[^\x00-\x1f\x7f]*$", "must be one line")
]
User = Annotated[
    str, StringConstraints(max_length=320), Written(r"^[^\x00-\x20:\x7f]*$", "must have neither spaces nor colons")
]
Address = Annotated[
    str,
    StringConstraints(max_length=2_000),
    Written(r"^[\x21-\x7e]*$", "must be a URL, written in ASCII and without spaces"),
]
Addresses = Annotated[list[Email], Field(max_length=10)]


class ConnectionOptions(Shape):
    """How the two sides follow each other."""

    on_move: OnMove = "reschedule"
    """An appointment that is moved in the calendar: move it, if the time is free; or put it back."""
    on_delete: OnDelete = "cancel"
    """An appointment that is deleted in the calendar: cancel it, or put it back."""
    all_day_blocks: Enabled = True
    """Whether events of whole days take time."""
    tentative_blocks: Enabled = True
    """Whether tentative events take time."""
    shows_buffers: Enabled = False
    """Events of appointments include the time before and after."""
    names_people: Enabled = False
    """Events of appointments name their customers as attendees: some services then send invitations of their own."""
    addresses: Addresses = Field(default=[])
    """The provider's own addresses: an invitation that one of them declined takes no time."""


class ConnectionDraft(ConnectionOptions):
    """A calendar account to be connected."""

    provider: Slug
    service: Service
    name: Line = ""
    url: Address = ""
    """Where it is: not needed for google, outlook, icloud and fastmail. For caldav a mail address or a domain will
    do."""
    user: User = ""
    password: Secret | None = None
    """An app password, in most cases. Not for google and outlook, whose owners sign in."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        preset = PRESETS[self.service]
        if preset.kind == "ics":
            if not self.url.lower().startswith(("https://", "http://", "webcal://")):
                raise wrong("url", detail="must be the https or webcal address of the .ics file")
        elif not preset.signs_in and not (self.user and self.password):
            raise wrong(
                "password" if self.user else "user", detail="is needed for this service, and a password with it"
            )
        return self


class ConnectionPatch(Shape):
    """What to change of a connection."""

    name: Line | None = None
    password: Secret | None = None
    on_move: OnMove | None = None
    on_delete: OnDelete | None = None
    all_day_blocks: Enabled | None = None
    tentative_blocks: Enabled | None = None
    shows_buffers: Enabled | None = None
    names_people: Enabled | None = None
    addresses: Addresses | None = None


class CalendarItem(Shape):
    """A calendar of an account."""

    id: str
    name: str
    colour: str | None
    timezone: str | None
    writable: bool
    blocks: bool
    """Its events take the provider's time."""
    receives: bool
    """The provider's appointments are written into it."""
    known_at: datetime | None
    """What it had at this moment is known."""


class CalendarChoice(Shape):
    """What to use a calendar for."""

    blocks: Enabled | None = None
    receives: Enabled | None = None


class ConnectionItem(ConnectionOptions):
    """A connected account. Its password or sign-in is never shown."""

    id: str
    provider: str
    service: str
    name: str
    url: str
    user: str
    state: State
    reason: str
    """Of a pause: `asked`, `mass_deletion`, `emptied`, `calendar_gone`."""
    last_error: str
    """What went wrong in the last round, in plain words; empty where nothing did."""
    synced_at: datetime | None
    next_sync_at: datetime | None
    calendars: list[CalendarItem]
    authorize_url: str | None = None
    """Send the provider there to sign in, within a quarter of an hour."""
    created_at: datetime


ConnectionPage = page_shape(ConnectionItem)


class ResumeOrder(Shape):
    """How to go on."""

    deletions: Literal["meant", "undone"] | None = None
    """After `mass_deletion` or `emptied`: let the deletions count, or put the appointments back."""


class DisconnectQuery(Shape):
    """How to end a connection."""

    remove_events: Literal["true", "false"] = "false"
    """`true` takes the appointments out of the calendar, too."""


class SignInQuery(AnyQuery):
    """What a service sends its user back with; each has its own besides."""

    state: Annotated[str, StringConstraints(max_length=200)] = ""
    code: Annotated[str, StringConstraints(max_length=4_000)] = ""


class NoticeQuery(AnyQuery):
    """What a service calls with."""

    validationToken: Annotated[str, StringConstraints(max_length=1_000)] | None = None  # noqa: N815  # Microsoft's name


class LogQuery(Shape):
    """Which part of a log."""

    before: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class LogItem(Shape):
    """A round in which something happened."""

    id: int
    at: datetime
    outcome: str
    took_ms: int
    counts: dict[str, int]
    detail: str
    problems: list[str]
    """What could not be read or written, and why; nothing of what events are about."""


class SyncLog(Shape):
    """Rounds, the newest first."""

    items: list[LogItem]


class ConflictItem(Shape):
    """An event of the provider's own that lies over an appointment. Both stay until somebody acts."""

    id: str
    provider: str
    appointment: str
    appointment_start: datetime
    appointment_end: datetime
    calendar: str
    busy_start: datetime
    busy_end: datetime
    created_at: datetime


ConflictPage = page_shape(ConflictItem)


def connection_item(shown: Shown) -> dict[str, Any]:
    """A connection as the API shows it."""
    c = shown.connection
    return {
        "id": str(c.uid),
        "provider": c.provider,
        "service": c.preset,
        "name": c.name,
        "url": c.url,
        "user": c.account,
        "state": c.state,
        "reason": c.reason,
        "last_error": c.last_error,
        "synced_at": c.synced_at,
        "next_sync_at": c.due_at if c.state in {"active", "degraded"} else None,
        "calendars": [_calendar(each) for each in shown.calendars],
        "authorize_url": shown.authorize_url,
        "created_at": c.created_at,
        "on_move": c.on_move,
        "on_delete": c.on_delete,
        "all_day_blocks": c.all_day_blocks,
        "tentative_blocks": c.tentative_blocks,
        "shows_buffers": c.shows_buffers,
        "names_people": c.names_people,
        "addresses": list(c.addresses),
    }


def log_item(entry: LogEntry) -> dict[str, Any]:
    """A round as the API shows it."""
    return {
        "id": entry.id,
        "at": entry.at,
        "outcome": entry.outcome,
        "took_ms": entry.took_ms,
        "counts": dict(entry.counts),
        "detail": entry.detail,
        "problems": list(entry.problems),
    }


def conflict_item(conflict: CalendarConflict) -> dict[str, Any]:
    """A conflict as the API shows it."""
    return {
        "id": str(conflict.uid),
        "provider": conflict.provider,
        "appointment": str(conflict.appointment),
        "appointment_start": conflict.appointment_start,
        "appointment_end": conflict.appointment_end,
        "calendar": conflict.calendar,
        "busy_start": conflict.busy_start,
        "busy_end": conflict.busy_end,
        "created_at": conflict.created_at,
    }


def _calendar(calendar: Calendar) -> dict[str, Any]:
    return {
        "id": str(calendar.uid),
        "name": calendar.name,
        "colour": calendar.colour,
        "timezone": calendar.timezone,
        "writable": calendar.writable,
        "blocks": calendar.blocks,
        "receives": calendar.receives,
        "known_at": calendar.known_at,
    }
