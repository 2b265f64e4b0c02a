"""
Whose day is it? A moment becomes a date in `domain/zones` and nowhere else, because there somebody names the zone.

What may do it by itself is listed with its reason. SQL names a zone with AT TIME ZONE; the widget reckons with dates as
text, and asks `Intl` for the date of a moment.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = "server/domain/zones.py"

ALLOWED = {
    ("ics/itip/document.py", "build_document"): "in the event's own zone, a line before",
    ("ics/write/event.py", "zone_for"): "in the event's own zone, in the same expression",
    ("ics/write/timezone.py", "_rule"): "wall clocks, kept as if they were UTC",
    ("ics/read/occurrences.py", "_worked_out"): "wall time of the event, without a zone",
    ("ics/read/occurrences.py", "_identity"): "wall time of the event, without a zone",
    ("ics/remote/graph_words.py", "_midnight"): "the midnight of an all-day event, which Graph writes as UTC",
}
"""`ics` stands alone: it does not know `zones`, and its events bring their zones along."""

_SQL_TODAY = re.compile(r"\b(current_date|localtimestamp)\b|date_trunc\('day'", re.IGNORECASE)
_SQL_DATE = re.compile(r"(?<!\))::date\b|(?:now|timestamp)\(\)\s*::date\b", re.IGNORECASE)
_JS_DATE = re.compile(
    r"toISOString\(\)|\.get(?:UTC)?(?:Date|Day|Month|FullYear)\(|toLocaleDateString|toDateString|Date\.UTC\("
)


def sources(*folders: str, ending: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob(f"*{ending}"))


def dated_here(path: Path) -> Iterator[tuple[str, int]]:
    """Functions, with the line, in which a moment loses its clock."""
    tree = ast.parse(path.read_text("utf-8"))
    inside: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else inside.get(node, "")
        for child in ast.iter_child_nodes(node):
            inside[child] = name
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"date", "today", "utcnow"}
            and not node.args
            and not node.keywords
        ):
            yield inside[node], node.lineno


def texts_of(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


@pytest.mark.parametrize("path", sources("server", "ics", ending=".py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_date_is_somebodys(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name == HOME:
        return
    found = [f"{name}:{line}, in {inside}" for inside, line in dated_here(path) if (name, inside) not in ALLOWED]
    assert found == [], "use zones.date_in(where, moment), or zones.utc_day(moment) for what is nobody's day"


def test_what_is_allowed_is_there() -> None:
    there = {(p.relative_to(ROOT).as_posix(), name) for p in sources("ics", ending=".py") for name, _ in dated_here(p)}
    assert set(ALLOWED) <= there


@pytest.mark.parametrize("path", sources("server", ending=".py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_date_in_sql_names_its_zone(path: Path) -> None:
    for text, line in texts_of(path):
        assert not _SQL_TODAY.search(text), f"{path.relative_to(ROOT)}:{line} has the day of the database's own zone"
        for match in _SQL_DATE.finditer(text):
            before = text[: match.start()]
            named = before.endswith(tuple("0123456789")) and re.search(r"\$\d+$", before)  # a parameter is a date
            assert named, f"{path.relative_to(ROOT)}:{line} takes a date without AT TIME ZONE"


def test_the_widget_has_one_place_for_dates() -> None:
    for path in sources("widget/src", ending=".js"):
        if path.name in {"dates.js", "formats.js"}:
            continue
        found = _JS_DATE.search(path.read_text("utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found}"


@pytest.mark.parametrize(
    "text",
    [
        "now()::date",
        "clock_timestamp()::date",
        "w.last_day < current_date",
        "last_used_at::date",
        "date_trunc('day', x)",
    ],
)
def test_the_rule_sees_what_it_is_for(text: str) -> None:
    caught = _SQL_TODAY.search(text) or any(
        not re.search(r"\$\d+$", text[: m.start()]) for m in _SQL_DATE.finditer(text)
    )
    assert caught


@pytest.mark.parametrize("text", ["(now() AT TIME ZONE l.timezone)::date", "$3::date", "(x AT TIME ZONE 'UTC')::date"])
def test_the_rule_lets_a_named_zone_pass(text: str) -> None:
    assert not _SQL_TODAY.search(text)
    assert all(re.search(r"\$\d+$", text[: m.start()]) for m in _SQL_DATE.finditer(text))
