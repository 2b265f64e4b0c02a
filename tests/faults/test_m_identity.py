"""Proves rows of section M about identity: an address that somebody typed opens nothing."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.settings import Settings
from server.usecases.manage_feeds import mail_feed_of_customer
from server.usecases.prove_address import prove_attendee
from server.usecases.read_feed import View, document, open_feed
from server.web.access import Who
from server.web.routes import ROUTES
from tests.integration.test_mails import Post, mailing, posted
from tests.world import World

Client = TestClient[Any, Any]
ADDRESS = "victim@example.org"


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with posted() as post:
        yield post


async def book_over_http(client: Client, world: World, hour: int, name: str, **more: Any) -> dict[str, Any]:
    """A stranger's booking under `ADDRESS`."""
    order = world.order_json(world.at(hour), **more)
    order["customer"] = {**order["customer"], "name": name, "email": ADDRESS, "phone": f"+49301234{hour}00"}
    response = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order)
    assert response.status == 201, await response.text()
    booked: dict[str, Any] = await response.json()
    return booked


def secrets_of(booked: dict[str, Any], name: str, hour: int) -> list[str]:
    """What nobody but its own customer may see of an appointment."""
    start = re.sub(r"[-:]|\+00:00", "", booked["start"])[:15]
    return [booked["id"], booked["manage_token"], name, f"+49301234{hour}00", start, booked["start"][:16]]


def routes_of_a_token() -> list[tuple[str, str]]:
    """Method and path of every route that a manage token opens."""
    return [(r.method, r.path) for r in ROUTES if r.who is Who.TOKEN and "{manage_token}" in r.path]


async def test_M121_neither_of_two_bookings_under_one_address_leads_to_the_other(client: Client, world: World) -> None:
    """Each caller walks every route and document that their own token opens; the mails go to neither of them."""
    await world.sql("UPDATE services SET questions = '[]' WHERE business_id = $1", world.business_id)
    mallory = await book_over_http(client, world, 10, "Mallory Attacker")
    victim = await book_over_http(client, world, 14, "Victoria Victim")
    pairs = (
        (mallory, secrets_of(victim, "Victoria Victim", 14)),
        (victim, secrets_of(mallory, "Mallory Attacker", 10)),
    )

    for own, others in pairs:
        for method, pattern in routes_of_a_token():
            body = {"start": own["start"]} if pattern.endswith("reschedule") else {} if method == "POST" else None
            if pattern.endswith("/cancel"):
                continue  # ends what is looked at; it answers no more than the others
            path = pattern.replace("{manage_token}", own["manage_token"])
            response = await client.request(method, path, json=body, allow_redirects=False)
            said = await response.text() + str(response.headers)
            if response.status == 303:
                page = await client.get(response.headers["Location"].removeprefix("http://127.0.0.1:8080"))
                assert page.status == 200
                said += await page.text()
            assert response.status < 500, (path, said)
            assert [secret for secret in others if secret in said] == [], path

    listed = await world.sql("SELECT count(*) FROM feed_tokens WHERE business_id = $1", world.business_id)
    assert listed[0][0] == 1  # asked for by both, it is one feed, and one address of it


