"""
Owns how a call can end without a whole answer.

Leaves what that means for a message to the channels.

    OutboundError
    ├── Refused     this address may not be called
    │   └── Insecure    not without TLS
    ├── TooSlow     no whole answer before the deadline
    ├── TooLarge    the answer is longer than the caller wants
    └── Failed      no connection, or not HTTP; `trouble` says which
"""

from enum import StrEnum

from server.outbound.answer import Answer


class Trouble(StrEnum):
    """What failed, in words for the person who typed the address."""

    NAME = "the name has no address"
    CONNECTION = "no connection"
    CERTIFICATE = "the TLS certificate is not valid"
    PROTOCOL = "the answer is not HTTP"
    ENCODING = "the answer is compressed, which was not asked for"
    REDIRECTS = "too many redirects"


class OutboundError(Exception):
    """A call brought no whole answer."""

    def __init__(self, message: str, *, begun: Answer | None = None) -> None:
        super().__init__(message)
        self.begun = begun
        """The answer as far as it came: its status and headers at least. None: not even those."""


class Refused(OutboundError):
    """
    This address may not be called.

    The message is the same whatever the reason, so that nobody learns from it what is behind our wall; the reason is
    in the log.
    """

    def __init__(self, message: str = "This address may not be called.") -> None:
        super().__init__(message)


class Insecure(Refused):
    """A public address, without TLS: everybody on the way could read along."""

    def __init__(self) -> None:
        super().__init__("Use https://. Without TLS only addresses within allowed networks are called.")


class TooSlow(OutboundError):
    """There was no whole answer in time."""

    def __init__(self, *, begun: Answer | None) -> None:
        super().__init__("There was no whole answer in time.", begun=begun)


class TooLarge(OutboundError):
    """The answer is too large."""

    def __init__(self, *, begun: Answer) -> None:
        super().__init__("The answer is too large.", begun=begun)


class Failed(OutboundError):
    """The call failed, for a reason in `trouble`."""

    def __init__(self, trouble: Trouble, *, begun: Answer | None = None) -> None:
        super().__init__(f"The call failed: {trouble}.", begun=begun)
        self.trouble = trouble
