"""
Owns what the service for text messages may say about one: which status comes after which, and what its codes mean.

Leaves what follows to `usecases/sms_status`. Codes are those of Twilio (twilio.com/docs/api/errors).
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

_RANKS: Mapping[str, int] = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    "read": 5,
}
"""Callbacks come in any order and more than once: only one of a higher rank counts."""

LOST = frozenset({"undelivered", "failed", "canceled"})
"""Ends in which nobody has read anything."""


def comes_after(status: str, before: str) -> bool:
    """Whether *status* is news where *before* was known; an unknown status never is, and nothing follows a loss."""
    if status not in _RANKS or before in LOST:
        return False
    return _RANKS[status] > _RANKS.get(before, -1)


class Concern(StrEnum):
    """Whom an error concerns."""

    PASSING = "passing"
    """The phone is off, a carrier is busy: the same may work in a while."""
    NUMBER = "number"
    """Nothing seems to arrive there; carriers err, so that it takes several."""
    ASKED = "asked"
    """Whoever has the number asked for no more, until they say START."""
    MESSAGE = "message"
    """This message, as it is."""
    SENDER = "sender"
    """Who we are to the service: no message arrives until somebody solves it there."""


class SmsError(NamedTuple):
    """A code of the service: whom it concerns, and what it says."""

    concern: Concern
    says: str


ERRORS: Mapping[int, SmsError] = {
    21211: SmsError(Concern.MESSAGE, "The service does not know this number."),
    21408: SmsError(Concern.MESSAGE, "The service does not text to this country."),
    21606: SmsError(Concern.SENDER, "The sender cannot send text messages to this number."),
    21608: SmsError(Concern.SENDER, "The account is a trial: it texts to verified numbers only."),
    21610: SmsError(Concern.ASKED, "The recipient has asked for no more text messages."),
    21612: SmsError(Concern.MESSAGE, "The service cannot reach this number."),
    21614: SmsError(Concern.MESSAGE, "This is no mobile number."),
    21617: SmsError(Concern.MESSAGE, "The text is too long."),
    21635: SmsError(Concern.MESSAGE, "This is a landline."),
    21659: SmsError(Concern.SENDER, "The sender is no number of the account."),
    30003: SmsError(Concern.PASSING, "The phone is switched off or out of reach."),
    30004: SmsError(Concern.NUMBER, "The number does not take our messages."),
    30005: SmsError(Concern.NUMBER, "The number is unknown."),
    30006: SmsError(Concern.NUMBER, "The number is a landline, or its carrier cannot be reached."),
    30007: SmsError(Concern.SENDER, "The carrier filters our messages."),
    30008: SmsError(Concern.PASSING, "The carrier gives no reason."),
    30034: SmsError(Concern.SENDER, "The sender is not registered for messages to the United States (A2P 10DLC)."),
}

MOST_IN_A_ROW = 3
"""So many messages lost for the number's sake, one after the other, and it is left alone."""
LEFT_ALONE = timedelta(days=30)
"""Numbers are given to others, and carriers mend their tables."""
ONCE_MORE_AFTER = timedelta(minutes=30)
"""When a message is sent again that was lost for a passing reason; once."""


def concern_of(code: str) -> Concern | None:
    """Whom *code* concerns; None where it is unknown or missing."""
    found = ERRORS.get(int(code)) if code.isascii() and code.isdecimal() else None
    return found.concern if found is not None else None


def meaning_of(status: str, code: str) -> str:
    """A status with its code, for whoever looks at the log."""
    found = ERRORS.get(int(code)) if code.isascii() and code.isdecimal() else None
    words = f": {found.says}" if found is not None else ""
    return f"{status}, code {code}{words}" if code else status
