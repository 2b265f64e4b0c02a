"""
Owns getting a browser for the tests that need one: it is installed where that is allowed, else somebody is told how.

Leaves starting it to `browser/chromium`.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-noto-cjk")
"""Of Debian and Ubuntu: the browser, and fonts without which pages in Japanese are boxes."""

SKIPPED = "Skipped: the tests in a browser, for want of Chromium. {remedy}, or put a Chromium or Chrome on PATH."
_PATIENCE_S = 600

Run = Callable[[Sequence[str]], bool]
"""Runs a command; whether it went well."""


def find_browser() -> str | None:
    """Where the machine's Chromium is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def set_up(run: "Run | None" = None) -> str | None:
    """Installs a browser if there is none and it may be; one line for a person where there is none afterwards."""
    run = run or _runs
    if find_browser() is not None:
        return None
    if shutil.which("apt-get") is None:
        return SKIPPED.format(remedy="Install it with your package manager")
    install = f"apt-get install -y {' '.join(PACKAGES)}"
    root = _as_root(run)
    if root is None:
        return SKIPPED.format(remedy=f"Run `sudo {install}`")
    steps = (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES])
    if all(run([*root, *step]) for step in steps) and find_browser() is not None:
        return None
    return SKIPPED.format(remedy=f"`{install}` did not work")


def _as_root(run: Run) -> list[str] | None:
    """What goes before a command so that it runs as root without a question; None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is not None and run(["sudo", "-n", "true"]):
        return ["sudo", "-n"]
    return None


def _runs(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
