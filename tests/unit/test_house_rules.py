"""
Owns rules of the house that no linter knows.

Leaves style to ruff, and which room may import which to import-linter.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLOCK = re.compile(
    r"(time\.)?(process_time|perf_counter|monotonic)(_ns)?\(\)|time\.time(_ns)?\(\)|(.*\.)?(loop|get_running_loop\(\))\.time\(\)"
)


def _reads_a_clock(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Call) and CLOCK.fullmatch(ast.unparse(each)) for each in ast.walk(node))


def _is_duration(node: ast.AST, durations: set[str]) -> bool:
    """A difference of clock readings, or a name that one was given to."""
    return any(
        (isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub) and _reads_a_clock(each))
        or (isinstance(each, ast.Name) and each.id in durations)
        for each in ast.walk(node)
    )


def measured_assertions(source: str) -> Iterator[int]:
    """Lines of *source* with an assertion about how long something took."""
    if (
        "_time()" not in source
        and "monotonic" not in source
        and "perf_counter" not in source
        and ".time()" not in source
    ):
        return
    tree = ast.parse(source)
    durations = {
        target.id
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and _is_duration(each.value, set())
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(tree):
        if isinstance(each, ast.Assert) and _is_duration(each.test, durations):
            yield each.lineno


def test_no_test_asserts_how_long_something_took() -> None:
    """On a busy machine everything takes long: count calls (`tests/steps`), queries, bytes, or wait for an event."""
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in measured_assertions(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "began = time.monotonic()\nassert time.monotonic() - began < 3",
        "took = time.process_time() - began\nassert took < 1",
        "took = asyncio.get_running_loop().time() - started\nassert 2 <= took < 4",
    ],
)
def test_the_rule_sees_what_it_forbids(source: str) -> None:
    assert list(measured_assertions(source)) == [2]


def test_the_rule_lets_a_wait_have_its_deadline() -> None:
    assert not list(measured_assertions("deadline = time.monotonic() + 30\nassert time.monotonic() < deadline"))
