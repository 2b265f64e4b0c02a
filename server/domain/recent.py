"""
Owns a table of what was learnt recently: it forgets what is old, and its oldest entry rather than grow.

Leaves the clock to its callers. What a stranger can name must be kept in one of these, never in a plain dictionary.
"""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most *most* values, each for *ttl_s* seconds."""

    def __init__(self, *, most: int, ttl_s: float) -> None:
        self._most = most
        self._ttl_s = ttl_s
        self._entries: dict[K, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, now: float) -> V | None:
        """What is known of *key*; None if nothing is, or not any more."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > now else None

    def last(self, key: K) -> V | None:
        """What was known of *key* last, however old, if it is still here."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None else None

    def put(self, key: K, value: V, now: float, *, until: float | None = None) -> None:
        """Keeps *value* for the usual time, or *until* then; the entry written longest ago goes for it."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (now + self._ttl_s if until is None else until, value)

    def drop(self, key: K) -> None:
        """Forgets *key*."""
        self._entries.pop(key, None)
