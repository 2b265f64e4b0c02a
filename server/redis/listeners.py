"""
Owns hearing of changes that any process announced, and passing them to those who wait in this one.

Leaves the event stream to `web/stream`.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.domain.errors import Unavailable

log = logging.getLogger(__name__)

CHANNEL = "bookable:changes"
_LOOK_S = 5.0
_QUEUE = 64


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: whose time (None: anybody's) and around which moments (none: any)."""

    business: str
    providers: list[str] | None
    starts: list[float]


class Listeners:
    """Those in this process who wait for changes, by business."""

    def __init__(self, url: str | None, heard: Callable[[Change], None] = lambda _: None) -> None:
        self._url = url
        self.heard = heard
        """Called with each change first, whoever waits."""
        self.connected = asyncio.Event()
        """Whether changes of other processes are heard now."""
        self._queues: defaultdict[str, set[asyncio.Queue[Change]]] = defaultdict(set)

    @contextlib.contextmanager
    def waiting(self, business: str) -> Iterator[asyncio.Queue[Change]]:
        """A queue of the changes of *business* for as long as the context lasts."""
        queue: asyncio.Queue[Change] = asyncio.Queue(_QUEUE)
        self._queues[business].add(queue)
        try:
            yield queue
        finally:
            self._queues[business].discard(queue)
            if not self._queues[business]:
                del self._queues[business]

    def deliver(self, change: Change) -> None:
        """Passes *change* to those who wait for it. A full queue is a listener that is already behind."""
        self.heard(change)
        for queue in self._queues.get(change.business, ()):
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(change)

    def _resync(self) -> None:
        """Something may have been missed: everybody looks again."""
        self.connected.set()
        for business in list(self._queues):
            self.deliver(Change(business, None, []))

    async def listen(self, alive: Callable[[], None]) -> None:
        """
        Listens for as long as the connection lasts, calling *alive* every few seconds.

        Raises:
            Unavailable: Redis went away, or is not there.
        """
        if self._url is None:
            await asyncio.sleep(_LOOK_S)
            return
        try:
            async for change in _subscribed(self._url, self._resync):
                alive()
                if change is not None:
                    self.deliver(change)
        except (RedisError, OSError) as error:
            raise Unavailable("Redis") from error
        finally:
            self.connected.clear()


async def _subscribed(url: str, connected: Callable[[], None]) -> AsyncIterator[Change | None]:
    """Changes as they come; None every few seconds without one."""
    redis = Redis.from_url(url, socket_connect_timeout=2, health_check_interval=15)
    try:
        async with redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(CHANNEL)
            connected()
            while True:
                message = await channel.get_message(timeout=_LOOK_S)
                yield _parse(message["data"]) if message is not None else None
    finally:
        await redis.aclose()


def _parse(data: bytes) -> Change | None:
    """What another process published; anything else that turns up in the channel is passed over."""
    try:
        found = orjson.loads(data)
        return Change(
            str(found["business"]),
            None if found["providers"] is None else [str(slug) for slug in found["providers"]],
            [float(start) for start in found["starts"]],
        )
    except (ValueError, TypeError, KeyError):
        log.warning("passed over a message that is not a change")
        return None
