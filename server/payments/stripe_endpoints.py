"""
Owns asking Stripe whether it would tell us what we have to hear.

Leaves hearing it to `stripe_events`, and saying what is missing to `bookable doctor`.
"""

import stripe

from server.payments.stripe_errors import ask
from server.payments.stripe_events import EVENTS
from server.payments.stripe_http import CallByCall
from server.settings import PaymentSettings


async def missing_events(settings: PaymentSettings, url: str) -> list[str] | None:
    """
    The events that Stripe does not send to *url*; None where no endpoint calls it.

    Raises:
        ProviderError: It cannot be asked.
    """
    assert settings.stripe_key is not None
    client = stripe.StripeClient(
        settings.stripe_key.get_secret_value(),
        base_addresses={"api": settings.stripe_url},
        http_client=CallByCall(),
        max_network_retries=0,
    )
    endpoints = await ask(client.v1.webhook_endpoints.list_async({"limit": 100}))
    calling = [each for each in endpoints.data if each.url == url and each.status == "enabled"]
    if not calling:
        return None
    sent = {event for each in calling for event in each.enabled_events}
    return [] if "*" in sent else sorted(EVENTS - sent)
