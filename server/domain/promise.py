"""
Owns what a living hold promises to its customer, whatever is edited while it lives.

Leaves how long it lives to whoever made it.
"""

from dataclasses import dataclass

from server.domain.catalogue import Offer
from server.domain.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The terms of a hold, and the time that it kept."""

    terms: Terms
    claimed: tuple[int, int] | None
    """Seconds before its start from which on it kept time, and after it until then; None for a place in a class."""

    def kept(self, offer: Offer) -> Offer:
        """*offer* as it was when the hold was made."""
        promised = offer.at(self.terms)
        if self.claimed is None:
            return promised
        before, after = self.claimed
        return promised.claiming(before, after - self.terms.duration_s)
