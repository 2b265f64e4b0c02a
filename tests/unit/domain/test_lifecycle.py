"""The table of steps, checked by eye here a second time."""

import pytest

from server.domain.errors import IllegalTransition
from server.domain.lifecycle import ENDED, TRANSITIONS, Status, Step, after

ALLOWED = """
    new        book        confirmed
    new        request     pending
    held       book        confirmed
    held       request     pending
    held       cancel      cancelled
    held       expire      cancelled
    pending    approve     confirmed
    pending    decline     declined
    pending    ask_again   pending
    pending    cancel      cancelled
    pending    expire      expired
    confirmed  book        confirmed
    confirmed  reschedule  confirmed
    confirmed  ask_again   pending
    confirmed  cancel      cancelled
    confirmed  complete    completed
    confirmed  miss        no_show
    confirmed  leave       confirmed
    completed  miss        no_show
    no_show    complete    completed
"""
STEPS = {(line.split()[0], line.split()[1]): line.split()[2] for line in ALLOWED.strip().splitlines()}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("status", [None, *Status])
def test_a_step_is_allowed_exactly_where_the_table_says(status: Status | None, step: Step) -> None:
    expected = STEPS.get((status or "new", step))

    if expected is not None:
        assert after(step, status) == expected
    else:
        with pytest.raises(IllegalTransition) as refused:
            after(step, status)
        assert (refused.value.status, refused.value.wanted) == (status or "new", step)


def test_every_step_of_the_table_is_looked_at() -> None:
    assert sum(len(steps) for steps in TRANSITIONS.values()) == len(STEPS)


def test_nothing_leads_out_of_the_end() -> None:
    for end in ENDED:
        assert not any(end in steps for steps in TRANSITIONS.values())
