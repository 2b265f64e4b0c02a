"""
Owns counting in fixed windows within this process, in bounded memory.

Leaves the counts that all processes share to `rate_limits`.
"""

from limits import RateLimitItem

from server.domain.recent import Recent

_MOST = 50_000
_LONGEST_S = 86_400.0


class FixedWindows:
    """How often each name came in the window that it began."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._windows: Recent[tuple[str, str], list[float]] = Recent(most=most, ttl_s=_LONGEST_S)

    def hit(self, item: RateLimitItem, kind: str, who: str, now: float) -> float | None:
        """Counts one more; the end of the window where that was one too many, else None."""
        window = self._windows.get((kind, who), now)
        if window is None:
            ends = now + item.get_expiry()
            window = [0.0, ends]
            self._windows.put((kind, who), window, now, until=ends)
        window[0] += 1
        return window[1] if window[0] > item.amount else None

    def is_over(self, item: RateLimitItem, kind: str, who: str, now: float) -> bool:
        """Whether one more would be one too many."""
        window = self._windows.get((kind, who), now)
        return window is not None and window[0] >= item.amount
