"""A channel is a row of one table: whom it reaches, under which address."""

import pytest

from server.domain.channels import CHANNELS, LOGGED, SUPPRESSIBLE, TO_PEOPLE, Address, Channel, Recipient, one_of
from server.store.deliveries import _REMIND as REMIND
from server.store.schema import deliveries, reminders, suppressions


def test_every_channel_is_in_the_table() -> None:
    assert set(CHANNELS) == set(Channel)


def test_only_people_have_addresses_and_only_addresses_can_be_suppressed() -> None:
    for spec in CHANNELS.values():
        people = set(spec.recipients) & {Recipient.CUSTOMER, Recipient.PROVIDER}
        assert (spec.address is not None) == bool(people)
        assert not spec.suppressible or people


@pytest.mark.parametrize(
    ("table", "values"), [(deliveries, Channel), (reminders, TO_PEOPLE), (suppressions, SUPPRESSIBLE)]
)
def test_the_constraints_are_the_table(table: object, values: list[Channel]) -> None:
    checks = {str(c.sqltext) for c in table.constraints if hasattr(c, "sqltext")}  # type: ignore[attr-defined]

    assert one_of("channel", values) in checks


def test_a_text_message_is_addressed_to_a_phone_and_a_mail_to_an_address() -> None:
    columns = {Address.EMAIL: "email", Address.PHONE: "phone"}
    for channel in TO_PEOPLE:
        for recipient in CHANNELS[channel].recipients:
            _, _, then = REMIND.partition(f"r.channel = '{channel}' AND r.recipient = '{recipient}' THEN ")
            address = CHANNELS[channel].address
            assert address is not None
            target = then.partition(" WHEN ")[0].partition(" END ")[0]
            assert columns[address] in target
            assert not any(other in target for kind, other in columns.items() if kind is not address)


def test_what_businesses_see_is_what_others_are_sent() -> None:
    assert LOGGED == (Channel.MAIL, Channel.SMS, Channel.WEBHOOK)
