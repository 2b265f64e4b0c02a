"""
Owns working out foreign objects in processes that can be killed, so that no object can take more than it is given.

Leaves what such a process does to `expanding`.
"""

import asyncio
import contextlib
import os
import struct
import sys
import zoneinfo
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import ics
from ics.errors import NotStarted
from ics.read.busy_spans import Busy, BusyRules, busy_throughout
from ics.read.expanding import ask, pack, read_answer

CPU_S = 1.0
"""What one object may take of a processor; real ones take a thousandth of it."""

WALL_S = 5.0
"""What one batch may take altogether, before its process is killed and each object is tried by itself."""

MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of one process; 100 MiB of it are Python's."""

_PROGRAM = "ics.read.expanding"
_START_S = 30.0
_MOST_ANSWER_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Expander:
    """
    Some processes that work out busy spans; each takes one batch at a time, and further ones wait.

        async with Expander(children=2) as expander:
            found = await expander.busy_of([(text, "Europe/Berlin")], window=(start, end), rules=BusyRules())

    A process is started when it is first needed, and ends with this one; on Linux with the thread that started it, so
    that this has to be one that stays.
    """

    def __init__(
        self, *, children: int = 1, cpu_s: float = CPU_S, wall_s: float = WALL_S, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._cpu_s = cpu_s
        self._children = [_Child(wall_s=wall_s, memory_bytes=memory_bytes) for _ in range(children)]
        self._free: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        for child in self._children:
            self._free.put_nowait(child)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            await child.close()

    async def busy_of(
        self, objects: Sequence[tuple[str, str]], *, window: tuple[int, int], rules: BusyRules
    ) -> list[Busy]:
        """
        What `busy_spans.busy_of` says of each of *objects*, in their order; busy throughout where it does not answer.

        May be cancelled at any time; the process is killed then, and the next batch gets another.

        Args:
            objects: Text and the IANA name of the calendar's zone.
            window: Half-open, in whole seconds since 1970.

        Raises:
            NotStarted: There is no process to be had.
            zoneinfo.ZoneInfoNotFoundError: A zone has no such name.
        """
        for _, zone in objects:
            ZoneInfo(zone)
        if not objects:
            return []
        child = await self._free.get()
        try:
            found = await child.answer(ask(list(objects), window=window, rules=rules, cpu_s=self._cpu_s))
            if found is not None:
                return found
            return [await self._alone(child, each, window=window, rules=rules) for each in objects]
        finally:
            self._free.put_nowait(child)

    async def _alone(self, child: "_Child", one: tuple[str, str], *, window: tuple[int, int], rules: BusyRules) -> Busy:
        found = await child.answer(ask([one], window=window, rules=rules, cpu_s=self._cpu_s))
        if found is None:
            return busy_throughout(window, "It takes too much to work out; it blocks all the time.")
        return found[0]


class _Child:
    """One process after the other: what did not answer is killed, and the next request starts another."""

    def __init__(self, *, wall_s: float, memory_bytes: int) -> None:
        self._wall_s = wall_s
        self._memory_bytes = memory_bytes
        self._process: Process | None = None
        self._killed: list[Process] = []

    async def answer(self, request: object) -> list[Busy] | None:
        """The answer to *request*; None if it did not come in time."""
        process = await self._running()
        body = None
        try:
            async with asyncio.timeout(self._wall_s):
                body = await _exchange(process, pack(request))
        except (TimeoutError, EOFError, ConnectionError):
            return None
        finally:
            if body is None:  # cancelled, too: its answer would be taken for that to the next request
                self._kill()
        return read_answer(body)

    async def close(self) -> None:
        self._kill()
        await self._bury()

    async def _running(self) -> Process:
        await self._bury()
        if self._process is None:
            await self._start()
        assert self._process is not None
        return self._process

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            _PROGRAM,
            str(os.getpid()),
            str(self._memory_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # a traceback would repeat what the object says
            cwd="/",
            env=_environment(),
        )
        is_ready = False
        try:
            async with asyncio.timeout(_START_S):
                await _receive(self._process)
            is_ready = True
        except (TimeoutError, EOFError, ConnectionError):
            raise NotStarted from None
        finally:
            if not is_ready:
                self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._killed.append(self._process)
            self._process = None

    async def _bury(self) -> None:
        while self._killed:
            await self._killed[-1].communicate()
            self._killed.pop()


async def _exchange(process: Process, frame: bytes) -> bytes:
    assert process.stdin is not None
    process.stdin.write(frame)
    await process.stdin.drain()
    return await _receive(process)


async def _receive(process: Process) -> bytes:
    assert process.stdout is not None
    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
    if length > _MOST_ANSWER_BYTES:
        raise EOFError
    return await process.stdout.readexactly(length)


def _environment() -> dict[str, str]:
    """Where modules and zones are found, and nothing else of our environment: there are secrets in it."""
    return {
        "PYTHONPATH": os.pathsep.join([str(Path(ics.__file__).parent.parent), *sys.path]),
        "PYTHONTZPATH": os.pathsep.join(zoneinfo.TZPATH),
    }
