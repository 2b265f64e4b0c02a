"""
Owns `python -m tests.run`: the whole suite, first what can share the machine, then what wants it alone; or, with
`--quick`, what starts nothing.

Leaves everything else to pytest; further arguments go to it.
"""

import os
import subprocess
import sys

from tests.browser_setup import set_up

NO_TESTS = 5
"""pytest's exit code when nothing was selected."""

QUICK = (
    "-q",
    "-n",
    "2",
    "-p",
    "no:schemathesis",
    "-p",
    "no:valkey",
    "-m",
    "not servers and not thorough",
    "tests/unit",
)


def main(arguments: list[str]) -> int:
    """Worst exit code of both runs; selecting nothing is bad only if both did."""
    if "--quick" in arguments:
        return _pytest(*QUICK, *(each for each in arguments if each != "--quick"))
    missing = set_up()
    if missing is not None and os.environ.get("CI"):
        print(missing)
        return 1
    codes = [_pytest("-n", "2", "-m", "not alone", *arguments), _pytest("-m", "alone", *arguments)]
    if missing is not None:
        print(missing)
    told = [code for code in codes if code != NO_TESTS]
    return max(told, default=NO_TESTS)


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
