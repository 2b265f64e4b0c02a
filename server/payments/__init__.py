"""Ways to pay: what the use-cases ask of them, and those that there are."""

from server.payments.protocol import PaymentMethod
from server.payments.stripe_checkout import StripeCheckout
from server.settings import PaymentSettings


def open_methods(settings: PaymentSettings) -> dict[str, PaymentMethod]:
    """The ways to pay beforehand that are set up, by name."""
    return {"stripe": StripeCheckout(settings)} if settings.stripe_key is not None else {}
