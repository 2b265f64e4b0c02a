"""
Owns what is asked: availability and bookings as bytes of HTTP/1.1, the same ones for the same database.

Leaves sending them to `load`. The server answers equal questions that are under way at once together, which would
flatter it: there are always more different questions than connections.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

import orjson

from bench.seed import DAYS, START_MINUTES, TEAM, ZONE, Seeded

T = TypeVar("T")

_CITIES = ("Berlin", "Paris", "Rome", "Madrid", "Vienna", "Zurich", "Prague", "Warsaw", "Budapest", "Brussels")
_ALIKE = [f"Europe/{city}" for city in _CITIES]
"""Zones that share their offsets: other questions, the same work."""

_BOOKABLE_DAYS = 640
"""After the thirty days that hold the seeded appointments, and before the service's horizon."""


def day_questions(seeded: Seeded, *, businesses: int | None = None, most: int = 5_000) -> list[bytes]:
    """One day of one provider, of all businesses or of the first few."""
    days = [day for day in (seeded.first + timedelta(days=n) for n in range(DAYS)) if day.weekday() < 6]
    asked = [(provider, day) for day in days for provider in range((businesses or seeded.size.businesses) * TEAM)]
    return [get(availability(seeded, first=day, last=day, provider=p)) for p, day in _some(asked, most)]


def month_questions(seeded: Seeded, *, businesses: int | None = None, most: int = 5_000) -> list[bytes]:
    """Thirty days of one provider, of all businesses or of the first few."""
    last = seeded.first + timedelta(days=DAYS - 1)
    asked = [(provider, zone) for zone in _ALIKE for provider in range((businesses or seeded.size.businesses) * TEAM)]
    return [
        get(availability(seeded, first=seeded.first, last=last, zone=zone, provider=provider))
        for provider, zone in _some(asked, most)
    ]


def team_questions(seeded: Seeded, *, most: int = 5_000) -> list[bytes]:
    """Thirty days of whoever of a business's ten providers is free."""
    last = seeded.first + timedelta(days=DAYS - 1)
    asked = [(team, zone) for zone in _ALIKE for team in range(seeded.size.businesses)]
    return [
        get(availability(seeded, first=seeded.first, last=last, zone=zone, team=team))
        for team, zone in _some(asked, most)
    ]


class Bookings:
    """Bookings of random providers at random free times, none of them twice."""

    def __init__(self, seeded: Seeded) -> None:
        self._seeded = seeded
        self._random = random.Random(seeded.size.providers)
        self._used: set[tuple[int, int, int]] = set()
        self._bodies = self._endless()

    def take(self, count: int) -> list[bytes]:
        """The next *count* requests."""
        return list(islice(self._bodies, count))

    def _endless(self) -> Iterator[bytes]:
        begin = self._seeded.first + timedelta(days=DAYS)
        while True:
            provider = self._random.randrange(self._seeded.size.providers)
            day = self._random.randrange(_BOOKABLE_DAYS)
            minute = self._random.choice(START_MINUTES)
            date_asked = begin + timedelta(days=day)
            if date_asked.weekday() == 6 or (provider, day, minute) in self._used:
                continue
            self._used.add((provider, day, minute))
            yield self._booking(provider, date_asked, minute, len(self._used))

    def _booking(self, provider: int, day: date, minute: int, number: int) -> bytes:
        start = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(ZONE))
        order = {
            "service": "cut",
            "provider": self._seeded.slug_of(provider),
            "start": start.isoformat(),
            "customer": {
                "name": f"Kim Müller {number}",
                "email": f"kim.mueller.{number}@example.org",
                "phone": f"+4930{1_000_000 + number}",
                "timezone": ZONE,
                "locale": "de-DE",
            },
        }
        path = f"/v1/businesses/{self._seeded.business_of(provider)}/appointments"
        return post(path, orjson.dumps(order), key=f"bench-{self._random.getrandbits(96):024x}")


def availability(
    seeded: Seeded, *, first: date, last: date, zone: str = ZONE, provider: int | None = None, team: int = 0
) -> str:
    """The path of a question about one provider, or about all ten of a business."""
    business = seeded.business_of(team * TEAM if provider is None else provider)
    one = "" if provider is None else f"&provider={seeded.slug_of(provider)}"
    return f"/v1/businesses/{business}/availability?service=cut{one}&from={first}&to={last}&tz={zone}"


def get(path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode()


def post(path: str, body: bytes, *, key: str) -> bytes:
    """A POST of JSON with an Idempotency-Key."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nIdempotency-Key: {key}\r\n\r\n"
    )
    return head.encode() + body


def _some(things: Sequence[T], most: int) -> Sequence[T]:
    """At most *most* of *things*, at random but the same each time."""
    return things if len(things) <= most else random.Random(most).sample(things, most)
