"""
Owns reading what tells a business's countries: its places and its phones.

Leaves which countries those are to `channels/phone`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.store.engine import Session


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What a business says about where it is."""

    countries: Sequence[str]
    """Whose holidays its locations keep (ISO 3166)."""
    zones: Sequence[str]
    """Of its locations that are places."""
    phones: Sequence[str]
    """Its own, and its providers'."""


_HOME = """
SELECT ARRAY(SELECT DISTINCT holiday_country FROM locations
              WHERE business_id = $1 AND holiday_country IS NOT NULL) AS countries,
       ARRAY(SELECT DISTINCT timezone FROM locations WHERE business_id = $1 AND NOT online) AS zones,
       ARRAY(SELECT phone FROM businesses WHERE id = $1 AND phone <> ''
              UNION SELECT phone FROM providers WHERE business_id = $1 AND phone <> '') AS phones
"""


async def home_facts(session: Session, business_id: int) -> HomeFacts:
    """Those of one business."""
    row = await session.first(_HOME, business_id)
    assert row is not None
    return HomeFacts(row["countries"], row["zones"], row["phones"])
