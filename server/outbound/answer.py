"""
Owns what a peer answered: status, headers, body, and how long it asks us to wait.

Leaves what a status means to the channels.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from multidict import CIMultiDictProxy

LONGEST_WAIT_S = 24 * 3600
"""What a peer asks for beyond a day is cut: nobody parks our messages for ever."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A peer's answer."""

    status: int
    headers: CIMultiDictProxy[str]
    """Looked up in any case."""
    body: bytes
    url: str
    """Where it came from, after redirects."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def beginning(self, characters: int) -> str:
        """The beginning of the body as UTF-8; what is not printable (NUL, which Postgres refuses) becomes U+FFFD."""
        text = self.body[: 4 * characters].decode(errors="replace")
        return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))[:characters]

    def retry_after_s(self, *, now: datetime) -> int | None:
        """
        Seconds that the peer asks us to wait, at most a day; None where it does not say, or says it wrongly.

        RFC 9110, 10.2.3: seconds, or a date.
        """
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return min(int(text[:9]), LONGEST_WAIT_S)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # "-0000", and the older forms that RFC 9110 asks us to read
        return max(0, min(round((moment - now).total_seconds()), LONGEST_WAIT_S))
