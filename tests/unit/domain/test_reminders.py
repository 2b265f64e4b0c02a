"""Which reminders an appointment deserves, and when."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from server.domain.reminders import DEFAULT_RULES, plan_reminders

START = datetime(2027, 6, 1, 10, tzinfo=UTC)


def test_each_rule_gives_one_reminder_its_lead_time_before_the_start() -> None:
    planned = plan_reminders(DEFAULT_RULES, START, now=START - timedelta(days=3))

    assert [reminder.rule for reminder in planned] == list(DEFAULT_RULES)
    assert [START - reminder.due_at for reminder in planned] == [timedelta(hours=24), *[timedelta(hours=1)] * 2]


def test_what_would_be_due_already_is_not_planned() -> None:
    planned = plan_reminders(DEFAULT_RULES, START, now=START - timedelta(hours=24))

    assert {reminder.rule.offset_min for reminder in planned} == {60}


def test_E49_over_a_clock_change_a_reminder_keeps_its_lead_time() -> None:
    """A day before 10:00 on the Monday after the change is 24 hours before, not 23 or 25."""
    start = datetime(2027, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)

    planned = plan_reminders(DEFAULT_RULES, start, now=start - timedelta(days=3))

    assert start - planned[0].due_at == timedelta(hours=24)
