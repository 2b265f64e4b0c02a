"""
Owns the list of what Stripe does besides saying yes, each with its source; the stand-in behaves so, tests name each.

Leaves the behaviour to `stripe`.
"""

from collections.abc import Mapping

_DOCS = "https://docs.stripe.com"

QUIRKS: Mapping[str, tuple[str, str]] = {
    "stored_error": (
        f"{_DOCS}/api/idempotent_requests",
        "The first answer to an Idempotency-Key is given again, errors of executed requests and 500s too.",
    ),
    "key_with_other_parameters": (f"{_DOCS}/api/idempotent_requests", "400 idempotency_error."),
    "forgotten_key": (f"{_DOCS}/api/idempotent_requests", "After 24 hours a key may be gone: it is a new request."),
    "expires_at_too_soon": (
        f"{_DOCS}/api/checkout/sessions/create#create_checkout_session-expires_at",
        "400 unless it is 30 minutes to 24 hours from creation.",
    ),
    "amount_too_small": (f"{_DOCS}/currencies#minimum-and-maximum-charge-amounts", "400 amount_too_small."),
    "not_a_multiple": (
        f"{_DOCS}/currencies#special-cases",
        "400 for fractions of ISK, or a third digit of KWD.",
    ),
    "email_invalid": (f"{_DOCS}/error-codes#email-invalid", "400 email_invalid for addresses that it does not take."),
    "resource_missing": (f"{_DOCS}/error-codes#resource-missing", "404 for what another key or account has made."),
    "rate_limited": (f"{_DOCS}/rate-limits", "429, sometimes with Retry-After."),
    "unknown_outcome": (f"{_DOCS}/error-low-level", "The connection breaks after the request was carried out."),
    "wrong_key": (f"{_DOCS}/api/errors", "401 for a key that was rolled."),
    "charge_already_refunded": (
        f"{_DOCS}/error-codes#charge-already-refunded",
        "400: done in the Dashboard.",
    ),
    "charge_disputed": (f"{_DOCS}/error-codes#charge-disputed", "400: the bank has taken the money back already."),
    "refund_pending": (f"{_DOCS}/refunds", "Accepted is not done: without balance a refund stays pending."),
    "refund_failed_at_once": (f"{_DOCS}/refunds#failed-refunds", "The answer to creating it says failed."),
    "refund_failed_later": (f"{_DOCS}/refunds#failed-refunds", "refund.failed comes days after succeeded."),
    "delayed_payment": (
        f"{_DOCS}/payments/checkout/fulfill-orders",
        "A session is complete and unpaid; async_payment_succeeded or _failed comes days later.",
    ),
    "expire_of_a_complete_session": (f"{_DOCS}/api/checkout/sessions/expire", "400: it is not open any more."),
    "another_amount": (f"{_DOCS}/payments/checkout/taxes", "Taxes and discounts of the Dashboard change amount_total."),
    "events_of_others": (
        "https://github.com/woocommerce/woocommerce-gateway-stripe/issues/1136",
        "Every endpoint of the account hears of all sessions; what is not 2xx is asked again for three days.",
    ),
    "test_events_at_a_live_endpoint": (f"{_DOCS}/webhooks", "livemode says which mode an event is of."),
    "several_signatures": (f"{_DOCS}/webhooks#verify-manually", "One v1 for each secret while they overlap."),
    "dispute": (f"{_DOCS}/disputes/responding", "charge.dispute.created names a payment intent and no session."),
}
"""Name: source and behaviour."""
