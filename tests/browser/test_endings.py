"""
Proves that a customer who comes back sees how their appointment ended, or why it cannot be moved.

Leaves the rules to `integration/test_unanswered` and `integration/test_moving`.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.domain.lifecycle import Step
from server.usecases.decide import decide
from server.usecases.places import target_of_staff
from server.usecases.sweep import sweep
from tests.browser.visitor import Visitor, expect
from tests.world import World, no_key

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def let_it_expire(shop: World) -> None:
    await shop.sql(
        "UPDATE appointments SET starts_at = now() - interval '1 s', ends_at = now() + interval '1 h'"
        " WHERE business_id = $1",
        shop.business_id,
    )
    await sweep(shop.core)


async def decline_it(shop: World) -> None:
    [row] = await shop.sql("SELECT uid FROM appointments WHERE business_id = $1", shop.business_id)
    await decide(shop.core, await target_of_staff(shop.core, shop.business_id, row["uid"]), Step.DECLINE, no_key())


@pytest.mark.parametrize(
    ("ending", "heading"),
    [
        (let_it_expire, "Your request was not answered in time"),
        (decline_it, "Your request could not be confirmed"),
    ],
)
async def test_a_request_that_ended_says_how(
    visitor: MakeVisitor, shop: World, ending: Callable[[World], Awaitable[None]], heading: str
) -> None:
    await shop.service("bridal", approval="manual")
    booked = await shop.book(shop.at(10, days=7), service="bridal")
    await ending(shop)
    robin = await visitor()

    await robin.open(**{"manage-token": booked.manage_token})

    await expect(robin.heading(heading)).to_be_visible()
    await expect(robin.button("Cancel appointment")).to_have_count(0)
    await _look(robin, heading)


@pytest.mark.parametrize("scripts", [True, False])
async def test_M124_a_request_that_waits_says_that_it_does(visitor: MakeVisitor, shop: World, *, scripts: bool) -> None:
    await shop.service("bridal", approval="manual")
    booked = await shop.book(shop.at(10, days=7), service="bridal")
    robin = await visitor(java_script_enabled=scripts)

    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")

    await expect(robin.heading("Your request is sent")).to_be_visible()
    await expect(robin.page.get_by_text("confirms each request by mail.").filter(visible=True)).to_be_visible()
    await _look(robin, f"waits-{scripts}")


async def test_what_is_not_offered_any_more_can_be_cancelled_and_says_why_not_moved(
    visitor: MakeVisitor, shop: World
) -> None:
    booked = await shop.book(shop.at(10, days=7))
    await shop.sql("UPDATE services SET active = false WHERE business_id = $1", shop.business_id)
    robin = await visitor()

    await robin.open(**{"manage-token": booked.manage_token})

    await expect(robin.page.get_by_text("This is no longer offered, so it cannot be moved.")).to_be_visible()
    await expect(robin.page.get_by_text("Cut · Anna · Here")).to_be_visible()
    await expect(robin.button("Move")).to_have_count(0)
    await expect(robin.button("Cancel appointment")).to_be_visible()
    await _look(robin, "not-offered")


async def _look(robin: Visitor, name: str) -> None:
    if folder := os.environ.get("LOOK"):
        for width in (390, 1280):
            await robin.page.set_viewport_size({"width": width, "height": 700})
            await robin.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"))
