"""A provider answers a request from their mail: the link shows it, its buttons decide it, and then it is over."""

import re
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.usecases.answer_request import Request, seal_request
from server.usecases.dispatch import dispatch
from tests.integration.test_mails import Post, mailing, post
from tests.world import World

Client = TestClient[Any, Any]

__all__ = ["post"]

OURS = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a form on a page of ours."""


@pytest.fixture
async def asked(world: World) -> World:
    """A provider who is asked first, speaks German, and is somebody's business in Berlin."""
    await world.sql("UPDATE businesses SET locale = 'de' WHERE id = $1", world.business_id)
    await world.sql("UPDATE providers SET email = 'anna@example.org' WHERE business_id = $1", world.business_id)
    question = {"key": "allergies", "label": "Any allergies?", "kind": "yes_no", "required": False, "options": []}
    await world.sql(
        "UPDATE services SET approval = 'manual', questions = $2 WHERE business_id = $1 AND slug = 'cut'",
        world.business_id,
        [question],
    )
    return world


def address_of(world: World) -> str:
    """Of a customer of this business alone: mails to one address are counted across all of them."""
    return f"robin@{world.slug}.example.org"


async def request_of(client: Client, world: World) -> str:
    """The id of a new request."""
    order = world.order_json(world.at(10), answers={"allergies": "no"})
    order["customer"] |= {"email": address_of(world), "phone": "+4915228817386", "locale": "en"}
    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


def link_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"/requests/\S+", body.get_content())
    assert found is not None, body.get_content()
    return found[0]


async def status_of(world: World, uid: str) -> str:
    rows = await world.sql("SELECT status FROM appointments WHERE uid = $1", uid)
    return str(rows[0]["status"])


async def test_a_provider_s_mail_is_in_their_language_with_the_customer_s_own_words_and_address(
    client: Client, asked: World, post: Post
) -> None:
    await request_of(client, asked)
    async with mailing(asked, post) as pump:
        await pump.drain()

    (mail,) = [mail for mail in post.mails if mail["To"] and "anna@example.org" in mail["To"]]

    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert mail["Subject"].startswith("Neue Anfrage: Robin Example, ")
    assert mail["Reply-To"] == f"Robin Example <{address_of(asked)}>"
    for line in ("Telefon: +4915228817386", f"E-Mail: {address_of(asked)}", "Any allergies?: nein"):
        assert line in text


@pytest.mark.parametrize(("answer", "status"), [("approve", "confirmed"), ("decline", "declined")])
async def test_the_link_decides_by_its_button_and_not_by_being_looked_at(
    client: Client, asked: World, post: Post, answer: str, status: str
) -> None:
    uid = await request_of(client, asked)
    async with mailing(asked, post) as pump:
        await pump.drain()
        link = link_in(next(mail for mail in post.mails if "anna@example.org" in mail["To"]))

        page = await (await client.get(link, headers={"Accept-Language": "de"})).text()
        assert "Eine Anfrage wartet auf Ihre Antwort" in page
        assert "Robin Example" in page
        assert await status_of(asked, uid) == "pending"
        done = await client.post(
            link, data={"answer": answer, "reason": "Until then"}, headers=OURS, allow_redirects=False
        )
        assert done.status == 303
        assert await status_of(asked, uid) == status
        await pump.drain()

    bodies = [mail.get_body(("plain",)) for mail in post.mails if address_of(asked) in mail["To"]]
    assert any(body is not None and "Until then" in body.get_content() for body in bodies)


async def test_what_is_decided_cannot_be_decided_otherwise_by_the_link(client: Client, asked: World) -> None:
    uid = await request_of(client, asked)
    rows = await asked.sql("SELECT business_id, uid, starts_at FROM appointments WHERE uid = $1", uid)
    request = Request(rows[0]["business_id"], rows[0]["uid"], int(rows[0]["starts_at"].timestamp()))
    link = f"/requests/{seal_request(asked.core.vault, request)}"
    await client.post(link, data={"answer": "decline"}, headers=OURS, allow_redirects=False)

    await client.post(link, data={"answer": "approve"}, headers=OURS, allow_redirects=False)

    assert await status_of(asked, uid) == "declined"
    assert "This request is answered" in await (await client.get(link)).text()


async def test_the_link_is_for_the_time_that_was_asked_for(client: Client, asked: World) -> None:
    uid = await request_of(client, asked)
    rows = await asked.sql("SELECT business_id, uid, starts_at FROM appointments WHERE uid = $1", uid)
    earlier = Request(rows[0]["business_id"], rows[0]["uid"], int(rows[0]["starts_at"].timestamp()) - 3600)
    link = f"/requests/{seal_request(asked.core.vault, earlier)}"

    await client.post(link, data={"answer": "approve"}, headers=OURS, allow_redirects=False)

    assert await status_of(asked, uid) == "pending"
    assert "This request is over" in await (await client.get(link)).text()


async def test_98_a_link_that_nobody_made_opens_nothing(client: Client, asked: World) -> None:
    assert (await client.get("/requests/" + "x" * 120)).status == 404
    unsubscribe = asked.core.vault.unsubscribe_token(asked.business_id, "anna@example.org")
    assert (await client.get(f"/requests/{unsubscribe}")).status == 404


async def test_the_customer_s_calendar_entry_for_the_provider_says_the_question(client: Client, asked: World) -> None:
    uid = await request_of(client, asked)
    await dispatch(asked.core)

    rows = await asked.sql(
        "SELECT x.full_text FROM appointment_texts x JOIN appointments a ON a.id = x.appointment_id WHERE a.uid = $1",
        uid,
    )
    assert "Any allergies?: no" in rows[0]["full_text"].replace("\\,", ",").replace("\r\n ", "")
