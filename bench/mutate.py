"""
Owns `make mutate`: how many of a sample of mutants the tests kill, and which survive.

Leaves the mutations themselves to cosmic-ray's operators. Works in a copy of the checkout, never in the checkout. May
be stopped and begun again: what was found is kept in `.mutate/`, and the same seed draws the same sample.
"""

import argparse
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".mutate"
LEFT_OUT = (".git", ".venv", ".data", ".mutate", "node_modules", ".mypy_cache", "__pycache__", ".hypothesis")
WANTED = 0.85
_TOO_LONG_S = 600
"""A mutant that makes the tests hang is found out, too."""

ROOMS: dict[str, tuple[str, ...]] = {
    "server/domain": (
        "tests/unit/domain",
        "tests/integration/test_booking.py",
        "tests/integration/test_availability.py",
    ),
    "ics/read": ("tests/unit/ics/read", "tests/unit/ics", "tests/integration/test_sync_files.py"),
    "server/usecases": ("tests/integration/test_booking.py", "tests/integration/test_promises.py"),
}
"""What is mutated, and the tests that are asked of any module there, after those that import it."""

_NO_MUTANT = re.compile(r"core/ReplaceBinaryOperator_BitOr_|core/RemoveDecorator|core/ExceptionReplacer|core/Variable")
"""`X | None` in an annotation, `@dataclass` and a caught exception: changed they fail at import, or
change nothing. Those of variables want to be told which."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place."""

    module: str
    line: int
    column: int
    operator: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of a mutant: `killed`, `survived`, or `equivalent` where the text is the same."""

    mutant: Mutant
    outcome: str
    diff: str


def mutants_of(module: Path) -> Iterator[Mutant]:
    """All that cosmic-ray would make of *module*."""
    tree = get_ast(module.read_text())
    for name in operator_names():
        if _NO_MUTANT.match(name):
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in ast_nodes(tree):
            for (line, column), _ in operator.mutation_positions(node):
                yield Mutant(str(module.relative_to(ROOT)), line, column, name, occurrence)
                occurrence += 1


def sample(number: int, seed: int) -> list[Mutant]:
    """*number* places, the same for the same seed, with one change each: a plus has a dozen of them, a not only one."""
    by_place: defaultdict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
    for room in ROOMS:
        for module in sorted((ROOT / room).rglob("*.py")):
            for mutant in mutants_of(module):
                by_place[mutant.module, mutant.line, mutant.column].append(mutant)
    draw = random.Random(seed)
    drawn: list[Mutant] = []
    for place in draw.sample(sorted(by_place), len(by_place)):
        if len(drawn) == number:
            break
        source = (ROOT / place[0]).read_text()
        if possible := [mutant for mutant in by_place[place] if is_code(mutated(source, mutant))]:
            drawn.append(draw.choice(possible))
    return drawn


def is_code(text: str) -> bool:
    """Whether Python takes *text*: a lone `*` among parameters turned into another operator is killed by nobody."""
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def mutated(source: str, mutant: Mutant) -> str:
    """*source* with the change."""
    return MutationVisitor.mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence) or source


def stages(module: str) -> list[list[str]]:
    """Tests for *module*, those that start nothing first: who is killed there costs seconds."""
    name = module.removesuffix(".py").replace("/", ".")
    importing = [
        str(path.relative_to(ROOT))
        for room in ("unit", "integration", "faults")
        for path in sorted((ROOT / "tests" / room).rglob("test_*.py"))
        if re.search(rf"\b{re.escape(name)}\b", path.read_text())
    ]
    room = next(each for each in ROOMS if module.startswith(each))
    every = [*importing, *(each for each in ROOMS[room] if each not in importing)]
    pure = [each for each in every if each.startswith("tests/unit")]
    return [each for each in (pure, [each for each in every if each not in pure]) if each]


class Workshop:
    """A copy of the checkout, in which one module at a time is another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        self._failing: dict[tuple[str, ...], list[str]] = {}

    def run(self, tests: Sequence[str], *options: str) -> "subprocess.CompletedProcess[str] | None":
        """*tests* in the copy as it is; None if they take too long."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("CI", None)
        line = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
        line += ["-m", "not thorough and not alone", *options, *tests]
        try:
            return subprocess.run(
                line, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=_TOO_LONG_S
            )
        except subprocess.TimeoutExpired:
            return None

    def failing(self, tests: Sequence[str]) -> list[str]:
        """Those of *tests* that fail without a mutant: they would kill every one, and are not asked."""
        key = tuple(tests)
        if key not in self._failing:
            done = self.run(tests, "-rfE")
            said = done.stdout if done is not None else ""
            self._failing[key] = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, flags=re.MULTILINE)
        return self._failing[key]

    def passes(self, tests: Sequence[str]) -> bool:
        """Whether *tests* pass in the copy as it is, but for those that fail anyway."""
        left_out = [f"--deselect={each}" for each in self.failing(tests)]
        done = self.run(tests, "-x", *left_out)
        return done is not None and done.returncode == 0

    @property
    def not_asked(self) -> list[str]:
        """What fails without a mutant."""
        return sorted({each for failing in self._failing.values() for each in failing})

    def judge(self, mutant: Mutant) -> Verdict:
        """Asks the tests of its module, stage by stage."""
        where = self.folder / mutant.module
        before = where.read_text()
        after = mutated(before, mutant)
        diff = "".join(
            difflib.unified_diff(before.splitlines(True), after.splitlines(True), mutant.module, "mutant", n=0)
        )
        if after == before:
            return Verdict(mutant, "equivalent", diff)
        tests = stages(mutant.module)
        for stage in tests:
            self.failing(stage)  # of the code as it is
        where.write_text(after)
        try:
            outcome = "survived" if all(self.passes(stage) for stage in tests) else "killed"
        finally:
            where.write_text(before)
        return Verdict(mutant, outcome, diff)


def main() -> int:
    """Draws, judges as many as there is time for, and reports; 1 if too many survive."""
    parser = argparse.ArgumentParser(prog="make mutate")
    parser.add_argument("--number", type=int, default=200, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--minutes", type=float, default=60, help="when to stop and report")
    given = parser.parse_args()
    ends = time.monotonic() + given.minutes * 60
    KEPT.mkdir(exist_ok=True)
    ledger = KEPT / f"{given.seed}-{given.number}.jsonl"
    judged = read(ledger)
    left = [mutant for mutant in sample(given.number, given.seed) if mutant not in {each.mutant for each in judged}]
    with tempfile.TemporaryDirectory(prefix="bk-mutate-") as folder:
        workshop = Workshop(Path(folder) / "copy")
        for mutant in left:
            if time.monotonic() > ends:
                break
            verdict = workshop.judge(mutant)
            judged.append(verdict)
            with ledger.open("a") as file:
                file.write(json.dumps(asdict(verdict)) + "\n")
            print(
                f"{len(judged)}/{given.number} {verdict.outcome:<9} {mutant.module}:{mutant.line} {mutant.operator}",
                flush=True,
            )
    return report(judged, given.number, workshop.not_asked)


def read(ledger: Path) -> list[Verdict]:
    """What earlier runs found."""
    if not ledger.exists():
        return []
    found = [json.loads(line) for line in ledger.read_text().splitlines()]
    return [Verdict(Mutant(**each["mutant"]), each["outcome"], each["diff"]) for each in found]


def report(judged: Sequence[Verdict], number: int, not_asked: Sequence[str]) -> int:
    """Prints the survivors and the share of the killed, and keeps both in `.mutate/report.md`."""
    survivors = [each for each in judged if each.outcome == "survived"]
    counted = [each for each in judged if each.outcome != "equivalent"]
    share = 1 - len(survivors) / len(counted) if counted else 0.0
    lines = [f"{len(counted)} of {number} mutants judged, {share:.0%} killed, {len(survivors)} survived", ""]
    lines += [f"Not asked, it fails without a mutant: {test}" for test in not_asked]
    lines += [f"```diff\n{each.diff}```" for each in survivors]
    (KEPT / "report.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return int(share < WANTED)


if __name__ == "__main__":
    sys.exit(main())
