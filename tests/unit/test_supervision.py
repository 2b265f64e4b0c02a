"""
Owns the promise that a supervised loop goes on whatever its steps do, and ends when it is told to.

Leaves the loops themselves to `faults/test_m_worker`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from server import supervision
from server.domain.errors import Unavailable
from server.supervision import LONGEST_PAUSE_S, Loop, LoopEnded, Loops, pause_after, run_forever


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between failed turns, none of which is waited for."""
    pauses: list[float] = []
    yield_once = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await yield_once(0)

    monkeypatch.setattr(supervision.asyncio, "sleep", note)
    return pauses


class Steps:
    """Does one thing after the other, and cancels its loop when there is none left."""

    def __init__(self, *things: Callable[[], Awaitable[None]]) -> None:
        self.left = list(things)
        self.done = 0

    async def __call__(self) -> None:
        if not self.left:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.Event().wait()
        thing = self.left.pop(0)
        self.done += 1
        await thing()


async def well() -> None:
    """A turn without trouble."""


def failing(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def step() -> None:
        raise error

    return step


async def run(loop: Loop, steps: Steps) -> None:
    task = asyncio.create_task(run_forever(loop, steps))
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize(
    "error", [ValueError("x"), AttributeError("x"), MemoryError(), Unavailable("database"), TimeoutError()]
)
async def test_whatever_error_a_turn_ends_in_the_loop_goes_on(error: Exception, slept: list[float]) -> None:
    loop, steps = Loop("pump", 60), Steps(failing(error), failing(error), well)

    await run(loop, steps)

    assert (steps.done, loop.errors, loop.streak, len(slept)) == (3, 2, 0, 2)


async def test_a_cancellation_of_something_else_does_not_end_the_loop(slept: list[float]) -> None:
    loop, steps = Loop("jobs", 60), Steps(failing(asyncio.CancelledError()), well)

    await run(loop, steps)

    assert (steps.done, loop.errors) == (2, 1)


async def test_a_cancellation_that_a_step_swallows_ends_the_loop(slept: list[float]) -> None:
    async def swallow() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unavailable("database") from None

    steps = Steps(swallow, well)
    await run(Loop("pump", 60), steps)

    assert steps.done == 1


async def test_a_loop_that_cannot_go_on_ends_and_its_group_with_it() -> None:
    async def group_of_two() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(run_forever(Loop("inbound mail", 60), failing(LoopEnded("closed"))))
            group.create_task(run_forever(Loop("pump", 60), lambda: asyncio.sleep(3600)))

    with pytest.raises(ExceptionGroup) as ended:
        await group_of_two()

    assert ended.group_contains(LoopEnded)


async def test_an_error_is_told_with_its_traceback_once_and_not_with_each_turn(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    loop = Loop("pump", 60)

    await run(loop, Steps(*[failing(ValueError("the same again"))] * 50, failing(KeyError("another"))))

    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info is not None for record in told] == [True, True]
    assert loop.errors == 51


def test_pauses_grow_to_a_bound_and_are_never_the_same_for_all() -> None:
    assert all(0 < pause_after(failures) <= LONGEST_PAUSE_S for failures in range(1, 2_000))
    assert pause_after(1) < pause_after(4) < pause_after(9)
    assert len({pause_after(9) for _ in range(20)}) > 1


def test_a_loop_that_has_not_turned_for_too_long_says_so() -> None:
    loops = Loops()
    late, fine = loops.add("pump", stalled_after_s=60), loops.add("tidying", stalled_after_s=300)
    late.turned_at -= 61
    fine.turned_at -= 61

    assert {report.name: report.stalled for report in loops.reports()} == {"pump": True, "tidying": False}
