"""
Owns what a channel answers when it was asked to send: sent, try again, or never.

Leaves when to try again to `domain/backoff`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    RETRY = "retry"
    """It may work later: the peer is away, busy or too slow."""
    REFUSED = "refused"
    """It will never work: a wrong address, a body that the peer rejects."""
    GONE = "gone"
    """The target asks for nothing more, ever (HTTP 410): the endpoint is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt: the verdict, and what an operator wants to read about it."""

    verdict: Verdict
    detail: str = ""
    """One line, without secrets or customer data."""
    status: int | None = None
    """The peer's status code: SMTP or HTTP."""
    response: str = ""
    """The beginning of the peer's answer, at most 2,000 characters."""
    remote_id: str = ""
    """The peer's own id for the message, by which its later callbacks name it."""
    retry_after_s: int | None = None
    """How long the peer asked us to wait."""
    peer_trouble: bool = False
    """The peer as a whole is in trouble, not this message: counts towards its circuit breaker."""
    sender_code: int | None = None
    """The peer's code where it does not take us as the sender: somebody has to solve it there."""
