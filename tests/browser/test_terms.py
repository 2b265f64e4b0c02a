"""
Proves that the widget says what a booking means before it is one: price, places, approval, until when it costs nothing;
and what it offers where nothing is free.

Leaves the way through to `test_booking_flow`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Request

from server.app import build_app
from server.settings import Settings
from tests.browser.conftest import serving
from tests.browser.visitor import Visitor, expect
from tests.processes import free_port
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def test_price_length_and_terms_are_said_before_it_is_booked(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("colour", duration_min=90, price_minor=4850, change_window_min=2880, cancel_fee_minor=1500)
    robin = await visitor()
    await robin.open(service="colour")

    await expect(robin.page.get_by_text("1 hr 30 mins · €48.50")).to_be_visible()
    await robin.times.last.click()
    await expect(robin.page.get_by_text("Cancelling now costs €15.")).to_be_visible()  # it is less than two days off
    await robin.button("Back").click()
    await robin.page.locator("[part~=turn]").last.click()
    await robin.page.locator("[part~=day-free]").nth(8).click()
    await robin.times.last.click()
    await expect(robin.page.get_by_text("Free to cancel until")).to_contain_text("Then it costs €15.")


async def test_a_request_is_called_a_request(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("bridal", duration_min=60, approval="manual")
    robin = await visitor()
    await robin.listening()
    await robin.open(service="bridal")
    await robin.times.first.click()
    await expect(robin.page.get_by_text("confirms each request by mail")).to_be_visible()
    await robin.fill()

    await robin.button("Send request").click()

    await expect(robin.heading("Your request is sent")).to_be_visible()
    assert (await robin.appointments())[0][0] == "pending"
    assert dict((await robin.told())[-1:])["booked"]["status"] == "pending"


async def test_a_class_says_how_many_places_are_left(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("yoga", duration_min=60, capacity=3)
    await shop.book(shop.at(10, days=7), service="yoga")
    robin = await visitor()
    await robin.open(service="yoga")

    await expect(robin.page.get_by_text("Places left: 3").first).to_be_visible()


async def test_questions_of_the_service_are_asked_and_answered(visitor: MakeVisitor, shop: World) -> None:
    questions = [
        {"key": "people", "label": "How many people?", "kind": "text", "required": True, "options": []},
        {"key": "where", "label": "Where?", "kind": "choice", "required": True, "options": ["studio", "at yours"]},
        {"key": "note", "label": "Anything else?", "kind": "long_text", "required": False, "options": []},
    ]
    await shop.service("styling", duration_min=60, phone_required=True, questions=questions)
    robin = await visitor()
    await robin.open(service="styling")
    await robin.times.first.click()
    await robin.fill()
    await robin.page.get_by_label("Phone").fill("+49 30 901820")
    await robin.button("Book").click()
    await expect(robin.page.get_by_label("How many people?")).to_be_focused()

    await robin.page.get_by_label("How many people?").fill("four")
    await robin.page.get_by_label("Where?").select_option("at yours")
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    rows = await shop.sql("SELECT phone, answers FROM attendees WHERE business_id = $1", shop.business_id)
    assert rows[0]["phone"] == "+4930901820"
    assert rows[0]["answers"] == {"people": "four", "where": "at yours"}


async def test_where_nothing_is_free_this_month_one_click_leads_to_what_is(visitor: MakeVisitor, shop: World) -> None:
    await shop.sql("UPDATE services SET min_notice_min = 60 * 24 * 40 WHERE business_id = $1", shop.business_id)
    robin = await visitor()
    await robin.open()

    await expect(robin.times.first).to_be_visible()  # the first month that has something is shown at once
    shown = await robin.page.locator("[part~=month-name]").inner_text()
    while await robin.page.locator("[part~=turn]").first.get_attribute("aria-disabled") is None:
        await robin.page.locator("[part~=turn]").first.click()
    await robin.button("Next free", exact=False).click()

    await expect(robin.page.locator("[part~=month-name]")).to_have_text(shown)
    await expect(robin.times.first).to_be_visible()


async def test_where_nothing_is_free_at_all_one_can_wait(visitor: MakeVisitor, shop: World) -> None:
    await shop.sql("DELETE FROM working_hours WHERE business_id = $1", shop.business_id)
    robin = await visitor()
    await robin.listening()
    await robin.open()

    await expect(robin.page.get_by_text("Nothing is free now.")).to_be_visible()
    await robin.button("Join the waitlist").click()
    await robin.fill()
    await robin.button("Join").click()

    await expect(robin.heading("You are on the waitlist")).to_be_visible()
    rows = await shop.sql("SELECT status FROM waitlist_entries WHERE business_id = $1", shop.business_id)
    assert [row[0] for row in rows] == ["waiting"]
    assert [name for name, _ in await robin.told()] == ["ready", "waitlisted"]


@pytest.fixture
async def live_url(settings: Settings) -> AsyncIterator[str]:
    """The server as behind a proxy that speaks HTTP/2: it may announce its stream."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    http = settings.http.model_copy(update={"base_url": url, "behind_http2": True})
    async with serving(build_app(settings.model_copy(update={"http": http})), port):
        yield url


