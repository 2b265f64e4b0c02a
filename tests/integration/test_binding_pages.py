"""What a button binds somebody to stands above it, by the terms that are held, and in the mail that leads there."""

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.settings import Settings
from server.usecases.answer_request import Request, seal_request
from server.usecases.offer_freed import offer_freed
from tests.integration.test_waitlist import full, join_and_free, offers
from tests.post_office import mail_of
from tests.world import World

Client = TestClient[Any, Any]
ACCENT, INK = "#aa3366", "#ffffff"
BRITISH = {"Accept-Language": "en-GB"}

__all__ = ["full"]


@pytest.fixture
async def priced(full: World) -> World:
    """It costs something, cancelling late does, too, and the business has a colour."""
    await full.sql("UPDATE businesses SET theme = $2 WHERE id = $1", full.business_id, {"accent": ACCENT})
    await full.sql("UPDATE providers SET name = 'Anna Linde' WHERE business_id = $1", full.business_id)
    await full.sql("UPDATE locations SET name = 'Mitte', address = 'Linienstr. 1' WHERE id = $1", full.location_id)
    await full.sql(
        "UPDATE services SET price_minor = 4800, change_window_min = 120, cancel_fee_minor = 1500"
        " WHERE business_id = $1",
        full.business_id,
    )
    return full


async def edit(world: World) -> None:
    """What is offered from now on is something else."""
    await world.sql(
        "UPDATE services SET price_minor = 9900, change_window_min = 0, duration_min = 60 WHERE business_id = $1",
        world.business_id,
    )


def words_of(html: str) -> str:
    """What a page says, without its marks."""
    body = html.partition("<body")[2].partition(">")[2]
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body).replace("\u2060", "").replace("\xa0", " "))
    return said.replace("&#39;", "'")


def assert_binding(said: str) -> None:
    for part in ("Anna Linde", "Mitte", "10:00 – 10:30", "30 mins · €48", "Linienstr. 1", "Central European"):
        assert part in said, (part, said)
    assert re.search(r"Free to cancel until .* 08:00\. Then it costs €15\.", said), said


def assert_branded(answer: Any, html: str) -> None:
    rule = f":root{{--brand:{ACCENT};--on-brand:{INK}}}"
    assert f"<style>{rule}</style>" in html
    assert answer.headers["Content-Security-Policy"].count("'sha256-") == 2


async def test_M124_the_confirm_page_and_its_mail_say_what_the_button_binds_to(
    client: Client, priced: World, settings: Settings
) -> None:
    await priced.sql("UPDATE businesses SET guard = 'mail' WHERE id = $1", priced.business_id)
    order = priced.order_json(priced.at(10))
    order["customer"] |= {"locale": "en-GB"}
    asked = await client.post(f"/v1/businesses/{priced.slug}/appointments", json=order)
    assert (await asked.json())["status"] == "held"
    await edit(priced)
    text = (await mail_of(priced, settings, "confirm_address")).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (link,) = re.findall(r"/confirm/[\w-]+", text)

    answer = await client.get(link, headers=BRITISH)

    html = await answer.text()
    assert_binding(words_of(html))
    assert_branded(answer, html)
    assert "Price: €48" in text
    assert re.search(r"Cancellation: Free to cancel until .* 08:00\. Then it costs €15\.", text)


async def test_of_what_is_online_the_mail_that_asks_to_confirm_leads_with_the_readers_own_time(
    client: Client, priced: World, settings: Settings
) -> None:
    """As every other mail about it does."""
    await priced.sql("UPDATE businesses SET guard = 'mail' WHERE id = $1", priced.business_id)
    await priced.sql("UPDATE locations SET online = true WHERE business_id = $1", priced.business_id)
    order = priced.order_json(priced.at(10))
    order["customer"] |= {"locale": "en-GB", "timezone": "Asia/Tokyo"}
    await client.post(f"/v1/businesses/{priced.slug}/appointments", json=order)

    text = (await mail_of(priced, settings, "confirm_address")).get_body(("plain",)).get_content()  # type: ignore[union-attr]

    assert re.search(r"^When: .*Japan", text, flags=re.MULTILINE), text
    assert re.search(r"^There: .*Central European", text, flags=re.MULTILINE), text


async def test_M124_the_offer_page_and_its_mail_say_what_the_button_binds_to(
    client: Client, priced: World, settings: Settings
) -> None:
    customer = {"name": "Wanda", "email": "wanda@example.org", "timezone": "Europe/Berlin", "locale": "en-GB"}
    token = await join_and_free(client, priced, customer=customer)
    assert await offers(priced) == 1
    await edit(priced)

    answer = await client.get(f"/waitlist/{token}", headers=BRITISH)

    html = await answer.text()
    assert_binding(words_of(html))
    assert_branded(answer, html)
    text = (await mail_of(priced, settings, "waitlist_offer")).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Price: €48" in text
    assert re.search(r"Cancellation: Free to cancel until .* 08:00\. Then it costs €15\.", text)


async def test_the_offer_page_says_that_the_time_is_asked_for(client: Client, priced: World) -> None:
    await priced.sql("UPDATE services SET approval = 'manual' WHERE business_id = $1", priced.business_id)
    token = await join_and_free(client, priced)
    await offer_freed(priced.core, priced.business_id)

    said = words_of(await (await client.get(f"/waitlist/{token}", headers=BRITISH)).text())

    assert "confirms each request by mail." in said


async def test_the_request_page_says_all_that_the_provider_decides_on(client: Client, priced: World) -> None:
    questions = [
        {"key": "allergies", "label": "Any allergies?", "kind": "yes_no", "required": False, "options": []},
        {"key": "more", "label": "Anything else?", "kind": "text", "required": False, "options": []},
    ]
    await priced.sql(
        "UPDATE services SET approval = 'manual', questions = $2 WHERE business_id = $1", priced.business_id, questions
    )
    order = priced.order_json(priced.at(10), answers={"allergies": "no", "more": "<b>Nuts</b>"})
    order["customer"] |= {"email": "robin@example.org", "phone": "+4915228817386"}
    asked = await client.post(f"/v1/businesses/{priced.slug}/appointments", json=order)
    (row,) = await priced.sql(
        "SELECT business_id, uid, starts_at FROM appointments WHERE uid = $1", (await asked.json())["id"]
    )
    request = Request(row["business_id"], row["uid"], int(row["starts_at"].timestamp()))

    answer = await client.get(
        f"/requests/{seal_request(priced.core.vault, request)}", headers={"Accept-Language": "de"}
    )

    html = await answer.text()
    said = words_of(html)
    for part in ("10:00–10:30", "30 Min. · 48 €", "Mitteleuropäische", "+4915228817386", "robin@example.org"):
        assert part in said.replace(" – ", "–"), (part, said)
    assert "Any allergies? nein" in said
    assert "Anything else? &lt;b&gt;Nuts&lt;/b&gt;" in said
    assert "allergies " not in said.replace("Any allergies?", "")
    assert "10:00\u00a0–\u2060\u00a010:30" in html, "the times are not broken apart"
    assert_branded(answer, html)
