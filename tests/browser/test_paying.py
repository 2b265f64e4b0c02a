"""
Proves the way through paying: from the widget to the payment service, and back to a page that says what became of it.

Leaves amounts, forged calls and money that goes back to `test_payments`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from server.settings import Settings
from tests.browser.test_access import faults
from tests.browser.visitor import Visitor, expect
from tests.peers.stripe import Stripe, stripe_account
from tests.world import World, settings_for

MakeVisitor = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


@pytest.fixture
def settings(database_url: str, redis_url: str, stripe: Stripe) -> Settings:
    return settings_for(database_url, redis_url, payment=stripe.settings)


@pytest.fixture
async def robin(visitor: MakeVisitor, shop: World, stripe: Stripe) -> Visitor:
    """A customer who has chosen a massage that is paid beforehand, and is on the payment service's page."""
    await shop.service("massage", price_minor=4800, payment="online")
    robin = await visitor()
    stripe.notified = f"{robin.server_url}/v1/inbound/stripe"
    await robin.open(service="massage")
    await robin.times.first.click()
    await robin.fill()
    await robin.button("Pay €48").click()
    await expect(robin.button("Pay now")).to_be_visible()
    return robin


async def test_what_is_paid_is_booked_and_the_page_says_so(robin: Visitor) -> None:
    assert await robin.appointments() == []

    await robin.button("Pay now").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert [status for status, *_ in await robin.appointments()] == ["confirmed"]
    assert await faults(robin) == []


async def test_whoever_goes_back_is_told_how_long_the_time_is_kept(robin: Visitor, stripe: Stripe) -> None:
    await robin.page.get_by_role("link", name="Back").click()

    await expect(robin.heading("Your payment")).to_be_visible()
    await expect(robin.page.get_by_role("link", name="Pay €48")).to_be_visible()
    await expect(robin.page.get_by_text("the time stays yours until")).to_be_visible()
    assert await robin.appointments() == []
    assert await faults(robin) == []

    await robin.page.context.request.post(stripe.session["url"], max_redirects=0)  # they paid in another window
    await expect(robin.heading("You are booked")).to_be_visible()  # it looks again by itself
