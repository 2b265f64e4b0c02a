"""
Owns when strangers take so many times at once that a business should hear of it.

Leaves counting to `store/surges`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many times strangers took of a business."""

    taken: int
    """Within the last hour: booked, or held still."""
    usual: int
    """Booked in the busiest hour of the week before."""


def is_surge(pace: Pace, *, least: int, factor: int) -> bool:
    """Whether *pace* is far from usual: a business of a few bookings a day is not told of each group of friends."""
    return pace.taken >= least and pace.taken > factor * pace.usual
