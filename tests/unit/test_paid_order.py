"""An order that was sealed is read by every later version, and by none that does not understand it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from server.domain.appointment import CustomerDetails, Order, SlotChoice
from server.domain.terms import Approval, Terms
from server.tokens import Purpose, Vault
from server.usecases.paid_order import UnreadableOrder, seal_order, unseal_order

VAULT = Vault(["a secret that is long enough for tests"])
ORDER = Order(
    choice=SlotChoice(
        business="studio", service="cut", provider="anna", location="here", start=datetime(2027, 3, 1, 9, tzinfo=UTC)
    ),
    customer=CustomerDetails(
        name="Robin", email="robin@example.org", phone="+4915228817386", timezone="Europe/Berlin", locale="de"
    ),
    answers={"first": "yes"},
    hold="token",
    terms=Terms(
        price_minor=4800,
        currency="EUR",
        duration_s=2700,
        change_window_min=60,
        cancel_fee_minor=0,
        approval=Approval.AUTOMATIC,
    ),
)
OF_BEFORE = {
    "business": "studio",
    "service": "cut",
    "provider": "anna",
    "location": "here",
    "start": "2027-03-01T09:00:00+00:00",
    "customer": {"name": "Robin", "email": "robin@example.org", "phone": "", "timezone": "UTC", "locale": "en"},
    "answers": {},
    "hold": None,
}


def sealed(written: object) -> bytes:
    return VAULT.seal(orjson.dumps(written), Purpose.ORDER)


def test_what_is_sealed_is_read_back_as_paid() -> None:
    read = unseal_order(VAULT, seal_order(VAULT, ORDER, length=timedelta(minutes=45)))

    assert read.order == replace(ORDER, paid=True)
    assert read.length == timedelta(minutes=45)


def test_an_order_of_before_versions_is_read_too() -> None:
    read = unseal_order(VAULT, sealed(OF_BEFORE))

    assert (read.order.customer.name, read.order.terms, read.length) == ("Robin", None, None)


@pytest.mark.parametrize(
    "written",
    [
        {**OF_BEFORE, "v": 99},
        {name: value for name, value in OF_BEFORE.items() if name != "customer"},
        {**OF_BEFORE, "customer": "Robin"},
        {**OF_BEFORE, "start": "soon"},
        [],
        None,
    ],
)
def test_what_cannot_be_understood_is_said_to_be_unreadable(written: object) -> None:
    with pytest.raises(UnreadableOrder):
        unseal_order(VAULT, sealed(written))


def test_what_none_of_our_keys_opens_is_unreadable() -> None:
    other = Vault(["another secret that is long enough"])

    with pytest.raises(UnreadableOrder):
        unseal_order(other, sealed(OF_BEFORE))
