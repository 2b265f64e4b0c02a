"""
Owns the shape of a challenge for a proof of work: ALTCHA's, whose names are in camel case.

Leaves making and checking it to `proof_of_work`.
"""

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from server.web.shapes.base import Shape


class _Altcha(Shape):
    """What ALTCHA's libraries read."""

    model_config = ConfigDict(alias_generator=to_camel)


class ChallengeParameters(_Altcha):
    """
    Derive keys from `nonce` followed by a counter (0, 1, 2 …; 32 bits, big-endian), with `salt` and `cost` rounds,
    until one begins with `keyPrefix`.
    """

    algorithm: str
    cost: int
    key_length: int
    key_prefix: str
    key_signature: str
    nonce: str
    salt: str
    expires_at: int
    """Seconds since 1970."""
    data: dict[str, str]


class ProofChallenge(_Altcha):
    """Work to be done (ALTCHA v2). Send it back with the solution in the header `Booking-Proof`, as base64 of JSON."""

    parameters: ChallengeParameters
    signature: str
