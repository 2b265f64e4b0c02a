"""
Owns the one browser of a test process: Chromium as the machine has it, driven over its own protocol.

Leaves pages to the tests. Without Chromium the tests are skipped; in CI nothing may be (`tests/conftest`).
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser_setup import find_browser

_FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",  # the tests' own pages, and often run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)


@contextmanager
def chromium() -> Iterator[str]:
    """The address at which it is told what to do."""
    program = find_browser()
    if program is None:
        pytest.skip("chromium is not installed")
    folder = tempfile.mkdtemp(prefix="bk-chromium-")
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                yield found[1]
                break
        else:
            raise AssertionError("chromium does not start")
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)
