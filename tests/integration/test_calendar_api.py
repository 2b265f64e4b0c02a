"""
Connecting a provider's own calendar over HTTP, choosing, pausing, looking and ending it: who may, what is refused and
in which words, and that no secret comes out of anything.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import Settings
from server.tokens import new_api_key, token_hash
from server.web.api.calendars import calendar_routes
from tests.calendar_desk import Desk, calendar_settings, event, open_desk
from tests.integration.test_openapi import DOCUMENT, check
from tests.peers.calendar_servers import CalendarServer, Radicale
from tests.peers.canary import canary
from tests.peers.dav_proxy import DavProxy, dav_proxy, says
from tests.peers.ics_server import IcsServer, redirect
from tests.processes import free_port
from tests.world import World, settings_for

pytest_plugins = ("tests.peers.calendar_fixtures",)

Client = TestClient[Any, Any]


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Calendar servers may be on loopback."""
    return settings_for(database_url, redis_url, calendar=calendar_settings())


@pytest.fixture
async def desk(world: World, settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(world, settings) as desk:
        yield desk


@pytest.fixture
async def strict_client(
    database_url: str, redis_url: str, aiohttp_client: Callable[..., Awaitable[Any]]
) -> TestClient[Any, Any]:
    """A client of an installation that calls public addresses only."""
    return await aiohttp_client(build_app(settings_for(database_url, redis_url)))


def path_of(world: World) -> str:
    return f"/v1/businesses/{world.slug}/calendars"


def draft(server: CalendarServer, **changes: Any) -> dict[str, Any]:
    """What connects an account at *server*."""
    return {
        "provider": "anna",
        "service": "caldav",
        "url": server.url,
        "user": server.user,
        "password": server.password,
        **changes,
    }


async def connect(client: Client, world: World, body: dict[str, Any]) -> dict[str, Any]:
    """The connection that was made."""
    answer = await client.post(path_of(world), json=body, headers=world.auth)
    assert answer.status == 201, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


async def shown(client: Client, world: World, connection: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"{path_of(world)}/{connection['id']}", headers=world.auth)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def choose(
    client: Client, world: World, connection: dict[str, Any], name: str, **choice: bool
) -> tuple[int, dict[str, Any]]:
    """The answer to using the calendar of this name so."""
    calendar = next(each for each in connection["calendars"] if each["name"] == name)
    path = f"{path_of(world)}/{connection['id']}/calendars/{calendar['id']}"
    answer = await client.patch(path, json=choice, headers=world.auth)
    return answer.status, await answer.json()


async def post(client: Client, world: World, connection: dict[str, Any], action: str, body: Any = None) -> Any:
    """The answer to doing this with the connection."""
    return await client.post(f"{path_of(world)}/{connection['id']}/{action}", json=body, headers=world.auth)


def schema_of(method: str, path: str) -> dict[str, Any]:
    """What the document says of a successful answer."""
    answer = DOCUMENT["paths"][path][method.lower()]["responses"]["200"]
    schema: dict[str, Any] = answer["content"]["application/json"]["schema"]
    return schema


def calendar_named(connection: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in connection["calendars"] if each["name"] == name)
    return found


# Connecting


async def test_an_account_is_connected_and_nothing_is_synced_before_a_calendar_is_chosen(
    client: Client, world: World, desk: Desk, radicale_program: Radicale
) -> None:
    async with radicale_program.account("work", "home") as server:
        await server.put("work", "lunch", event("lunch", world.at(12)))
        answer = await client.post(path_of(world), json=draft(server, name="Anna's"), headers=world.auth)
        made = await answer.json()

        assert answer.status == 201
        assert answer.headers["Location"] == f"{path_of(world)}/{made['id']}"
        assert (made["state"], made["name"], made["user"]) == ("active", "Anna's", server.user)
        assert {each["name"] for each in made["calendars"]} == {"Work", "Home"}
        assert not any(each["blocks"] or each["receives"] or each["known_at"] for each in made["calendars"])
        await desk.round()
        assert await desk.busy() == []
        assert calendar_named(await shown(client, world, made), "Work")["known_at"] is None

        status, after = await choose(client, world, made, "Work", blocks=True)
        assert (status, calendar_named(after, "Work")["blocks"]) == (200, True)
        await desk.round()
        assert await desk.busy() == [(world.at(12), world.at(13))]
        now = await shown(client, world, made)
        assert calendar_named(now, "Work")["known_at"] is not None
        assert now["synced_at"] is not None


async def test_where_there_is_one_calendar_it_blocks_and_nothing_is_written_into_it(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await desk.round()
    await world.book(world.at(10))
    await desk.round()

    (calendar,) = made["calendars"]
    assert (calendar["blocks"], calendar["receives"]) == (True, False)
    assert await radicale.list_("work") == {}


async def test_a_password_that_does_not_fit_is_refused_in_plain_words(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    answer = await client.post(path_of(world), json=draft(radicale, password="mistyped"), headers=world.auth)
    problem = await answer.json()

    assert (answer.status, problem["type"]) == (422, "/problems/calendar-refused")
    assert "password" in problem["detail"]
    assert "mistyped" not in json.dumps(problem)
    assert "401" not in problem["detail"]
    listed = await (await client.get(path_of(world), headers=world.auth)).json()
    assert listed["items"] == []


async def test_where_no_calendars_are_that_is_said(client: Client, world: World, published_calendar: IcsServer) -> None:
    url = published_calendar.url.replace("calendar.ics", "nothing/here/")
    body = {"provider": "anna", "service": "caldav", "url": url, "user": "anna", "password": "pw"}

    answer = await client.post(path_of(world), json=body, headers=world.auth)

    problem = await answer.json()
    assert (answer.status, problem["type"]) == (422, "/problems/calendar-refused")
    assert problem["detail"].startswith("No calendars were found at this address")


async def test_a_server_that_is_down_is_for_later(client: Client, world: World) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    body = {"provider": "anna", "service": "caldav", "url": url, "user": "anna", "password": "pw"}

    answer = await client.post(path_of(world), json=body, headers=world.auth)

    problem = await answer.json()
    assert (answer.status, problem["type"]) == (503, "/problems/temporarily-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "did not answer" in problem["detail"]


async def test_F54_a_private_address_is_refused_before_anybody_connects_and_always_in_the_same_words(
    strict_client: Client, world: World
) -> None:
    async with canary() as bird:
        ours = f"127.0.0.1:{bird.port}"
        urls = (
            f"http://{ours}/",
            f"http://localhost:{bird.port}/",
            f"http://[::ffff:127.0.0.1]:{bird.port}/",
            f"http://2130706433:{bird.port}/",
            f"http://0x7f.1:{bird.port}/",
            f"http://anna:secret@{ours}/",
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1:8443/",
            "http://[64:ff9b::7f00:1]/",
            "http://[::1]:22/",
            "file:///etc/passwd",
            f"gopher://{ours}/",
        )
        told = set()
        for url in urls:
            for service in ("caldav", "nextcloud"):
                body = {"provider": "anna", "service": service, "url": url, "user": "anna", "password": "pw"}
                answer = await strict_client.post(path_of(world), json=body, headers=world.auth)
                assert answer.status == 422, url
                told.add((await answer.json())["detail"])
        answers = [
            await strict_client.post(
                path_of(world), json={"provider": "anna", "service": "ics", "url": url}, headers=world.auth
            )
            for url in (f"http://{ours}/c.ics", "http://[::1]:22/c.ics", f"webcal://{ours}/c.ics")
        ]

        assert told == {"No calendars were found at this address: this address must not be called."}
        assert {answer.status for answer in answers} == {422}
        assert {(await answer.json())["detail"] for answer in answers} == {"This address must not be called."}
        assert bird.connections == 0


async def test_F55_a_server_that_leads_to_a_private_address_is_not_followed(
    client: Client, world: World, published_calendar: IcsServer
) -> None:
    """The installation may call the first one; its redirect leads where it may not."""
    published_calendar.answer = redirect("http://169.254.169.254/latest/")
    body = {"provider": "anna", "service": "ics", "url": published_calendar.url}

    answer = await client.post(path_of(world), json=body, headers=world.auth)

    assert (answer.status, (await answer.json())["detail"]) == (422, "This address must not be called.")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"service": "yahoo"}, "/service"),
        ({"provider": "Anna Smith"}, "/provider"),
        ({"password": None}, "/password"),
        ({"user": ""}, "/user"),
        ({"user": "an:na"}, "/user"),
        ({"password": "p\nw"}, "/password"),
        ({"password": ""}, "/password"),
        ({"url": "http://münchen.example/"}, "/url"),
        ({"url": "https://a b/"}, "/url"),
        ({"service": "ics", "url": "ftp://example.com/c.ics"}, "/url"),
        ({"service": "ics", "url": ""}, "/url"),
        ({"addresses": ["nobody"]}, "/addresses/0"),
        ({"addresses": [f"a{n}@example.com" for n in range(11)]}, "/addresses"),
        ({"on_delete": "explode"}, "/on_delete"),
        ({"shows_buffers": "perhaps"}, "/shows_buffers"),
        ({"colour": "red"}, "/colour"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
async def test_a_draft_that_is_none_is_refused_with_a_pointer(
    client: Client, world: World, change: dict[str, Any], pointer: str
) -> None:
    body = {"provider": "anna", "service": "caldav", "url": "https://cal.example/", "user": "a", "password": "b"}

    answer = await client.post(path_of(world), json={**body, **change}, headers=world.auth)

    problem = await answer.json()
    assert (answer.status, problem["type"]) == (422, "/problems/invalid-request"), problem
    assert pointer in {each["pointer"] for each in problem["errors"]}
    assert all(each["detail"] for each in problem["errors"])


@pytest.mark.parametrize("url", ["http://[::1", "http://[bad]/", "http://127.0.0.1:99999/", "http://127.0.0.1:x/"])
@pytest.mark.parametrize("service", ["caldav", "ics"])
async def test_an_address_that_cannot_be_read_is_refused(client: Client, world: World, service: str, url: str) -> None:
    body = {"provider": "anna", "service": service, "url": url, "user": "a", "password": "b"}

    answer = await client.post(path_of(world), json=body, headers=world.auth)

    assert answer.status == 422, await answer.text()


async def test_an_address_is_asked_for_where_the_service_does_not_tell_it(client: Client, world: World) -> None:
    body = {"provider": "anna", "service": "nextcloud", "user": "anna", "password": "pw"}

    answer = await client.post(path_of(world), json=body, headers=world.auth)

    problem = await answer.json()
    assert answer.status == 422
    assert "remote.php/dav" in problem["detail"]


async def test_a_provider_that_is_not_there_is_not_found(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    answer = await client.post(path_of(world), json=draft(radicale, provider="ben"), headers=world.auth)

    assert (answer.status, (await answer.json())["what"]) == (404, "provider")


async def test_a_provider_has_at_most_ten_connections(
    client: Client, world: World, published_calendar: IcsServer
) -> None:
    body = {"provider": "anna", "service": "ics", "url": published_calendar.url}
    made = [await connect(client, world, body) for _ in range(10)]

    answer = await client.post(path_of(world), json=body, headers=world.auth)
    problem = await answer.json()
    assert (answer.status, problem["type"]) == (409, "/problems/conflict")
    assert "10" in problem["detail"]

    await client.delete(f"{path_of(world)}/{made[0]['id']}", headers=world.auth)
    await connect(client, world, body)


async def test_a_service_at_which_this_installation_is_not_registered_leaves_no_connection_behind(
    client: Client, world: World
) -> None:
    for service in ("google", "outlook"):
        answer = await client.post(path_of(world), json={"provider": "anna", "service": service}, headers=world.auth)
        problem = await answer.json()
        assert (answer.status, problem["type"]) == (422, "/problems/calendar-refused")
        assert "not registered at" in problem["detail"]

    listed = await (await client.get(path_of(world), headers=world.auth)).json()
    assert listed["items"] == []


# Managing


async def test_connections_are_listed_page_by_page(client: Client, world: World, published_calendar: IcsServer) -> None:
    body = {"provider": "anna", "service": "ics", "url": published_calendar.url}
    made = [await connect(client, world, {**body, "name": name}) for name in ("a", "b", "c")]

    first = await (await client.get(path_of(world), params={"limit": "2"}, headers=world.auth)).json()
    params = {"limit": "2", "cursor": first["next_cursor"]}
    second = await (await client.get(path_of(world), params=params, headers=world.auth)).json()

    assert [each["id"] for each in first["items"] + second["items"]] == [each["id"] for each in made]
    assert second["next_cursor"] is None


async def test_what_is_answered_is_what_is_described(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await desk.round()
    await world.book(world.at(10))
    await radicale.put("work", "doctor", event("doctor", world.at(9, 45)))
    await desk.round(2)
    base = "/v1/businesses/{business}"
    one = f"{path_of(world)}/{made['id']}"

    for path, described in (
        (path_of(world), f"{base}/calendars"),
        (one, f"{base}/calendars/{{id}}"),
        (f"{one}/log", f"{base}/calendars/{{id}}/log"),
        (f"/v1/businesses/{world.slug}/calendar-conflicts", f"{base}/calendar-conflicts"),
    ):
        answer = await client.get(path, headers=world.auth)
        body = await answer.json()
        assert body.get("items", [1]), path
        check(body, schema_of("GET", described))


async def test_a_patch_changes_what_it_names(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await radicale.put("work", "maybe", event("maybe", world.at(12), lines=["STATUS:TENTATIVE"]))
    await desk.round()
    assert await desk.busy() == [(world.at(12), world.at(13))]
    one = f"{path_of(world)}/{made['id']}"

    answer = await client.patch(one, json={"tentative_blocks": False, "name": "Mine"}, headers=world.auth)
    after = await answer.json()
    assert answer.status == 200
    assert (after["tentative_blocks"], after["name"], after["all_day_blocks"]) == (False, "Mine", True)
    await desk.round()
    assert await desk.busy() == []

    nothing = await client.patch(one, json={}, headers=world.auth)
    assert nothing.status == 200
    unknown = await client.patch(one, json={"url": "https://elsewhere.example/"}, headers=world.auth)
    assert (unknown.status, (await unknown.json())["errors"][0]["pointer"]) == (422, "/url")


async def test_another_password_is_tried_before_it_is_kept(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    async with dav_proxy(radicale.url) as proxy:
        made = await connect(client, world, draft(radicale, url=proxy.url))
        proxy.when(says(401), times=None)
        await desk.round()
        stopped = await shown(client, world, made)
        assert stopped["state"] == "needs_reauth"
        assert "password" in stopped["last_error"]
        proxy.clear()
        one = f"{path_of(world)}/{made['id']}"

        wrong = await client.patch(one, json={"password": "mistyped"}, headers=world.auth)
        assert (wrong.status, (await wrong.json())["type"]) == (422, "/problems/calendar-refused")
        assert (await shown(client, world, made))["state"] == "needs_reauth"

        right = await client.patch(one, json={"password": radicale.password}, headers=world.auth)
        assert (right.status, (await right.json())["state"]) == (200, "active")
        await desk.round()
        assert (await shown(client, world, made))["last_error"] == ""


async def test_a_pause_holds_until_somebody_goes_on(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await desk.round()

    paused = await (await post(client, world, made, "pause")).json()
    assert (paused["state"], paused["reason"], paused["next_sync_at"]) == ("paused", "asked", None)
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    await post(client, world, made, "sync")
    await desk.round()
    assert await desk.busy() == []

    one = f"{path_of(world)}/{made['id']}"
    same = await client.patch(one, json={"password": radicale.password}, headers=world.auth)
    assert ((await same.json())["state"], same.status) == ("paused", 200)

    resumed = await post(client, world, made, "resume")
    assert (resumed.status, (await resumed.json())["state"]) == (200, "active")
    await desk.round()
    assert await desk.busy() == [(world.at(12), world.at(13))]
    assert (await shown(client, world, made))["reason"] == ""


async def test_after_a_mass_deletion_somebody_has_to_say_what_comes_of_it(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await desk.round()
    booked = [await world.book(world.at(9 + n // 2, n % 2 * 30)) for n in range(7)]
    await desk.round(2)
    for href in await radicale.list_("work"):
        await radicale.delete("work", href=href)
    await desk.round()

    stopped = await shown(client, world, made)
    assert stopped["state"] == "paused"
    assert stopped["reason"] in {"mass_deletion", "emptied"}
    answer = await post(client, world, made, "resume")
    assert (answer.status, (await answer.json())["type"]) == (409, "/problems/conflict")
    answer = await post(client, world, made, "resume", {"deletions": "perhaps"})
    assert (answer.status, (await answer.json())["errors"][0]["pointer"]) == (422, "/deletions")

    assert (await post(client, world, made, "resume", {"deletions": "undone"})).status == 200
    await desk.round(3)
    assert len(await radicale.list_("work")) == 7
    assert (await desk.appointment(booked[0].appointment.uid))["status"] == "confirmed"
    assert (await shown(client, world, made))["reason"] == ""


async def test_resync_reads_everything_anew_and_forgets_nothing_meanwhile(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    await desk.round()

    assert (await post(client, world, made, "resync")).status == 202
    assert await desk.busy() == [(world.at(12), world.at(13))]
    await desk.round()
    assert await desk.busy() == [(world.at(12), world.at(13))]
    (entry, *_) = (await (await client.get(log_path(world, made), headers=world.auth)).json())["items"]
    assert entry["counts"]["pulled"] == 1
    assert (await post(client, world, made, "sync")).status == 202


async def test_refresh_finds_new_calendars_and_keeps_what_was_chosen(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await radicale.make_calendar("home")

    after = await (await post(client, world, made, "refresh")).json()
    assert {each["name"] for each in after["calendars"]} == {"Work", "Home"}
    assert calendar_named(after, "Work") == calendar_named(made, "Work")
    assert calendar_named(after, "Home")["blocks"] is False

    await radicale.drop_calendar("home")
    after = await (await post(client, world, made, "refresh")).json()
    assert [each["name"] for each in after["calendars"]] == ["Work"]


def log_path(world: World, connection: dict[str, Any]) -> str:
    return f"{path_of(world)}/{connection['id']}/log"


async def test_the_log_has_what_happened_the_newest_first_and_nothing_of_what_events_are_about(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    for n in range(3):
        await radicale.put("work", f"e{n}", event(f"e{n}", world.at(9 + n), summary="Divorce lawyer"))
        await desk.round()

    log = await (await client.get(log_path(world, made), headers=world.auth)).json()
    assert [entry["counts"]["pulled"] for entry in log["items"]] == [1, 1, 1]
    ids = [entry["id"] for entry in log["items"]]
    assert ids == sorted(ids, reverse=True)
    assert "lawyer" not in json.dumps(log)
    params = {"before": str(ids[0]), "limit": "1"}
    page = await (await client.get(log_path(world, made), params=params, headers=world.auth)).json()
    assert [entry["id"] for entry in page["items"]] == ids[1:2]


async def test_a_conflict_is_listed_until_somebody_lets_both_be(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await desk.round()
    booked = await world.book(world.at(10))
    await radicale.put("work", "doctor", event("doctor", world.at(9, 45), summary="Doctor"))
    await desk.round()
    inbox = f"/v1/businesses/{world.slug}/calendar-conflicts"

    (conflict,) = (await (await client.get(inbox, headers=world.auth)).json())["items"]
    assert (conflict["appointment"], conflict["calendar"]) == (str(booked.appointment.uid), "Work")
    assert "Doctor" not in json.dumps(conflict)
    dismiss = f"{inbox}/{conflict['id']}/dismiss"
    assert (await client.post(dismiss, headers=world.auth)).status == 204
    assert (await (await client.get(inbox, headers=world.auth)).json())["items"] == []
    await desk.round()
    assert (await (await client.get(inbox, headers=world.auth)).json())["items"] == []
    assert (await client.post(f"{inbox}/{uuid4()}/dismiss", headers=world.auth)).status == 404
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"


# What is written where


async def test_of_all_calendars_of_a_provider_one_receives_and_the_other_gives_our_events_back(
    client: Client, world: World, desk: Desk, radicale_program: Radicale
) -> None:
    async with radicale_program.account() as first, radicale_program.account("private") as second:
        one = await connect(client, world, draft(first))
        other = await connect(client, world, draft(second))
        await choose(client, world, one, "Work", receives=True)
        await desk.round()
        await world.book(world.at(10))
        await desk.round()
        assert len(await first.list_("work")) == 1

        await choose(client, world, other, "Private", receives=True)
        await desk.round(2)

        assert calendar_named(await shown(client, world, one), "Work")["receives"] is False
        assert len(await second.list_("private")) == 1
        assert await first.list_("work") == {}


async def test_a_calendar_that_is_not_used_any_more_loses_our_events_and_keeps_its_own(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    await desk.round()
    await world.book(world.at(10))
    await desk.round()
    assert len(await radicale.list_("work")) == 2

    await choose(client, world, made, "Work", blocks=False, receives=False)
    await desk.round()

    assert list(await radicale.list_("work")) == [radicale.object_url("work", "lunch")]
    assert await desk.busy() == []


async def test_a_calendar_that_can_only_be_read_receives_nothing(
    client: Client, world: World, published_calendar: IcsServer
) -> None:
    made = await connect(client, world, {"provider": "anna", "service": "ics", "url": published_calendar.url})
    (calendar,) = made["calendars"]
    assert (calendar["writable"], calendar["blocks"]) == (False, True)

    status, problem = await choose(client, world, made, calendar["name"], receives=True)

    assert (status, problem["type"]) == (409, "/problems/conflict")
    assert problem["detail"] == "This calendar can only be read."


# Ending


async def test_disconnecting_leaves_events_and_appointments_and_frees_the_time(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    await desk.round()
    booked = await world.book(world.at(10))
    await desk.round()

    answer = await client.delete(f"{path_of(world)}/{made['id']}", headers=world.auth)

    assert answer.status == 204
    assert (await client.get(f"{path_of(world)}/{made['id']}", headers=world.auth)).status == 404
    assert (await client.delete(f"{path_of(world)}/{made['id']}", headers=world.auth)).status == 404
    await desk.round()
    assert await desk.busy() == []
    assert len(await radicale.list_("work")) == 2
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"


async def test_disconnecting_takes_our_events_out_where_that_is_wanted(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await radicale.put("work", "lunch", event("lunch", world.at(12)))
    await desk.round()
    booked = await world.book(world.at(10))
    await desk.round()

    one = f"{path_of(world)}/{made['id']}"
    answer = await client.delete(one, params={"remove_events": "true"}, headers=world.auth)

    assert answer.status == 204
    await desk.round()
    assert (await client.get(one, headers=world.auth)).status == 404
    assert list(await radicale.list_("work")) == [radicale.object_url("work", "lunch")]
    assert await desk.busy() == []
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"


async def test_a_connection_ends_though_its_calendar_is_gone(
    client: Client, world: World, desk: Desk, radicale: CalendarServer
) -> None:
    """What is to be taken away is away already."""
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    await desk.round()
    await world.book(world.at(10))
    await desk.round()
    await radicale.drop_calendar("work")

    one = f"{path_of(world)}/{made['id']}"
    await client.delete(one, params={"remove_events": "true"}, headers=world.auth)
    await desk.round()

    assert (await client.get(one, headers=world.auth)).status == 404


# Who may


def requests_of(world: World, made: dict[str, Any], conflict: str) -> list[tuple[str, str, Any]]:
    """Method, path and body of every call that there is about connected calendars."""
    bodies: dict[str, Any] = {
        "post_connection": {"provider": "anna", "service": "caldav", "url": "https://x/", "user": "a", "password": "b"},
        "patch_connection": {"name": "x"},
        "patch_calendar": {"blocks": True},
    }
    calendar = made["calendars"][0]["id"]
    found = []
    for route in calendar_routes(f"/v1/businesses/{world.slug}"):
        key = conflict if "conflicts" in route.path else made["id"]
        path = route.path.replace("{id}", key).replace("{calendar}", calendar)
        found.append((route.method, path, bodies.get(route.handler.__name__)))
    return found


async def test_a_key_of_another_business_finds_nothing_and_changes_nothing(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    other = await World.make(world.core)
    await other.service()

    for method, path, body in requests_of(world, made, str(uuid4())):
        foreign = await client.request(method, path, json=body, headers=other.auth)
        assert foreign.status == 404, (method, path)
    own = path_of(world).replace(world.slug, other.slug)
    for method, path, body in requests_of(other, made, str(uuid4())):
        if path not in {own, f"/v1/businesses/{other.slug}/calendar-conflicts"}:
            guessed = await client.request(method, path, json=body, headers=other.auth)
            assert guessed.status == 404, (method, path)
    listed = await (await client.get(own, headers=other.auth)).json()
    assert listed["items"] == []
    assert await shown(client, world, made) == made


async def test_a_key_without_the_right_to_manage_may_not_even_look(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    key, prefix = new_api_key()
    await world.sql(
        "INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes) VALUES ($1, 'some', $2, $3, '{read,book}')",
        world.business_id,
        prefix,
        token_hash(key),
    )

    for method, path, body in requests_of(world, made, str(uuid4())):
        answer = await client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert (answer.status, (await answer.json())["scope"]) == (403, "manage"), (method, path)
        nobody = await client.request(method, path, json=body)
        assert nobody.status == 401
    assert await shown(client, world, made) == made


@pytest.mark.parametrize("key", ["0", "x" * 40, "%00", "00000000-0000-0000-0000-000000000000"])
async def test_an_id_that_is_none_is_not_found(client: Client, world: World, key: str) -> None:
    for path in (f"{path_of(world)}/{key}", f"{path_of(world)}/{key}/log"):
        assert (await client.get(path, headers=world.auth)).status == 404


# Secrets


async def rows_of(world: World) -> dict[str, str]:
    """Everything that the database has of the business, as text, by table."""
    tables = await world.sql(
        "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_name)"
        " WHERE c.column_name = 'business_id' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
    )
    dump = {}
    for name in {row[0] for row in tables}:
        rows = await world.sql(f'SELECT t::text FROM "{name}" t WHERE business_id = $1', world.business_id)
        dump[name] = "\n".join(row[0] for row in rows)
    return dump


async def test_F67_a_password_comes_out_of_nothing(
    client: Client, world: World, desk: Desk, radicale: CalendarServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    async with dav_proxy(radicale.url) as proxy:
        body = draft(radicale, url=proxy.url)
        answers = [await client.post(path_of(world), json=body, headers=world.auth)]
        made = await answers[0].json()
        one = f"{path_of(world)}/{made['id']}"
        wrong = f"{radicale.password}-wrong"
        await desk.round()
        answers += [
            await client.get(one, headers=world.auth),
            await client.patch(one, json={"password": radicale.password, "name": "x"}, headers=world.auth),
            await client.patch(one, json={"password": wrong}, headers=world.auth),
            await client.post(path_of(world), json=draft(radicale, password=wrong), headers=world.auth),
            await client.post(path_of(world), json=draft(radicale, url="http://["), headers=world.auth),
        ]
        await misbehave(proxy, desk)
        answers += [
            await client.get(path_of(world), headers=world.auth),
            await client.get(f"{one}/log", headers=world.auth),
            await client.get(f"/v1/businesses/{world.slug}/audit", headers=world.auth),
        ]
        told = [f"{answer.headers} {await answer.text()}" for answer in answers]

    dump = await rows_of(world)
    assert dump["connections"]
    assert "connected" in dump["audit_entries"]
    for text in (*told, *dump.values(), caplog.text):
        assert radicale.password not in text
        assert radicale.authorization.removeprefix("Basic ") not in text


async def misbehave(proxy: DavProxy, desk: Desk) -> None:
    """Rounds that fail in several ways; the last one with a body that repeats what it was sent."""
    for status in (500, 403, 418, 404, 401):
        proxy.when(says(status), times=None)
        await desk.round()
        proxy.rules.clear()


async def test_F67_a_dump_of_the_database_opens_no_calendar_and_a_secret_fits_no_other_connection(
    client: Client, world: World, desk: Desk, radicale_program: Radicale
) -> None:
    async with radicale_program.account() as first, radicale_program.account() as second:
        one = await connect(client, world, draft(first))
        other = await connect(client, world, draft(second))
        await desk.round()

        await world.sql(
            "UPDATE connections SET secret_sealed = (SELECT secret_sealed FROM connections WHERE uid = $2)"
            " WHERE uid = $1",
            other["id"],
            one["id"],
        )
        await desk.round()

        assert (await shown(client, world, one))["state"] == "active"
        stolen = await shown(client, world, other)
        assert stolen["state"] == "needs_reauth"
        assert "connect the calendar anew" in stolen["last_error"]


async def test_F67_the_address_of_a_published_file_is_a_password(
    client: Client, world: World, desk: Desk, published_calendar: IcsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "server")
    caplog.set_level(logging.DEBUG, "ics")
    caplog.set_level(logging.DEBUG, "bookable")
    url = f"{published_calendar.url}?token=priv-0123456789"
    answers = [
        await client.post(path_of(world), json={"provider": "anna", "service": "ics", "url": url}, headers=world.auth)
    ]
    made = await answers[0].json()
    await desk.round()
    published_calendar.answer = None
    published_calendar.text = "<html>"
    await desk.round()
    one = f"{path_of(world)}/{made['id']}"
    answers += [
        await client.get(path, headers=world.auth)
        for path in (one, path_of(world), f"{one}/log", f"/v1/businesses/{world.slug}/audit")
    ]

    assert (made["url"], "127.0.0.1" in made["name"]) == (f"{published_calendar.url.rsplit('/', 1)[0]}/…", True)
    dump = await rows_of(world)
    for text in (*[await answer.text() for answer in answers], *dump.values(), caplog.text):
        assert "priv-0123456789" not in text
        assert "calendar.ics" not in text


async def test_the_audit_log_says_who_did_what_with_a_calendar(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    made = await connect(client, world, draft(radicale))
    await choose(client, world, made, "Work", receives=True)
    one = f"{path_of(world)}/{made['id']}"
    await client.patch(one, json={"password": radicale.password, "on_delete": "put_back"}, headers=world.auth)
    await post(client, world, made, "pause")
    await post(client, world, made, "resume")
    await client.delete(one, headers=world.auth)

    rows = await world.sql(
        "SELECT action, actor, subject_key, changes FROM audit_entries"
        " WHERE business_id = $1 AND subject = 'calendar' ORDER BY id",
        world.business_id,
    )
    assert [row["action"] for row in rows] == ["connected", "chose", "changed", "paused", "resumed", "disconnected"]
    assert {row["subject_key"] for row in rows} == {made["id"]}
    assert all(row["actor"].startswith("key:") for row in rows)
    assert rows[2]["changes"]["on_delete"] == "put_back"


async def test_names_that_a_server_gives_are_kept_as_text_whatever_they_are(
    client: Client, world: World, radicale: CalendarServer
) -> None:
    await radicale.make_calendar("odd", "<script>alert(1)</script> & " + "x" * 600)

    made = await connect(client, world, draft(radicale))

    odd = next(each for each in made["calendars"] if each["name"].startswith("<script>"))
    assert len(odd["name"]) == 500
