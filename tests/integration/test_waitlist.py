"""The waitlist: the first whom a freed time suits gets it held, and a link; then the next."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked
from server.settings import Settings
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.hold import release
from server.usecases.offer_freed import offer_freed
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.waitlist import lapse_offers, take_offer, view
from tests.post_office import mail_of
from tests.world import World, no_key

Client = TestClient[Any, Any]

BOOKED = "appointment.booked"


def wish(world: World, **changed: Any) -> dict[str, Any]:
    day = world.at(9).date().isoformat()
    customer = {"name": "Wanda", "email": "wanda@example.org", "timezone": "Europe/Berlin"}
    return {"service": "cut", "provider": "anna", "from": day, "to": day, "customer": customer, **changed}


async def join(client: Client, world: World, **changed: Any) -> str:
    response = await client.post(f"/v1/businesses/{world.slug}/waitlist", json=wish(world, **changed))
    assert response.status == 201, await response.text()
    return str((await response.json())["token"])


@pytest.fixture
async def full(world: World) -> World:
    """One time only, and it is taken."""
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)
    await world.sql(
        "INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min)"
        " SELECT p.business_id, p.id, $2, d, 600, 630 FROM providers p, generate_series(0, 6) d"
        " WHERE p.business_id = $1",
        world.business_id,
        world.location_id,
    )
    return world


async def free(world: World, *booked: Booked) -> None:
    """They are cancelled, and their time is free."""
    for each in booked:
        await cancel(world.core, await target_of_token(world.core, each.manage_token), no_key())


async def offers(world: World) -> int:
    """How many offers a look at the waitlist makes."""
    looked = await offer_freed(world.core, world.business_id)
    assert looked.stopped_after is None
    return looked.offers


async def join_and_free(client: Client, world: World, **changed: Any) -> str:
    """Joins while everything is taken; then the time is given up."""
    booked = await world.book(world.at(10))
    token = await join(client, world, **changed)
    await free(world, booked)
    return token


async def test_who_waits_is_offered_the_time_that_somebody_gave_up_and_takes_it(client: Client, full: World) -> None:
    booked = await full.book(full.at(10))
    token = await join(client, full)
    assert await offers(full) == 0
    await free(full, booked)
    assert await offers(full) == 1
    assert await offers(full) == 0
    seen = await (await client.get(f"/v1/waitlist/{token}")).json()
    assert seen["status"] == "offered"
    assert (
        await client.post(f"/v1/businesses/{full.slug}/appointments", json=full.order_json(full.at(10)))
    ).status == 409
    taken = await client.post(f"/v1/waitlist/{token}/take")
    assert taken.status == 201
    assert (await (await client.get(f"/v1/waitlist/{token}")).json())["status"] == "booked"
    assert await full.doubles() == 0
    assert await full.misclaimed() == []


async def test_nobody_waits_while_a_time_that_suits_is_free_and_nothing_is_held(client: Client, full: World) -> None:
    response = await client.post(f"/v1/businesses/{full.slug}/waitlist", json=wish(full))

    problem = await response.json()
    assert (response.status, problem["type"]) == (409, "/problems/times-free")
    assert [each["start"] for each in problem["alternatives"]] == [full.at(10).astimezone(full.zone).isoformat()]
    assert await full.sql("SELECT 1 FROM holds WHERE business_id = $1", full.business_id) == []


async def test_M125_a_class_that_staff_cancels_is_not_offered_where_time_off_was_added_first(
    client: Client, full: World
) -> None:
    await full.service("class", capacity=2)
    booked = [await full.book(full.at(10), service="class") for _ in range(2)]
    await join(client, full, service="class")
    off = {"provider": "anna", "start": full.at(9).isoformat(), "end": full.at(12).isoformat()}
    headers = {"Authorization": f"Bearer {full.api_key}"}

    added = await client.post(f"/v1/businesses/{full.slug}/time-off", json=off, headers=headers)
    await cancel(
        full.core, await target_of_staff(full.core, full.business_id, booked[0].appointment.uid), no_key(), reason="ill"
    )

    assert added.status == 201, await added.text()
    assert await offers(full) == 0
    removed = await client.delete(f"/v1/businesses/{full.slug}/time-off/{(await added.json())['id']}", headers=headers)
    assert removed.status == 204, await removed.text()
    assert await offers(full) == 1


async def test_joining_holds_nothing_and_tells_nobody(client: Client, full: World) -> None:
    await full.book(full.at(10))
    await join(client, full)

    facts = await full.sql("SELECT kind FROM outbox WHERE business_id = $1 AND kind <> $2", full.business_id, BOOKED)
    assert [row["kind"] for row in facts] == []
    assert await full.sql("SELECT 1 FROM holds WHERE business_id = $1", full.business_id) == []


async def test_the_offer_is_told_by_mail_with_names_and_a_link(client: Client, full: World, settings: Settings) -> None:
    await full.sql("UPDATE businesses SET name = 'Atelier Linde' WHERE id = $1", full.business_id)
    await full.sql("UPDATE providers SET name = 'Anna Linde' WHERE business_id = $1", full.business_id)
    await full.sql("UPDATE services SET name = 'Haircut and wash' WHERE business_id = $1", full.business_id)
    await full.sql("UPDATE locations SET name = 'Mitte', address = 'Linienstr. 1' WHERE id = $1", full.location_id)
    customer = {"name": "Wanda", "email": "wanda@example.org", "timezone": "America/New_York"}
    token = await join_and_free(client, full, customer=customer)
    await offers(full)

    mail = await mail_of(full, settings, "waitlist_offer")

    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["To"] == "Wanda <wanda@example.org>"
    assert "Haircut and wash" in mail["Subject"]
    for expected in ("Haircut and wash", "Anna Linde", "Mitte, Linienstr. 1", f"/waitlist/{token}"):
        assert expected in text
    assert "10:00" in text  # there
    assert full.at(10).astimezone(ZoneInfo("America/New_York")).strftime("%-I:%M") in text  # and for the reader


async def test_M124_the_mail_of_an_offer_says_what_is_held(client: Client, full: World, settings: Settings) -> None:
    """The service is edited between the offer and its mail."""
    await full.sql("UPDATE services SET price_minor = 4800 WHERE business_id = $1", full.business_id)
    token = await join_and_free(client, full)
    await offers(full)
    await full.sql("UPDATE services SET price_minor = 9000, duration_min = 45 WHERE business_id = $1", full.business_id)

    text = (await mail_of(full, settings, "waitlist_offer")).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    taken = await (await client.post(f"/v1/waitlist/{token}/take")).json()

    assert "€48" in text
    assert "€90" not in text
    assert taken["terms"]["price_minor"] == 4800


async def test_what_opens_an_offer_is_nowhere_but_in_its_mail(client: Client, full: World) -> None:
    token = await join_and_free(client, full)
    await offers(full)
    while await dispatch(full.core):
        pass

    rows = await full.sql(
        "SELECT to_jsonb(o)::text FROM outbox o WHERE business_id = $1 UNION ALL"
        " SELECT to_jsonb(d)::text FROM deliveries d WHERE business_id = $1",
        full.business_id,
    )
    assert any("waitlist_offer" in row[0] for row in rows)
    for row in rows:
        assert token not in row[0]
        assert "/waitlist/" not in row[0]


async def test_G75_looking_at_the_link_takes_nothing(client: Client, full: World) -> None:
    token = await join_and_free(client, full)
    await offers(full)
    page = await client.get(f"/waitlist/{token}")
    assert (page.status, "Take this time" in await page.text()) == (200, True)
    assert (await view(full.core, token)).entry.status == "offered"
    pressed = await client.post(f"/waitlist/{token}", allow_redirects=False)
    assert pressed.status == 303
    assert "You are booked" in await (await client.get(f"/waitlist/{token}")).text()


async def test_the_page_names_who_and_where_with_the_clocks_of_the_place_first(client: Client, full: World) -> None:
    await full.sql("UPDATE locations SET address = 'Linienstr. 1' WHERE id = $1", full.location_id)
    customer = {"name": "Wanda", "email": "wanda@example.org", "timezone": "America/New_York"}
    token = await join_and_free(client, full, customer=customer)
    await offers(full)

    page = await (await client.get(f"/waitlist/{token}", headers={"Accept-Language": "en-GB"})).text()

    there, here = full.at(10).astimezone(full.zone), full.at(10).astimezone(ZoneInfo("America/New_York"))
    assert "Cut · Anna · Here" in page
    assert "Linienstr. 1" in page
    assert page.index(f"{there:%H:%M}") < page.index(f"{here:%H:%M} in your time zone")


async def let_it_pass(world: World) -> None:
    """The offer's time is over, and nobody took it."""
    await world.sql(
        "UPDATE waitlist_entries SET offer_expires_at = clock_timestamp()"
        " WHERE business_id = $1 AND status = 'offered'",
        world.business_id,
    )
    await world.sql("UPDATE holds SET expires_at = clock_timestamp() WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE claims SET expires_at = clock_timestamp() WHERE business_id = $1", world.business_id)
    await lapse_offers(world.core)


