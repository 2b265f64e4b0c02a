"""
Owns what is asked: availability and bookings as bytes of HTTP/1.1, the same ones for the same database.

Leaves sending them to `load`.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import orjson

from bench.seed import DAYS, START_MINUTES, TEAM, ZONE, Seeded

_BOOKABLE_DAYS = 640
"""After the thirty days that hold the seeded appointments, and before the service's horizon."""


def day_questions(seeded: Seeded, *, most: int = 5_000) -> list[bytes]:
    """One day of one provider. No two alike are under way at once: equal questions are answered together."""
    days = [day for day in (seeded.first + timedelta(days=n) for n in range(DAYS)) if day.weekday() < 6]
    asked = [(provider, day) for day in days for provider in range(seeded.size.providers)]
    return [get(availability(seeded, first=day, last=day, provider=p)) for p, day in _some(asked, most)]


def month_questions(seeded: Seeded, *, most: int = 5_000) -> list[bytes]:
    """Thirty days of one provider."""
    last = seeded.first + timedelta(days=DAYS - 1)
    providers = _some(range(seeded.size.providers), most)
    return [get(availability(seeded, first=seeded.first, last=last, provider=p)) for p in providers]


def team_questions(seeded: Seeded, *, most: int = 5_000) -> list[bytes]:
    """Thirty days of whoever of a business's ten providers is free."""
    last = seeded.first + timedelta(days=DAYS - 1)
    teams = _some(range(seeded.size.businesses), most)
    return [get(availability(seeded, first=seeded.first, last=last, team=team)) for team in teams]


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
    seeded: Seeded, *, first: date, last: date, provider: int | None = None, team: int | None = None
) -> str:
    """The path of a question about one provider, or about all ten of a business."""
    asked = f"service=cut&from={first}&to={last}"
    if provider is not None:
        return (
            f"/v1/businesses/{seeded.business_of(provider)}/availability?{asked}&provider={seeded.slug_of(provider)}"
        )
    assert team is not None
    return f"/v1/businesses/{seeded.business_of(team * TEAM)}/availability?{asked}"


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


def path_of(request: bytes) -> str:
    """The path and query of *request*."""
    return request.split(b" ", 2)[1].decode()


def _some[T](things: "range | list[T]", most: int) -> list[T]:
    """At most *most* of *things*, at random but the same each time."""
    listed = list(things)
    return listed if len(listed) <= most else random.Random(most).sample(listed, most)
