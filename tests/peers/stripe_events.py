"""
Owns calls as Stripe makes them: events with all their fields, signed.

Leaves what has happened to the tests.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

import orjson

SIGNING = "whsec_test_signing"


def event(session: str, *, secret: str = SIGNING, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """A call that says that *session* is complete."""
    return event_about("checkout.session.completed", {"id": session}, secret=secret, at=at)


def event_about(
    kind: str,
    about: Mapping[str, Any],
    *,
    livemode: bool = False,
    secret: str = SIGNING,
    at: float | None = None,
) -> tuple[bytes, dict[str, str]]:
    """A call about an object, as its body and headers."""
    body = orjson.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "api_version": "2019-01-01",
            "type": kind,
            "livemode": livemode,
            "pending_webhooks": 1,
            "data": {"object": dict(about)},
        }
    )
    return body, signed(body, secret=secret, at=at)


def signed(body: bytes, *, secret: str = SIGNING, at: float | None = None, others: int = 0) -> dict[str, str]:
    """The header of *body*; before the right signature come so many *others*."""
    moment = int(at or time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    wrong = "".join(f"v1={'0' * 64}," for _ in range(others))
    return {"Stripe-Signature": f"t={moment},{wrong}v1={digest}"}
