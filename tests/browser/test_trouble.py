"""
Proves what the widget does when something goes wrong in the middle of a booking: what was typed stays, and nothing is
booked twice. Named after the rows of the fault matrix.

Leaves the way where all is well to `test_booking_flow`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route

from tests.browser.visitor import Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]
APPOINTMENTS = "**/appointments"


async def at_the_form(robin: Visitor) -> None:
    await robin.open()
    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you:")).to_be_visible()
    await robin.fill()


async def test_A1_two_browsers_that_want_one_time_get_one_appointment(visitor: MakeVisitor, shop: World) -> None:
    robin, kim = await visitor(), await visitor()
    kim.tolerated = robin.tolerated = ("409",)
    for each in (robin, kim):
        await each.page.route("**/holds", lambda route: route.abort())
        each.tolerated = ("409", "ERR_FAILED")
        await each.open()
        await each.times.first.click()
        await each.fill()

    await asyncio.gather(robin.button("Book").click(), kim.button("Book").click())

    booked, taken = robin.heading("You are booked"), robin.page.get_by_text("This time was just taken.")
    await expect(booked.or_(taken)).to_be_visible()
    loser = kim if await booked.is_visible() else robin
    await expect(loser.page.get_by_text("This time was just taken.")).to_be_visible()
    await expect(loser.page.get_by_label("Name", exact=True)).to_have_value("Robin Example")
    assert len(await robin.appointments()) == 1

    await loser.page.locator("[part~=instead] button").first.click()
    await loser.button("Book").click()
    await expect(loser.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 2
    assert await shop.doubles() == 0


async def test_120_a_double_click_books_once(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await at_the_form(robin)

    await robin.button("Book").dblclick()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 1


async def test_120_a_lost_answer_is_asked_for_again_with_the_same_key(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_",)
    keys: list[str | None] = []

    async def lose_the_first(route: Route) -> None:
        keys.append(await route.request.header_value("idempotency-key"))
        if len(keys) == 1:
            await route.fetch()  # it happens, and nobody hears of it
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await robin.page.route(APPOINTMENTS, lose_the_first)
    await at_the_form(robin)
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert len(await robin.appointments()) == 1


async def test_120_a_reload_in_the_middle_goes_on_with_the_same_key(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_",)
    keys: list[str | None] = []

    async def hang_the_first(route: Route) -> None:
        keys.append(await route.request.header_value("idempotency-key"))
        if len(keys) == 1:
            await route.fetch()
            return  # no answer, ever
        await route.continue_()

    await robin.page.route(APPOINTMENTS, hang_the_first)
    await at_the_form(robin)
    await robin.button("Book").click()
    await expect(robin.button("One moment…")).to_be_visible()
    while not await robin.appointments():
        await asyncio.sleep(0.02)
    await robin.page.reload()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert keys[0] == keys[1]
    assert len(await robin.appointments()) == 1
    assert await robin.page.evaluate("sessionStorage.length") == 0


async def test_119_offline_in_the_middle_it_says_so_and_goes_on_when_there_is_a_network(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_INTERNET_DISCONNECTED",)
    await at_the_form(robin)
    await robin.page.context.set_offline(True)

    await robin.button("Book").click()
    await expect(robin.page.get_by_role("alert")).to_contain_text("You are offline")
    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Example")
    await robin.page.context.set_offline(False)

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 1


async def test_119_a_server_that_is_down_leaves_a_message_a_way_out_and_what_was_typed(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("503",)
    await robin.listening()

    async def away(route: Route) -> None:
        headers = {"Access-Control-Allow-Origin": robin.host.origin, "Retry-After": "0"}
        await route.fulfill(status=503, headers=headers, json={"type": "/problems/temporarily-unavailable"})

    await at_the_form(robin)
    await robin.page.route(APPOINTMENTS, away)
    await robin.button("Book").click()

    await expect(robin.page.get_by_role("alert")).to_contain_text("What you typed is kept")
    await expect(robin.page.get_by_role("link", name="Booking page")).to_be_visible()
    await expect(robin.page.get_by_label("Email", exact=True)).to_have_value("robin@example.com")
    assert ["error", {"type": "temporarily-unavailable", "status": 503, "detail": ""}] in await robin.told()

    await robin.page.unroute(APPOINTMENTS)
    await robin.button("Try again").click()
    await expect(robin.heading("You are booked")).to_be_visible()


async def test_119_a_business_that_does_not_answer_leaves_the_link(visitor: MakeVisitor, shop: World) -> None:
    robin = await visitor()
    robin.tolerated = ("404", "CORS policy", "ERR_FAILED")
    await robin.open(business="nobody-here")

    await expect(robin.page.get_by_role("alert")).to_be_visible(timeout=20_000)
    await expect(robin.page.get_by_role("link", name="Book an appointment")).to_be_visible()


async def test_a_time_that_is_taken_while_the_form_is_filled_in_is_replaced_by_others(
    visitor: MakeVisitor, shop: World
) -> None:
    robin = await visitor()
    robin.tolerated = ("409", "ERR_FAILED")
    await robin.page.route("**/holds", lambda route: route.abort())
    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    start = await robin.page.locator("[part~=when]").inner_text()
    await shop.book(await robin.first_start())

    await robin.button("Book").click()

    await expect(robin.page.get_by_text("This time was just taken.")).to_be_visible()
    await expect(robin.page.get_by_label("Email", exact=True)).to_have_value("robin@example.com")
    await robin.page.locator("[part~=instead] button").first.click()
    await robin.button("Book").click()
    await expect(robin.heading("You are booked")).to_be_visible()
    assert await robin.page.locator("[part~=when]").inner_text() != start
    assert await shop.doubles() == 0


async def test_what_is_missing_is_said_at_the_field_that_gets_the_focus(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    await robin.times.first.click()
    await robin.page.get_by_label("Email", exact=True).fill("robin@")

    await robin.button("Book").click()

    name = robin.page.get_by_label("Name", exact=True)
    await expect(name).to_be_focused()
    await expect(name).to_have_attribute("aria-invalid", "true")
    await expect(name).to_have_accessible_description("Please fill this in.")
    email = robin.page.get_by_label("Email", exact=True)
    await expect(email).to_have_accessible_description("Please write it like name@example.com.")
    assert await robin.appointments() == []


async def test_an_own_hold_on_its_way_stands_in_nobody_s_way(visitor: MakeVisitor) -> None:
    robin = await visitor()

    async def slowly(route: Route) -> None:
        await asyncio.sleep(0.7)
        await route.continue_()

    await robin.page.route("**/holds", slowly)
    await robin.page.route("**/holds/*", slowly)
    await robin.open(prefill_name="Robin Example", prefill_email="robin@example.com")
    await robin.times.first.click()
    await robin.button("Back").click()  # before it is held
    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you")).to_be_visible()
    await robin.button("Back").click()  # and before it is let go
    await robin.times.first.click()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert [status for status, *_ in await robin.appointments()] == ["confirmed"]


@pytest.mark.parametrize("query", ["", "?business=nobody-has-this"])
async def test_a_name_that_no_business_has_is_told_as_that(visitor: MakeVisitor, query: str) -> None:
    owner = await visitor()
    owner.tolerated = ("404",)
    await owner.page.goto(f"{owner.server_url}/embed{query}")

    alert = owner.page.get_by_role("alert")
    await expect(alert).to_have_text("There is no business with this name.")
    await owner.page.get_by_label("Language").select_option("de")
    await expect(alert).to_have_text("Es gibt keinen Betrieb mit diesem Namen.")