async def test_M121_the_feed_of_all_appointments_goes_to_the_mailbox_alone_and_opens_no_appointment(
    own_world: World, settings: Settings, post: Post
) -> None:
    """Whoever reads the mailbox sees all that was booked with it; no event there has a link that changes one."""
    await own_world.service()
    mallory = await own_world.book(own_world.at(10), email=ADDRESS)
    victim = await own_world.book(own_world.at(14), email=ADDRESS)
    async with mailing(own_world, post) as pump:
        await pump.drain()
    before = len(post.mails)
    await mail_feed_of_customer(own_world.core, mallory.manage_token)
    await mail_feed_of_customer(own_world.core, mallory.manage_token)
    await mail_feed_of_customer(own_world.core, victim.manage_token)
    async with mailing(own_world, post) as pump:
        await pump.drain()
    sent = post.mails[before:]

    assert [mail["To"].addresses[0].addr_spec for mail in sent] == [ADDRESS] * 2  # one an hour for each token
    tokens = {re.search(r"/feeds/([\w-]+)/", mail.get_body(("plain",)).get_content())[1] for mail in sent}  # type: ignore[index,union-attr]
    assert len(tokens) == 1  # the same address: nobody's subscription ends when somebody else asks
    opened = await open_feed(own_world.core, settings.feed, tokens.pop(), View.APPOINTMENTS)
    text = b"".join((await document(own_world.core, settings.feed, opened)).plain()).decode()
    assert text.count("BEGIN:VEVENT") == 2
    assert "/manage/" not in text
    for booked in (mallory, victim):
        assert booked.manage_token not in text


async def test_M121_no_feed_of_any_kind_has_a_link_that_changes_an_appointment(client: Client, world: World) -> None:
    booked = await world.book(world.at(10), email=ADDRESS)
    for draft in ({"provider": "anna"}, {"service": "cut"}, {"location": "here"}, {}):
        made = await client.post(
            f"/v1/businesses/{world.slug}/feeds",
            json={"name": "feed", "privacy": "full", **draft},
            headers=world.auth,
        )
        urls = (await made.json())["urls"]
        for url in (urls["appointments"], urls["freebusy"], urls["ifb"]):
            text = await (await client.get("/" + url.split("/", 3)[3])).text()
            assert "BEGIN:VCALENDAR" in text
            assert "/manage/" not in text
            assert booked.manage_token not in text


async def test_M121_an_address_is_proved_by_the_link_in_its_mail_and_not_by_the_token(
    own_world: World, post: Post
) -> None:
    """The token was given to whoever booked; the proof only to whoever reads the mail."""
    await own_world.service()
    booked = await own_world.book(own_world.at(10), email=ADDRESS)
    other = await own_world.book(own_world.at(12), email=ADDRESS)
    async with mailing(own_world, post) as pump:
        await pump.drain()
    proofs = {
        token: proof
        for mail in post.mails
        for token, proof in re.findall(r"/manage/([\w-]+)\?proof=([\w-]+)", mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    }

    async def proved() -> list[bool]:
        rows = await own_world.sql("SELECT proved_at IS NOT NULL AS yes FROM attendees ORDER BY id")
        return [row["yes"] for row in rows]

    assert not await prove_attendee(own_world.core, booked.manage_token, "")
    assert not await prove_attendee(own_world.core, booked.manage_token, proofs[other.manage_token])
    assert await proved() == [False, False]
    assert await prove_attendee(own_world.core, booked.manage_token, proofs[booked.manage_token])
    assert await proved() == [True, False]
    documents = [part for mail in post.mails for part in mail.walk() if part.get_content_type() == "text/calendar"]
    assert documents
    assert all("proof=" not in part.get_content() for part in documents)


async def test_M121_opening_the_mailed_link_proves_the_address(client: Client, world: World) -> None:
    booked = await world.book(world.at(10), email=ADDRESS)
    (row,) = await world.sql(
        "SELECT token_salt FROM attendees WHERE business_id = $1 AND email = $2", world.business_id, ADDRESS
    )
    link = f"/manage/{booked.manage_token}?proof={world.core.vault.mail_proof(row['token_salt'])}"

    async def is_proved() -> bool:
        rows = await world.sql("SELECT proved_at FROM attendees WHERE business_id = $1", world.business_id)
        return rows[0]["proved_at"] is not None

    await client.head(link, allow_redirects=False)
    assert not await is_proved()
    await client.get(f"/manage/{booked.manage_token}?proof=\udcff", allow_redirects=False)
    assert not await is_proved()
    answer = await client.get(link, allow_redirects=False)
    assert (answer.status, await is_proved()) == (303, True)
    assert "proof" not in answer.headers["Location"]
