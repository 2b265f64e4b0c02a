"""
Owns half-open spans of time and ordered sets of them.

Leaves wall clocks to `zones`. A moment is a whole number of seconds since 1970-01-01T00:00Z, because sets of
thousands of spans are computed for every availability answer and integers are ten times cheaper than datetimes.
"""

from collections.abc import Iterable, Sequence

Spans = Sequence[tuple[int, int]]
"""Ordered, disjoint, not touching, none empty."""


def union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """One ordered set of *spans*, which may come unordered, overlapping, touching or empty."""
    merged: list[tuple[int, int]] = []
    last_start = last_end = None
    for start, end in sorted(spans):
        if start >= end:
            continue
        if last_end is not None and start <= last_end:
            if end > last_end:
                last_end = end
                merged[-1] = (last_start, last_end)  # type: ignore[assignment]  # set together with last_end
        else:
            last_start, last_end = start, end
            merged.append((start, end))
    return merged


def subtract(spans: Spans, removed: Spans) -> list[tuple[int, int]]:
    """What of *spans* is left without *removed*; both are ordered sets."""
    left: list[tuple[int, int]] = []
    index = 0
    for start, end in spans:
        while index < len(removed) and removed[index][1] <= start:
            index += 1
        at = index
        while at < len(removed) and removed[at][0] < end:
            if removed[at][0] > start:
                left.append((start, removed[at][0]))
            start = max(start, removed[at][1])  # noqa: PLW2901  # the part before is dealt with
            at += 1
        if start < end:
            left.append((start, end))
    return left


def intersect(first: Spans, second: Spans) -> list[tuple[int, int]]:
    """What *first* and *second*, both ordered sets, have in common."""
    common: list[tuple[int, int]] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start, end = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if start < end:
            common.append((start, end))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return common


def complement(spans: Spans, within: tuple[int, int]) -> list[tuple[int, int]]:
    """What of *within* the ordered set *spans* does not cover."""
    return subtract([within], spans)


def covers(spans: Spans, moment: int) -> bool:
    """Whether *moment* lies in one of *spans*."""
    return any(start <= moment < end for start, end in spans)
