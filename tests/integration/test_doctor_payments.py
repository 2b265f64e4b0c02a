"""What `bookable doctor` says about Stripe: it asks, and names what is missing."""

from collections.abc import AsyncIterator

import pytest

from server.cli.doctor import Finding
from server.cli.doctor_channels import examine_channels
from server.payments.stripe_events import EVENTS
from tests.peers.stripe import Stripe, refusal, stripe_account
from tests.world import settings_for

BASE = "https://book.example.com"
URL = f"{BASE}/v1/inbound/stripe"


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


async def found(stripe: Stripe) -> Finding:
    settings = settings_for("postgresql://unused/unused", payment=stripe.settings)
    settings.http.base_url = BASE
    return [finding async for finding in examine_channels(settings)][-1]


def endpoint(*events: str, url: str = URL, status: str = "enabled") -> dict[str, object]:
    return {"id": "we_1", "object": "webhook_endpoint", "url": url, "status": status, "enabled_events": list(events)}


async def test_an_endpoint_that_hears_everything_is_fine(stripe: Stripe) -> None:
    for events in (sorted(EVENTS), ["*"]):
        stripe.endpoints = [endpoint(*events)]
        assert (await found(stripe)).remedy is None


async def test_events_that_are_missing_are_named(stripe: Stripe) -> None:
    stripe.endpoints = [endpoint(*sorted(EVENTS - {"refund.failed", "charge.dispute.created"}))]

    assert "charge.dispute.created, refund.failed" in str((await found(stripe)).remedy)


async def test_an_endpoint_that_is_missing_switched_off_or_elsewhere_is_said(stripe: Stripe) -> None:
    for there in ([], [endpoint("*", status="disabled")], [endpoint("*", url="https://other.example/")]):
        stripe.endpoints = there
        assert f"calls {URL}" in str((await found(stripe)).remedy)


async def test_a_key_that_may_not_look_and_a_stripe_that_is_away_are_said(stripe: Stripe) -> None:
    stripe.refuse["endpoints"] = refusal(403, "", "The key may not do that.")
    assert "may not do that" in str((await found(stripe)).remedy)
    stripe.down = True
    assert "cannot be asked" in str((await found(stripe)).remedy)
