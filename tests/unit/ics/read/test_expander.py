"""Working out objects in a process that can be killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from ics.errors import NotStarted
from ics.read import expander as expander_module
from ics.read.busy_spans import Busy, BusyRules, busy_of, busy_throughout
from ics.read.expander import Expander
from tests.unit.ics.read.objects import BERLIN, event

_WINDOW = (1767225600, 1798761600)
_RULES = BusyRules(addresses=frozenset({"anna@salon.example"}))
_DAILY = event("DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY")
_ONCE = event("DTSTART:20260105T090000", "DURATION:PT1H")
_SLOW = "SLOW"
_DEADLY = "DEADLY"
_GREEDY = "GREEDY"
_BLOCKED = [(*_WINDOW, "")]

_TREACHEROUS = f"""
import os, runpy, sys, time
import ics.read.busy_spans as module
plain = module.busy_of
def busy_of(text, **context):
    if "{_SLOW}" in text:
        while True:
            pass
    if "ASLEEP" in text:
        time.sleep(3600)
    if "{_DEADLY}" in text:
        os._exit(3)
    if "{_GREEDY}" in text:
        return bytearray(2**34)
    if "BUG" in text:
        raise ValueError(text)
    if "ENVIRONMENT" in text:
        return module.Busy(uid=None, spans=[], problems=[*os.environ, str(len(os.listdir("/proc/self/fd")))])
    if "WHO" in text:
        return module.Busy(uid=str(os.getpid()), spans=[], problems=[])
    return plain(text, **context)
