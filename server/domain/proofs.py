"""
Owns what strangers show before a time is theirs, and when a proof of work is asked for.

Leaves making and checking proofs to `proof_of_work`, and that none counts twice to `store/spent_proofs`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.domain.errors import ProofRequired


class Guard(StrEnum):
    """What a business asks of strangers before they can book."""

    OPEN = "open"
    MAIL = "mail"
    PROOF = "proof"


class Flaw(StrEnum):
    """Why a stranger's proof does not count."""

    MISSING = "missing"
    WRONG = "wrong"
    EXPIRED = "expired"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Proof:
    """Work that was done for one business, and has not been looked for among the spent."""

    digest: bytes
    """Of the challenge that was solved: 32 octets."""
    expires_at: datetime


ShownProof = Proof | Flaw
"""What a stranger shows: a proof, or why there is none."""


def proof_to_spend(guard: Guard, shown: ShownProof | None) -> Proof | None:
    """
    The proof that *guard* takes from whoever shows *shown*; None where none is asked for.

    Args:
        shown: None for whoever is known, and for ourselves: they are not asked.

    Raises:
        ProofRequired: There is none that counts.
    """
    if guard is not Guard.PROOF or shown is None:
        return None
    if isinstance(shown, Flaw):
        raise ProofRequired(reason=shown)
    return shown
