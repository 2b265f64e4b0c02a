"""
Signing in at Google and Outlook: who consents to what, that an answer fits only the one who asked, and that a sign-in
is kept alive, ends and begins again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp.test_utils import TestClient

from server.settings import HttpSettings, Settings
from server.tokens import token_hash
from tests.calendar_desk import Desk, calendar_settings, event, open_desk
from tests.integration.test_calendar_api import rows_of
from tests.peers.calendar_servers import Radicale
from tests.peers.google import Google, google_account
from tests.peers.oauth import OAuth
from tests.peers.outlook import Outlook, outlook_account
from tests.world import World, settings_for

pytest_plugins = ("tests.peers.calendar_fixtures",)

Client = TestClient[Any, Any]
BASE_URL = "https://book.example.com"
CALLBACK = "/v1/oauth/callback"
SERVICES = ("google", "outlook")


@pytest.fixture
async def google(radicale_program: Radicale) -> AsyncIterator[Google]:
    async with (
        radicale_program.account("events") as server,
        google_account(server, BASE_URL + CALLBACK) as google,
    ):
        yield google
        assert google.wrong == google.oauth.wrong == []


@pytest.fixture
async def outlook() -> AsyncIterator[Outlook]:
    async with outlook_account(BASE_URL + CALLBACK) as outlook:
        yield outlook
        assert outlook.wrong == outlook.oauth.wrong == []


@pytest.fixture
def registered(google: Google, outlook: Outlook) -> dict[str, Any]:
    """Settings of an installation that both know."""
    return {**google.settings(), **outlook.settings()}


@pytest.fixture
def settings(database_url: str, redis_url: str, registered: dict[str, Any]) -> Settings:
    return settings_for(
        database_url, redis_url, http=HttpSettings(base_url=BASE_URL), calendar=calendar_settings(**registered)
    )


@pytest.fixture
async def desk(world: World, settings: Settings, registered: dict[str, Any]) -> AsyncIterator[Desk]:
    async with open_desk(world, settings, **registered) as desk:
        yield desk


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn."""
    return str(request.param)