module.busy_of = busy_of
from ics.read.expanding import main
main(sys.argv[1:])
"""
"""The process, with words in an object that make it do what no object should be able to."""


@pytest.fixture
def treacherous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "treacherous.py").write_text(_TREACHEROUS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(expander_module, "_PROGRAM", "treacherous")


@pytest.fixture
async def expander(treacherous: None) -> AsyncIterator[Expander]:
    async with Expander(children=1, cpu_s=0.2, wall_s=1.2) as running:
        yield running


async def _ask(expander: Expander, *texts: str) -> list[Busy]:
    return await expander.busy_of([(text, "Europe/Berlin") for text in texts], window=_WINDOW, rules=_RULES)


async def test_f59_what_the_process_answers_is_what_we_would():
    texts = [_DAILY, _ONCE, "<html>", event("DTSTART:19700101T000000Z", "RRULE:FREQ=SECONDLY", "DURATION:PT1M")]

    async with Expander() as expander:
        found = await _ask(expander, *texts)

        assert found == [busy_of(text, window=_WINDOW, zone=BERLIN, rules=_RULES) for text in texts]
        assert await _ask(expander) == []


async def test_f59_each_object_is_read_in_its_own_calendar_s_zone():
    async with Expander() as expander:
        asked = [(_ONCE, zone) for zone in ("Europe/Berlin", "Asia/Tokyo", "UTC")]
        found = await expander.busy_of(asked, window=_WINDOW, rules=_RULES)

    assert [each.spans[0][0] for each in found] == [1767600000, 1767571200, 1767603600]


async def test_f59_an_object_that_takes_too_long_is_given_up_and_the_others_are_worked_out(expander):
    slow, once = await _ask(expander, _SLOW, _ONCE)

    assert (slow.spans, len(slow.problems)) == (_BLOCKED, 1)
    assert len(once.spans) == 1


async def test_f59_giving_up_leaves_the_process_alive(expander):
    (before,) = await _ask(expander, "WHO")
    await _ask(expander, _SLOW)

    assert (await _ask(expander, "WHO")) == [before]


async def test_f59_an_object_that_takes_too_much_memory_is_given_up(expander):
    greedy, once = await _ask(expander, _GREEDY, _ONCE)

    assert (greedy.spans, len(once.spans)) == (_BLOCKED, 1)


@pytest.mark.parametrize("word", [_DEADLY, "BUG"])
async def test_f59_an_object_that_takes_the_process_with_it_is_blocked_and_the_others_are_worked_out(expander, word):
    before, fatal, after = await _ask(expander, _ONCE, word, _DAILY)

    assert (len(before.spans), len(after.spans)) == (1, 361)
    assert fatal == busy_throughout(_WINDOW, fatal.problems[0])
    assert [len(each.spans) for each in await _ask(expander, _ONCE)] == [1]


async def test_f59_an_object_that_never_ends_costs_its_process_and_the_others_are_worked_out(treacherous):
    async with Expander(wall_s=0.4) as expander:
        fatal, after = await _ask(expander, "ASLEEP", _ONCE)

    assert (fatal.spans, len(fatal.problems), len(after.spans)) == (_BLOCKED, 1, 1)


async def test_f59_a_process_killed_from_outside_is_replaced(expander):
    (who,) = await _ask(expander, "WHO")

    os.kill(int(who.uid), signal.SIGKILL)

    assert [len(each.spans) for each in await _ask(expander, _ONCE, _DAILY)] == [1, 361]


async def test_f59_calls_at_once_wait_for_each_other_and_get_their_own_answers(expander):
    found = await asyncio.gather(*(_ask(expander, *[_ONCE] * number) for number in range(1, 8)))

    assert [len(each) for each in found] == list(range(1, 8))


async def test_f59_two_processes_work_at_once(treacherous):
    async with Expander(children=2, cpu_s=0.5) as expander:
        await asyncio.gather(_ask(expander, "WHO"), _ask(expander, "WHO"))
        slow = asyncio.create_task(_ask(expander, _SLOW))
        (once,) = await _ask(expander, _ONCE)

        assert (len(once.spans), slow.done()) == (1, False)
        await slow


@pytest.mark.parametrize("after_s", [0, 0.001, 0.02, 0.1, 0.3])
async def test_f59_a_call_that_is_cancelled_does_not_spoil_the_next(expander, after_s):
    task = asyncio.create_task(_ask(expander, "ASLEEP"))
    await asyncio.sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [len(each.spans) for each in await _ask(expander, _DAILY)] == [361]


async def test_f59_a_call_cancelled_while_it_waits_leaves_its_place(expander):
    working = asyncio.create_task(_ask(expander, _SLOW))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(_ask(expander, _ONCE))
    await asyncio.sleep(0)
    waiting.cancel()

    await working
    assert [len(each.spans) for each in await _ask(expander, _ONCE)] == [1]


async def test_f59_the_process_has_none_of_our_secrets_and_none_of_our_files(expander, monkeypatch):
    monkeypatch.setenv("BOOKABLE_SECRET", "hunter2")
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)

    (found,) = await _ask(expander, "ENVIRONMENT")

    os.close(reader)
    os.close(writer)
    *names, files = found.problems
    assert set(names) <= {"PYTHONPATH", "PYTHONTZPATH", "LC_CTYPE"}
    assert int(files) <= 4  # three, and the folder that is listed


async def test_f59_a_zone_that_is_none_is_the_caller_s_mistake(expander):
    with pytest.raises(ZoneInfoNotFoundError):
        await expander.busy_of([(_ONCE, "Mars/Olympus")], window=_WINDOW, rules=_RULES)

    assert len(await _ask(expander, _ONCE)) == 1


async def test_f59_a_process_that_does_not_start_is_our_trouble_and_no_object_s(monkeypatch):
    monkeypatch.setattr(expander_module, "_PROGRAM", "no.such.module")

    async with Expander() as expander:
        with pytest.raises(NotStarted):
            await _ask(expander, _ONCE)


async def test_f59_the_process_ends_with_the_expander(treacherous):
    async with Expander() as expander:
        (who,) = await _ask(expander, "WHO")

    with pytest.raises(ProcessLookupError):
        os.kill(int(who.uid), 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it ends when it next reads")
def test_f59_the_process_ends_with_a_parent_that_is_killed(treacherous, tmp_path):
    script = f"""
import asyncio, sys
sys.path[:0] = {[str(tmp_path), str(Path.cwd())]!r}
from ics.read import expander
from ics.read.busy_spans import BusyRules
expander._PROGRAM = "treacherous"
async def main():
    async with expander.Expander() as running:
        (who,) = await running.busy_of([("WHO", "UTC")], window=(0, 1), rules=BusyRules())
        print(who.uid, flush=True)
        await running.busy_of([("ASLEEP", "UTC")], window=(0, 1), rules=BusyRules())
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()

    assert _ends(child)


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
