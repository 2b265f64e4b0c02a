"""When a delivery is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.backoff import LONGEST_WAIT, MOST_ATTEMPTS, next_try

attempts = st.integers(1, MOST_ATTEMPTS - 1)


def waits(key: str) -> list[timedelta]:
    """All waits of a delivery that never succeeds."""
    found = [next_try(attempt, key=key) for attempt in range(1, MOST_ATTEMPTS)]
    assert None not in found
    return [wait for wait in found if wait is not None]


def test_H77_most_troubles_pass_in_a_minute_so_the_first_tries_come_fast() -> None:
    assert [wait.total_seconds() for wait in waits("a")[:5]] == [1, 5, 10, 30, 60]


@given(st.text())
def test_H77_then_waits_double_up_to_a_day(key: str) -> None:
    doubled = [min(120.0 * 2**n, 86_400) for n in range(MOST_ATTEMPTS - 6)]

    for wait, whole in zip(waits(key)[5:], doubled, strict=True):
        assert 0.8 * whole <= wait.total_seconds() <= whole


@given(st.text())
def test_H77_a_delivery_is_given_up_about_three_days_after_its_first_attempt(key: str) -> None:
    assert next_try(MOST_ATTEMPTS, key=key) is None
    assert next_try(MOST_ATTEMPTS + 1, key=key) is None
    assert timedelta(days=2, hours=17) < sum(waits(key), timedelta()) < timedelta(days=3, hours=11)


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({next_try(10, key=f"delivery {n}") for n in range(100)}) == 100


def test_the_same_delivery_always_waits_the_same() -> None:
    assert next_try(10, key="whd_1") == timedelta(seconds=1866.169689)


@given(attempts, st.text(), st.timedeltas(timedelta(), timedelta(days=40)))
def test_H77_what_the_peer_asks_for_counts_where_it_is_longer_and_never_beyond_a_day(
    attempt: int, key: str, asked: timedelta
) -> None:
    unasked = next_try(attempt, key=key)
    assert unasked is not None

    assert next_try(attempt, key=key, retry_after=asked) == min(max(unasked, asked), LONGEST_WAIT)


def test_H77_asking_for_a_pause_does_not_bring_back_what_is_given_up() -> None:
    assert next_try(MOST_ATTEMPTS, key="a", retry_after=timedelta(seconds=1)) is None


@pytest.mark.parametrize("attempt", [0, -1])
def test_there_is_no_attempt_before_the_first(attempt: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        next_try(attempt, key="a")
