# a failure is named by what to do about it, as in ics/errors
"""
Owns how a peer can fail us, named by what has to happen next.

Leaves doing it to whoever syncs.

    RemoteError
    ├── SignInNeeded     the credentials are refused: only a person can help
    ├── Forbidden        signed in, but this may not be done; or the address may not be called
    ├── Missing          the object or collection is not there
    ├── Changed          it is there, but not as we knew it: look again before writing
    ├── TokenGone        the peer does not know the token any more: list everything
    ├── TryLater         not now
    │   └── Unanswered   a write left and no answer came: look whether it happened before repeating it
    └── Nonsense         the answer is not what the protocol says; nothing may be concluded from it
"""

from dataclasses import dataclass

from ics.errors import IcsError


@dataclass(eq=False)
class RemoteError(IcsError):
    """A calendar of somebody else could not be worked with; *detail* is for people, and repeats no secret."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class SignInNeeded(RemoteError):
    """The calendar server does not accept the credentials any more."""


@dataclass(eq=False)
class Forbidden(RemoteError):
    """The calendar server does not allow this."""


@dataclass(eq=False)
class Missing(RemoteError):
    """It is not there."""


@dataclass(eq=False)
class Changed(RemoteError):
    """It has changed since we looked, or is there already."""


@dataclass(eq=False)
class TokenGone(RemoteError):
    """The calendar server cannot tell what has changed since then."""


@dataclass(eq=False)
class TryLater(RemoteError):
    """
    The calendar server cannot do this now.

    Attributes:
        retry_after_s: How long it asks us to wait; None where it does not say.
        peer_trouble: Whether the server itself is in trouble, rather than this one request.
    """

    retry_after_s: int | None = None
    peer_trouble: bool = True


@dataclass(eq=False)
class Unanswered(TryLater):
    """A change was sent, and no answer came: it may have happened."""


@dataclass(eq=False)
class Nonsense(RemoteError):
    """The calendar server answered something that means nothing to us."""