async def test_a_time_that_is_taken_elsewhere_leaves_the_list_within_a_second(
    visitor: MakeVisitor, live_url: str, shop: World
) -> None:
    robin, kim = await visitor(), await visitor()
    robin.server_url = kim.server_url = live_url
    streaming = robin.page.wait_for_event("response", lambda response: "/availability/stream" in response.url)
    opened = asyncio.ensure_future(streaming)
    await robin.open()
    await opened
    first = await robin.times.first.inner_text()
    count = await robin.times.count()
    await kim.open()
    await kim.times.first.click()

    await expect(robin.times).to_have_count(count - 1, timeout=2_000)
    assert await robin.times.first.inner_text() != first


async def test_the_month_that_is_shown_is_the_one_that_is_listened_to(visitor: MakeVisitor, live_url: str) -> None:
    robin = await visitor()
    robin.server_url = live_url
    months: list[str] = []

    def note(request: Request) -> None:
        if "/availability/stream" in request.url:
            months.append(parse_qs(urlsplit(request.url).query)["from"][0][:7])

    robin.page.on("request", note)
    await robin.open()
    await expect(robin.times.first).to_be_visible()
    for place, label in enumerate(("Next month", "Next month", "Previous month"), start=2):
        await robin.button(label).click()
        async with asyncio.timeout(5):
            while len(months) < place:
                await asyncio.sleep(0.05)

    first, second, third, fourth = months
    assert first < second < third
    assert fourth == second


async def test_eight_tabs_all_show_times(visitor: MakeVisitor) -> None:
    """Over HTTP/1.1 a browser opens six connections to a server, for all tabs together."""
    tabs = [await visitor() for _ in range(8)]
    for tab in tabs:
        await tab.open()
        await expect(tab.times.first).to_be_visible()


async def test_many_services_can_be_searched(visitor: MakeVisitor, shop: World) -> None:
    for number in range(11):
        await shop.service(f"treatment-{number}")
    robin = await visitor()
    await robin.open()

    await robin.page.get_by_label("Search").press_sequentially("MENT-1")  # none of it loses the focus
    await expect(robin.page.locator("[part~=service]")).to_have_count(2)
    await robin.page.get_by_label("Search").fill("no such thing")
    await expect(robin.page.locator("[part~=service]")).to_have_count(0)
    await robin.page.get_by_label("Search").fill("-10")
    await robin.page.locator("[part~=service]").click()
    await expect(robin.times.first).to_be_visible()


async def with_own_terms(shop: World) -> None:
    """Half an hour for 50.00; Da asks 30.00, Db takes an hour and 90.00."""
    await shop.service("any", providers=("da", "db"), duration_min=30, price_minor=5000)
    await shop.own_terms("da", "any", price_minor=3000)
    await shop.own_terms("db", "any", duration_min=60, price_minor=9000)


async def test_M124_anybody_s_price_is_from_and_then_the_provider_s_own(visitor: MakeVisitor, shop: World) -> None:
    await with_own_terms(shop)
    robin = await visitor()
    await robin.open(service="any")

    await expect(robin.page.get_by_text("30 mins – 1 hr · from €30")).to_be_visible()
    times = await robin.times.all_inner_texts()
    assert len(times) == len(set(times))
    await robin.times.last.click()
    await expect(robin.page.get_by_text("30 mins · €30")).to_be_visible()
    await robin.fill()
    await robin.button("Book").click()
    await expect(robin.heading("You are booked")).to_be_visible()

    assert [tuple(row) for row in await terms_booked(shop)] == [("da", 1800, 3000)]


async def test_M124_a_hold_with_somebody_dearer_says_so_before_it_is_booked(visitor: MakeVisitor, shop: World) -> None:
    """Between showing the time and holding it somebody else takes Da's."""
    await with_own_terms(shop)
    robin = await visitor()
    await robin.open(service="any")
    await robin.later_day()
    await shop.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange(now(), now() + interval '40 days'), 'time_off' FROM providers"
        "  WHERE business_id = $1 AND slug = 'da'",
        shop.business_id,
    )

    await robin.times.first.click()

    await expect(robin.page.get_by_text("1 hr · €90")).to_be_visible()


