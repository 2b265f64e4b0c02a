"""
Owns what receivers of webhooks get to see of a fact: an allow-list of fields per kind.

Leaves what the fields say to `docs/webhooks.md`. Webhook bodies lie in the logs of others, so that nothing which opens
something is here: no token, no path, no link. What a fact carries besides is for ourselves.
"""

from collections.abc import Mapping

from server.domain.events import Kind

_APPOINTMENT = (
    "appointment", "sequence", "actor", "start", "previous_start", "previous_end", "previous_provider", "reason",
    "status", "end", "timezone", "service", "provider", "location", "attendees",
)  # fmt: skip
_WAITLIST = ("entry", "service", "provider", "location", "start", "end", "expires_at", "customer")
_PAYMENT = (
    "payment", "appointment", "service", "start", "end", "amount_minor", "currency", "asked_minor", "asked_currency",
    "paid_minor", "paid_currency", "detail", "customer",
)  # fmt: skip

_OF_ROOM: Mapping[str, tuple[str, ...]] = {
    "appointment": _APPOINTMENT,
    "waitlist": _WAITLIST,
    "payment": _PAYMENT,
    "calendar": _APPOINTMENT,
    "sms": ("code", "detail"),
    "booking": ("taken", "usual", "guarded_until"),
    "webhook": (),
}
"""By the first word of a kind."""

_MORE: Mapping[str, tuple[str, ...]] = {
    Kind.ANSWERED: ("partstat",),
    Kind.CALENDAR_CONFLICT: ("conflict", "busy_start", "busy_end"),
    Kind.ENDPOINT_DISABLED: ("webhook", "detail"),
    Kind.CALENDAR_TROUBLE: ("connection", "name", "email", "state", "detail"),
}

_CUSTOMER = ("name", "email", "phone", "timezone", "locale")


def shown(kind: str, payload: Mapping[str, object]) -> dict[str, object]:
    """What is sent of *payload*: nothing that is not on the list of *kind*."""
    room = kind.partition(".")[0]
    allowed = (*_OF_ROOM.get(room, ()), *_MORE.get(kind, ()))
    fields = {name: payload[name] for name in allowed if name in payload}
    if room == "payment" and payload.get("name"):  # there is no appointment, so its customer is in the fact
        fields["customer"] = {name: payload[name] for name in _CUSTOMER if name in payload}
    return fields
