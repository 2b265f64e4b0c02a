"""
Owns the order that a payment is for, as it is sealed into its row and read from it, in every version there was.

Leaves booking it to `settle_payments`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from server.domain.appointment import CustomerDetails, Order, SlotChoice
from server.domain.terms import Approval, Terms
from server.tokens import Purpose, Vault

_VERSION = 2
"""1 had no number; it is read the same way."""


class UnreadableOrder(Exception):
    """None of our keys opens the order, or it was written by a newer version of the program."""


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """An order, and how long what was ordered takes; None in orders of before."""

    order: Order
    length: timedelta | None


def seal_order(vault: Vault, order: Order, *, length: timedelta) -> bytes:
    """*order*, which holds a customer's details, as it is kept."""
    choice, customer = order.choice, order.customer
    return vault.seal(
        orjson.dumps(
            {
                "v": _VERSION,
                "business": choice.business,
                "service": choice.service,
                "provider": choice.provider,
                "location": choice.location,
                "start": choice.start.isoformat(),
                "length_s": int(length.total_seconds()),
                "customer": {
                    "name": customer.name,
                    "email": customer.email,
                    "phone": customer.phone,
                    "timezone": customer.timezone,
                    "locale": customer.locale,
                },
                "answers": dict(order.answers),
                "hold": order.hold,
                "terms": asdict(order.terms) if order.terms is not None else None,
            }
        ),
        Purpose.ORDER,
    )


def unseal_order(vault: Vault, sealed: bytes) -> PaidOrder:
    """
    The order, as one that was paid.

    Raises:
        UnreadableOrder: It cannot be opened or understood.
    """
    plain = vault.unseal(sealed, Purpose.ORDER)
    if plain is None:
        raise UnreadableOrder("none of our keys opens it")
    try:
        written = orjson.loads(plain)
        if written.get("v", 1) > _VERSION:
            raise UnreadableOrder(f"its version is {written['v']}")
        length_s = written.get("length_s")
        return PaidOrder(_read(written), timedelta(seconds=length_s) if length_s is not None else None)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableOrder(f"{type(error).__name__}: {error}") from error


def _read(written: Mapping[str, Any]) -> Order:
    customer = written["customer"]
    terms = written.get("terms")  # none in orders of before terms were kept
    return Order(
        choice=SlotChoice(
            business=written["business"],
            service=written["service"],
            provider=written["provider"],
            location=written["location"],
            start=datetime.fromisoformat(written["start"]),
        ),
        customer=CustomerDetails(
            name=customer["name"],
            email=customer["email"],
            phone=customer.get("phone", ""),
            timezone=customer["timezone"],
            locale=customer.get("locale", "en"),
        ),
        answers=written.get("answers", {}),
        hold=written.get("hold"),
        terms=Terms(**{**terms, "approval": Approval(terms["approval"])}) if terms is not None else None,
        paid=True,
    )
