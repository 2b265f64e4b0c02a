"""
Owns a set of running parts: starts them in order, restarts what dies, stops them in reverse order.

Leaves one process's life to `child`, and what the parts are to the commands.
"""

import asyncio
import logging
import signal
from types import TracebackType
from typing import Self

from server.embedded.child import Child, Part
from server.embedded.errors import EmbeddedError, PartFailed

log = logging.getLogger("bookable.supervisor")

LOOK_EVERY_S = 0.05
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_AFTER_S = 30.0
"""A part that ran this long starts again with the first pause."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """
    Parts that run as long as the `async with` block does.

    SIGINT, SIGTERM and SIGHUP cancel the block, which then ends quietly; a second one hurries the stopping.
    """

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._hurry = asyncio.Event()
        self._stopped_by: signal.Signals | None = None
        self._block: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        self._block = asyncio.current_task()
        for signum in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self._stop_by, signum)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            await self._stop_all()
        finally:
            for signum in STOP_SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(signum)
        if self._stopped_by is None or self._block is None or kind is not asyncio.CancelledError:
            return False
        self._block.uncancel()
        return True

    async def start(self, part: Part) -> None:
        """
        Start *part*, wait until it is ready, and watch it from then on.

        Raises:
            PartFailed: It ended or was not ready in time.
        """
        await self._bring_up(part)
        self._watchers[part.name] = asyncio.create_task(self._watch(part), name=f"watch {part.name}")

    async def run(self) -> None:
        """Until a signal comes."""
        await asyncio.Event().wait()

    def pid(self, name: str) -> int:
        """Process id of the part *name*, as of now."""
        return self._children[name].pid

    async def _bring_up(self, part: Part) -> None:
        await asyncio.to_thread(part.prepare)
        child = self._children[part.name] = Child(part)
        try:
            async with asyncio.timeout(part.start_timeout_s):
                while child.exit_code is None and not await asyncio.to_thread(part.is_ready):  # noqa: ASYNC110  # it sets no Event
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            reason = f"not ready after {part.start_timeout_s:.0f} s"
        else:
            if child.exit_code is None:
                log.debug("%s is ready (process %d)", part.name, child.pid)
                return
            reason = f"it ended with code {child.exit_code}"
        await self._stop(child)
        raise PartFailed(part.name, reason, list(child.last_lines))

    async def _watch(self, part: Part) -> None:
        """Wait for the end of *part*, start it again, for ever."""
        clock = asyncio.get_running_loop().time
        pause_s = FIRST_PAUSE_S
        while True:
            began = clock()
            child = self._children[part.name]
            await self._ended(child)
            await asyncio.to_thread(child.close)
            if clock() - began > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            log.warning("%s ended with code %s; starting it again in %.1f s", part.name, child.exit_code, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            try:
                await self._bring_up(part)
            except (EmbeddedError, OSError) as error:
                log.error("%s", error)
            except Exception:
                log.exception("%s could not be started; trying again", part.name)
            else:
                log.info("%s runs again", part.name)

    async def _stop_all(self) -> None:
        for name in reversed(list(self._children)):
            if watcher := self._watchers.pop(name, None):
                watcher.cancel()
                await asyncio.wait([watcher])
            await self._stop(self._children.pop(name))

    async def _stop(self, child: Child) -> None:
        for signum, patience_s in (*child.part.stop, (signal.SIGKILL, 10.0)):
            child.send(signum)
            if await self._ended(child, patience_s=patience_s):
                break
            log.warning("%s did not end on %s", child.part.name, signum.name)
        await asyncio.to_thread(child.close)

    async def _ended(self, child: Child, *, patience_s: float | None = None) -> bool:
        clock = asyncio.get_running_loop().time
        began = clock()
        while child.exit_code is None:
            waited_s = clock() - began
            if patience_s is not None and waited_s > (min(patience_s, 1.0) if self._hurry.is_set() else patience_s):
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    def _stop_by(self, signum: signal.Signals) -> None:
        if self._stopped_by is not None:
            self._hurry.set()
            return
        self._stopped_by = signum
        log.info("stopping (%s)", signum.name)
        if self._block is not None:
            self._block.cancel()