async def test_M124_the_plain_page_shows_each_time_once_and_books_what_it_showed(
    visitor: MakeVisitor, shop: World
) -> None:
    await with_own_terms(shop)
    robin = await visitor(java_script_enabled=False)
    await robin.page.goto(f"{robin.server_url}/book/{shop.slug}?service=any")

    await expect(robin.page.get_by_text("30 mins – 1 hr · from €30")).to_be_visible()
    times = robin.page.locator("ul.times").first.get_by_role("link")
    texts = await times.all_inner_texts()
    assert len(texts) == len(set(texts))
    await times.last.click()
    await expect(robin.page.get_by_text("30 mins · €30")).to_be_visible()
    await robin.fill()
    await robin.button("Book").click()
    await expect(robin.heading("You are booked")).to_be_visible()

    assert [tuple(row) for row in await terms_booked(shop)] == [("da", 1800, 3000)]


async def terms_booked(shop: World) -> list[Any]:
    """Provider, length and price of what is booked."""
    rows: list[Any] = await shop.sql(
        "SELECT p.slug, extract(epoch FROM a.ends_at - a.starts_at)::int, t.price_minor"
        " FROM appointments a JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id"
        " JOIN attendees t ON t.business_id = a.business_id AND t.appointment_id = a.id"
        " WHERE a.business_id = $1 AND a.status = 'confirmed' ORDER BY a.id",
        shop.business_id,
    )
    return rows


async def test_M124_a_price_that_changes_on_the_form_is_shown_and_agreed_to(visitor: MakeVisitor, shop: World) -> None:
    """Nothing is held: the service is edited after the times were shown."""
    await shop.service("colour", duration_min=60, price_minor=5000)
    robin = await visitor()
    await robin.page.route("**/holds", lambda route: route.fulfill(status=422, json={}, headers=robin.readable))
    robin.tolerated = ("409", "422")
    await robin.open(service="colour")
    await robin.later_day()
    await robin.times.first.click()
    await shop.sql(
        "UPDATE services SET price_minor = 8000 WHERE business_id = $1 AND slug = 'colour'", shop.business_id
    )
    await robin.fill()

    await robin.button("Book").click()
    await expect(robin.page.get_by_text("The price or the conditions have changed.")).to_be_visible()
    await expect(robin.page.get_by_text("1 hr · €80")).to_be_visible()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    assert [tuple(row)[2] for row in await terms_booked(shop)] == [8000]


async def test_M124_whoever_moves_to_a_longer_class_sees_it_and_agrees(visitor: MakeVisitor, shop: World) -> None:
    """With the same provider all that was agreed on stays, but a class that others are in lasts as long as it does."""
    await shop.service("yoga", capacity=3, duration_min=60, price_minor=1500)
    booked = await shop.book(shop.at(10), service="yoga")
    await shop.sql(
        "UPDATE services SET duration_min = 90, price_minor = 2000 WHERE business_id = $1 AND slug = 'yoga'",
        shop.business_id,
    )
    await shop.book(shop.at(15), service="yoga")
    robin = await visitor()
    robin.tolerated = ("409",)
    await robin.open(manage_token=booked.manage_token)
    await robin.button("Move").click()
    await robin.button("15:00").click()
    await expect(robin.page.get_by_text("1 hr · €15")).to_be_visible()
    await robin.button("Move").click()

    await expect(robin.page.get_by_text("The price or the conditions have changed.")).to_be_visible()
    await expect(robin.page.get_by_text("1 hr 30 mins · €15")).to_be_visible()
    await robin.button("Move").click()

    await expect(robin.heading("Your appointment is moved")).to_be_visible()
    assert sorted(tuple(row)[1:] for row in await terms_booked(shop)) == [(5400, 1500), (5400, 2000)]


async def test_M124_whoever_moves_what_was_approved_is_told_that_it_is_asked_for_again(
    visitor: MakeVisitor, shop: World
) -> None:
    await shop.service("bridal", duration_min=60, approval="manual")
    booked = await shop.book(shop.at(10), service="bridal")
    await shop.sql("UPDATE appointments SET status = 'confirmed' WHERE business_id = $1", shop.business_id)
    robin = await visitor()
    await robin.listening()
    await robin.open(manage_token=booked.manage_token)
    await robin.button("Move").click()
    await robin.later_day()
    await robin.times.first.click()

    await expect(robin.page.get_by_text("confirms each request by mail")).to_be_visible()
    await robin.button("Move").click()

    await expect(robin.heading("Your request is sent")).to_be_visible()
    assert (await robin.appointments())[0][0] == "pending"
    assert dict((await robin.told())[-1:])["rescheduled"]["status"] == "pending"
