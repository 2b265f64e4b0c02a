"""Proves rows of sections G and M about addresses that are confirmed: a time is held, a mail asks, its button books."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.domain.events import Kind
from server.settings import BookingSettings
from server.store.engine import Session
from server.store.outbox import add_fact
from server.usecases.cancel import cancel
from server.usecases.offer_freed import offer_freed
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.prove_address import prove_attendee
from server.usecases.reschedule import reschedule
from server.usecases.sweep import sweep
from tests.faults.test_m_quotas import DAY, fill, open_shop, try_book, try_hold
from tests.integration.test_mails import Post, mailing, posted
from tests.world import World, no_key

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
HERE = {"X-Forwarded-For": "2001:db8:1::1"}
THERE = {"X-Forwarded-For": "2001:db8:2::1"}


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with posted() as post:
        yield post


@pytest.fixture
async def shop(own_world: World) -> World:
    """A business that confirms addresses."""
    await own_world.service()
    await own_world.sql("UPDATE businesses SET guard = 'mail'")
    return own_world


@pytest.fixture
async def client(own_database_url: str, aiohttp_client: OpenClient) -> Client:
    return await open_shop(own_database_url, aiohttp_client)


async def ask(client: Client, shop: World, at: tuple[int, int] = DAY[0], **more: Any) -> dict[str, Any]:
    headers = {**HERE, **more.pop("headers", {})}
    order = shop.order_json(shop.at(*at), **more)
    answer = await client.post(f"/v1/businesses/{shop.slug}/appointments", json=order, headers=headers)
    assert answer.status == 201, await answer.text()
    held: dict[str, Any] = await answer.json()
    return held


async def links(shop: World, post: Post) -> list[str]:
    """Where the mails that have been sent lead to, to confirm."""
    async with mailing(shop, post) as pump:
        await pump.drain()
    texts = [mail.get_body(("plain",)).get_content() for mail in post.mails]  # type: ignore[union-attr]
    return [path for text in texts for path in re.findall(r"(/confirm/[\w-]+)", text)]


async def states(shop: World) -> list[str]:
    rows = await shop.sql("SELECT status FROM appointments ORDER BY id")
    return [row["status"] for row in rows]


async def test_M122_a_booking_is_held_and_gives_nothing_away_until_its_address_is_confirmed(
    client: Client, shop: World
) -> None:
    held = await ask(client, shop)

    assert held["status"] == "held"
    assert (held["manage_token"], held["manage_url"], held["ics_url"], held["add_to_calendar"]) == (
        None,
        None,
        None,
        None,
    )
    left = datetime.fromisoformat(held["confirm_by"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert await states(shop) == []
    assert await try_hold(client, shop, DAY[0], THERE) == 409


async def test_G075_M122_the_button_behind_the_mailed_link_books_and_looking_at_it_does_not(
    client: Client, shop: World, post: Post
) -> None:
    await ask(client, shop, customer={**shop.order_json(shop.at(9))["customer"], "email": "robin@example.org"})
    (link,) = await links(shop, post)
    assert post.recipients == [["robin@example.org"]]

    for _ in range(2):
        assert (await client.head(link)).status == 200
        assert (await client.get(link)).status == 200
    assert await states(shop) == []

    pressed = [await client.post(link, allow_redirects=False) for _ in range(2)]
    assert [answer.status for answer in pressed] == [303, 303]
    assert pressed[0].headers["Location"] == pressed[1].headers["Location"]
    assert await states(shop) == ["confirmed"]
    token = pressed[0].headers["Location"].rpartition("/")[2].removesuffix("?done=booked")
    seen = await (await client.get(f"/v1/appointments/{token}")).json()
    assert seen["customer"]["email"] == "robin@example.org"
    (row,) = await shop.sql("SELECT proved_at, network::text AS network FROM attendees")
    assert (row["proved_at"] is not None, row["network"]) == (True, "2001:db8:1::/64")
    after = await client.get(link, allow_redirects=False)
    assert after.headers["Location"] == pressed[0].headers["Location"]

    await links(shop, post)
    assert [mail["Subject"].split(":")[0] for mail in post.mails] == ["Please confirm", "Confirmed"]


async def test_M122_a_hold_is_kept_for_its_confirmation_and_the_answer_is_repeated(
    client: Client, shop: World, post: Post
) -> None:
    body = {"service": "cut", "provider": "anna", "start": shop.at(*DAY[0]).isoformat()}
    hold = (await (await client.post(f"/v1/businesses/{shop.slug}/holds", json=body, headers=HERE)).json())["hold"]
    order = shop.order_json(shop.at(*DAY[0]), hold=hold)
    key = {**HERE, "Idempotency-Key": "b7be8f23-2d1d-4f0b-a6d0-0d6ffb1d7a70"}
    url = f"/v1/businesses/{shop.slug}/appointments"

    answers = [await client.post(url, json=order, headers=key) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert await answers[0].json() == await answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    (link,) = await links(shop, post)
    assert (await client.post(link, allow_redirects=False)).status == 303
    assert await states(shop) == ["confirmed"]


async def test_M122_without_a_hold_a_repeated_request_gets_its_answer_again(client: Client, shop: World) -> None:
    order = shop.order_json(shop.at(*DAY[0]))
    key = {**HERE, "Idempotency-Key": "0a0ac1f1-14d8-4b5c-9f0a-5a7e6d8c9b11"}
    url = f"/v1/businesses/{shop.slug}/appointments"
    answers = [await (await client.post(url, json=order, headers=key)).json() for _ in range(2)]
    assert answers[0]["status"] == "held"
    assert answers[0] == answers[1]


async def test_M122_who_comes_too_late_gets_the_time_if_it_is_free_and_is_told_if_it_is_not(
    client: Client, shop: World, post: Post
) -> None:
    await ask(client, shop, DAY[0])
    (early,) = await links(shop, post)
    await ask(client, shop, DAY[5])
    late = (await links(shop, post))[-1]
    for table in ("holds", "claims", "confirmations"):
        await shop.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    assert await try_book(client, shop, DAY[5], shop.auth) == 201

    assert (await client.post(early, allow_redirects=False)).status == 303
    refused = await client.post(late, allow_redirects=False)
    assert (refused.status, "This time was just taken." in await refused.text()) == (409, True)


async def test_M122_staff_are_not_asked_and_what_is_paid_is_not_either(client: Client, shop: World) -> None:
    assert await try_book(client, shop, DAY[0], shop.auth) == 201
    assert await states(shop) == ["confirmed"]
    await shop.sql("UPDATE services SET payment = 'online', price_minor = 1000")
    assert await try_book(client, shop, DAY[1], HERE) == 402


async def test_M122_what_waits_for_confirmation_counts_like_a_hold(client: Client, shop: World) -> None:
    statuses = [await try_book(client, shop, at, HERE) for at in DAY[:5]]
    assert statuses == [201, 201, 201, 429, 429]


async def test_M121_a_limit_per_customer_holds_where_addresses_are_confirmed(
    client: Client, shop: World, post: Post
) -> None:
    """The limit is told to whoever reads the mailbox, and to nobody else."""
    await shop.sql("UPDATE services SET per_customer_limit = 1")
    customer = {**shop.order_json(shop.at(9))["customer"], "email": "regular@example.org"}
    await ask(client, shop, DAY[0], customer=customer)
    (first,) = await links(shop, post)
    assert (await client.post(first, allow_redirects=False)).status == 303
    await ask(client, shop, DAY[1], customer=customer, headers=THERE)
    second = (await links(shop, post))[-1]
    assert (await client.post(second, allow_redirects=False)).status == 409
    assert await states(shop) == ["confirmed"]


@pytest.mark.parametrize("guard", ["mail", "proof"])
async def test_M122_the_plain_form_says_where_to_look(client: Client, shop: World, post: Post, guard: str) -> None:
    """Without JavaScript nobody works for a proof: there, a mail is asked for instead."""
    await shop.sql("UPDATE businesses SET guard = $1", guard)
    start = shop.at(*DAY[0]).isoformat()
    form = {"name": "Robin", "email": "robin@example.org", "timezone": "Europe/Berlin", "key": "k" * 24}
    query = {"service": "cut", "provider": "anna", "start": start}

    pages = [
        await client.post(f"/book/{shop.slug}", params=query, data=form, headers=HERE, allow_redirects=False)
        for _ in range(2)
    ]

    for page in pages:
        text = await page.text()
        assert page.status == 200, text
        assert "Look into your mail" in text
        assert "robin@example.org" in text
        assert "/confirm/" not in text
    (link,) = await links(shop, post)
    await client.post(link, allow_redirects=False)
    assert await states(shop) == ["confirmed"]


async def test_M122_the_waitlist_is_no_way_round_the_confirmation(client: Client, shop: World, post: Post) -> None:
    """Whoever joins is given the token that takes an offer, whatever address they typed."""
    await fill(shop)
    day = shop.at(9).date().isoformat()
    customer = {**shop.order_json(shop.at(9))["customer"], "email": "waiting@example.org"}
    wish = {"service": "cut", "provider": "anna", "from": day, "to": day, "customer": customer}
    joined = await client.post(f"/v1/businesses/{shop.slug}/waitlist", json=wish, headers=HERE)
    token = (await joined.json())["token"]
    await shop.sql("DELETE FROM claims")
    await shop.sql("UPDATE appointments SET status = 'cancelled'")
    await offer_freed(shop.core, shop.business_id)

    taken = await client.post(f"/v1/waitlist/{token}/take", headers=HERE)
    page = await client.post(f"/waitlist/{token}", headers=HERE)

    assert (taken.status, (await taken.json())["status"]) == (201, "held")
    assert "Look into your mail" in await page.text()
    assert set(await states(shop)) == {"cancelled"}
    link = (await links(shop, post))[0]
    assert (await client.post(link, allow_redirects=False)).status == 303
    assert (await states(shop)).count("confirmed") == 1


async def test_M122_a_late_yes_to_an_offer_keeps_it_until_the_mail_is_answered(
    client: Client, shop: World, post: Post
) -> None:
    """Otherwise the time would be offered to the next while the mail still promises it."""
    await fill(shop)
    day = shop.at(9).date().isoformat()
    wish = {"service": "cut", "provider": "anna", "from": day, "to": day}
    wish["customer"] = shop.order_json(shop.at(9))["customer"]
    joined = await client.post(f"/v1/businesses/{shop.slug}/waitlist", json=wish, headers=HERE)
    token = (await joined.json())["token"]
    await shop.sql("DELETE FROM claims")
    await shop.sql("UPDATE appointments SET status = 'cancelled'")
    await offer_freed(shop.core, shop.business_id)
    for table, column in (("holds", "expires_at"), ("claims", "expires_at"), ("waitlist_entries", "offer_expires_at")):
        await shop.sql(f"UPDATE {table} SET {column} = clock_timestamp() + interval '1 minute'")

    taken = await (await client.post(f"/v1/waitlist/{token}/take", headers=HERE)).json()

    ends = await shop.sql(
        "SELECT w.offer_expires_at, h.expires_at, c.expires_at FROM waitlist_entries w"
        " JOIN holds h ON h.id = w.hold_id JOIN confirmations c ON c.hold_id = h.id"
    )
    assert {end.replace(microsecond=0) for end in ends[0]} == {
        datetime.fromisoformat(taken["confirm_by"]).replace(microsecond=0)
    }
    link = (await links(shop, post))[0]
    assert (await client.post(link, allow_redirects=False)).status == 303
    assert [row["status"] for row in await shop.sql("SELECT status FROM waitlist_entries")] == ["booked"]


async def test_M122_the_mail_is_not_sent_once_the_time_is_gone(client: Client, shop: World, post: Post) -> None:
    await ask(client, shop)
    await shop.sql("UPDATE confirmations SET expires_at = clock_timestamp()")
    assert await links(shop, post) == []


async def test_M122_what_nobody_confirmed_is_forgotten_after_a_day(client: Client, shop: World, post: Post) -> None:
    await ask(client, shop)
    (link,) = await links(shop, post)
    await shop.sql("UPDATE confirmations SET expires_at = clock_timestamp() - interval '25 hours'")
    await sweep(shop.core)
    assert (await client.get(link)).status == 404
    assert (await shop.sql("SELECT count(*) FROM confirmations"))[0][0] == 0


async def test_M122_a_stranger_who_is_asked_is_not_told_whether_the_address_is_known(
    client: Client, shop: World
) -> None:
    await shop.sql("UPDATE services SET per_customer_limit = 1")
    await shop.book(shop.at(16), email="regular@example.org")
    await shop.sql("UPDATE attendees SET proved_at = now()")
    base = shop.order_json(shop.at(9))["customer"]
    known = await ask(client, shop, DAY[0], customer={**base, "email": "regular@example.org"})
    unknown = await ask(client, shop, DAY[1], customer={**base, "email": "nobody@example.org"})
    differs = {"id", "start", "end", "confirm_by"}
    assert {k: v for k, v in known.items() if k not in differs} == {
        k: v for k, v in unknown.items() if k not in differs
    }


def test_M122_fifteen_minutes_are_the_default() -> None:
    assert BookingSettings().confirm_s == 900


async def test_M122_G073_an_address_that_nobody_proved_gets_five_mails_a_day(own_world: World, post: Post) -> None:
    """Until somebody opens one: then the mails about that booking go on."""
    await own_world.service()
    for some in (DAY[:5], DAY[5:8]):
        for at in some:
            await own_world.book(own_world.at(*at), email="target@example.net")
        async with mailing(own_world, post, unproved_per_address_day=5) as pump:
            await pump.drain()
    assert post.recipients == [["target@example.net"]] * 5

    (row,) = await own_world.sql("SELECT id, token_salt, token_hash FROM attendees ORDER BY id LIMIT 1")
    vault = own_world.core.vault
    token = vault.manage_token(row["token_salt"], row["token_hash"])
    await prove_attendee(own_world.core, token, vault.mail_proof(row["token_salt"]))
    await cancel(own_world.core, await target_of_token(own_world.core, token), no_key())
    async with mailing(own_world, post, unproved_per_address_day=5) as pump:
        await pump.drain()
    assert post.recipients == [["target@example.net"]] * 6


async def test_M122_a_provider_hears_of_a_flood_and_not_of_each_drop(own_world: World, post: Post) -> None:
    await own_world.service()
    await own_world.sql("UPDATE providers SET email = 'anna@example.org'")
    for some in (DAY[:3], DAY[3:6]):
        for at in some:
            await own_world.book(own_world.at(*at))
        async with mailing(own_world, post, per_provider_hour=3) as pump:
            await pump.drain()
    assert post.recipients.count(["anna@example.org"]) == 3


async def test_M122_what_the_business_does_reaches_an_address_that_has_had_its_mails(
    own_world: World, post: Post
) -> None:
    """Five bookings that nobody opened must not hide that the sixth is cancelled by the business."""
    await own_world.service()
    booked = [await own_world.book(own_world.at(*at), email="target@example.net") for at in DAY[:5]]
    async with mailing(own_world, post, unproved_per_address_day=5) as pump:
        await pump.drain()
        post.mails.clear()
        for each in booked[:2]:
            await cancel(own_world.core, await target_of_token(own_world.core, each.manage_token), no_key())
        target = await target_of_staff(own_world.core, own_world.business_id, booked[2].appointment.uid)
        await cancel(own_world.core, target, no_key())
        target = await target_of_staff(own_world.core, own_world.business_id, booked[3].appointment.uid)
        await reschedule(own_world.core, target, own_world.at(*DAY[9]), no_key())
        await pump.drain()

    subjects = sorted(str(mail["Subject"]).split(":")[0] for mail in post.mails)
    assert subjects == ["Cancelled", "New time"]


async def test_M122_a_flood_of_bookings_keeps_no_notice_from_the_owner(own_world: World, post: Post) -> None:
    """Who runs the business is often who provides: the flood is in the very mailbox that the alarm goes to."""
    await own_world.service()
    await own_world.sql("UPDATE providers SET email = 'anna@example.org'")
    for at in DAY[:3]:
        await own_world.book(own_world.at(*at))
    async with mailing(own_world, post, per_provider_hour=3) as pump:
        await pump.drain()
        for kind in (Kind.BOOKING_SURGE, Kind.ENDPOINT_DISABLED, Kind.SMS_TROUBLE):
            await own_world.core.database.transact(partial(_tell_owner, world=own_world, kind=kind))
        await pump.drain()

    assert post.recipients.count(["anna@example.org"]) == 6


async def test_M122_notices_to_the_owner_are_not_counted_as_mails_about_strangers(own_world: World, post: Post) -> None:
    await own_world.service()
    await own_world.sql("UPDATE providers SET email = 'anna@example.org'")
    async with mailing(own_world, post, per_provider_hour=2) as pump:
        for kind in (Kind.BOOKING_SURGE, Kind.ENDPOINT_DISABLED):
            await own_world.core.database.transact(partial(_tell_owner, world=own_world, kind=kind))
        await pump.drain()
        await own_world.book(own_world.at(*DAY[0]))
        await pump.drain()

    assert post.recipients.count(["anna@example.org"]) == 3


async def _tell_owner(session: Session, *, world: World, kind: Kind) -> None:
    payload = {"v": 1, "email": "anna@example.org", "locale": "en", "taken": 20, "usual": 1}
    await add_fact(session, world.business_id, kind, payload)


async def held_time(client: Client, shop: World, at: tuple[int, int] = DAY[0]) -> str:
    body = {"service": "cut", "provider": "anna", "start": shop.at(*at).isoformat()}
    answer = await client.post(f"/v1/businesses/{shop.slug}/holds", json=body, headers=HERE)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["hold"])


async def try_confirm(client: Client, shop: World, hold: str, email: str) -> tuple[int, dict[str, Any]]:
    customer = {**shop.order_json(shop.at(9))["customer"], "email": email}
    order = shop.order_json(shop.at(*DAY[0]), hold=hold, customer=customer)
    answer = await client.post(f"/v1/businesses/{shop.slug}/appointments", json=order, headers=HERE)
    return answer.status, await answer.json()


async def test_M122_one_hold_is_confirmed_by_one_address(client: Client, shop: World, post: Post) -> None:
    """Otherwise whoever holds a time could mail as many strangers as they like."""
    hold = await held_time(client, shop)

    first = await try_confirm(client, shop, hold, "first@example.org")
    others = [await try_confirm(client, shop, hold, f"stranger{n}@example.org") for n in range(6)]
    again = await try_confirm(client, shop, hold, "first@example.org")

    assert first[0] == 201
    assert {(status, body["type"]) for status, body in others} == {(409, "/problems/awaiting-confirmation")}
    assert again == first
    (link,) = await links(shop, post)
    assert post.recipients == [["first@example.org"]]
    assert (await client.post(link, allow_redirects=False)).status == 303


async def test_M122_two_addresses_at_once_are_one_mail(client: Client, shop: World, post: Post) -> None:
    hold = await held_time(client, shop)
    answers = await asyncio.gather(*(try_confirm(client, shop, hold, f"n{n}@example.org") for n in range(4)))
    assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
    assert len(await links(shop, post)) == 1


async def test_M122_a_network_asks_as_many_addresses_a_day_as_it_may_book(
    client: Client, shop: World, post: Post
) -> None:
    """Letting go of the hold in between gives nothing back."""
    statuses = []
    for n in range(7):
        hold = await held_time(client, shop)
        statuses.append((await try_confirm(client, shop, hold, f"stranger{n}@example.org"))[0])
        assert (await client.delete(f"/v1/holds/{hold}", headers=HERE)).status == 204
    assert statuses == [201] * 5 + [429] * 2
    await links(shop, post)
    assert len(post.mails) <= 5


async def test_M122_what_was_confirmed_does_not_count_any_more(client: Client, shop: World, post: Post) -> None:
    for n in range(6):
        at = DAY[n]
        customer = {**shop.order_json(shop.at(9))["customer"], "email": f"guest{n}@example.org"}
        await ask(client, shop, at, customer=customer)
        link = (await links(shop, post))[-1]
        assert (await client.post(link, allow_redirects=False)).status == 303
    assert await states(shop) == ["confirmed"] * 6


async def run_out(shop: World) -> None:
    """What is held is not held any more, and swept."""
    for table in ("holds", "claims", "confirmations"):
        await shop.sql(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    await sweep(shop.core)


async def test_M122_a_question_of_later_does_not_end_what_waits_for_its_address(
    client: Client, shop: World, post: Post
) -> None:
    await ask(client, shop)
    (link,) = await links(shop, post)
    question = [{"id": "length", "label": "How long is your hair?", "required": True}]
    await shop.sql("UPDATE services SET questions = $1, phone_required = true", question)

    pressed = await client.post(link, allow_redirects=False)

    assert pressed.status == 303, await pressed.text()
    assert await states(shop) == ["confirmed"]


@pytest.mark.parametrize("swept", [False, True])
async def test_M122_who_comes_too_late_is_shown_a_new_price_and_agrees_to_it(
    client: Client, shop: World, post: Post, swept: bool
) -> None:
    await shop.sql("UPDATE services SET price_minor = 2000")
    await ask(client, shop)
    (link,) = await links(shop, post)
    await run_out(shop) if swept else await shop.sql("UPDATE holds SET expires_at = clock_timestamp()")
    await shop.sql("DELETE FROM claims WHERE expires_at IS NOT NULL")
    await shop.sql("UPDATE services SET price_minor = 3000")

    refused = await client.post(link, allow_redirects=False)
    page = await refused.text()

    assert refused.status == 409, page
    assert "The price or the conditions have changed." in page
    assert "€30" in page
    assert await states(shop) == []
    carried = dict(re.findall(r'type="hidden" name="(t-\w+)" value="([^"]*)"', page))
    assert carried["t-price_minor"] == "3000"
    pressed = await client.post(link, data=carried, allow_redirects=False)
    assert pressed.status == 303, await pressed.text()
    (row,) = await shop.sql("SELECT price_minor FROM attendees")
    assert row["price_minor"] == 3000


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("UPDATE services SET active = false", "This is not offered any more."),
        ("UPDATE providers SET active = false", "This is not offered any more."),
        ("UPDATE services SET payment = 'online'", "This is paid beforehand now."),
    ],
)
async def test_M122_a_link_to_what_is_not_offered_any_more_says_so_and_leads_on(
    client: Client, shop: World, post: Post, edit: str, says: str
) -> None:
    await shop.sql("UPDATE services SET price_minor = 2000")
    await ask(client, shop)
    (link,) = await links(shop, post)
    await shop.sql(edit)

    for _ in range(2):
        pressed = await client.post(link, allow_redirects=False)
        page = await pressed.text()
        assert pressed.status == 409, page
        assert says in page
        assert f'href="/book/{shop.slug}"' in page
        assert "<button" not in page
    assert await states(shop) == []


async def test_M122_the_time_of_a_class_is_kept_as_long_as_the_place_that_waits_for_its_address(
    client: Client, shop: World
) -> None:
    """Otherwise somebody else could have the provider's time while the mail still promises the place."""
    await shop.service("yoga", capacity=5)
    await ask(client, shop, DAY[0], service="yoga")
    assert await try_book(client, shop, DAY[4], shop.auth, service="yoga") == 201
    await ask(client, shop, DAY[4], service="yoga")

    ends = await shop.sql(
        "SELECT c.expires_at AS claimed, h.expires_at AS held FROM holds h"
        " JOIN claims c ON c.appointment_id = h.appointment_id ORDER BY h.starts_at"
    )

    assert ends[0]["claimed"] == ends[0]["held"]
    assert ends[1]["claimed"] is None
