"""Until when a customer may change an appointment, and what it costs afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.domain.errors import PolicyClosed
from server.domain.lifecycle import Actor
from server.domain.policies import check_moving, fee_for_cancelling
from server.domain.terms import Approval, Terms

START = datetime(2027, 6, 1, 10, tzinfo=UTC)
TERMS = Terms(
    price_minor=4800,
    currency="EUR",
    duration_s=1800,
    change_window_min=1440,
    cancel_fee_minor=1500,
    approval=Approval.AUTOMATIC,
)
CLOSES = START - timedelta(days=1)


def fee(now: datetime, *, actor: Actor = Actor.CUSTOMER, accepts_fee: bool = False, fee_minor: int = 1500) -> int:
    """What cancelling costs at *now*."""
    terms = replace(TERMS, cancel_fee_minor=fee_minor)
    return fee_for_cancelling(terms, START, now=now, actor=actor, accepts_fee=accepts_fee)


def test_cancelling_is_free_up_to_the_last_moment_of_the_window() -> None:
    assert fee(CLOSES) == 0


def test_cancelling_later_quotes_the_fee() -> None:
    with pytest.raises(PolicyClosed) as refused:
        fee(CLOSES + timedelta(seconds=1))

    assert (refused.value.closed_at, refused.value.fee_minor, refused.value.currency) == (CLOSES, 1500, "EUR")


def test_cancelling_later_costs_the_fee_once_it_is_accepted() -> None:
    assert fee(START - timedelta(seconds=1), accepts_fee=True) == 1500


def test_accepting_does_not_help_where_there_is_no_fee_to_pay() -> None:
    with pytest.raises(PolicyClosed):
        fee(CLOSES + timedelta(seconds=1), accepts_fee=True, fee_minor=0)


def test_what_has_begun_cannot_be_cancelled_by_the_customer_for_any_money() -> None:
    with pytest.raises(PolicyClosed) as refused:
        fee(START, accepts_fee=True)

    assert refused.value.fee_minor == 0


@pytest.mark.parametrize("actor", [Actor.PROVIDER, Actor.SYSTEM, Actor.CALENDAR])
def test_nobody_but_the_customer_is_bound(actor: Actor) -> None:
    assert fee(START + timedelta(days=1), actor=actor) == 0
    check_moving(TERMS, START, now=START, actor=actor)


def test_moving_has_no_price_and_so_no_second_chance() -> None:
    check_moving(TERMS, START, now=CLOSES, actor=Actor.CUSTOMER)

    with pytest.raises(PolicyClosed):
        check_moving(TERMS, START, now=CLOSES + timedelta(seconds=1), actor=Actor.CUSTOMER)
