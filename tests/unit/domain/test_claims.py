"""What an appointment takes, and which of several rooms."""

from server.domain.claims import Claim, pick_resources

DAY = 86_400


def test_a_claim_touches_the_utc_days_it_lies_in() -> None:
    assert list(Claim(1, 0, DAY).utc_days()) == [0]
    assert list(Claim(1, DAY - 1, DAY + 1).utc_days()) == [0, 1]
    assert list(Claim(1, DAY, DAY + 1).utc_days()) == [1]


def test_the_first_free_resource_of_each_need_is_taken() -> None:
    assert pick_resources(((1, 2), (3,)), {1: [(0, 10)]}, 5, 15) == [2, 3]


def test_time_that_only_touches_is_free() -> None:
    assert pick_resources(((1,),), {1: [(0, 5), (15, 20)]}, 5, 15) == [1]


def test_two_needs_are_never_met_by_one_resource() -> None:
    assert pick_resources(((1, 2), (1, 2)), {}, 0, 10) == [1, 2]
    assert pick_resources(((1,), (1,)), {}, 0, 10) is None


def test_a_need_that_nothing_can_meet_meets_nothing() -> None:
    assert pick_resources(((1,), ()), {}, 0, 10) is None