async def test_an_offer_that_lapses_goes_to_the_next_and_not_to_the_same_again(client: Client, full: World) -> None:
    booked = await full.book(full.at(10))
    first = await join(client, full)
    customer = {"name": "Next", "email": "next@example.org", "timezone": "Europe/Berlin"}
    second = await join(client, full, customer=customer)
    await free(full, booked)
    assert await offers(full) == 1

    await let_it_pass(full)

    assert await offers(full) == 1
    assert (await view(full.core, first)).entry.status == "waiting"
    assert (await view(full.core, second)).entry.status == "offered"
    await let_it_pass(full)
    assert await offers(full) == 0


async def test_whoever_let_three_offers_pass_is_asked_no_more(client: Client, full: World) -> None:
    days = [full.at(10, days=n) for n in (7, 8, 9, 10)]
    booked = [await full.book(day) for day in days]
    token = await join(client, full, to=days[-1].date().isoformat())
    for each in booked[:3]:
        await free(full, each)
        assert await offers(full) == 1
        start = (await view(full.core, token)).entry.offered_start
        await let_it_pass(full)
        assert start is not None
        await full.book(start)
    await free(full, booked[3])

    assert await offers(full) == 0
    assert (await view(full.core, token)).entry.status == "expired"


@pytest.mark.parametrize(("window", "offered"), [(("09:00", "12:00"), 1), (("14:00", "18:00"), 0)])
async def test_only_times_of_day_that_were_wished_for_are_offered(
    client: Client, full: World, window: tuple[str, str], offered: int
) -> None:
    await join_and_free(client, full, windows=[{"from": window[0], "to": window[1]}])
    assert await offers(full) == offered


