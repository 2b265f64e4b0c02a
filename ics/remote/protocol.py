"""
Owns what every adapter does: find calendars, list what has changed, read, and write with a precondition.

Leaves what the changes mean to `ics/sync`, and what events say to `ics/read`. Adapters turn whatever their peer speaks
into iCalendar objects (RFC 4791, 4.1): all that belongs to one UID, as one VCALENDAR.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from ics.event import Event
from ics.remote.notice import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCalendar:
    """A calendar that an account has."""

    href: str
    """Names it for ever, at this peer: a URL, or an id."""
    name: str
    colour: str | None = None
    """`#RRGGBB`."""
    timezone: str | None = None
    """IANA name, where the peer says: floating and all-day events are in it."""
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteObject:
    """
    An object of a calendar.

    Attributes:
        href: Names it in its calendar; opaque, never rebuilt from the UID.
        etag: Of exactly this content, to be given back as it is; None where the peer gives none that can be relied on.
        data: The iCalendar text; None where it was only listed, and has to be read.
    """

    href: str
    etag: str | None
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    Some of what has changed in a calendar.

    Attributes:
        changed: Objects that are new or different, or may be.
        gone: hrefs of which the peer says that they are not there any more.
        token: To ask from here on next time; None only where *more* is true and the peer gave none.
        more: Whether to ask again, with *token*, right now.
        complete: The listing began at nothing: what neither this page nor those before it name is not there.
    """

    changed: Sequence[RemoteObject]
    gone: Sequence[str]
    token: str | None
    more: bool = False
    complete: bool = False


class Account(Protocol):
    """
    Somebody's account at a peer. Every method may raise any `RemoteError`; those named below mean something here.

    Moments are in UTC.
    """

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """The calendars that hold events, those of others that are shared with this account included."""
        ...

    async def changes(self, calendar: str, since: str | None, window: tuple[datetime, datetime]) -> Page:
        """
        What has changed in *calendar* since the token *since*; everything, if None.

        Args:
            window: What matters to the caller; a peer that can list a stretch of time only is asked for this one.

        Raises:
            TokenGone: *since* is not known any more.
            Missing: The calendar itself is gone.
        """
        ...

    async def read(self, calendar: str, hrefs: Sequence[str]) -> Sequence[RemoteObject]:
        """Those of *hrefs* that are there, with data. One that is missing in the answer is not thereby deleted."""
        ...

    def name_of(self, calendar: str, uid: str) -> str:
        """The href that `create` gives to an event with *uid*, where that can be told beforehand; else empty."""
        ...

    async def create(self, calendar: str, event: Event) -> RemoteObject:
        """
        Stores *event*, named after its UID, if nothing of this name is there.

        Raises:
            Changed: Something is.
            Unanswered: It may have happened.
        """
        ...

    async def change(self, calendar: str, known: RemoteObject, event: Event, fields: frozenset[str]) -> RemoteObject:
        """
        Writes *fields* of *event* (`times`, `summary`, `description`, `location`, `status`) into *known*, keeping the
        rest.

        Raises:
            Changed: It is not *known* any more.
            Missing: It is gone.
            Unanswered: It may have happened.
        """
        ...

    async def delete(self, calendar: str, known: RemoteObject) -> None:
        """
        Removes *known*; that it is gone already is fine.

        Raises:
            Changed: It is not *known* any more.
            Unanswered: It may have happened.
        """
        ...

    async def is_gone(self, calendar: str, href: str) -> bool:
        """Whether the peer itself, asked for this very object, says that it does not exist."""
        ...


@runtime_checkable
class Watched(Protocol):
    """An account whose peer calls when a calendar changes."""

    async def watch(
        self, calendar: str, *, address: str, secret: str, known: Subscription | None, now: datetime
    ) -> Subscription | None:
        """
        Asks to be called at *address* when *calendar* changes, in place of what was *known*; None where nobody calls.

        Args:
            address: https, reachable from everywhere.
            secret: Comes back with each call.
        """
        ...
