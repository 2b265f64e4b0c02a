"""
Owns `python -m tests.run`: the whole suite, first what can share the machine, then what wants it alone.

Leaves everything else to pytest; further arguments go to it.
"""

import subprocess
import sys

NO_TESTS = 5
"""pytest's exit code when nothing was selected."""


def main(arguments: list[str]) -> int:
    """Worst exit code of both runs; selecting nothing is bad only if both did."""
    codes = [_pytest("-n", "2", "-m", "not alone", *arguments), _pytest("-m", "alone", *arguments)]
    told = [code for code in codes if code != NO_TESTS]
    return max(told, default=NO_TESTS)


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
