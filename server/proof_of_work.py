"""
Owns proof of work: challenges that a device solves in a few seconds, signed, for one business and a few minutes, and
checking what comes back. The format is ALTCHA's (v2, PBKDF2), so that its widget and libraries solve them, too.

Leaves who is asked for one to `domain/proofs`, and that none counts twice to `store/spent_proofs`.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from altcha import Challenge, Payload, create_challenge, verify_solution

from server.domain.proofs import Flaw, Proof, ShownProof
from server.settings import ProofSettings

LONGEST = 4_096
"""Characters of an encoded solution; ours have some 700."""
_ALGORITHM = "PBKDF2/SHA-256"
_SIGNED, _SOLVED = b"signed", b"solved"


class ProofOfWork:
    """Makes and checks challenges with the deployment's secrets: nothing is stored until one is spent."""

    def __init__(self, settings: ProofSettings, keys: Sequence[bytes], now: Callable[[], datetime]) -> None:
        """
        Args:
            keys: The first signs, all are tried when checking.
        """
        self._settings = settings
        self._keys = keys
        self._now = now

    def challenge(self, business: str, *, factor: int = 1) -> dict[str, Any]:
        """
        A challenge for *business*, as JSON. It takes the time of one guess to make: call it off the event loop.

        Args:
            factor: How many times as many guesses as usual it takes, within the settings' bound.
        """
        expires_at = int(self._now().timestamp()) + self._settings.life_s
        made: Challenge = create_challenge(
            _ALGORITHM,
            self._settings.cost,
            counter=self._guesses(min(factor, self._settings.hardest)),
            expires_at=expires_at,
            data={"business": business},
            hmac_secret=self._keys[0] + _SIGNED,
            hmac_key_secret=self._keys[0] + _SOLVED,
        )
        return made.to_dict()

    def check(self, business: str, encoded: str) -> ShownProof:
        """What *encoded* (base64 of the challenge with its solution) proves to *business*."""
        if not encoded:
            return Flaw.MISSING
        payload = _decoded(encoded)
        if payload is None or payload.challenge.parameters.data != {"business": business}:
            return Flaw.WRONG
        results = [verify_solution(payload, key + _SIGNED, hmac_key_secret=key + _SOLVED) for key in self._keys]
        if any(result.expired for result in results):
            return Flaw.EXPIRED
        if not any(result.verified for result in results):
            return Flaw.WRONG
        expires_at = datetime.fromtimestamp(payload.challenge.parameters.expires_at or 0, UTC)
        return Proof(sha256(str(payload.challenge.signature).encode()).digest(), expires_at)

    def _guesses(self, factor: int) -> int:
        """Half to one and a half times the usual: never none, and never more than can be promised in seconds."""
        usual = self._settings.guesses * factor
        return usual // 2 + secrets.randbelow(usual + 1)


def _decoded(encoded: str) -> Payload | None:
    if len(encoded) > LONGEST:
        return None
    try:
        return Payload.from_base64(encoded)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
