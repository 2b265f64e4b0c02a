"""
Owns the ways out: for each channel whom it reaches, under which of their addresses, and whether they may refuse it.

Leaves what is said to `channels/messages`, and the columns that hold addresses to `store`. Constraints of the database,
the API's choices and the targets of deliveries are made from this table, so that none of them knows a pair that the
others do not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """A way out. The last two are work of our own that is done once, as a message is sent once."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"
    WAITLIST = "waitlist"
    REFUND = "refund"


class Recipient(StrEnum):
    """Who is at its end."""

    CUSTOMER = "customer"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"
    NOBODY = "nobody"


class Address(StrEnum):
    """What a person is reached under."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """What holds for everything that goes one way."""

    address: Address | None = None
    """Of the recipients; None where none of them is a person."""
    recipients: tuple[Recipient, ...]
    suppressible: bool = False
    """An address can ask for no more, or be found dead."""
    logged: bool = True
    """Businesses see what was sent this way."""


PEOPLE = (Recipient.CUSTOMER, Recipient.PROVIDER)
_NOBODY = (Recipient.NOBODY,)

CHANNELS: Mapping[Channel, ChannelSpec] = {
    Channel.MAIL: ChannelSpec(address=Address.EMAIL, recipients=PEOPLE, suppressible=True),
    Channel.SMS: ChannelSpec(address=Address.PHONE, recipients=PEOPLE, suppressible=True),
    Channel.WEBHOOK: ChannelSpec(recipients=(Recipient.ENDPOINT,)),
    Channel.WAITLIST: ChannelSpec(recipients=_NOBODY, logged=False),
    Channel.REFUND: ChannelSpec(recipients=_NOBODY, logged=False),
}

TO_PEOPLE = tuple(channel for channel, spec in CHANNELS.items() if spec.address is not None)
"""What reminders can go by."""
BY_PHONE = tuple(channel for channel, spec in CHANNELS.items() if spec.address is Address.PHONE)
SUPPRESSIBLE = tuple(channel for channel, spec in CHANNELS.items() if spec.suppressible)
LOGGED = tuple(channel for channel, spec in CHANNELS.items() if spec.logged)


def one_of(column: str, values: Iterable[str]) -> str:
    """The SQL condition that *column* holds one of *values*."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"
