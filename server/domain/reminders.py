"""
Owns which reminders an appointment deserves, and when each is due.

Leaves sending to the worker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.channels import CHANNELS, Address, Channel, Recipient


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


def plan_reminders(
    rules: Iterable[ReminderRule], start: datetime, *, now: datetime, has_phone: bool
) -> list[PlannedReminder]:
    """
    The reminders for an appointment at *start* that are not yet due.

    The lead time is elapsed time, so a reminder over a daylight-saving change comes as long before as on other days.
    Without a phone number there is none by SMS; whether a provider has one is looked at when it is due.
    """
    planned = [PlannedReminder(rule, start - timedelta(minutes=rule.offset_min)) for rule in rules]
    return [
        reminder
        for reminder in planned
        if reminder.due_at > now
        and (has_phone or reminder.rule.recipient != Recipient.CUSTOMER or not _needs_phone(reminder.rule))
    ]


def _needs_phone(rule: ReminderRule) -> bool:
    return CHANNELS[Channel(rule.channel)].address is Address.PHONE
