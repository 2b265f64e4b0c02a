"""
Owns refusing prices that are to be paid online and that the payment service could not charge.

Leaves what it can charge to `payments`, and saving to `catalogue`.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from server.domain.configuration import Capabilities
from server.domain.errors import NotChargeable, PaymentNotSetUp
from server.payments.stripe_amounts import check_chargeable
from server.store.catalogue import BUSINESS, PROVIDER_SERVICES, SERVICES
from server.store.collection import Collection, Values
from server.store.engine import Session
from server.store.prices import online_prices

_ABOUT_PRICES = frozenset({"price_minor", "payment", "currency"})
_SERVICE: Mapping[str, str | None] = {
    SERVICES.subject: "slug",
    PROVIDER_SERVICES.subject: "service",
    BUSINESS.subject: None,
}
"""Which field of a record names the service whose price it has; none for all services."""


async def check_charges(
    session: Session,
    business_id: int,
    collection: Collection,
    values: Values,
    *,
    changed: AbstractSet[str],
    capabilities: Capabilities,
) -> None:
    """
    Looks at what is paid online after *changed* fields of a record were saved.

    Raises:
        PaymentNotSetUp: Nothing can be paid online.
        NotChargeable: A price that cannot be charged.
    """
    if collection.subject not in _SERVICE or not changed & _ABOUT_PRICES:
        return
    if "payment" in changed and values.get("payment") == "online" and not capabilities.online_payment:
        raise PaymentNotSetUp
    named_by = _SERVICE[collection.subject]
    service = str(values[named_by]) if named_by else None
    for price in await online_prices(session, business_id, service=service):
        try:
            check_chargeable(price.minor, price.currency)
        except NotChargeable as error:
            raise NotChargeable(f"“{price.service}” cannot be paid online: {error}") from None
