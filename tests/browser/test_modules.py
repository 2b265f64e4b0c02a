"""
Proves the widget's modules that need no browser, under Node's own test runner.

Leaves what they prove to `widget/test`.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WIDGET = Path(__file__).parents[2] / "widget"


def test_the_widget_s_modules() -> None:
    if shutil.which("node") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs node")
        pytest.skip("node is not installed")

    done = subprocess.run(
        ["npm", "test", "--silent"], cwd=WIDGET, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
