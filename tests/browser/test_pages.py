"""
Proves the hosted pages: booking, managing and the embed guide, with JavaScript and without. Rows 113 and 118 of the
matrix.

Leaves the widget itself to its neighbours.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient

from server.cli.demo import write_site
from tests.browser.test_access import faults
from tests.browser.visitor import PLAIN, Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]
Client = TestClient[Any, Any]


async def test_the_booking_page_books(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.page.goto(f"{robin.server_url}/book/{robin.world.slug}")

    await robin.book_first()

    assert len(await robin.appointments()) == 1


async def test_without_javascript_plain_links_and_forms_book_and_cancel(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("wash", duration_min=20)
    robin = await visitor(java_script_enabled=False)
    await robin.page.goto(f"{robin.server_url}/book/{shop.slug}")

    await robin.page.get_by_role("link", name="cut").click()
    await robin.page.get_by_role("link", name=re.compile(r"\d\d:\d\d")).first.click()
    await robin.fill()
    await robin.button("Book").click()

    await expect(robin.heading("You are booked")).to_be_visible()
    await expect(robin.page.get_by_role("status")).to_have_text("The invitation goes to robin@example.com.")
    await expect(robin.page.get_by_role("link", name="Google")).to_have_attribute("href", re.compile("google.com"))
    assert "manage/at/" in robin.page.url
    (booked,) = await robin.appointments()
    assert booked[0] == "confirmed"
    await robin.page.get_by_role("link", name="Cancel appointment").click()
    await expect(robin.heading("Cancel this appointment?")).to_be_visible()
    assert (await robin.appointments())[0][0] == "confirmed"
    await robin.page.get_by_role("link", name="Keep it").click()
    await expect(robin.heading("Your appointment")).to_be_visible()
    await robin.page.get_by_role("link", name="Cancel appointment").click()
    await robin.button("Cancel appointment").click()
    await expect(robin.heading("Your appointment is cancelled")).to_be_visible()
    assert (await robin.appointments())[0][0] == "cancelled"


async def test_120_the_plain_form_sent_twice_books_once(client: Client, shop: World) -> None:
    start = shop.at(10).isoformat()
    form = {"name": "Robin", "email": "robin@example.com", "key": "k" * 24}
    for _ in range(2):
        answer = await client.post(
            f"/book/{shop.slug}", params={"service": "cut", "start": start}, data=form, allow_redirects=False
        )
        assert answer.status == 303

    rows = await shop.sql("SELECT 1 FROM appointments WHERE business_id = $1", shop.business_id)
    assert len(rows) == 1


async def test_the_plain_form_says_what_is_wrong_and_keeps_what_was_typed(client: Client, shop: World) -> None:
    start = shop.at(10).isoformat()
    form = {"name": "Robin", "email": "robin", "key": "k" * 24}

    answer = await client.post(f"/book/{shop.slug}", params={"service": "cut", "start": start}, data=form)

    body = await answer.text()
    assert answer.status == 422
    assert 'role="alert"' in body
    assert 'value="Robin"' in body


async def test_the_plain_form_says_that_a_time_is_taken(client: Client, shop: World) -> None:
    await shop.book(shop.at(10))
    form = {"name": "Robin", "email": "robin@example.com", "key": "k" * 24}

    answer = await client.post(
        f"/book/{shop.slug}", params={"service": "cut", "start": shop.at(10).isoformat()}, data=form
    )

    assert answer.status == 409
    assert 'role="alert"' in await answer.text()


async def test_75_opening_a_manage_link_changes_nothing_and_leaves_no_token_in_the_address(
    visitor: MakeVisitor, shop: World
) -> None:
    booked = await shop.book(shop.at(10))
    robin = await visitor()
    before = await shop.sql("SELECT * FROM appointments WHERE business_id = $1", shop.business_id)

    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")

    await expect(robin.heading("Your appointment")).to_be_visible()
    assert booked.manage_token not in robin.page.url
    assert await shop.sql("SELECT * FROM appointments WHERE business_id = $1", shop.business_id) == before
    assert booked.manage_token not in await robin.page.evaluate("document.referrer + document.cookie")


async def test_an_appointment_is_moved_on_its_page(visitor: MakeVisitor, shop: World) -> None:
    booked = await shop.book(shop.at(10))
    robin = await visitor()
    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")

    await robin.button("Move").click()
    await robin.times.last.click()
    await robin.button("Move").click()

    await expect(robin.heading("Your appointment is moved")).to_be_visible()
    assert (await robin.appointments())[0][2] == 1


@pytest.mark.parametrize("scripts", [True, False])
async def test_on_a_small_screen_nothing_but_the_card_takes_place_on_the_page_of_an_appointment(
    visitor: MakeVisitor, shop: World, scripts: bool
) -> None:
    booked = await shop.book(shop.at(10))
    robin = await visitor(width=390, height=844, java_script_enabled=scripts)

    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")

    await expect(robin.heading("Your appointment")).to_be_visible()
    last = robin.page.get_by_role(
        "button" if scripts else "link", name="Cancel appointment" if scripts else "Book another"
    )
    card, below = await last.bounding_box(), await robin.button("Close this page for good").bounding_box()
    assert card is not None
    assert below is not None
    assert below["y"] - (card["y"] + card["height"]) < 150


async def test_two_links_are_two_sessions(visitor: MakeVisitor, shop: World) -> None:
    one, two = await shop.book(shop.at(10)), await shop.book(shop.at(14))
    robin = await visitor(java_script_enabled=False)
    await robin.page.goto(f"{robin.server_url}/manage/{one.manage_token}")
    first = robin.page.url
    await robin.page.goto(f"{robin.server_url}/manage/{two.manage_token}")
    await robin.page.goto(first)

    await robin.page.get_by_role("link", name="Cancel appointment").click()
    await robin.button("Cancel appointment").click()

    states = dict(await shop.sql("SELECT uid, status FROM appointments WHERE business_id = $1", shop.business_id))
    assert states == {one.appointment.uid: "cancelled", two.appointment.uid: "confirmed"}


async def test_99_a_session_is_over_without_its_cookie_and_for_another_appointment(client: Client, shop: World) -> None:
    one, two = await shop.book(shop.at(10)), await shop.book(shop.at(14))
    link = await client.get(f"/manage/{one.manage_token}", allow_redirects=False)
    cookie = link.cookies["bookable_place"].value
    client.session.cookie_jar.clear()
    headers = {"Cookie": f"bookable_place={cookie}"}

    assert (await client.get(f"/manage/at/{one.appointment.uid}", headers=headers)).status == 200
    assert (await client.get(f"/manage/at/{one.appointment.uid}", headers={})).status == 403
    assert (await client.post(f"/manage/at/{two.appointment.uid}", headers=headers)).status == 403
    assert (await client.get(f"/manage/at/{one.appointment.uid}", headers={"Cookie": "bookable_place=x"})).status == 403
    assert link.cookies["bookable_place"]["httponly"]
    assert link.cookies["bookable_place"]["samesite"] == "Lax"


async def test_113_only_listed_sites_may_frame_the_booking_page_and_nobody_the_rest(
    client: Client, shop: World
) -> None:
    booked = await shop.book(shop.at(10))
    (listed,) = (await shop.sql("SELECT allowed_origins FROM businesses WHERE id = $1", shop.business_id))[0][0]

    book = await client.get(f"/book/{shop.slug}")
    assert f"frame-ancestors {listed};" in book.headers["Content-Security-Policy"] + ";"
    assert "X-Frame-Options" not in book.headers
    pages = {
        "/embed": 200,
        "/docs": 200,
        "/book/nobody": 404,
        "/nowhere": 404,
        "/manage/" + "x" * 32: 404,
        f"/manage/at/{booked.appointment.uid}": 403,
    }
    for path, status in pages.items():
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert answer.status == status, path
        assert answer.content_type == "text/html", path
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}, path
        assert "unsafe" not in answer.headers["Content-Security-Policy"], path


async def test_programs_get_problems_where_people_get_pages(client: Client) -> None:
    answer = await client.get("/book/nobody", headers={"Accept": "application/json"})

    assert answer.status == 404
    assert answer.content_type == "application/problem+json"


async def test_private_pages_are_kept_by_nobody(client: Client, shop: World) -> None:
    booked = await shop.book(shop.at(10))

    link = await client.get(f"/manage/{booked.manage_token}", allow_redirects=False)
    page = await client.get(f"/manage/at/{booked.appointment.uid}")

    assert link.headers["Cache-Control"] == page.headers["Cache-Control"] == "no-store"


async def test_118_no_token_leaves_by_referrer_on_the_whole_way(visitor: MakeVisitor, shop: World) -> None:
    booked = await shop.book(shop.at(10))
    robin = await visitor()
    referrers: list[str] = []
    robin.page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))

    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")
    await expect(robin.button("Move")).to_be_visible()
    await robin.button("Cancel appointment").click()
    await expect(robin.heading("Cancel this appointment?")).to_be_visible()
    await robin.button("Cancel appointment").click()
    await expect(robin.heading("Your appointment is cancelled")).to_be_visible()

    assert {each.partition("/manage/at/")[0] for each in referrers} <= {"", robin.server_url}
    assert not any(booked.manage_token in each for each in referrers)


async def test_the_configurator_s_snippet_works_as_it_is_pasted(visitor: MakeVisitor, shop: World) -> None:
    await shop.service("wash", duration_min=20)
    owner = await visitor()
    await owner.page.goto(f"{owner.server_url}/embed?business={shop.slug}")
    await owner.page.get_by_label("Service").select_option("wash")
    await owner.page.get_by_label("Colours").select_option("dark")
    await expect(owner.page.locator("#preview [part~=slot]").first).to_be_visible()
    snippet = await owner.page.locator("#snippet").inner_text()

    robin = await visitor()
    await robin.open(PLAIN.format(body=snippet))

    await expect(robin.heading("Wash")).to_be_visible()
    await robin.book_first()


async def test_the_demo_s_site_of_somebody_else_s_books(visitor: MakeVisitor, shop: World, tmp_path: Path) -> None:
    robin = await visitor()
    write_site(tmp_path, robin.server_url, shop.slug)

    await robin.open((tmp_path / "index.html").read_text("utf-8"))

    await robin.book_first()


async def test_axe_finds_nothing_on_the_pages(visitor: MakeVisitor, shop: World, client: Client) -> None:
    booked = await shop.book(shop.at(10))
    wish = {
        "service": "full",
        "from": shop.at(10).date().isoformat(),
        "to": shop.at(10).date().isoformat(),
        "customer": {"name": "Robin", "email": "robin@example.com", "timezone": "Europe/Berlin"},
    }
    await shop.service("full", providers=["nobody-there"])
    await shop.sql(
        "DELETE FROM working_hours w USING providers p WHERE p.id = w.provider_id AND p.slug = 'nobody-there'"
        " AND w.business_id = $1",
        shop.business_id,
    )
    joined = (await (await client.post(f"/v1/businesses/{shop.slug}/waitlist", json=wish)).json())["token"]
    times = f"/book/{shop.slug}?service=cut"
    form = f"{times}&start={quote(shop.at(11).isoformat())}"
    private = (f"/manage/{booked.manage_token}", f"/manage/at/{uuid4()}", f"/waitlist/{joined}")
    open_to_all = ("/embed", "/docs", "/problems/slot-unavailable", "/v1/unsubscribe/" + "x" * 32, "/nowhere")
    for path in (f"/book/{shop.slug}", times, form, *private, *open_to_all):
        robin = await visitor(locale="de-DE")
        robin.tolerated = ("404", "403", "ERR_FAILED")
        if "/book/" in path:  # as it is without its script
            await robin.page.route("**/bookable.js", lambda route: route.abort())
        await robin.page.goto(robin.server_url + path)
        await robin.page.wait_for_load_state("networkidle")
        for scheme in ("light", "dark"):
            await robin.page.emulate_media(color_scheme=scheme)
            assert await faults(robin) == [], (path, scheme)
        await robin.page.context.close()


async def test_the_widget_s_file_is_kept_for_ever_under_its_exact_name_and_briefly_under_the_one_that_moves(
    client: Client,
) -> None:
    latest = await client.get("/widget/v1/bookable.js", headers={"Origin": "https://any.example"})
    page = await (await client.get("/embed")).text()
    found = re.search(r"/widget/[0-9.]+-[0-9a-f]{8}/bookable.js", page)
    assert found
    exact = await client.get(found[0])

    assert "max-age=300" in latest.headers["Cache-Control"]
    assert "immutable" in exact.headers["Cache-Control"]
    assert latest.headers["Access-Control-Allow-Origin"] == "*"
    assert await latest.read() == await exact.read()
    assert (await client.get("/widget/0.0.1-00000000/bookable.js")).status == 404
    again = await client.get("/widget/v1/bookable.js", headers={"If-None-Match": latest.headers["ETag"]})
    assert again.status == 304


async def test_the_plain_page_books_at_the_place_whose_times_it_shows(client: Client, chain: World) -> None:
    times = await (await client.get(f"/book/{chain.slug}", params={"service": "wash"})).text()
    assert "Times in Central European" in times
    links = re.findall(r"location=(\w+)&amp;start", times)
    assert set(links) == {"here"}

    bens = await (await client.get(f"/book/{chain.slug}", params={"service": "wash", "provider": "ben"})).text()
    assert "Times in Western European" in bens
    assert set(re.findall(r"location=(\w+)&amp;start", bens)) == {"there"}

    start = chain.at(10).isoformat()
    form = await (
        await client.get(f"/book/{chain.slug}", params={"service": "wash", "location": "here", "start": start})
    ).text()
    assert "Wash · Here" in form


async def test_a_time_that_is_not_offered_leads_back_to_those_that_are(client: Client, shop: World) -> None:
    page = await (
        await client.get(f"/book/{shop.slug}", params={"service": "cut", "start": "2020-01-01T00:00:00Z"})
    ).text()

    assert "This time is not offered any more." in page
    assert "Times in Central European" in page


async def test_the_field_that_is_wrong_is_marked_and_told(client: Client, shop: World) -> None:
    question = {"key": "people", "label": "How many?", "kind": "text", "required": True, "options": []}
    await shop.service("wash", phone_required=True, questions=[question])
    where = {"service": "wash", "start": shop.at(10).isoformat()}
    form = {"name": "Robin", "email": "robin@example.com", "key": "k" * 24, "timezone": "Europe/Berlin"}
    marked = 'aria-invalid="true" aria-describedby="trouble"'

    for phone, answer, name in (("call me", "2", "phone"), ("030 901820", "", "q-people")):
        sent = await client.post(f"/book/{shop.slug}", params=where, data={**form, "phone": phone, "q-people": answer})
        assert sent.status == 422
        assert re.search(rf'name="{name}"[^>]*{marked}', await sent.text())

    booked = await client.post(
        f"/book/{shop.slug}",
        params=where,
        data={**form, "phone": "030 901820", "q-people": "2"},
        allow_redirects=False,
    )
    assert booked.status == 303
    rows = await shop.sql("SELECT phone FROM attendees WHERE business_id = $1", shop.business_id)
    assert [row[0] for row in rows] == ["+4930901820"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=abc", b"garbage", 400),
        ("application/x-www-form-urlencoded; charset=nope", b"name=x", 400),
        ("application/x-www-form-urlencoded", b"name=\xff\xfe", 400),
        ("application/json", b"{}", 415),
    ],
)
async def test_what_is_no_form_is_refused_in_words(
    client: Client, shop: World, kind: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": kind, "Accept": "text/html"}
    answer = await client.post(
        f"/book/{shop.slug}", params={"service": "cut", "start": shop.at(10).isoformat()}, data=body, headers=headers
    )

    assert answer.status == status
    assert "This did not work" in await answer.text()


async def test_what_mail_services_add_to_a_link_does_not_break_it(client: Client, shop: World) -> None:
    booked = await shop.book(shop.at(10))

    answer = await client.get(f"/manage/{booked.manage_token}?utm_source=mail&fbclid=1", allow_redirects=False)

    assert answer.status == 303


async def test_in_a_frame_the_plain_form_leaves_the_frame(client: Client, shop: World) -> None:
    """The appointment's page may be shown in none, and its session would not arrive there."""
    where = {"service": "cut", "start": shop.at(10).isoformat()}
    assert 'target="_top"' in await (await client.get(f"/book/{shop.slug}", params=where)).text()


