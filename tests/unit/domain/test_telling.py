"""Who is told what, and what need not be told any more."""

import pytest

from server.channels.messages import _TO_CUSTOMER, _TO_PROVIDER
from server.channels.owner_notices import NOTICES as OWNER_NOTICES
from server.domain.consequences import CONSEQUENCES
from server.domain.events import Kind
from server.domain.lifecycle import Actor
from server.domain.telling import INTERNAL, NOTICES, frees_time, is_superseded, telling_of

TEN, ELEVEN = "2027-03-27T10:00:00+00:00", "2027-03-27T11:00:00+00:00"


def why(message: str, *, start: str = TEN, living: bool = True, over: bool = False) -> str | None:
    return is_superseded(message, told_start=TEN, start=start, living=living, over=over)


@pytest.mark.parametrize("message", ["confirmed", "approved", "rescheduled", "reminder", "requested"])
def test_what_a_later_change_overtook_is_not_said(message: str) -> None:
    assert why(message) is None
    assert why(message, start=ELEVEN) == "moved meanwhile"
    assert why(message, living=False) == "cancelled meanwhile"
    assert why(message, over=True) == "the appointment has begun"


@pytest.mark.parametrize("message", ["cancelled", "declined", "expired", "counter_declined", "payment_returned"])
def test_bad_news_stays_true(message: str) -> None:
    assert why(message, start=ELEVEN, living=False, over=True) is None


def test_there_are_words_for_everything_that_is_told() -> None:
    for telling in (*NOTICES.values(), *(follows.tells for follows in CONSEQUENCES.values())):
        assert telling.customer in {None, "customer_feed"} or telling.customer in _TO_CUSTOMER
        assert telling.provider in {
            None,
            "calendar_trouble",
            *OWNER_NOTICES,
            *_TO_PROVIDER,
        }  # a notice about no appointment


def test_facts_of_our_own_are_told_to_nobody() -> None:
    told = {*NOTICES, *(follows.fact for follows in CONSEQUENCES.values())}
    assert INTERNAL & told == {Kind.FEED_REQUESTED, Kind.CONFIRMATION_WANTED}  # to the address, and to no endpoint


def test_a_fact_of_a_step_follows_the_table() -> None:
    for (_, actor), follows in CONSEQUENCES.items():
        assert telling_of(follows.fact, actor) == follows.tells
        assert frees_time(follows.fact, actor) is follows.frees_time


def test_a_step_that_somebody_may_not_take_is_no_silence() -> None:
    with pytest.raises(KeyError):
        telling_of(Kind.DECLINED, Actor.CUSTOMER)


@pytest.mark.parametrize("kind", [Kind.TIME_FREED, Kind.WAITLIST_LAPSED])
def test_time_is_freed_without_an_appointment_too(kind: Kind) -> None:
    assert frees_time(kind, None)
    assert not frees_time(Kind.RENAMED, None)
