"""The states of payments: each has a way on, an end, and somebody who is told."""

from datetime import timedelta

import pytest

from server.domain.events import Kind
from server.domain.payments import (
    FOR_A_PERSON,
    TOLD,
    TRANSITIONS,
    UNPAID,
    WAITING,
    Asked,
    PaymentStatus,
    Seen,
    Step,
    differences,
    is_overdue,
    next_look,
    step_after,
)
from server.domain.telling import BRING_ADDRESS, NOTICES

P = PaymentStatus
ENDS = {P.BOOKED, P.RETURNED, P.EXPIRED, P.FAILED}
ASKED = Asked(reference="r", amount_minor=4800, currency="EUR")
FAR = timedelta(days=365)


def seen(**changed: object) -> Seen:
    what = {"session": "open", "paid": False, "reference": "r", "amount_minor": 4800, "currency": "EUR"}
    return Seen(**{**what, **changed})  # type: ignore[arg-type]  # by name


def reachable(status: PaymentStatus) -> set[PaymentStatus]:
    found, open_ends = {status}, [status]
    while open_ends:
        for following in TRANSITIONS[open_ends.pop()] - found:
            found.add(following)
            open_ends.append(following)
    return found


def test_every_state_is_in_the_table_and_leads_to_an_end() -> None:
    assert TRANSITIONS.keys() == set(P)
    for status in P:
        assert reachable(status) & ENDS, status


def test_whoever_has_to_act_or_lost_something_is_told() -> None:
    for status in (*FOR_A_PERSON, P.FAILED, P.RETURNED, P.REFUND_PENDING):
        kind = TOLD[status]
        telling = NOTICES[kind]
        assert telling.customer or telling.provider
        assert kind in BRING_ADDRESS
    assert TOLD[P.RETURNING] is Kind.PAYMENT_RETURNING, "what the worker hears of"


def test_every_state_that_waits_for_a_service_is_looked_at_and_not_for_ever() -> None:
    for status in {*WAITING, P.REFUND_PENDING}:
        wait = next_look(status)
        assert wait is not None
        assert not is_overdue(status, age=wait)
        assert is_overdue(status, age=FAR)
    for status in {*ENDS, *FOR_A_PERSON}:
        assert next_look(status) is None
        assert not is_overdue(status, age=FAR)


def test_money_that_comes_late_still_counts() -> None:
    for status in UNPAID:
        assert {P.BOOKED, P.CONTESTED, P.RETURNING} <= TRANSITIONS[status]


def test_what_is_booked_is_left_by_giving_back_only() -> None:
    assert TRANSITIONS[P.BOOKED] == {P.RETURNING}
    assert P.BOOKED not in TRANSITIONS[P.RETURNED]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize(
    ("state", "step"),
    [
        ({"session": "complete", "paid": True}, Step.BOOK),
        ({"session": "complete", "paid": True, "amount_minor": 4801}, Step.CONTEST),
        ({"session": "complete", "paid": True, "currency": "USD"}, Step.CONTEST),
        ({"session": "complete", "paid": True, "reference": "other"}, Step.CONTEST),
        ({"session": "complete"}, Step.PROCESS),
        ({"session": "complete", "failed": True}, Step.FAIL),
        ({"session": "expired"}, Step.EXPIRE),
        ({"session": "expired", "paid": True}, Step.BOOK),
    ],
)
def test_a_look_has_one_consequence(state: dict[str, object], step: Step, *, held: bool) -> None:
    assert step_after(seen(**state), ASKED, held=held) is step


def test_an_open_session_waits_as_long_as_the_time_is_held() -> None:
    assert step_after(seen(), ASKED, held=True) is Step.WAIT
    assert step_after(seen(), ASKED, held=False) is Step.CLOSE


def test_differences_are_named() -> None:
    assert differences(seen(amount_minor=1, currency="USD"), ASKED) == ["amount", "currency"]
    assert differences(seen(), ASKED) == []
