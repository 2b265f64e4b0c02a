"""
Owns remembering for a second which feed a token opens and how new it is: calendar apps come in swarms, at full hours.

Leaves opening feeds to `usecases/read_feed`. What changes in this process is forgotten at once, and what changes in
others as soon as they announce it; a second at most is what a lost announcement costs.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from multidict import CIMultiDict

from server.usecases.read_feed import View

_TTL_S = 1.0
_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Newness:
    """How new a document is, as its answers say it."""

    business: str
    etag: str
    last_modified: datetime | None
    headers: CIMultiDict[str]


class OpenedFeeds:
    """By token, view, and whether it is compressed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, View, bool], tuple[float, Newness]] = {}

    def find(self, token: str, view: View, zipped: bool) -> Newness | None:
        """What was opened within the last second, if nothing has been heard of its business since."""
        known = self._known.get((token, view, zipped))
        if known is None or time.monotonic() > known[0]:
            return None
        return known[1]

    def keep(self, token: str, view: View, zipped: bool, newness: Newness) -> None:
        """For a second."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token, view, zipped] = time.monotonic() + _TTL_S, newness

    def forget(self, business: str) -> None:
        """Something has changed in *business*."""
        for key in [key for key, (_, newness) in self._known.items() if newness.business == business]:
            del self._known[key]
