"""
Owns the step from rules to starts: which are free, and why one is not.

Leaves the rules to `rules`, and grouping by day or provider to whoever shows them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from server.domain.hours import Sheet, grid
from server.domain.intervals import Spans, covers, union
from server.domain.rules import RULES, Question, sheet_for

_HOURS_RULES = frozenset({"hours", "holiday", "exception"})
_BEFORE_STEP = "service-hours"
"""The grid is the one rule that is not a set of spans; it comes after this one."""
STEP_SENTENCE = "Not a whole number of steps after the start of an opening window."


class Refusal(NamedTuple):
    """A rule that refuses a start, and what it says in words."""

    rule: str
    sentence: str
    is_taken: bool = False
    binds_staff: bool = False
    settled_by_hold: bool = False


def find_starts(q: Question) -> list[int]:
    """The starts in the question's window that can be booked, in order, in seconds since the epoch."""
    sheet = sheet_for(q)
    candidates = grid(sheet.pieces, q.step_s, q.window)
    if not candidates and not q.classes:
        return []
    always: list[tuple[int, int]] = []
    only_new: list[tuple[int, int]] = []
    for rule in RULES:
        (always if rule.for_joining else only_new).extend(rule.refuses(q, sheet))
    free = _outside((s for s in candidates if s not in q.classes), union(always + only_new))
    if q.classes:
        within = sorted(s for s in q.classes if q.window[0] <= s < q.window[1])
        free = sorted(free + _outside(within, union(always)))
    return free


def explain(q: Question, start: int) -> list[Refusal]:
    """The rules that refuse *start*, in their order; none means that it is offered."""
    sheet = sheet_for(q)
    joins = start in q.classes
    refusals: list[Refusal] = []
    for rule in RULES:
        if (rule.for_joining or not joins) and covers(rule.refuses(q, sheet), start):
            sentence = rule.refuses.__doc__ or rule.name
            refusals.append(Refusal(rule.name, sentence, rule.is_taken, rule.binds_staff, rule.settled_by_hold))
        if rule.name == _BEFORE_STEP and not joins and _off_grid(q, sheet, start) and not _says_closed(refusals):
            refusals.append(Refusal("step", STEP_SENTENCE, settled_by_hold=True))
    return refusals


def _says_closed(refusals: Iterable[Refusal]) -> bool:
    """Whether one of *refusals* says that it is closed: then the grid has nothing to add."""
    return any(refusal.rule in _HOURS_RULES for refusal in refusals)


def _off_grid(q: Question, sheet: Sheet, start: int) -> bool:
    return start not in grid(sheet.pieces, q.step_s, (start, start + 1))


def _outside(starts: Iterable[int], refused: Spans) -> list[int]:
    """Those of the ordered *starts* that no span of the ordered set *refused* holds."""
    left: list[int] = []
    spans = iter(refused)
    low, high = next(spans, _NEVER)
    for start in starts:
        while high <= start:
            low, high = next(spans, _NEVER)
        if start < low:
            left.append(start)
    return left


_NEVER = (1 << 62, 1 << 62)
