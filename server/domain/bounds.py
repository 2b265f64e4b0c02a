"""
Owns which of the availability rules hold for whoever chooses a time.

Leaves the rules, and which of them are promises to customers only, to `rules`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from server.domain.lifecycle import Actor
from server.domain.slots import Refusal


class Bounds(NamedTuple):
    """What holds for one kind of chooser; what is possible at all (claims, busy time, places) holds for everybody."""

    promises: bool = True
    """What is promised to customers: hours, notice, horizon, the grid, caps and limits."""
    held: bool = False
    """The time is held for them: what was asked when the hold was made is not asked again."""
    backdate_s: int = 0
    """So long before now it may begin: somebody is in the chair already."""
    may_override: bool = False
    """They could break promises if they gave a reason, and are told so."""

    def binding(self, refusals: Iterable[Refusal]) -> list[Refusal]:
        """Those of *refusals* that hold."""
        return [
            refusal
            for refusal in refusals
            if (self.promises or refusal.binds_staff) and not (self.held and refusal.settled_by_hold)
        ]


EVERY_RULE = Bounds()
OVERRIDE = Bounds(promises=False, backdate_s=86_400)
_STAFF = Bounds(may_override=True)
_OWN_CALENDAR = Bounds(promises=False)


def bounds_of(actor: Actor, *, override: str | None = None, held: bool = False) -> Bounds:
    """What binds *actor*, who gave *override* as the reason to break promises, or None, and perhaps holds the time."""
    return _of(actor, override)._replace(held=held)


def _of(actor: Actor, override: str | None) -> Bounds:
    if actor is Actor.PROVIDER:
        return OVERRIDE if override is not None else _STAFF
    return _OWN_CALENDAR if actor is Actor.CALENDAR else EVERY_RULE
