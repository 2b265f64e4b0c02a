"""
Owns telling the other processes, after a commit, that availability has changed.

Leaves what they do about it to `availability_cache` and `listeners`. Nothing here can fail a booking.
"""

from collections.abc import Iterable
from datetime import datetime

import orjson
from redis.asyncio import Redis

from server.domain.appointment import Appointment
from server.redis.connection import RedisLink
from server.redis.listeners import CHANNEL, Change, Listeners
from server.redis.versions import bump


class Changes:
    """Bumps versions and publishes what has changed, in one round trip."""

    def __init__(self, link: RedisLink, listeners: Listeners) -> None:
        self._link = link
        self._listeners = listeners

    async def announce(self, business: str, providers: Iterable[str] | None, *starts: datetime) -> None:
        """
        The time of *providers* (slugs; None for everybody) of *business* has changed.

        Args:
            starts: Around which moments; none means that any day may have changed.
        """
        touched = None if providers is None else sorted(set(providers))
        change = Change(business, touched, sorted({start.timestamp() for start in starts}))

        async def tell(redis: Redis) -> bool:
            await bump(redis, business, touched, channel=CHANNEL, message=orjson.dumps(change))
            return True

        if await self._link.ask(tell):
            self._listeners.heard(change)  # this process need not wait for its own message to come back
        else:
            self._link.untold.add(business)
            self._listeners.deliver(change)

    async def announce_appointment(self, appointment: Appointment, *, shared: bool = False) -> None:
        """
        An appointment was made.

        Args:
            shared: It takes a room or device, so that everybody's availability may have changed.
        """
        providers = None if shared else [appointment.provider]
        await self.announce(appointment.business, providers, appointment.start)
