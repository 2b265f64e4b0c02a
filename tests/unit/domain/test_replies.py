"""What the answer to an invitation means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.appointment import Appointment, Attendee
from server.domain.lifecycle import Status
from server.domain.replies import (
    INVITES_PER_DAY,
    Answer,
    Cancel,
    DeclineCounter,
    InviteAgain,
    Meaning,
    Move,
    Note,
    Noted,
    Nothing,
    Refuse,
    meaning_of,
)
from server.domain.terms import Approval, Terms

_START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_SAID = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
_NOW = _SAID + timedelta(seconds=20)
_HALF_HOUR = timedelta(minutes=30)

_APPOINTMENT = Appointment(
    business_id=1,
    id=2,
    uid=UUID("0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f"),
    status=Status.CONFIRMED,
    start=_START,
    end=_START + _HALF_HOUR,
    timezone="Europe/Berlin",
    sequence=2,
    version=3,
    shared=False,
    capacity=1,
    seats_taken=1,
    business="salon",
    business_name="Salon",
    service="cut",
    service_name="Cut",
    provider="anna",
    provider_name="Anna",
    provider_id=4,
    location="here",
    location_name="Here",
)
_DAY_BEFORE = Terms(
    price_minor=0,
    currency="EUR",
    duration_s=1800,
    change_window_min=1_440,
    cancel_fee_minor=0,
    approval=Approval.AUTOMATIC,
)
_ADA = Attendee(
    id=5,
    name="Ada",
    email="ada@customers.example",
    phone="",
    timezone="Europe/Berlin",
    locale="en",
    partstat="NEEDS-ACTION",
    answers={},
    token_salt=b"",
    token_hash=b"",
    cancelled_at=None,
    fee_minor=0,
    terms=_DAY_BEFORE,
)


def _reply(partstat: str = "ACCEPTED", **changes) -> Answer:
    said = Answer(
        what=f"REPLY:{partstat}",
        uid=str(_APPOINTMENT.uid),
        sequence=2,
        stamp=_SAID,
        attendee=_ADA.email,
        partstat=partstat,
    )
    return replace(said, **changes)


def _counter(start: datetime, **changes) -> Answer:
    said = replace(_reply(), what=f"COUNTER:{start.isoformat()}", partstat=None, start=start, end=start + _HALF_HOUR)
    return replace(said, **changes)


def _refresh() -> Answer:
    return replace(_reply(), what="REFRESH", partstat=None, sequence=0)


def _meaning(
    answer: Answer,
    *,
    appointment: Appointment = _APPOINTMENT,
    attendee: Attendee = _ADA,
    earlier: tuple[Noted, ...] = (),
    sender: str | None = _ADA.email,
    invited_today: int = 0,
    now: datetime = _NOW,
) -> Meaning:
    return meaning_of(answer, appointment, attendee, earlier, sender=sender, invited_today=invited_today, now=now)


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_c037_yes_and_maybe_are_noted(partstat: str):
    assert _meaning(_reply(partstat)) == Note(partstat)


def test_c037_a_no_in_time_cancels_and_a_late_one_is_noted():
    closes = _START - timedelta(days=1)

    assert _meaning(_reply("DECLINED"), now=closes) == Cancel()
    assert _meaning(_reply("DECLINED"), now=closes + timedelta(seconds=1)) == Note("DECLINED")


@pytest.mark.parametrize("fee", [0, 500])
def test_c037_a_no_never_costs_a_fee(fee: int):
    ada = replace(_ADA, terms=replace(_DAY_BEFORE, cancel_fee_minor=fee))

    assert _meaning(_reply("DECLINED"), attendee=ada, now=_START - timedelta(hours=1)) == Note("DECLINED")


def test_c037_a_no_after_the_start_is_noted_even_if_the_window_is_open():
    ada = replace(_ADA, terms=replace(_DAY_BEFORE, change_window_min=-100_000))

    assert _meaning(_reply("DECLINED"), attendee=ada, now=_START) == Note("DECLINED")


@pytest.mark.parametrize("partstat", ["NEEDS-ACTION", "DELEGATED"])
def test_c037_what_is_neither_yes_nor_no_changes_nothing(partstat: str):
    assert isinstance(_meaning(_reply(partstat)), Nothing)


def test_c037_the_same_answer_again_changes_nothing():
    heard = Noted(what="REPLY:ACCEPTED", stamp=_SAID, heard_at=_SAID)

    assert isinstance(_meaning(_reply(), earlier=(heard,)), Nothing)
    assert isinstance(_meaning(_reply(), attendee=replace(_ADA, partstat="ACCEPTED")), Nothing)


def test_c037_an_answer_that_was_overtaken_by_a_later_one_changes_nothing():
    later = Noted(what="REPLY:DECLINED", stamp=_SAID + timedelta(minutes=1), heard_at=_SAID + timedelta(minutes=2))

    assert isinstance(_meaning(_reply(), earlier=(later,)), Nothing)


def test_c037_a_change_of_mind_within_one_second_counts():
    heard = Noted(what="REPLY:ACCEPTED", stamp=_SAID, heard_at=_SAID)

    assert _meaning(_reply("TENTATIVE"), earlier=(heard,)) == Note("TENTATIVE")


def test_c037_a_clock_that_runs_ahead_does_not_silence_its_owner():
    ahead = Noted(what="REPLY:ACCEPTED", stamp=_SAID + timedelta(days=900), heard_at=_SAID - timedelta(hours=1))

    assert _meaning(_reply("TENTATIVE"), earlier=(ahead,)) == Note("TENTATIVE")


@pytest.mark.parametrize("answer", [_reply(), _reply("DECLINED"), _counter(_START + timedelta(days=1))])
def test_c038_what_answers_an_older_invitation_has_no_effect(answer: Answer):
    assert isinstance(_meaning(replace(answer, sequence=1)), Nothing)


def test_c038_an_answer_that_is_ahead_of_us_counts():
    assert _meaning(_reply(sequence=3)) == Note("ACCEPTED")


@pytest.mark.parametrize("answer", [_reply(), _reply("DECLINED"), _counter(_START + timedelta(days=1)), _refresh()])
@pytest.mark.parametrize(
    ("changed", "sender"),
    [
        ({}, "eve@evil.example"),
        ({}, None),
        ({"attendee": "eve@evil.example"}, _ADA.email),
        ({"attendee": "eve@evil.example"}, "eve@evil.example"),
        ({"attendee": None}, "eve@evil.example"),
        ({"uid": "another"}, _ADA.email),
    ],
)
def test_c039_an_answer_of_somebody_else_is_refused(answer: Answer, changed: dict, sender: str | None):
    assert isinstance(_meaning(replace(answer, **changed), sender=sender), Refuse)


def test_c039_an_answer_that_leaves_the_attendee_out_is_believed_by_its_sender():
    assert _meaning(_reply(attendee=None)) == Note("ACCEPTED")


def test_c040_a_proposal_of_the_same_length_is_a_move():
    start = _START + timedelta(days=1)

    assert _meaning(_counter(start)) == Move(start)
    assert _meaning(_counter(start, end=None)) == Move(start)


@pytest.mark.parametrize(
    "proposal",
    [
        _counter(_START + timedelta(days=1), end=_START + timedelta(days=1, hours=3)),
        _counter(_START),
        _counter(_START + timedelta(seconds=30)),
        _counter(_NOW - timedelta(days=1)),
        _counter(datetime(9999, 12, 31, 23, 0, tzinfo=UTC)),
        _counter(datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_c040_a_proposal_that_cannot_be_had_is_declined(proposal: Answer):
    assert isinstance(_meaning(proposal), DeclineCounter)


def test_c040_a_proposal_that_was_declined_is_declined_once():
    proposal = _counter(_START)
    heard = Noted(what=proposal.what, stamp=_SAID, heard_at=_SAID)

    assert isinstance(_meaning(proposal, earlier=(heard,)), Nothing)


def test_c041_the_invitation_is_sent_again_a_few_times_a_day():
    assert _meaning(_refresh(), invited_today=INVITES_PER_DAY - 1) == InviteAgain()
    assert isinstance(_meaning(_refresh(), invited_today=INVITES_PER_DAY), Nothing)


@pytest.mark.parametrize("answer", [_reply("DECLINED"), _counter(_START + timedelta(days=1)), _refresh()])
@pytest.mark.parametrize("status", [Status.CANCELLED, Status.DECLINED, Status.COMPLETED, Status.NO_SHOW])
def test_what_is_over_stays_as_it_is(answer: Answer, status: Status):
    assert isinstance(_meaning(answer, appointment=replace(_APPOINTMENT, status=status)), Nothing)


@pytest.mark.parametrize("answer", [_reply("DECLINED"), _counter(_START + timedelta(days=1)), _refresh()])
def test_who_has_left_changes_nothing_any_more(answer: Answer):
    assert isinstance(_meaning(answer, attendee=replace(_ADA, cancelled_at=_NOW)), Nothing)


@given(
    st.sampled_from([_reply(), _reply("DECLINED"), _counter(_START + timedelta(days=1)), _refresh()]),
    st.text(max_size=30) | st.none(),
    st.text(max_size=30) | st.none(),
    st.integers(0, 5),
)
def test_c039_only_the_attendee_is_heard(answer: Answer, attendee: str | None, sender: str | None, sequence: int):
    said = replace(answer, attendee=attendee, sequence=sequence)

    meaning = _meaning(said, sender=sender)

    if sender != _ADA.email or attendee not in {None, _ADA.email}:
        assert isinstance(meaning, Refuse)