@dataclass
class Person:
    """Who owns a calendar, with a browser."""

    client: Client
    world: World
    service: str
    oauth: OAuth

    @property
    def path(self) -> str:
        return f"/v1/businesses/{self.world.slug}/calendars"

    async def begin(self, **more: str) -> dict[str, Any]:
        """A new connection, which waits for its owner."""
        body = {"provider": "anna", "service": self.service, **more}
        answer = await self.client.post(self.path, json=body, headers=self.world.auth)
        assert answer.status == 201, await answer.text()
        made: dict[str, Any] = await answer.json()
        return made

    async def again(self, made: dict[str, Any]) -> dict[str, Any]:
        """The same connection, with a new address to sign in at."""
        answer = await self.client.post(f"{self.path}/{made['id']}/authorize", headers=self.world.auth)
        assert answer.status == 200, await answer.text()
        begun: dict[str, Any] = await answer.json()
        return begun

    def consent(self, made: dict[str, Any]) -> dict[str, str]:
        """What the service sends the owner back with."""
        return self.oauth.consent(made["authorize_url"])

    async def look(self, answer: dict[str, str]) -> tuple[int, str]:
        """The page that the owner sees first."""
        page = await self.client.get(CALLBACK, params=answer)
        return page.status, await page.text()

    async def press(self, answer: dict[str, str]) -> tuple[int, str]:
        """The page after the button, whose form holds these two."""
        form = {name: answer[name] for name in ("state", "code")}
        page = await self.client.post(CALLBACK, params=answer, data=form)
        return page.status, await page.text()

    async def connect(self, **more: str) -> dict[str, Any]:
        """A connection, signed in."""
        made = await self.begin(**more)
        status, page = await self.press(self.consent(made))
        assert (status, "Connected" in page) == (200, True), page
        return await self.shown(made)

    async def shown(self, made: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.get(f"{self.path}/{made['id']}", headers=self.world.auth)
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


@pytest.fixture
def person(client: Client, world: World, service: str, google: Google, outlook: Outlook) -> Person:
    return Person(client, world, service, google.oauth if service == "google" else outlook.oauth)


@pytest.fixture
def googler(client: Client, world: World, google: Google) -> Person:
    """Somebody whose calendar is at Google."""
    return Person(client, world, "google", google.oauth)


@pytest.fixture
def outlooker(client: Client, world: World, outlook: Outlook) -> Person:
    """Somebody whose calendar is at Outlook."""
    return Person(client, world, "outlook", outlook.oauth)


# Consenting


async def test_whoever_comes_back_sees_for_whom_and_only_the_button_connects(person: Person, desk: Desk) -> None:
    made = await person.begin(name="Anna's")
    assert (made["state"], made["calendars"]) == ("needs_reauth", [])
    assert made["authorize_url"].startswith(person.oauth.url)
    query = dict(parse_qsl(urlsplit(made["authorize_url"]).query))
    assert (query["redirect_uri"], query["code_challenge_method"]) == (BASE_URL + CALLBACK, "S256")
    answer = person.consent(made)

    for _ in range(2):
        status, page = await person.look(answer)
        assert status == 200
        assert f"Connect with {person.world.slug}?" in page
    assert answer["code"] in person.oauth.codes
    assert (await person.shown(made))["state"] == "needs_reauth"

    status, page = await person.press(answer)
    assert (status, "Connected" in page) == (200, True)
    assert person.oauth.codes == {}
    now = await person.shown(made)
    assert (now["state"], now["authorize_url"], len(now["calendars"])) == ("active", None, 1)
    assert now["calendars"][0]["blocks"] is True
    await desk.round()
    assert (await person.shown(made))["last_error"] == ""
    assert (await person.shown(made))["synced_at"] is not None


async def test_a_login_hint_is_passed_on_and_is_an_address_of_their_own(googler: Person) -> None:
    made = await googler.begin(user="Anna@Example.com")

    assert dict(parse_qsl(urlsplit(made["authorize_url"]).query))["login_hint"] == "Anna@Example.com"
    assert made["addresses"] == ["anna@example.com"]


async def test_the_page_lets_nothing_in_and_tells_nobody_the_code(googler: Person) -> None:
    await googler.world.sql(
        "UPDATE businesses SET name = $2 WHERE id = $1", googler.world.business_id, '<b>Hair</b> & "Co"'
    )
    answer = googler.consent(await googler.begin())

    page = await googler.client.get(CALLBACK, params=answer)

    text = await page.text()
    assert "&lt;b&gt;Hair&lt;/b&gt; &amp; " in text
    assert "<b>" not in text
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert page.headers["Referrer-Policy"] == "same-origin"  # so that browsers say where the form comes from
    assert "no-store" in page.headers["Cache-Control"]


async def test_F67_what_came_back_can_be_used_once(person: Person) -> None:
    made = await person.begin()
    answer = person.consent(made)
    await person.press(answer)

    assert (await person.look(answer))[0] == 404
    assert (await person.press(answer))[0] == 404
    assert (await person.shown(made))["state"] == "active"


async def test_F67_of_two_who_press_at_once_one_connects(googler: Person) -> None:
    made = await googler.begin()
    answer = googler.consent(made)

    pages = await asyncio.gather(*(googler.press(answer) for _ in range(5)))

    assert sorted(status for status, _ in pages) == [200, 404, 404, 404, 404]
    assert (await googler.shown(made))["state"] == "active"


async def test_F67_a_state_that_nobody_made_or_that_is_too_old_is_not_known(googler: Person) -> None:
    made = await googler.begin()
    answer = googler.consent(made)
    for state in ("", "x" * 43, answer["state"][:-1], answer["state"].swapcase()):
        assert (await googler.look({**answer, "state": state}))[0] == 404
        assert (await googler.press({**answer, "state": state}))[0] == 404

    await googler.world.sql(
        "UPDATE connections SET oauth_until = clock_timestamp() - interval '1 second' WHERE uid = $1", made["id"]
    )
    assert (await googler.look(answer))[0] == 404
    assert (await googler.press(answer))[0] == 404
    assert answer["code"] in googler.oauth.codes
    assert (await googler.shown(made))["state"] == "needs_reauth"


async def test_F67_only_the_last_address_to_sign_in_at_counts(googler: Person) -> None:
    made = await googler.begin()
    first = googler.consent(made)
    second = googler.consent(await googler.again(made))

    assert (await googler.press(first))[0] == 404
    assert (await googler.press(second))[0] == 200


async def test_F67_an_attacker_s_state_does_not_fit_a_victim_s_code(googler: Person) -> None:
    """The code challenge is of whoever began: somebody else's code cannot be redeemed with it."""
    attacker = Person(googler.client, await World.make(googler.world.core), "google", googler.oauth)
    await attacker.world.service()
    theirs, victims = await attacker.begin(), await googler.begin()
    stolen = {**googler.consent(victims), "state": attacker.consent(theirs)["state"]}

    status, page = await attacker.look(stolen)
    assert (status, attacker.world.slug in page) == (200, True)  # whoever sees this page is told for whom it is
    status, page = await attacker.press(stolen)

    assert "Not connected" in page
    assert googler.oauth.access_tokens == set()
    assert (await attacker.shown(theirs))["state"] == "needs_reauth"
    assert (await googler.shown(victims))["state"] == "needs_reauth"


async def test_F67_a_sign_in_that_was_put_into_another_connection_is_of_no_use(googler: Person) -> None:
    """Whoever can write into the database cannot move what is sealed."""
    attacker = Person(googler.client, await World.make(googler.world.core), "google", googler.oauth)
    await attacker.world.service()
    theirs, victims = await attacker.begin(), await googler.begin()
    answer = googler.consent(victims)
    (sealed,) = await googler.world.sql("SELECT oauth_sealed FROM connections WHERE uid = $1", victims["id"])
    await googler.world.sql("UPDATE connections SET oauth_state_hash = NULL WHERE uid = $1", victims["id"])
    await googler.world.sql(
        "UPDATE connections SET oauth_sealed = $2, oauth_state_hash = $3 WHERE uid = $1",
        theirs["id"],
        sealed["oauth_sealed"],
        token_hash(answer["state"]),
    )

    assert (await attacker.press(answer))[0] == 404
    assert answer["code"] in googler.oauth.codes
    assert (await attacker.shown(theirs))["state"] == "needs_reauth"


async def test_who_says_no_is_told_that_nothing_happened(person: Person) -> None:
    made = await person.begin()
    person.oauth.denies = True

    status, page = await person.look(person.consent(made))

    assert (status, "Not connected" in page) == (200, True)
    assert "did not allow" in page
    assert (await person.shown(made))["state"] == "needs_reauth"
    person.oauth.denies = False
    assert (await person.press(person.consent(await person.again(made))))[0] == 200


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        ((400, {"error": "invalid_grant"}, {}), "has ended"),
        ((401, {"error": "invalid_client"}, {}), "client id, secret or redirect URI"),
        ((200, {"access_token": "a", "token_type": "Bearer"}, {}), "no usable token"),
        ((200, "<html>", {}), "not JSON"),
        ((503, {}, {"Retry-After": "7"}), "does not answer"),
    ],
)
async def test_what_the_service_does_not_accept_is_said_in_plain_words(
    googler: Person, fail: tuple[int, object, dict[str, str]], words: str
) -> None:
    made = await googler.begin()
    answer = googler.consent(made)
    googler.oauth.fail = fail

    _, page = await googler.press(answer)

    assert "Not connected" in page
    assert words in page
    assert (await googler.shown(made))["state"] == "needs_reauth"
    googler.oauth.fail = None
    assert (await googler.press(googler.consent(await googler.again(made))))[0] == 200


