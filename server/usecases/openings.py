"""
Owns what is free of a service, provider by provider and place by place, for those who wait for it.

Leaves the list for people who look for a time to `find_slots`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from server.domain.catalogue import Offer, question_for
from server.domain.slots import find_starts
from server.domain.waitlist import Opening, Openings
from server.domain.zones import day_span
from server.store.taken import load_taken
from server.usecases.core import Core
from server.usecases.offering import offers_of, with_current_offers

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Free:
    """What is free of a service, read at *now* by the database's clock; *offer* is one of those that have its terms."""

    offer: Offer
    openings: Openings
    now: datetime


async def free_openings(core: Core, business: str, service: str, *, first: date, last: date) -> Free | None:
    """
    What is free between two dates, both included and each as a calendar at the location shows it; None where nobody
    offers the service.

    One query, however many days and providers; one more where what is offered is not at hand.

    Raises:
        NotFound: The business or the service is not there, or not offered any more.
    """

    async def attempt(anew: bool) -> Free | None:
        offers = await offers_of(core, business, service, anew=anew)
        return await _free(core, offers, first, last) if offers else None

    return await with_current_offers(attempt)


async def _free(core: Core, offers: Sequence[Offer], first: date, last: date) -> Free:
    window = _window(offers, first, last)
    async with core.database.reading() as session:
        taken = await load_taken(session, offers, window)
        now = session.now
    by_day: defaultdict[date, list[Opening]] = defaultdict(list)
    for offer in offers:
        where, length = offer.location.zone, offer.service.duration_s
        names = {"provider": offer.provider.slug, "location": offer.location.slug}
        for start in find_starts(question_for(offer, taken, window=window, now=now)):
            opening = Opening.at(start, start + length, where, **names)
            by_day[opening.day].append(opening)
    return Free(offers[0], {day: sorted(by_day[day]) for day in sorted(by_day)}, now)


def _window(offers: Sequence[Offer], first: date, last: date) -> tuple[int, int]:
    """From the first of these days anywhere to the end of the last, within what can be booked; it begins with a UTC
    day, so that the opening time around it is worked out once."""
    spans = [day_span(offer.location.zone, first, last) for offer in offers]
    now = int(datetime.now(UTC).timestamp())
    horizon = max(offer.service.horizon_s for offer in offers)
    begin = max(min(span[0] for span in spans), now) // _DAY_S * _DAY_S
    end = min(max(span[1] for span in spans), now + horizon + int(timedelta(days=1).total_seconds()))
    return begin, max(begin, end)
