"""
Proves the way through the widget on somebody's web site: from two pasted lines to an appointment, and changing it.

Leaves what goes wrong on the way to `test_trouble`, and who cannot see or point to `test_access`.
"""

from collections.abc import Awaitable, Callable

from tests.browser.visitor import Host, Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def test_two_lines_on_another_origin_book_an_appointment(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.listening()
    await robin.open()

    await robin.times.first.click()
    await robin.fill()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    (booked,) = await robin.appointments()
    assert booked[0] == "confirmed"
    names = [name for name, _ in await robin.told()]
    assert names == ["ready", "slot-selected", "booked"]
    detail = dict((await robin.told())[-1:])["booked"]
    assert set(detail) == {"id", "status", "start", "end", "service", "provider", "location"}


async def test_with_several_services_three_clicks_and_two_fields_are_all(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("wash", duration_min=20)
    robin = await visitor()
    await robin.open()

    await robin.button("cut", exact=False).click()
    await robin.times.first.click()
    await robin.fill()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()


async def test_at_most_three_requests_lead_to_the_first_times(visitor: MakeVisitor) -> None:
    robin = await visitor()
    asked: list[str] = []
    robin.page.on("request", lambda request: asked.append(request.url))

    await robin.open()
    await expect(robin.times.first).to_be_visible()

    assert len([url for url in asked if url.startswith(robin.server_url)]) <= 2, asked
    assert await robin.page.context.cookies() == []
    assert await robin.page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_a_time_is_held_while_the_form_is_filled_in_and_let_go_on_the_way_back(visitor: MakeVisitor) -> None:
    robin, kim = await visitor(), await visitor()
    await robin.open()
    await kim.open()
    first = await robin.times.first.inner_text()

    await robin.times.first.click()
    await expect(robin.page.get_by_text("Held for you:")).to_be_visible()
    await kim.page.reload()
    await expect(kim.times.first).to_be_visible()
    assert await kim.times.first.inner_text() != first

    async with robin.page.expect_response(lambda response: response.request.method == "DELETE"):
        await robin.button("Back").click()
    await expect(robin.times.first).to_be_visible()
    await kim.page.reload()
    await expect(kim.times.first).to_have_text(first)


async def test_what_was_booked_is_moved_and_cancelled_in_the_same_element(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.listening()
    await robin.open()
    await robin.later_day()
    await robin.book_first()

    await robin.button("Change or cancel").click()
    await robin.button("Move").click()
    await robin.times.nth(2).click()
    await robin.button("Move").click()
    await expect(robin.heading("Your appointment is moved")).to_be_visible()
    (moved,) = await robin.appointments()
    assert (moved[0], moved[2]) == ("confirmed", 1)

    assert [name for name, _ in await robin.told()][-2:] == ["slot-selected", "rescheduled"]


async def test_a_manage_token_opens_the_appointment(visitor: MakeVisitor, shop: World) -> None:
    booked = await shop.book(shop.at(10))
    robin = await visitor()
    await robin.listening()
    await robin.open(manage_token=booked.manage_token)

    await robin.button("Cancel appointment").click()
    await expect(robin.heading("Cancel this appointment?")).to_be_visible()
    await robin.button("Cancel appointment").click()

    await expect(robin.heading("Your appointment is cancelled")).to_be_visible()
    assert (await robin.appointments())[0][0] == "cancelled"
    assert [name for name, _ in await robin.told()] == ["ready", "cancelled"]


async def test_a_site_that_is_not_listed_gets_no_answer_and_shows_the_link(
    visitor: MakeVisitor, shop: World, host: Host
) -> None:
    await shop.sql("UPDATE businesses SET allowed_origins = '{}' WHERE id = $1", shop.business_id)
    robin = await visitor()
    robin.tolerated = ("CORS policy", "Failed to load resource")
    await robin.open()

    await expect(robin.page.get_by_role("alert")).to_be_visible(timeout=20_000)
    await expect(robin.page.get_by_role("link", name="Book an appointment")).to_be_visible()