async def test_who_comes_too_late_finds_a_page_and_not_json(googler: Person) -> None:
    page = await googler.client.get(CALLBACK, params={"state": "x" * 43, "code": "y"})

    assert (page.status, page.content_type) == (404, "text/html")
    assert "begin again" in await page.text()


async def test_nobody_signs_in_where_a_password_is_used(
    client: Client, world: World, google: Google, googler: Person
) -> None:
    server = google.server
    body = {
        "provider": "anna", "service": "caldav", "url": server.url, "user": server.user, "password": server.password
    }  # fmt: skip
    made = await (await client.post(googler.path, json=body, headers=world.auth)).json()

    answer = await client.post(f"{googler.path}/{made['id']}/authorize", headers=world.auth)
    assert (answer.status, (await answer.json())["type"]) == (422, "/problems/calendar-refused")
    signed_in = await googler.connect()
    answer = await client.patch(f"{googler.path}/{signed_in['id']}", json={"password": "x"}, headers=world.auth)
    assert (answer.status, (await answer.json())["detail"]) == (422, "This connection has no password.")


# Staying signed in


async def test_a_token_is_renewed_before_it_runs_out_and_not_sooner(person: Person, desk: Desk) -> None:
    await person.connect()
    await desk.round(2)
    assert len(person.oauth.access_tokens) == 1

    person.oauth.lifetime_s = 240
    await person.connect()
    issued = len(person.oauth.access_tokens)
    await desk.round()
    await desk.round()
    assert len(person.oauth.access_tokens) == issued + 2


