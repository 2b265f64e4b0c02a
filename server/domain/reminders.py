"""
Owns which reminders an appointment deserves, and when each is due.

Leaves who can be reached over a channel to `store/clauses`, which knows every attendee, and sending to the worker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.channels import Channel, Recipient


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """Remind *recipient* over *channel* so many minutes before the start."""

    offset_min: int
    channel: str
    recipient: str


DEFAULT_RULES: Sequence[ReminderRule] = (
    ReminderRule(24 * 60, Channel.MAIL, Recipient.CUSTOMER),
    ReminderRule(60, Channel.MAIL, Recipient.CUSTOMER),
    ReminderRule(60, Channel.MAIL, Recipient.PROVIDER),
)

STALE_AFTER_MIN = 60
"""A reminder that is later than this, or than half its lead time, is skipped: it would only puzzle."""


@dataclass(frozen=True, slots=True)
class PlannedReminder:
    """One reminder and the moment it is due, aware UTC."""

    rule: ReminderRule
    due_at: datetime


def plan_reminders(rules: Iterable[ReminderRule], start: datetime, *, now: datetime) -> list[PlannedReminder]:
    """
    The reminders for an appointment at *start* that are not yet due.

    The lead time is elapsed time, so a reminder over a daylight-saving change comes as long before as on other days.
    """
    planned = (PlannedReminder(rule, start - timedelta(minutes=rule.offset_min)) for rule in rules)
    return [reminder for reminder in planned if reminder.due_at > now]
