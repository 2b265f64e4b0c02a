"""
Owns finding and ending what an earlier run left behind when it was killed.

Leaves the folder's lock, which proves that the earlier run is over, to `data_folder`.
"""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from server.embedded.child import Ladder, wait_until

if TYPE_CHECKING:
    from psutil import Process  # type: ignore[import-untyped]  # ships no types

log = logging.getLogger("bookable.embedded")


def working_in(folder: Path, program: str) -> "list[Process]":
    """
    Processes of *program* whose working directory is *folder*.

    Postgres and Redis both live in their data folder. A process id in a file proves nothing,
    for it may long be somebody else's; a server of that name in that folder is ours.
    """
    target = str(folder.resolve())
    return _search(lambda process: process.name().startswith(program) and process.cwd() == target)


def started_with(argument: str) -> "list[Process]":
    """Processes of ours that carry *argument* on their command line."""
    return _search(lambda process: argument in process.cmdline())


def end(processes: "list[Process]", ladder: Ladder) -> None:
    """End *processes* by *ladder*, then SIGKILL; blocks until they are gone."""
    for signum, patience_s in (*ladder, (signal.SIGKILL, 10)):
        left = [process for process in processes if _is_alive(process)]
        if not left:
            return
        log.warning("ending what an earlier run left behind: %s (%s)", _names(left), signum.name)
        for process in left:
            _send(process, signum)
        wait_until(lambda: not any(map(_is_alive, processes)), timeout_s=patience_s)


def _search(matches: "Callable[[Process], bool]") -> "list[Process]":
    try:
        import psutil
    except ImportError:  # comes with the embedded servers; without them there is little to leave behind
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if matches(process) and process.pid != psutil.Process().pid:
                found.append(process)
        except psutil.Error:  # gone meanwhile, or not ours to look at
            continue
    return found


def _is_alive(process: "Process") -> bool:
    """A zombie is over: nobody of its own has fetched its exit code, and we cannot."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _send(process: "Process", signum: signal.Signals) -> None:
    import psutil

    try:
        process.send_signal(signum)
    except psutil.NoSuchProcess:
        return


def _names(processes: "list[Process]") -> str:
    return ", ".join(f"process {process.pid}" for process in processes)
