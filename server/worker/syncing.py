"""
Owns running the rounds of connected calendars: whose turn it is, so many at once, so many per server.

Leaves the round to `usecases/sync`. Postgres says whose turn it is; Redis only wakes.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from datetime import timedelta
from typing import Any, NoReturn

from server.domain.errors import Unavailable
from server.settings import WorkerSettings
from server.store.connections import Connection
from server.store.sync_turns import claim_due, claim_one
from server.supervision import Loops, run_forever
from server.usecases.sync.round import run_round
from server.usecases.sync.turn import Tools

log = logging.getLogger(__name__)

_LEASE_MARGIN_S = 30.0
_STALLED_AFTER_S = 120.0


class Syncing:
    """One worker's rounds."""

    def __init__(self, tools: Tools, settings: WorkerSettings, loops: Loops | None = None) -> None:
        self._tools = tools
        self._loops = loops or Loops()
        self._poll_s = settings.poll_s
        self._lease = timedelta(seconds=tools.settings.round_s + _LEASE_MARGIN_S)
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_peer: Counter[str] = Counter()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Somebody may have become due."""
        self._woken.set()

    async def run(self) -> NoReturn:
        """Works until cancelled; rounds that are cut off are taken up again when their lease has run out."""
        try:
            await run_forever(self._loops.add("syncing", stalled_after_s=_STALLED_AFTER_S), self._look)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        """One turn, and waiting until somebody may be due."""
        self._woken.clear()
        if await self.turn():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()

    async def turn(self) -> int:
        """Begins the rounds that are due, as far as there is room; how many."""
        settings = self._tools.settings
        room = settings.syncing - len(self._tasks)
        if room <= 0:
            return 0
        there = dict(self._at_peer)
        due = await self._tools.core.database.transact(
            lambda session: claim_due(session, room, lease=self._lease, at_peers=there, per_peer=settings.per_server)
        )
        for connection in due:
            self._begin(connection)
        return len(due)

    async def sync(self, key: tuple[int, int]) -> None:
        """A round with this connection, if it is due and nobody has it; where there is no room, `turn` comes to it."""
        settings = self._tools.settings
        if len(self._tasks) >= settings.syncing:
            return
        crowded = [peer for peer, there in self._at_peer.items() if there >= settings.per_server]
        connection = await self._tools.core.database.transact(
            lambda session: claim_one(session, key, lease=self._lease, busy_peers=crowded)
        )
        if connection is not None:
            self._begin(connection)

    async def finish(self) -> None:
        """Waits for the rounds that have begun."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, connection: Connection) -> None:
        self._at_peer[connection.peer] += 1
        task = asyncio.create_task(self._round(connection))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a round ended in an error; its lease runs out by itself", exc_info=error)

    async def _round(self, connection: Connection) -> None:
        try:
            await run_round(self._tools, connection)
        except Unavailable:
            log.warning("the database went away during a round; its lease runs out by itself")
        except Exception:
            log.exception("the round with connection %s could not be ended; its lease runs out", connection.uid)
        finally:
            self._at_peer[connection.peer] -= 1
            if not self._at_peer[connection.peer]:
                del self._at_peer[connection.peer]
            self.wake()


async def sync_job(ctx: dict[str, Any], business_id: object, connection_id: object) -> None:
    """
    It is the turn of one connection.

    What comes out of Redis is believed no further than this: the ledger decides whether it is.
    """
    syncing: Syncing = ctx["syncing"]
    if not isinstance(business_id, int) or not isinstance(connection_id, int):
        log.warning("passed over a timer with arguments that are no ids")
        return
    try:
        await syncing.sync((business_id, connection_id))
    except Unavailable:
        log.info("the database is away; whoever looks next will find who is due")