async def test_without_javascript_an_appointment_moves_by_a_step(visitor: MakeVisitor, shop: World) -> None:
    """Its own time does not stand in its way: half an hour later is free only for who has this hour."""
    await shop.service("colour", duration_min=60, slot_step_min=30)
    booked = await shop.book(shop.at(11), service="colour")
    robin = await visitor(java_script_enabled=False)
    await robin.page.goto(f"{robin.server_url}/manage/{booked.manage_token}")

    await robin.page.get_by_role("link", name="Move", exact=True).click()
    await robin.page.get_by_role("link", name="11:30", exact=True).first.click()
    await robin.button("Move").click()

    await expect(robin.heading("Your appointment is moved")).to_be_visible()
    assert [tuple(row)[1:] for row in await robin.appointments()] == [(shop.at(11, 30), 1)]


async def test_without_javascript_a_request_is_greeted_as_one(client: Client, shop: World) -> None:
    await shop.service("bridal", approval="manual")
    form = {"name": "Robin", "email": "robin@example.com", "key": "k" * 24}
    where = {"service": "bridal", "start": shop.at(11).isoformat()}

    page = await client.post(f"/book/{shop.slug}", params=where, data=form, allow_redirects=False)
    at, cookie = await session_of(client, page.headers["Location"].rpartition("/manage/")[2])
    greeting = await (await client.get(at, headers=cookie)).text()

    assert "Your request is sent" in greeting
    assert "answers robin@example.com." in greeting
    assert "calendar.google.com" not in greeting


