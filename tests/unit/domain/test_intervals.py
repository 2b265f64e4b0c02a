"""The laws of sets of spans, checked on sets of whole numbers."""

import itertools
from random import Random

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


@settings(derandomize=True)
@given(spans, st.integers(-10, 60), st.integers(0, 40))
def test_a_complement_stays_within_what_was_asked(one: list[tuple[int, int]], begin: int, length: int) -> None:
    rest = complement(union(one), (begin, begin + length))

    assert points(rest) == set(range(begin, begin + length)) - points(one)
    assert is_proper(rest)


@settings(derandomize=True)
@given(spans, st.randoms(use_true_random=False))
def test_a_set_of_spans_has_one_form_however_its_spans_come(one: list[tuple[int, int]], random: Random) -> None:
    shuffled = random.sample(one, len(one))
    crumbs = [(n, n + 1) for n in points(one)]

    assert union(one) == union(shuffled) == union(crumbs) == union(union(one))


@settings(derandomize=True)
@given(spans, spans)
def test_operations_leave_what_they_were_given_alone(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    first, second = union(one), union(other)
    given_one, given_first, given_second = tuple(one), tuple(first), tuple(second)

    union(one), subtract(first, second), intersect(first, second), complement(first, (0, 60))

    assert (tuple(one), tuple(first), tuple(second)) == (given_one, given_first, given_second)


@settings(derandomize=True)
@given(spans, st.integers(-5, 60))
def test_a_set_covers_its_starts_and_not_its_ends(one: list[tuple[int, int]], point: int) -> None:
    held = union(one)

    assert covers(held, point) == (point in points(one))
    assert all(covers(held, start) and not covers(held, end) for start, end in held)


@settings(derandomize=True)
@given(spans, st.integers(-(10**10), 10**10))
def test_moments_before_1970_and_far_ahead_are_moments_like_any(one: list[tuple[int, int]], shift: int) -> None:
    def moved(some: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(start + shift, end + shift) for start, end in some]

    assert union(moved(one)) == moved(union(one))
    assert subtract([(shift, shift + 60)], moved(union(one))) == moved(complement(union(one), (0, 60)))
