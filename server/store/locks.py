"""
Owns the advisory keys under which time is claimed, and the order in which they are taken.

Leaves taking them to `engine`: all of a transaction's keys go with its BEGIN.
"""

from collections.abc import Iterable
from hashlib import blake2b

from server.domain.claims import Claim


def key_of(*parts: object) -> int:
    """A signed 64-bit key, the same in every process and version: BLAKE2b of the parts."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def keys_for(claims: Iterable[Claim]) -> set[int]:
    """One key for each resource and UTC day that *claims* touch."""
    return {key_of("time", claim.resource_id, day) for claim in claims for day in claim.utc_days()}


def in_order(keys: Iterable[int]) -> list[int]:
    """Ascending: two transactions that take keys in one order cannot wait for each other in a circle."""
    return sorted(set(keys))
