"""
Proves what people do that nobody thinks of at first: changing their mind in the middle, answers that come late or not
at all, attributes that are odd.

Leaves single faults of the network to `test_trouble`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route

from tests.browser.visitor import Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def test_a_question_of_yes_or_no_is_answered_in_the_visitor_s_language(visitor: MakeVisitor, shop: World) -> None:
    question = {"key": "first", "label": "First visit?", "kind": "yes_no", "required": True, "options": []}
    await shop.service("colour", questions=[question])
    robin = await visitor(locale="de-DE")
    await robin.open(service="colour", locale="de")
    await robin.times.first.click()
    await robin.page.get_by_label("Name", exact=True).fill("Robin")
    await robin.page.get_by_label("E-Mail").fill("robin@example.com")
    await robin.page.get_by_label("First visit?").select_option(label="ja")
    await robin.button("Buchen").click()

    await expect(robin.heading("Ihr Termin ist bestätigt")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB-u-hc-h12-fw-sun", "en_US"])
async def test_an_odd_locale_books(visitor: MakeVisitor, locale: str) -> None:
    robin = await visitor()
    await robin.open(locale=locale)
    await expect(robin.page.locator("th").first).to_have_text("Sun")
    await robin.book_first()


async def test_what_was_wrong_somewhere_else_is_said(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("422",)
    errors = [{"pointer": "/customer/timezone", "detail": "unknown"}]
    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    await robin.page.route(
        "**/appointments", lambda route: route.fulfill(status=422, json={"errors": errors}, headers=robin.readable)
    )
    await robin.button("Book").click()

    await expect(robin.page.get_by_role("alert")).to_contain_text("This did not work.")


async def test_120_what_a_reload_resumes_is_the_same_place(visitor: MakeVisitor, chain: World) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_", "503")
    await robin.open(service="wash")
    await robin.page.get_by_label("Where").select_option(label="There")
    await robin.times.first.click()
    await robin.fill()
    await robin.page.route("**/appointments", lambda _: asyncio.sleep(30))
    await robin.button("Book").click()
    await expect(robin.button("One moment…")).to_be_visible()
    await robin.page.unroute("**/appointments")

    await robin.page.reload()

    await expect(robin.heading("You are booked")).to_be_visible()
    rows = await chain.sql(
        "SELECT l.slug FROM appointments a JOIN locations l ON l.business_id = a.business_id AND l.id = a.location_id"
        " WHERE a.business_id = $1 AND a.status = 'confirmed'",
        chain.business_id,
    )
    assert [row[0] for row in rows] == ["there"]


async def test_120_an_order_that_was_given_up_is_not_sent_later(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_",)
    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    await robin.page.route("**/appointments", lambda route: route.abort())
    await robin.button("Book").click()
    await expect(robin.button("Try again")).to_be_visible(timeout=15_000)
    await robin.button("Back").click()
    await robin.page.unroute("**/appointments")

    await robin.page.reload()

    await expect(robin.times.first).to_be_visible()
    assert await robin.appointments() == []


async def test_120_two_lost_answers_and_another_name_end_with_one_appointment(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_", "422")
    asked = 0

    async def lose(route: Route) -> None:
        nonlocal asked
        asked += 1
        await route.fetch()
        await route.abort()

    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    await robin.page.route("**/appointments", lose)
    for name in ("Robin Example", "Robin A. Example"):
        await robin.page.get_by_label("Name", exact=True).fill(name)
        await robin.button("Book").click()
        await expect(robin.button("Try again")).to_be_visible(timeout=15_000)
    await robin.page.unroute("**/appointments")
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 1
    assert asked < 10


async def test_an_order_that_is_on_its_way_cannot_be_called_back(visitor: MakeVisitor) -> None:
    robin = await visitor()

    async def slowly(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await robin.open()
    await robin.times.first.click()
    await robin.fill()
    await robin.page.route("**/appointments", slowly)
    await robin.button("Book").click()
    await robin.button("Back").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert len(await robin.appointments()) == 1


async def test_the_place_can_be_changed_when_somebody_was_chosen_who_is_not_there(
    visitor: MakeVisitor, chain: World
) -> None:
    robin = await visitor()
    await robin.open(service="wash")
    await robin.page.get_by_label("With").select_option(label="Anna")
    await robin.page.get_by_label("Where").select_option(label="There")

    await expect(robin.page.get_by_label("Where")).to_have_value("there")
    await expect(robin.button("Times in Western European", exact=False)).to_be_visible()


async def test_an_answer_to_an_old_question_moves_nothing(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("wash", providers=("anna", "ben"))
    robin = await visitor()

    async def slowly(route: Route) -> None:
        if "provider=ben" in route.request.url:
            await asyncio.sleep(1.5)
        await route.continue_()

    await robin.page.route("**/availability?*", slowly)
    await robin.open(service="wash")
    await robin.page.get_by_label("With").select_option(label="Ben")
    await robin.page.get_by_label("With").select_option(label="Anybody")
    await robin.page.locator("[part~=turn]").last.click()
    await robin.page.locator("[part~=day-free]").nth(9).click()
    chosen = await robin.page.locator("[part~=day-name]").inner_text()
    await robin.page.wait_for_timeout(1800)

    assert await robin.page.locator("[part~=day-name]").inner_text() == chosen


async def test_an_attribute_that_is_written_again_costs_nobody_what_they_typed(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open(service="cut")
    await robin.times.first.click()
    await robin.fill()
    await robin.page.evaluate("document.querySelector('bookable-widget').setAttribute('service', 'cut')")

    await expect(robin.page.get_by_label("Name", exact=True)).to_have_value("Robin Example")


async def test_a_popup_that_is_opened_early_opens_once(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open(layout="popup")
    await robin.page.evaluate(
        "customElements.whenDefined('bookable-widget').then(() => {"
        " const it = document.querySelector('bookable-widget'); it.open(); it.open() })"
    )
    await expect(robin.page.get_by_role("dialog")).to_be_visible()
    await expect(robin.times.first).to_be_visible()
    await robin.page.evaluate("document.querySelector('bookable-widget').open()")  # it is open
    await robin.page.keyboard.press("Escape")
    await robin.page.wait_for_timeout(300)

    await expect(robin.page.get_by_role("dialog")).not_to_be_visible()


async def test_after_a_bad_start_one_can_try_again(visitor: MakeVisitor) -> None:
    robin = await visitor()
    robin.tolerated = ("ERR_",)
    await robin.page.route("**/v1/businesses/**", lambda route: route.abort())
    await robin.open()
    await expect(robin.button("Try again")).to_be_visible(timeout=15_000)
    await robin.page.unroute("**/v1/businesses/**")
    await robin.button("Try again").click()

    await expect(robin.times.first).to_be_visible()


async def test_an_empty_month_is_reached_by_keyboard_and_the_past_is_not_turned_to(
    visitor: MakeVisitor, shop: World
) -> None:
    await shop.service("wash", horizon_days=3)
    robin = await visitor()
    await robin.open(service="wash")
    await expect(robin.times.first).to_be_visible()
    chosen = await robin.page.locator("[part~=day-name]").inner_text()
    await robin.page.locator("[part~=turn]").first.click(force=True)
    assert await robin.page.locator("[part~=day-name]").inner_text() == chosen

    for _ in range(2):
        await robin.page.locator("[part~=turn]").last.click()
    await expect(robin.page.locator("td button[tabindex='0']")).to_have_count(1)