async def test_who_leaves_gives_the_offered_time_back(client: Client, full: World) -> None:
    token = await join_and_free(client, full)
    await offers(full)
    assert (await client.delete(f"/v1/waitlist/{token}")).status == 204
    assert (await client.delete(f"/v1/waitlist/{token}")).status == 404
    await full.book(full.at(10))


async def looks(world: World) -> int:
    """How many looks at the waitlist have been asked for."""
    while await dispatch(world.core):
        pass
    rows = await world.sql(
        "SELECT count(*) FROM deliveries WHERE channel = 'waitlist' AND business_id = $1", world.business_id
    )
    return int(rows[0][0])


async def test_a_hold_that_is_let_go_wakes_the_waitlist(client: Client, full: World) -> None:
    held = await full.hold(full.at(10))
    await join(client, full)
    assert await looks(full) == 0
    await release(full.core, held.token)
    assert await looks(full) == 1


async def test_one_address_waits_for_a_service_five_times_at_most(client: Client, full: World) -> None:
    await full.book(full.at(10))
    for _ in range(5):
        await join(client, full)
    response = await client.post(f"/v1/businesses/{full.slug}/waitlist", json=wish(full))
    assert response.status == 409


@pytest.mark.timeout(120)
async def test_A5_cancelling_offering_and_booking_at_once_leave_one_owner(client: Client, full: World) -> None:
    for _ in range(25):
        booked = await full.book(full.at(10))
        token = await join(client, full)
        target = await target_of_token(full.core, booked.manage_token)
        results = await asyncio.gather(
            cancel(full.core, target, no_key()),
            offers(full),
            offers(full),
            *(full.book(full.at(10)) for _ in range(3)),
            return_exceptions=True,
        )
        assert await full.doubles() == 0
        winners = [result for result in results[3:] if not isinstance(result, BaseException)]
        entry = (await view(full.core, token)).entry
        assert len(winners) + (entry.status == "offered") <= 1
        if entry.status == "offered":
            mine = await take_offer(full.core, token, no_key(), asked=no_key())
            winners = [mine]
        for winner in winners:
            await cancel(full.core, await target_of_token(full.core, winner.manage_token), no_key())  # type: ignore[union-attr]
        await full.sql("DELETE FROM waitlist_entries WHERE business_id = $1", full.business_id)
        assert await full.misclaimed() == []


async def test_whoever_does_not_want_to_wait_any_more_says_so_on_the_page(client: Client, full: World) -> None:
    await full.book(full.at(10))
    token = await join(client, full)
    page = await (await client.get(f"/waitlist/{token}", headers={"Accept-Language": "nl"})).text()
    assert "U staat op de wachtlijst" in page

    left = await client.post(f"/waitlist/{token}", data={"leave": "yes"}, allow_redirects=False)

    assert left.status == 303
    assert "You are not waiting any more" in await (await client.get(f"/waitlist/{token}")).text()
    rows = await full.sql("SELECT status FROM waitlist_entries WHERE business_id = $1", full.business_id)
    assert [row[0] for row in rows] == ["left"]


async def test_a_second_press_on_an_offer_shows_what_became_of_it(client: Client, full: World) -> None:
    token = await join_and_free(client, full)
    await offers(full)
    for _ in range(2):
        pressed = await client.post(f"/waitlist/{token}", allow_redirects=False)
        assert pressed.status == 303

    assert "You are booked" in await (await client.get(f"/waitlist/{token}")).text()


async def test_what_one_press_cannot_book_has_no_waitlist(client: Client, world: World) -> None:
    question = {"key": "why", "label": "Why?", "kind": "text", "required": True, "options": []}
    await world.service("asks", questions=[question])
    await world.service("calls", phone_required=True)
    profile = await (await client.get(f"/v1/businesses/{world.slug}")).json()
    assert {each["slug"]: each["waitlist"] for each in profile["services"]} == {
        "cut": True,
        "asks": False,
        "calls": True,
    }

    for service, status in (("asks", 409), ("calls", 422)):
        refused = await client.post(f"/v1/businesses/{world.slug}/waitlist", json=wish(world, service=service))
        assert refused.status == status