async def test_M124_the_page_says_that_a_move_is_asked_for_again(client: Client, shop: World) -> None:
    await shop.service("bridal", approval="manual")
    booked = await shop.book(shop.at(11), service="bridal")
    await shop.sql("UPDATE appointments SET status = 'confirmed' WHERE business_id = $1", shop.business_id)
    where, cookie = await session_of(client, booked.manage_token)

    page = await client.get(where, params={"start": shop.at(12).isoformat()}, headers=cookie)

    assert "confirms each request by mail" in await page.text()


async def test_a_move_to_a_time_that_is_taken_meanwhile_says_so(client: Client, shop: World) -> None:
    booked = await shop.book(shop.at(11))
    await shop.book(shop.at(12))
    where, cookie = await session_of(client, booked.manage_token)

    answer = await client.post(where, params={"start": shop.at(12).isoformat()}, headers=cookie)

    assert answer.status == 409
    assert "This time was just taken." in await answer.text()


async def test_the_page_of_an_appointment_says_what_it_costs_and_where_it_is(client: Client, shop: World) -> None:
    await shop.service("colour", duration_min=90, price_minor=4850, change_window_min=2880, cancel_fee_minor=1500)
    await shop.sql("UPDATE locations SET address = 'Some Street 1' WHERE business_id = $1", shop.business_id)
    booked = await shop.book(shop.at(11), service="colour")

    where, cookie = await session_of(client, booked.manage_token)

    page = await (await client.get(where, headers={**cookie, "Accept-Language": "en-GB"})).text()

    for said in ("1 hr 30 mins · €48.50", "Some Street 1", "Free to cancel until", "Then it costs €15."):
        assert said in page, said


