"""
Owns reading documents with ical.js, the parser of Thunderbird, in a process of Node.

Leaves what must come of it to the tests. Node comes from the machine; without it the tests are skipped, except in CI.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parent / "ical_js"


def installed() -> None:
    """Makes sure that ical.js is there, as the lock file has it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs node and npm")
        pytest.skip("node is not installed")
    if not (HOME / "node_modules" / "ical.js").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HOME, check=True, timeout=100)


def read(documents: Sequence[str]) -> list[dict[str, Any]]:
    """What ical.js makes of each of *documents*; an error of its own fails the test."""
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    done = subprocess.run(
        ["node", "read.mjs"], cwd=HOME, input=lines, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
