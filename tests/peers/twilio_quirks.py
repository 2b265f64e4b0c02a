"""
Owns the list of what Twilio does besides saying yes, each with its source; tests name each.

Leaves the behaviour to `twilio`.
"""

from collections.abc import Mapping

_ERRORS = "https://www.twilio.com/docs/api/errors"
_STATUS = "https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks"

QUIRKS: Mapping[str, tuple[str, str]] = {
    "early_callback": (_STATUS, "A callback comes before the answer to the request that made the message."),
    "out_of_order": (_STATUS, "Callbacks come in any order."),
    "repeated_callback": (_STATUS, "The same callback comes more than once."),
    "late_callback": (_STATUS, "A callback about a message comes after the same was sent again."),
    "phone_off": (f"{_ERRORS}/30003", "Undelivered: switched off or out of reach; it may be tried again."),
    "number_unreachable": (f"{_ERRORS}/30005", "Undelivered: unknown, blocked or a landline; carriers err."),
    "filtered": (f"{_ERRORS}/30007", "Undelivered: the carrier filters the sender."),
    "unregistered_sender": (f"{_ERRORS}/30034", "Undelivered: the sender is not registered."),
    "opted_out": (f"{_ERRORS}/21610", "400: whoever has the number has answered STOP."),
    "start": (
        "https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out",
        "Whoever answers START wants messages again: OptOutType says so.",
    ),
    "landline": (f"{_ERRORS}/21635", "400: a landline."),
    "wrong_sender": (f"{_ERRORS}/21606", "400: the sender is not ours, or cannot send there."),
    "trial_account": (f"{_ERRORS}/21608", "400: a trial texts to verified numbers only."),
    "signed_without_port": (
        "https://github.com/twilio/twilio-python/issues/392",
        "An address with a port is signed with or without it.",
    ),
}
"""Name: source and behaviour."""
