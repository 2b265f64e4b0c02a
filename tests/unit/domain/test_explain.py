"""Why a start is refused: a base example that is offered, then one thing changed and exactly one rule named."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from server.domain.hours import DateException, WeeklyWindow
from server.domain.rules import Question
from server.domain.slots import explain, find_starts

DAY = date(2027, 6, 1)
"""A Tuesday; Berlin is two hours ahead of UTC."""
BEFORE, AFTER = date(2027, 5, 31), date(2027, 6, 2)
IN_ORDER = [
    "past",
    "notice",
    "horizon",
    "hours",
    "holiday",
    "exception",
    "service-hours",
    "step",
    "busy",
    "calendar",
    "claims",
    "capacity",
    "resources",
    "daily-cap",
    "customer-limit",
]


def at(hour: int, minute: int = 0) -> int:
    """A time of `DAY` on the wall, as seconds since the epoch."""
    return int(datetime(DAY.year, DAY.month, DAY.day, hour, minute, tzinfo=UTC).timestamp()) - 7200


def question(**changes: object) -> Question:
    """Half hours from nine to five, asked on the day before; *changes* make it another."""
    asked: dict[str, object] = {
        "zone": ZoneInfo("Europe/Berlin"),
        "window": (at(0), at(0) + 86_400),
        "now": at(0) - 12 * 3600,
        "duration_s": 1800,
        "weekly": (WeeklyWindow(DAY.weekday(), 540, 1020),),
        **changes,
    }
    return Question(**asked)  # type: ignore[arg-type]


def named(start: int, **changes: object) -> list[str]:
    """The rules that refuse *start*, in the order in which they are told."""
    return [refusal.rule for refusal in explain(question(**changes), start)]


def closed(day: date) -> DateException:
    """Nothing is open on *day*."""
    return DateException(day, ())


def test_nothing_refuses_what_is_offered() -> None:
    asked = question()

    assert at(10) in find_starts(asked)
    assert explain(asked, at(10)) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("past", {"now": at(10, 1)}),
        ("notice", {"now": at(9), "notice_s": 3660}),
        ("horizon", {"now": at(9), "horizon_s": 3540}),
        ("hours", {"weekly": ()}),
        ("holiday", {"holidays": frozenset({DAY})}),
        ("exception", {"exceptions": (closed(DAY),)}),
        ("service-hours", {"service_hours": (WeeklyWindow(DAY.weekday(), 660, 720),)}),
        ("step", {"step_s": 2700}),
        ("busy", {"busy": ((at(10, 29), at(10, 30)),)}),
        ("calendar", {"calendar_unknown": True}),
        ("claims", {"claims": ((at(9), at(10, 1)),)}),
        ("capacity", {"classes": {at(10): 0}}),
        ("resources", {"needs": ((((at(10), at(11)),),),)}),
        ("daily-cap", {"daily_cap": 3, "booked_on": {DAY: 3}}),
        ("customer-limit", {"customer_remaining": 0}),
    ],
)
def test_one_thing_changed_is_one_rule_named(rule: str, changes: dict[str, object]) -> None:
    refusals = explain(question(**changes), at(10))

    assert [refusal.rule for refusal in refusals] == [rule]
    assert refusals[0].sentence.strip()
    assert at(10) not in find_starts(question(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"now": at(10)},
        {"now": at(9), "notice_s": 3600},
        {"now": at(9), "horizon_s": 3600},
        {"weekly": (WeeklyWindow(DAY.weekday(), 600, 630),)},
        {"holidays": frozenset({BEFORE, AFTER})},
        {"exceptions": (closed(BEFORE), closed(AFTER))},
        {"exceptions": (DateException(DAY, ((600, 630),)),)},
        {"service_hours": (WeeklyWindow(DAY.weekday(), 600, 630),)},
        {"step_s": 3600},
        {"busy": ((at(9), at(10)), (at(10, 30), at(11)))},
        {"claims": ((at(9), at(10)), (at(10, 30), at(11)))},
        {"classes": {at(10): 1, at(11): 0}},
        {"needs": ((((at(10), at(11)),), ()),)},
        {"daily_cap": 3, "booked_on": {DAY: 2, BEFORE: 3, AFTER: 3}},
        {"customer_remaining": 1},
    ],
)
def test_a_rule_that_just_fits_is_not_named(changes: dict[str, object]) -> None:
    assert named(at(10), **changes) == []


@pytest.mark.parametrize("rule", ["busy", "claims"])
@pytest.mark.parametrize(
    ("buffers", "taken"),
    [({"buffer_before_s": 600}, (at(9), at(9, 51))), ({"buffer_after_s": 600}, (at(10, 39), at(12)))],
)
def test_a_buffer_alone_can_collide(rule: str, buffers: dict[str, object], taken: tuple[int, int]) -> None:
    assert named(at(10), **buffers, **{rule: (taken,)}) == [rule]
    assert named(at(10), **{rule: (taken,)}) == []


def test_a_buffer_may_lie_outside_the_hours() -> None:
    buffers = {"buffer_before_s": 3600, "buffer_after_s": 3600}

    assert named(at(9), **buffers) == []
    assert named(at(16, 30), **buffers) == []


def test_a_start_that_would_end_too_late_is_outside_the_hours() -> None:
    assert named(at(16, 45), step_s=900) == ["hours"]


def test_a_start_outside_the_hours_is_not_told_about_steps() -> None:
    assert named(at(8, 7)) == ["hours"]


@pytest.mark.parametrize(
    "changes",
    [{"holidays": frozenset({DAY})}, {"exceptions": (closed(DAY),)}, {"holidays": frozenset({BEFORE})}],
)
def test_what_weekly_hours_never_offered_is_neither_a_holiday_nor_an_exception(changes: dict[str, object]) -> None:
    assert named(at(8), **changes) == ["hours"]


def test_an_exception_with_other_hours_takes_away_what_lies_outside_them() -> None:
    later = {"exceptions": (DateException(DAY, ((720, 1200),)),)}

    assert named(at(10), **later) == ["exception"]
    assert named(at(12), **later) == []
    assert named(at(19), **later) == []
    assert named(at(20), **later) == ["hours"]


def test_an_exception_opens_a_holiday() -> None:
    assert named(at(10), holidays=frozenset({DAY}), exceptions=(DateException(DAY, ((540, 1020),)),)) == []


def test_an_exception_that_closes_a_holiday_is_the_one_that_is_named() -> None:
    """It replaces the date, holiday and all."""
    assert named(at(10), holidays=frozenset({DAY}), exceptions=(closed(DAY),)) == ["exception"]


@pytest.mark.parametrize(
    ("rule", "changes"),
    [("holiday", {"holidays": frozenset({BEFORE})}), ("exception", {"exceptions": (closed(BEFORE),)})],
)
def test_the_date_on_which_a_window_began_is_the_one_that_counts(rule: str, changes: dict[str, object]) -> None:
    overnight = (WeeklyWindow(BEFORE.weekday(), 1320, 1560),)

    assert named(at(1), weekly=overnight) == []
    assert named(at(1), weekly=overnight, **changes) == [rule]
    assert named(at(1), weekly=overnight, holidays=frozenset({DAY})) == []
    assert named(at(1), weekly=overnight, exceptions=(closed(DAY),)) == []


def test_holidays_and_exceptions_leave_the_hours_of_the_service_alone() -> None:
    special = {
        "holidays": frozenset({DAY}),
        "exceptions": (DateException(DAY, ((600, 660),)),),
        "service_hours": (WeeklyWindow(DAY.weekday(), 600, 630),),
    }

    assert named(at(10), **special) == []
    assert named(at(10, 30), **special) == ["service-hours"]


def test_each_need_must_be_met_and_one_alternative_must_be_free_throughout() -> None:
    first_half, second_half = ((at(10), at(10, 15)),), ((at(10, 15), at(10, 30)),)

    assert named(at(10), needs=((first_half, second_half),)) == ["resources"]
    assert named(at(10), needs=((first_half, ()), (second_half,))) == ["resources"]
    assert named(at(10), needs=((first_half, ()), ((), second_half))) == []


def test_joining_a_class_is_bound_by_neither_step_nor_claims_nor_resources_nor_daily_cap() -> None:
    own = ((at(10, 10), at(10, 40)),)
    taken = {"claims": own, "needs": ((own,),), "daily_cap": 1, "booked_on": {DAY: 1}}

    assert set(named(at(10, 10), **taken)) == {"step", "claims", "resources", "daily-cap"}
    assert named(at(10, 10), classes={at(10, 10): 1}, **taken) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("past", {"now": at(10, 11)}),
        ("hours", {"weekly": ()}),
        ("holiday", {"holidays": frozenset({DAY})}),
        ("service-hours", {"service_hours": (WeeklyWindow(DAY.weekday(), 660, 720),)}),
        ("busy", {"busy": ((at(10, 10), at(10, 40)),)}),
        ("customer-limit", {"customer_remaining": 0}),
    ],
)
def test_joining_a_class_is_bound_by_all_other_rules(rule: str, changes: dict[str, object]) -> None:
    assert named(at(10, 10), classes={at(10, 10): 1}, **changes) == [rule]


def test_a_full_class_is_refused_for_its_capacity_and_not_for_the_claim_that_it_holds_itself() -> None:
    assert named(at(10), classes={at(10): 0}, claims=((at(10), at(10, 30)),)) == ["capacity"]


def test_everything_that_refuses_is_named_in_the_order_of_the_rules() -> None:
    everything: dict[str, object] = {
        "now": at(11),
        "notice_s": 3600,
        "service_hours": (WeeklyWindow(DAY.weekday(), 660, 720),),
        "step_s": 2700,
        "busy": ((at(10), at(11)),),
        "claims": ((at(10), at(11)),),
        "needs": ((((at(10), at(11)),),),),
        "daily_cap": 1,
        "booked_on": {DAY: 1},
        "customer_remaining": 0,
    }

    found = named(at(10), **everything)

    expected = {"past", "notice", "service-hours", "step", "busy", "claims", "resources", "daily-cap", "customer-limit"}
    assert set(found) == expected
    assert found == [rule for rule in IN_ORDER if rule in expected]
