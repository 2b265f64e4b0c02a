"""Section I of the matrix, row 93: forms of our pages that another site sends."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.settings import Settings
from server.web.routes import ROUTES
from server.web.same_origin import CrossSite
from tests.world import World

Client = TestClient[Any, Any]

FORMS = sorted({route.path for route in ROUTES if route.method == "POST" and route.media_type == "text/html"})
EVIL: list[dict[str, str]] = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:8080.evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("headers", EVIL, ids=str)
async def test_I93_no_form_of_a_page_is_taken_from_another_site(
    path: str, headers: dict[str, str], client: Client, world: World
) -> None:
    where = path.replace("{business}", world.slug).replace("{", "").replace("}", "")
    if path == "/v1/oauth/callback":
        where += "?state=x&code=y"

    answer = await client.post(where, data={"a": "b"}, headers=headers, allow_redirects=False)

    assert answer.status == 403
    assert (await answer.json())["type"] == "/problems/cross-site"


def test_I93_every_form_is_walked() -> None:
    assert {"/book/{business}", "/manage/at/{id}", "/waitlist/{token}", "/v1/unsubscribe/{token}"} <= set(FORMS)
    assert "another site" in str(CrossSite()).lower()


async def session_of(client: Client, world: World) -> tuple[str, str]:
    """The page of an appointment, and its cookie."""
    booked = await world.book(world.at(10))
    answer = await client.get(f"/manage/{booked.manage_token}", allow_redirects=False)
    cookie = answer.cookies["bookable_place"]
    assert cookie["samesite"] == "Lax"
    return f"/manage/at/{booked.appointment.uid}", f"bookable_place={cookie.value}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "http://127.0.0.1:8080"},
        {},
    ],
    ids=str,
)
async def test_I93_our_own_page_cancels(headers: dict[str, str], client: Client, world: World) -> None:
    where, cookie = await session_of(client, world)

    refused = await client.post(where, headers={**EVIL[0], "Cookie": cookie}, allow_redirects=False)
    taken = await client.post(where, headers={**headers, "Cookie": cookie}, allow_redirects=False)

    assert (refused.status, taken.status) == (403, 303)
    rows = await world.sql("SELECT status FROM appointments WHERE business_id = $1", world.business_id)
    assert [row["status"] for row in rows] == ["cancelled"]


async def test_I93_pages_with_forms_tell_browsers_to_say_where_a_form_comes_from(client: Client, world: World) -> None:
    """With `no-referrer`, a browser without Sec-Fetch-Site would send our own forms with `Origin: null`."""
    where, cookie = await session_of(client, world)

    page = await client.get(where, headers={"Cookie": cookie})

    assert page.headers["Referrer-Policy"] == "same-origin"


async def test_I93_one_click_of_a_mail_program_needs_no_page_of_ours(client: Client, settings: Settings) -> None:
    from server.web.keys import CORE

    token = client.app[CORE].vault.unsubscribe_token(1, "a@example.com")
    where = f"/v1/unsubscribe/{token}"

    one_click = await client.post(where, data={"List-Unsubscribe": "One-Click"}, headers={"Origin": "null"})
    forged = await client.post(where, data={"a": "b"}, headers={"Origin": "https://evil.example"})

    assert (one_click.status, forged.status) == (200, 403)


async def test_I93_a_session_can_be_ended_and_the_appointment_stays(client: Client, world: World) -> None:
    where, cookie = await session_of(client, world)

    left = await client.post(where, data={"leave": "yes"}, headers={"Cookie": cookie}, allow_redirects=False)

    assert left.status == 200
    assert left.cookies["bookable_place"]["max-age"] == "0"
    assert left.cookies["bookable_place"]["path"] == where
    assert "This page is closed" in await left.text()
    rows = await world.sql("SELECT status FROM appointments WHERE business_id = $1", world.business_id)
    assert [row["status"] for row in rows] == ["confirmed"]
