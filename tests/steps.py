"""
Owns counting the work of a piece of code: calls of functions, which are the same on every machine, idle or busy.

Leaves speed to `bench`, where it is a ratio to a reference of the same run.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooManySteps(BaseException):
    """More calls than were allowed; no `except Exception` on the way takes it for an error of its own."""


@contextmanager
def at_most(calls: int) -> Iterator[None]:
    """Ends the block with `TooManySteps` as soon as it makes more than *calls* calls, of Python or C functions."""
    made = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal made
        if event in {"call", "c_call"}:
            made += 1
            if made > calls:
                sys.setprofile(None)
                raise TooManySteps(f"more than {calls:,} calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
