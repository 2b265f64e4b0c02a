"""
Owns when a delivery that failed is tried again, and when it is given up.

Leaves sending, and leaving a troubled peer alone, to the worker.
"""

import hashlib
from datetime import timedelta

FIRST_WAITS_S = (1, 5, 10, 30, 60)
"""After the first attempts: most troubles pass in a minute."""

LONGEST_WAIT = timedelta(hours=24)
"""The waits double up to here; nothing is waited for longer, whatever the peer asks."""

MOST_ATTEMPTS = 18
"""The last comes about 3 days after the first (between 2 days 17 hours and 3 days 11 hours)."""

_JITTER = 0.2
"""A doubled wait is shortened by up to this share, so that what failed together does not come back together."""


def next_try(attempt: int, *, key: str, retry_after: timedelta | None = None) -> timedelta | None:
    """
    How long to wait after the failed *attempt*, counted from 1; None when that was the last.

    Args:
        key: Names the delivery. Its jitter follows from it, so the same delivery always waits the same.
        retry_after: What the peer asks for; it counts where it is longer.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    if attempt >= MOST_ATTEMPTS:
        return None
    return min(max(_wait(attempt, key), retry_after or timedelta()), LONGEST_WAIT)


def _wait(attempt: int, key: str) -> timedelta:
    if attempt <= len(FIRST_WAITS_S):
        return timedelta(seconds=FIRST_WAITS_S[attempt - 1])
    doublings = attempt - len(FIRST_WAITS_S)
    doubled = min(timedelta(seconds=FIRST_WAITS_S[-1] * 2**doublings), LONGEST_WAIT)
    return doubled * (1 - _JITTER * _share(f"{key}/{attempt}"))


def _share(text: str) -> float:
    """A number in [0, 1) that follows from *text*: the same in every process, unlike `hash`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