async def session_of(client: Client, token: str) -> tuple[str, dict[str, str]]:
    """The page behind a manage link, and the header that opens it."""
    answer = await client.get(f"/manage/{token}", allow_redirects=False)
    where = answer.headers["Location"].partition("//")[2].partition("/")[2]
    return f"/{where}", {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_M124_the_plain_form_books_at_the_terms_that_it_showed_or_says_so(client: Client, shop: World) -> None:
    await shop.service("colour", duration_min=60, price_minor=5000, change_window_min=1440, cancel_fee_minor=1000)
    asked = {"service": "colour", "start": shop.at(10).isoformat()}
    language = {"Accept-Language": "en-GB"}
    page = await (await client.get(f"/book/{shop.slug}", params=asked, headers=language)).text()
    assert "1 hr · €50" in page
    assert "Then it costs €10." in page
    hidden = dict(re.findall(r'<input type="hidden" name="(t-\w+)" value="([^"]*)">', page))
    form = {"name": "Robin", "email": "robin@example.com", **hidden}
    await shop.sql(
        "UPDATE services SET price_minor = 8000 WHERE business_id = $1 AND slug = 'colour'", shop.business_id
    )

    refused = await client.post(f"/book/{shop.slug}", params=asked, data=form, headers=language, allow_redirects=False)

    text = await refused.text()
    assert (refused.status, "The price or the conditions have changed." in text, "1 hr · €80" in text) == (
        409,
        True,
        True,
    )
    shown = dict(re.findall(r'<input type="hidden" name="(t-\w+)" value="([^"]*)">', text))
    booked = await client.post(
        f"/book/{shop.slug}", params=asked, data={**form, **shown}, headers=language, allow_redirects=False
    )
    assert booked.status == 303
