"""
Owns what an adapter needs of HTTP: one call and its answer.

Leaves making the call, and guarding where it may go, to whoever uses the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a peer answered. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    """Where the answer came from, after redirects."""


class Exchange(Protocol):
    """Calls a URL and reads the whole answer; redirects are followed, credentials go to the first origin only."""

    async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """
        Raises:
            Forbidden: The address may not be called.
            TryLater: There was no answer, or not a whole one, in time.
            Nonsense: The answer is too large, or is not HTTP.
        """
        ...
