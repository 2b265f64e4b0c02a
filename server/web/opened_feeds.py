"""
Owns remembering for a second which feed a token opens and how new it is: calendar apps come in swarms, at full hours.

Leaves opening feeds to `usecases/read_feed`. What changes in this process is forgotten at once, and what changes in
others as soon as they announce it; a second at most is what a lost announcement costs.
"""

import time

from server.usecases.read_feed import Opened, View

_TTL_S = 1.0
_MOST = 20_000


class OpenedFeeds:
    """By token and view."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, View], tuple[float, Opened]] = {}

    def find(self, token: str, view: View) -> Opened | None:
        """What was opened within the last second, if nothing has been heard of its business since."""
        known = self._known.get((token, view))
        if known is None or time.monotonic() > known[0]:
            return None
        return known[1]

    def keep(self, token: str, view: View, opened: Opened) -> None:
        """For a second."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token, view] = time.monotonic() + _TTL_S, opened

    def forget(self, business: str) -> None:
        """Something has changed in *business*."""
        for key in [key for key, (_, opened) in self._known.items() if opened.feed.business == business]:
            del self._known[key]