async def test_a_refresh_token_that_changes_is_kept_each_time(person: Person, desk: Desk) -> None:
    person.oauth.lifetime_s, person.oauth.rotates = 60, True
    made = await person.connect()
    seen = set()

    for _ in range(4):
        await desk.round()
        seen |= person.oauth.refresh_tokens.keys()

    assert (len(seen), len(person.oauth.refresh_tokens)) == (4, 1)
    now = await person.shown(made)
    assert (now["state"], now["last_error"]) == ("active", "")
    refreshed = await person.client.post(f"{person.path}/{made['id']}/refresh", headers=person.world.auth)
    assert refreshed.status == 200
    await desk.round()
    assert (await person.shown(made))["state"] == "active"


async def test_a_service_that_cannot_renew_a_token_now_is_asked_later(person: Person, desk: Desk) -> None:
    person.oauth.lifetime_s = 60
    made = await person.connect()
    person.oauth.fail = (503, {}, {})

    await desk.round()
    troubled = await person.shown(made)
    assert troubled["state"] == "degraded"
    assert "cannot sign anybody in now" in troubled["last_error"]

    person.oauth.fail = None
    await desk.round()
    assert (await person.shown(made))["state"] == "active"


async def test_a_sign_in_that_ended_is_told_once_and_begun_anew(person: Person, desk: Desk) -> None:
    world = person.world
    await world.sql("UPDATE providers SET email = 'anna@example.com' WHERE business_id = $1", world.business_id)
    person.oauth.lifetime_s = 60
    made = await person.connect(name="Anna's")
    await desk.round()
    person.oauth.end_all()

    await desk.round(3)

    stopped = await person.shown(made)
    assert (stopped["state"], stopped["next_sync_at"]) == ("needs_reauth", None)
    assert "has ended" in stopped["last_error"]
    (fact,) = await desk.facts("calendar.trouble")
    assert (fact["state"], fact["connection"], fact["name"]) == ("needs_reauth", made["id"], "Anna's")
    mails = await world.sql(
        "SELECT target, message FROM deliveries WHERE business_id = $1 AND channel = 'mail'", world.business_id
    )
    assert [(row["target"], row["message"]) for row in mails] == [("anna@example.com", "calendar_trouble")]
    refused = await person.client.post(f"{person.path}/{made['id']}/resume", headers=world.auth)
    assert refused.status == 409

    assert (await person.press(person.consent(await person.again(made))))[0] == 200
    await desk.round(2)
    now = await person.shown(made)
    assert (now["state"], now["last_error"]) == ("active", "")
    assert now["calendars"][0]["id"] == stopped["calendars"][0]["id"]
    assert now["calendars"][0]["blocks"] is True
    assert len(await desk.facts("calendar.trouble")) == 1


