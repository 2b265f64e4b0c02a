"""
Owns who may call what: the four kinds of routes, and finding out who is asking.

Leaves how often they may ask to `limits`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.domain.errors import BookingError
from server.domain.networks import Networks
from server.domain.proofs import ShownProof


class Who(StrEnum):
    """Who may call a route. Every route declares one."""

    PUBLIC = "public"
    """Anybody: what a widget shows and does."""
    TOKEN = "token"  # noqa: S105  # a kind of route, not a secret
    """Whoever holds the manage or hold token in the path."""
    OPERATOR = "operator"
    """Whoever has the operators' token, where one is set; its routes look for themselves (`operator`)."""
    AVAILABILITY = "availability"
    """A scope that opens no route: its key sees what the public sees, and is a stranger when it books."""
    READ = "read"
    """An API key of this business with the scope `read`."""
    BOOK = "book"
    """An API key of this business with the scope `book`."""
    MANAGE = "manage"
    """An API key of this business with the scope `manage`."""


KEY_SCOPES = frozenset({Who.READ, Who.BOOK, Who.MANAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking."""

    address: str
    """The client's own IP address, behind the proxies that the settings trust."""
    stranger: Networks | None = None
    """What a caller without an API key counts for; None where nobody counts, such as networks that are exempt."""
    proof: ShownProof | None = None
    """What a caller without an API key shows of a proof of work, where the route may ask for one."""
    business: str = ""
    """Of the API key."""
    business_id: int = 0
    key_id: int = 0
    scopes: frozenset[str] = frozenset()
    expires_at: datetime | None = None
    """Of the API key."""

    @property
    def name(self) -> str:
        """For the audit log and idempotency records. The public is one caller: its keys are random and its address
        changes between a request and its retry."""
        return f"key:{self.key_id}" if self.key_id else "public"

    def may(self, who: Who) -> bool:
        """Whether a key's scopes suffice."""
        return who not in KEY_SCOPES or self.holds(who)

    def holds(self, scope: Who) -> bool:
        """Whether a key gives this scope; `manage` includes the others."""
        return scope in self.scopes or Who.MANAGE in self.scopes


@dataclass(eq=False)
class Unauthenticated(BookingError):
    """This needs an API key: Authorization: Bearer bk_..."""


@dataclass(eq=False)
class UnknownKey(BookingError):
    """This API key is not known, was revoked or has ended."""


@dataclass(eq=False)
class Forbidden(BookingError):
    """This API key does not have the scope for that."""

    scope: str
