"""The laws of sets of spans, checked on sets of whole numbers."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from server.domain.intervals import complement, covers, intersect, subtract, union

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=8)


def points(found: object) -> set[int]:
    """The whole numbers in a set of spans."""
    return {n for start, end in found for n in range(start, end)}  # type: ignore[attr-defined]


def is_proper(found: list[tuple[int, int]]) -> bool:
    """Ordered, disjoint, not touching, none empty."""
    return all(s < e for s, e in found) and all(a[1] < b[0] for a, b in itertools.pairwise(found))


@settings(derandomize=True)
@given(spans)
def test_a_union_holds_what_its_spans_hold(one: list[tuple[int, int]]) -> None:
    assert points(union(one)) == points(one)
    assert is_proper(union(one))


@settings(derandomize=True)
@given(spans, spans)
def test_a_difference_holds_what_only_the_first_holds(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    left = subtract(union(one), union(other))

    assert points(left) == points(one) - points(other)
    assert is_proper(left)


@settings(derandomize=True)
@given(spans, spans)
def test_an_intersection_holds_what_both_hold(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    common = intersect(union(one), union(other))

    assert points(common) == points(one) & points(other)
    assert is_proper(common)


@settings(derandomize=True)
@given(spans, st.integers(0, 60))
def test_a_complement_holds_the_rest(one: list[tuple[int, int]], point: int) -> None:
    rest = complement(union(one), (0, 60))

    assert points(rest) == set(range(60)) - points(one)
    assert covers(union(one), point) == (point in points(one))
