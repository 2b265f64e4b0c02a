"""
Owns what an appointment takes: which resources, and for how long, buffers included.

Leaves whether that time is free to `rules`, and the keys of its locks to `store/locks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.intervals import Spans

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Claim:
    """A resource's time, half-open, in seconds since the epoch."""

    resource_id: int
    start: int
    end: int

    def utc_days(self) -> range:
        """The days since the epoch that it touches, by UTC: a zone may be edited while bookings run."""
        return range(self.start // _DAY, (self.end - 1) // _DAY + 1)


def pick_resources(needs: Sequence[Sequence[int]], taken: dict[int, Spans], start: int, end: int) -> list[int] | None:
    """
    One free resource for each need, in the order given; None where a need cannot be met.

    Args:
        needs: For each need the resources that could meet it, the preferred first.
        taken: The taken spans of each resource.
        start: Of the claimed time, buffers included.
    """
    chosen: list[int] = []
    for alternatives in needs:
        free = (
            resource
            for resource in alternatives
            if resource not in chosen and not any(s < end and start < e for s, e in taken.get(resource, ()))
        )
        resource = next(free, None)
        if resource is None:
            return None
        chosen.append(resource)
    return chosen