async def test_busy_time_stays_while_nobody_is_signed_in(googler: Person, google: Google, desk: Desk) -> None:
    googler.oauth.lifetime_s = 60
    world = googler.world
    await google.server.put("events", "lunch", event("lunch", world.at(12)))
    await googler.connect()
    await desk.round()
    googler.oauth.end_all()

    await desk.round()

    assert await desk.busy() == [(world.at(12), world.at(13))]


# The end


async def test_disconnecting_ends_the_sign_in_where_the_service_has_a_way(
    googler: Person, outlooker: Person, desk: Desk
) -> None:
    for person in (googler, outlooker):
        made = await person.connect()
        await desk.round()
        answer = await person.client.delete(f"{person.path}/{made['id']}", headers=person.world.auth)
        assert answer.status == 204

    assert googler.oauth.refresh_tokens == {}
    assert len(outlooker.oauth.refresh_tokens) == 1  # Microsoft has no such thing


async def test_our_events_are_taken_away_before_the_sign_in_ends(googler: Person, google: Google, desk: Desk) -> None:
    made = await googler.connect()
    calendar = made["calendars"][0]["id"]
    one = f"{googler.path}/{made['id']}"
    await googler.client.patch(f"{one}/calendars/{calendar}", json={"receives": True}, headers=googler.world.auth)
    await desk.round()
    await googler.world.book(googler.world.at(10))
    await desk.round()
    assert len(await google.server.list_("events")) == 1

    await googler.client.delete(one, params={"remove_events": "true"}, headers=googler.world.auth)
    assert len(googler.oauth.refresh_tokens) == 1
    await desk.round()

    assert await google.server.list_("events") == {}
    assert googler.oauth.refresh_tokens == {}
    assert (await googler.client.get(one, headers=googler.world.auth)).status == 404


async def test_a_service_that_does_not_listen_keeps_nobody_from_disconnecting(googler: Person) -> None:
    made = await googler.connect()
    googler.oauth.fail = (503, {}, {})

    answer = await googler.client.delete(f"{googler.path}/{made['id']}", headers=googler.world.auth)

    assert answer.status == 204
    again = await googler.client.get(f"{googler.path}/{made['id']}", headers=googler.world.auth)
    assert again.status == 404


# Secrets


async def test_F67_tokens_codes_and_states_come_out_of_nothing(
    person: Person, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "server")
    caplog.set_level(logging.DEBUG, "ics")
    caplog.set_level(logging.DEBUG, "bookable")
    person.oauth.lifetime_s = 60
    made = await person.begin()
    answer = person.consent(made)
    await person.look(answer)
    assert answer["code"] not in (await person.press(answer))[1]
    await desk.round()
    person.oauth.fail = (400, {"error": "invalid_request", "error_description": "the token is refresh-123"}, {})
    await desk.round()
    one = f"{person.path}/{made['id']}"
    paths = (one, person.path, f"{one}/log", f"/v1/businesses/{person.world.slug}/audit")
    told = [await (await person.client.get(path, headers=person.world.auth)).text() for path in paths]

    dump = await rows_of(person.world)
    secrets = {answer["code"], answer["state"], person.oauth.client_secret, "refresh-123"}
    secrets |= person.oauth.access_tokens | person.oauth.refresh_tokens.keys()
    for text in (*told, *dump.values(), caplog.text):
        assert [secret for secret in secrets if secret in text] == []
