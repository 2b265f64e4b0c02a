"""
Owns showing what was measured: the table for people, the file for programs.

Leaves the words around the table to whoever edits `docs/performance.md`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Row, machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
HEAD = ("figure", "measured", "reference", "ratio", "must reach", "reached?")


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    lines = [HEAD, tuple("---" for _ in HEAD)]
    lines += [(r.figure, r.measured, r.reference, r.ratio, r.goal, "yes" if r.reached else "**no**") for r in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(rows: Sequence[Row], *, all_of_them: bool) -> None:
    """
    Write `results.json`, and the table between the markers of the page.

    Args:
        all_of_them: Nothing stays of what was measured before; else what was not measured now stays, with its date.
    """
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    known = {} if all_of_them or not RESULTS.exists() else _known(json.loads(RESULTS.read_text(encoding="utf-8")))
    known |= {row.name: {"measured_at": now, **asdict(row)} for row in rows}
    results = {"machine": machine(), "rows": list(known.values())}
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    told = ", ".join(f"{name} {value}" for name, value in machine().items())
    days = " and ".join(sorted({row["measured_at"][:10] for row in known.values()}))
    between = f"{BEGIN}\n\n{table([_row(row) for row in known.values()])}\n\nMeasured on {days}: {told}.\n\n{END}"
    PAGE.write_text(before + between + after, encoding="utf-8")


def _row(saved: dict[str, Any]) -> Row:
    return Row(**{name: value for name, value in saved.items() if name != "measured_at"})


def _known(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: {"measured_at": results.get("measured_at", ""), **row} for row in results["rows"]}
