"""
Owns solving a challenge as a stranger's device does.

Leaves what it is shown to, to the tests.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from altcha import Challenge, Payload, Solution, solve_challenge


def solved(challenge: Mapping[str, Any], **changes: Any) -> str:
    """The header that shows that *challenge* was solved; *changes* are made to its parameters afterwards."""
    asked = Challenge.from_dict(dict(challenge))
    found = solve_challenge(asked)
    assert found is not None
    told = Payload(asked, Solution(found.counter, found.derived_key)).to_dict()
    told["challenge"]["parameters"] |= changes
    return base64.b64encode(json.dumps(told).encode()).decode()
