"""
C050 to C084 and F55 to F62, as far as they concern the CalDAV adapter alone: real servers, and a wire that fails.

Unlike other unit tests these open sockets, on loopback. They need no database.
"""

import asyncio
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from ics.event import Event
from ics.remote.caldav_account import CalDavAccount
from ics.remote.errors import (
    Changed,
    Forbidden,
    Missing,
    Nonsense,
    RemoteError,
    SignInNeeded,
    TokenGone,
    TryLater,
    Unanswered,
)
from ics.remote.http import Reply
from ics.remote.protocol import Page, RemoteObject
from tests.peers import dav_proxy as faults
from tests.peers.calendar_servers import CalendarServer
from tests.peers.canary import canary
from tests.peers.dav_proxy import DAV, ICS, MULTIGET, SYNC, SYNC_SINCE, DavProxy, Fault, dav_proxy
from tests.peers.exchange import HttpExchange
from tests.steps import at_most
from tests.unit.ics.examples import appointment, values

pytest_plugins = ("tests.peers.calendar_fixtures",)

NOW = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = (NOW, NOW + timedelta(days=90))
TIMES = frozenset({"times"})

ONE = pytest.mark.parametrize("calendar_program", ["radicale"], indirect=True)
"""What the proxy answers by itself needs only one server behind it."""

THEIRS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Person//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20261120T080000Z\r
DTSTART:20261124T090000Z\r
DTEND:20261124T094500Z\r
SUMMARY:Dentist\r
END:VEVENT\r
END:VCALENDAR\r
"""

ODD_UIDS = ["a@b.example", "a b", "ä", "a%40b", "a+b", "{a}", "a=b"]
"""As far as both servers take them: Radicale finds `?`, `!` and `;` unsafe, and neither likes `/`."""

NEVER_WHOLE = [faults.half_open(), faults.slow_drip(), faults.announces(), faults.truncated()]
"""There is an answer, but not to its end."""


def padded(document: str) -> str:
    """*document*, whose type stands behind more than what a reader in a hurry looks at."""
    return document.replace("?>", f"?><!-- {'x' * 10_000} -->", 1)


def disguised(document: str) -> str:
    """*document*, which says that it is a calendar."""
    return document.replace("?>", "?><!-- BEGIN:VCALENDAR -->", 1)


HOSTILE = {
    "a login page": faults.login_page(),
    "an empty 207": faults.says(207),
    "an empty 200": faults.says(200),
    "half a document": faults.shortened(),
    "compressed": faults.gzipped(),
    "a bomb": faults.gzip_bomb(20),
    "entities": faults.says(207, faults.entity_bomb()),
    "entities behind a comment": faults.says(207, padded(faults.entity_bomb())),
    "entities in disguise": faults.says(207, disguised(faults.entity_bomb())),
    "entities in UTF-16": faults.says(207, faults.entity_bomb().encode("utf-16")),
    "a file": faults.says(207, faults.external_entity("file:///etc/hostname")),
    "a file in disguise": faults.says(207, disguised(faults.external_entity("file:///etc/hostname"))),
    "a document type": faults.says(207, faults.external_dtd("http://127.0.0.1:9/x.dtd")),
    "5,000 levels": faults.says(207, faults.nested()),
    "no address": faults.says(207, faults.multistatus("<d:response/>")),
    "another root": faults.says(207, '<d:error xmlns:d="DAV:"/>'),
    "JSON": faults.says(200, '{"error": "maintenance"}', "application/json"),
    "bytes": faults.says(207, bytes(range(256))),
}


def theirs(uid: str) -> str:
    """What a person's own app makes."""
    return THEIRS.format(uid=uid)


def our_event(uid: str = "ours@bookings.example", **changes: Any) -> Event:
    """What we push: without people."""
    return appointment(uid=uid, organizer=None, attendees=(), **changes)


def moved(event: Event) -> Event:
    """An hour later."""
    hour = timedelta(hours=1)
    return replace(event, start=event.start + hour, end=event.end + hour, sequence=event.sequence + 1)


@pytest.fixture(autouse=True)
def _no_socket() -> None:
    """Instead of the rule for unit tests; that no outside host is reached still holds."""


class ExactExchange(HttpExchange):
    """Calls the very URL: a library that spells it in its own way would hide what the adapter does."""

    async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        try:
            exact = URL(url, encoded=True)
            here = exact.host == "127.0.0.1" and exact.port is not None
        except ValueError:
            here = False
        if not here:
            raise Forbidden("not an address that may be called")
        return await super().__call__(method, exact, headers=headers, body=body)  # type: ignore[arg-type]  # aiohttp takes both


@pytest.fixture
async def exchange() -> AsyncIterator[HttpExchange]:
    """Without patience: everything is on this machine."""
    timeout = ClientTimeout(total=3)
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=timeout) as session:
        yield ExactExchange(session)


@pytest.fixture
async def hasty() -> AsyncIterator[HttpExchange]:
    """For answers that never come to an end."""
    timeout = ClientTimeout(total=0.5)
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=timeout) as session:
        yield ExactExchange(session)


@pytest.fixture
def proxy(calendar_proxy: DavProxy) -> DavProxy:
    """Between us and the server."""
    return calendar_proxy


@pytest.fixture
def person(calendar_server: CalendarServer) -> CalendarServer:
    """Whose calendar it is; they reach their server without the proxy."""
    return calendar_server


@pytest.fixture
def account(exchange: HttpExchange, proxy: DavProxy, person: CalendarServer) -> CalDavAccount:
    """The adapter, which knows the server by its address only."""
    return CalDavAccount(exchange, proxy.url, authorization=person.authorization)


@pytest.fixture
def impatient(hasty: HttpExchange, proxy: DavProxy, person: CalendarServer) -> CalDavAccount:
    """The adapter, with half a second for everything."""
    return CalDavAccount(hasty, proxy.url, authorization=person.authorization)


@pytest.fixture
def work(proxy: DavProxy, person: CalendarServer) -> str:
    """The calendar, as the adapter knows it."""
    return proxy.through(person.calendar_url("work"))


async def pages(account: CalDavAccount, work: str, since: str | None = None) -> list[Page]:
    """All pages from *since* on."""
    found = [await account.changes(work, since, WINDOW)]
    while found[-1].more:
        assert len(found) < 20, "this does not end"
        found.append(await account.changes(work, found[-1].token, WINDOW))
    return found


async def listing(account: CalDavAccount, work: str) -> tuple[dict[str, RemoteObject], str]:
    """Everything there is, by href; and the token."""
    found = await pages(account, work)
    assert found[-1].token is not None
    return {each.href: each for page in found for each in page.changed}, found[-1].token


async def filled(person: CalendarServer, *uids: str) -> None:
    """Objects of the person's own."""
    for uid in uids:
        await person.put("work", uid, theirs(uid))


def said(text: str | None, name: str) -> list[str]:
    """What an object says; line ends as they come, for XML knows one kind only."""
    return values((text or "").replace("\r\n", "\n").replace("\n", "\r\n"), name)


def names(hrefs: Any) -> set[str]:
    """The last part of each."""
    return {unquote(str(href).rpartition("/")[2]) for href in hrefs}


def rewrite(tag: str, text: Callable[[str], str]) -> Fault:
    """The server's own multistatus with other texts in all *tag*."""

    def edit(tree: ET.Element) -> None:
        for each in tree.iter(tag):
            each.text = text(each.text or "")

    return faults.edited(edit)


class TestDiscovery:
    @pytest.mark.parametrize("start", ["", "/", "/.well-known/caldav", "/{user}/", "{home}"])
    async def test_C050_the_calendars_are_found_from_whatever_was_typed(
        self, exchange: HttpExchange, proxy: DavProxy, person: CalendarServer, work: str, start: str
    ) -> None:
        await person.make_calendar("private", "Privat & mehr", "#aa3377")
        home = person.home_url.removeprefix(person.url)
        typed = proxy.url + start.format(user=person.user, home=home)

        found = await CalDavAccount(exchange, typed, authorization=person.authorization).calendars()

        assert {each.href for each in found} == {work, proxy.through(person.calendar_url("private"))}
        private = next(each for each in found if each.href != work)
        assert private.name == "Privat & mehr"
        assert (private.colour or "").lower() == "#aa3377"
        assert private.writable

    async def test_C050_one_calendar_s_own_address_leads_to_it(
        self, exchange: HttpExchange, person: CalendarServer, work: str
    ) -> None:
        await person.make_calendar("private")

        found = await CalDavAccount(exchange, work, authorization=person.authorization).calendars()

        assert [each.href for each in found] == [work]

    @ONE
    async def test_C050_lists_of_tasks_are_no_calendars(self, account: CalDavAccount, person: CalendarServer) -> None:
        await person.ask(
            "MKCALENDAR",
            person.calendar_url("tasks"),
            '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
            '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>'
            "</d:prop></d:set></c:mkcalendar>",
        )

        assert [each.name for each in await account.calendars()] == ["Work"]

    @ONE
    async def test_C050_a_site_that_is_no_calendar_says_so(self, account: CalDavAccount, proxy: DavProxy) -> None:
        proxy.when(faults.login_page(), times=None)

        with pytest.raises(Forbidden, match="no calendars"):
            await account.calendars()

    @ONE
    async def test_C074_a_wrong_password_is_asked_about_once(
        self, exchange: HttpExchange, proxy: DavProxy, person: CalendarServer
    ) -> None:
        person.password = "wrong"

        with pytest.raises(SignInNeeded):
            await CalDavAccount(exchange, proxy.url, authorization=person.authorization).calendars()

        assert proxy.count() == 1

    @ONE
    @pytest.mark.parametrize("leads", ["current-user-principal", "calendar-home-set"])
    async def test_F55_credentials_do_not_go_to_another_host_that_a_document_names(
        self, account: CalDavAccount, proxy: DavProxy, person: CalendarServer, leads: str
    ) -> None:
        async with dav_proxy(person.url) as other:

            def lead_away(tree: ET.Element) -> None:
                for each in tree.iter():
                    if each.tag.endswith(leads) and (href := each.find(f"{DAV}href")) is not None:
                        href.text = f"{other.url}/{person.user}/"

            proxy.when(faults.edited(lead_away), "PROPFIND", times=None)
            with contextlib.suppress(RemoteError):
                await account.calendars()

            assert [each for each in other.requests if "authorization" in each.headers] == []

    @ONE
    async def test_F55_credentials_do_not_follow_a_redirect_to_another_host(
        self, account: CalDavAccount, proxy: DavProxy, person: CalendarServer
    ) -> None:
        async with dav_proxy(person.url) as other:
            proxy.when(faults.redirect(f"{other.url}/{person.user}/"), times=None)

            with pytest.raises(RemoteError):
                await account.calendars()

            assert other.requests
            assert [each for each in other.requests if "authorization" in each.headers] == []

    @ONE
    async def test_F55_a_loop_of_redirects_ends(self, account: CalDavAccount, proxy: DavProxy) -> None:
        proxy.when(faults.redirect_loop(), times=None)

        with pytest.raises(RemoteError):
            await account.calendars()


class TestChanges:
    async def test_C051_the_second_listing_names_only_what_has_changed(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a", "b", "c")
        first, token = await listing(account, work)
        await person.put("work", "b", theirs("b").replace("Dentist", "Doctor"))
        await person.delete("work", "c")
        await filled(person, "d")
        proxy.requests.clear()

        [page] = await pages(account, work, token)

        assert names(first) == {"a.ics", "b.ics", "c.ics"}
        assert names(each.href for each in page.changed) == {"b.ics", "d.ics"}
        assert names(page.gone) == {"c.ics"}
        assert not page.complete
        assert proxy.count() == 1
        [nothing] = await pages(account, work, page.token)
        assert (list(nothing.changed), list(nothing.gone)) == ([], [])

    async def test_C051_an_object_is_named_as_in_the_first_listing(
        self, account: CalDavAccount, person: CalendarServer, work: str
    ) -> None:
        """The same object under two names would be two objects, and one of them deleted."""
        await filled(person, *ODD_UIDS)
        first, token = await listing(account, work)
        for uid in ODD_UIDS:
            await person.put("work", uid, theirs(uid).replace("Dentist", "Doctor"))

        [page] = await pages(account, work, token)

        assert len(first) == len(ODD_UIDS)
        assert {each.href for each in page.changed} == set(first)
        assert {each.href for each in await account.read(work, list(first))} == set(first)

    @pytest.mark.parametrize("form", faults.TOKEN_GONE)
    async def test_C052_a_forgotten_token_is_no_deletion(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, form: str
    ) -> None:
        await filled(person, "a", "b")
        _, token = await listing(account, work)
        proxy.forget_tokens(form)

        with pytest.raises(TokenGone):
            await account.changes(work, token, WINDOW)

        found, following = await listing(account, work)
        assert names(found) == {"a.ics", "b.ics"}
        assert (await account.changes(work, following, WINDOW)).gone == []

    async def test_C052_a_token_of_somebody_else_is_forgotten(self, account: CalDavAccount, work: str) -> None:
        """As the two servers say it themselves."""
        with pytest.raises(TokenGone):
            await account.changes(work, "sync:http://radicale.org/ns/sync/" + "0" * 64, WINDOW)

    @ONE
    @pytest.mark.parametrize("status", [403, 405, 501])
    async def test_C052_a_server_that_has_unlearned_tokens_is_listed_anew(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, status: int
    ) -> None:
        await filled(person, "a")
        _, token = await listing(account, work)
        proxy.without_sync_collection(status)

        with pytest.raises(TokenGone):
            await account.changes(work, token, WINDOW)

        assert names((await listing(account, work))[0]) == {"a.ics"}

    async def test_C053_pages_are_asked_for_until_there_are_no_more(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, *"abcde")
        proxy.in_pages(2)

        found = await pages(account, work)

        assert names(each.href for page in found for each in page.changed) == {f"{uid}.ics" for uid in "abcde"}
        assert [page.more for page in found] == [True, True, False]
        assert [page.gone for page in found] == [[], [], []]

    async def test_C053_a_page_can_be_asked_for_again(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        """A crash between pages: the token that was kept is the one to go on from."""
        await filled(person, *"abcde")
        proxy.in_pages(2)
        first = await account.changes(work, None, WINDOW)

        once = await account.changes(work, first.token, WINDOW)
        again = await account.changes(work, first.token, WINDOW)

        assert once == again

    @ONE
    async def test_C053_a_first_listing_began_at_nothing_and_the_next_one_did_not(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, *"abcde")
        proxy.in_pages(2)

        first = await pages(account, work)
        await filled(person, "f", "g", "h")
        second = await pages(account, work, first[-1].token)

        assert first[0].complete
        assert not any(page.complete for page in second)

    @ONE
    async def test_C053_a_server_that_is_always_cut_at_the_same_place_is_not_asked_for_ever(
        self, account: CalDavAccount, proxy: DavProxy, work: str
    ) -> None:
        more = "<d:response><d:href>{}</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
        path = work.removeprefix(proxy.url)
        proxy.when(
            faults.says(207, faults.multistatus(more.format(path), token="urn:x")), "REPORT", body=SYNC, times=None
        )

        with pytest.raises(Nonsense):
            await pages(account, work, "sync:urn:x")

    async def test_C054_objects_come_fifty_at_a_time(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        uids = [f"n{number}" for number in range(60)]
        await filled(person, *uids)
        proxy.requests.clear()

        found, _ = await listing(account, work)
        objects = await account.read(work, list(found))

        assert {each.href for each in objects} == set(found)
        assert all("SUMMARY:Dentist" in (each.data or "") for each in objects)
        assert [each.etag for each in objects] == [found[each.href].etag for each in objects]
        assert proxy.count("REPORT", body=MULTIGET) == 2
        assert proxy.count("GET") == 0

    @pytest.mark.parametrize("status", [403, 405, 501])
    async def test_C050_without_tokens_the_whole_list_is_compared(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, status: int
    ) -> None:
        await filled(person, "a", "b")
        proxy.without_sync_collection(status)

        [page] = await pages(account, work)
        [same] = await pages(account, work, page.token)
        await person.delete("work", "a")
        [after] = await pages(account, work, same.token)

        assert names(each.href for each in page.changed) == {"a.ics", "b.ics"}
        assert page.complete
        assert (list(same.changed), list(same.gone), same.complete) == ([], [], False)
        assert names(each.href for each in after.changed) == {"b.ics"}
        assert after.complete

    @ONE
    async def test_C050_a_server_that_promises_tokens_and_has_none_is_listed(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a")
        proxy.when(faults.says(501), "REPORT", body=SYNC, times=None)

        assert names((await listing(account, work))[0]) == {"a.ics"}

    @ONE
    @pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 412, 415, 501])
    async def test_C052_a_first_listing_that_is_refused_says_nothing_about_the_calendar(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, status: int
    ) -> None:
        """The calendar has just been asked for its properties, and was there."""
        await filled(person, "a")
        proxy.when(faults.says(status), "REPORT", body=SYNC, times=None)

        assert names((await listing(account, work))[0]) == {"a.ics"}

    async def test_F61_a_calendar_that_is_gone_is_missing(
        self, account: CalDavAccount, person: CalendarServer, work: str
    ) -> None:
        _, token = await listing(account, work)
        await person.drop_calendar("work")

        with pytest.raises(Missing):
            await account.changes(work, None, WINDOW)
        with pytest.raises((Missing, TokenGone)):
            await account.changes(work, token, WINDOW)


class TestMembers:
    async def test_C055_a_denied_member_is_a_deletion_in_a_list_of_changes_only(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a", "b")
        found, token = await listing(account, work)
        await person.put("work", "a", theirs("a").replace("Dentist", "Doctor"))
        proxy.when(faults.denies("a.ics"), "REPORT", times=None)

        objects = await account.read(work, list(found))
        page = await account.changes(work, token, WINDOW)

        assert names(each.href for each in objects) == {"b.ics"}
        assert names(page.gone) == {"a.ics"}

    async def test_C055_a_member_without_properties_is_there(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a", "b")
        _, token = await listing(account, work)
        await person.put("work", "a", theirs("a").replace("Dentist", "Doctor"))
        proxy.when(faults.denies("a.ics", propstat=True), "REPORT", times=None)

        page = await account.changes(work, token, WINDOW)

        assert names(each.href for each in page.changed) == {"a.ics"}
        assert list(page.gone) == []

    @ONE
    @pytest.mark.parametrize("propstat", [False, True])
    async def test_C055_a_member_that_is_denied_in_a_whole_list_is_not_left_out(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, propstat: bool
    ) -> None:
        await filled(person, "a", "b")
        proxy.without_sync_collection()
        proxy.rules.reverse()
        proxy.when(faults.denies("a.ics", propstat=propstat), "PROPFIND", body="getetag", times=None)
        proxy.rules.sort(key=lambda rule: "getetag" not in rule.body.pattern)

        try:
            [page] = await pages(account, work)
        except RemoteError:
            return

        assert "a.ics" in names(each.href for each in page.changed) or not page.complete

    @ONE
    @pytest.mark.parametrize("status", ["403 Forbidden", "500 Oops", "503 Later", "²", "9" * 5_000, "", "-1 x"])
    @pytest.mark.parametrize("propstat", [False, True])
    async def test_C055_a_member_in_trouble_is_no_deletion(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, *, status: str, propstat: bool
    ) -> None:
        await filled(person, "a", "b")
        found, token = await listing(account, work)
        await person.put("work", "a", theirs("a").replace("Dentist", "Doctor"))
        proxy.when(faults.denies("a.ics", propstat=propstat, status=status), "REPORT", times=None)

        try:
            page = await account.changes(work, token, WINDOW)
        except RemoteError:
            pass
        else:
            assert list(page.gone) == []
        assert "b.ics" in names(each.href for each in await account.read(work, list(found)))

    @ONE
    async def test_C067_an_object_that_cannot_be_read_does_not_hide_the_others(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a", "b")
        found, _ = await listing(account, work)
        garbage = rewrite(
            "{urn:ietf:params:xml:ns:caldav}calendar-data", lambda text: text[:40] if "UID:a" in text else text
        )
        proxy.when(garbage, "REPORT", body=MULTIGET)

        objects = {each.href.rpartition("/")[2]: each for each in await account.read(work, list(found))}

        assert set(objects) == {"a.ics", "b.ics"}
        assert "Dentist" in (objects["b.ics"].data or "")

    @ONE
    @pytest.mark.parametrize("spelling", [("%40", "@"), ("@", "%40"), ("work", "%77ork")])
    async def test_C055_a_name_that_the_server_spells_in_two_ways_is_one_object(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, spelling: tuple[str, str]
    ) -> None:
        await filled(person, "a@b.example")
        found, _ = await listing(account, work)
        proxy.when(rewrite(f"{DAV}href", lambda text: text.replace(*spelling)), "REPORT", body=MULTIGET)

        assert {each.href for each in await account.read(work, list(found))} == set(found)

    @ONE
    async def test_C067_objects_that_nobody_asked_for_are_nobody_s(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a", "b")
        found, _ = await listing(account, work)
        proxy.when(rewrite(f"{DAV}href", lambda text: text.replace("a.ics", "z.ics")), "REPORT", body=MULTIGET)

        assert names(each.href for each in await account.read(work, list(found))) == {"b.ics"}


class TestHostileAnswers:
    @ONE
    @pytest.mark.parametrize("fault", HOSTILE.values(), ids=HOSTILE)
    async def test_C067_no_deletion_is_concluded_from_a_list_of_changes(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        await filled(person, "a", "b")
        _, token = await listing(account, work)
        proxy.when(fault, "REPORT", body=SYNC, times=None)

        with pytest.raises(RemoteError):
            await account.changes(work, token, WINDOW)

        proxy.clear()
        assert list((await account.changes(work, token, WINDOW)).gone) == []

    @ONE
    @pytest.mark.parametrize("fault", HOSTILE.values(), ids=HOSTILE)
    async def test_C067_no_deletion_is_concluded_from_a_whole_list(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        await filled(person, "a", "b")
        proxy.when(fault, "PROPFIND", body="getetag", times=None)
        proxy.without_sync_collection()

        with pytest.raises(RemoteError):
            await account.changes(work, None, WINDOW)

    @ONE
    @pytest.mark.parametrize("fault", HOSTILE.values(), ids=HOSTILE)
    async def test_C067_what_should_be_objects_is_not(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        await filled(person, "a")
        found, _ = await listing(account, work)
        proxy.when(fault, "REPORT", body=MULTIGET)

        with pytest.raises(RemoteError):
            await account.read(work, list(found))

    @ONE
    @pytest.mark.parametrize("fault", HOSTILE.values(), ids=HOSTILE)
    async def test_C067_discovery_ends_with_a_reason(
        self, account: CalDavAccount, proxy: DavProxy, fault: Fault
    ) -> None:
        proxy.when(fault, times=None)

        with pytest.raises(RemoteError):
            await account.calendars()

    @ONE
    @pytest.mark.parametrize("status", [200, 403, 404, 500])
    @pytest.mark.parametrize("fault", ["login page", "garbage"])
    async def test_C067_an_object_is_gone_only_where_the_server_says_so(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, *, status: int, fault: str
    ) -> None:
        await filled(person, "a")
        body = faults.LOGIN_PAGE if fault == "login page" else b"\x00\xff"
        proxy.when(faults.says(status, body, "text/html"), "GET")

        try:
            gone = await account.is_gone(work, f"{work}a.ics")
        except RemoteError:
            assert status != 404, "it says so, whatever the page for people looks like"
        else:
            assert gone is (status == 404)

    async def test_C067_the_server_is_asked_for_the_very_object(
        self, account: CalDavAccount, person: CalendarServer, work: str
    ) -> None:
        await filled(person, "a")

        assert not await account.is_gone(work, f"{work}a.ics")
        assert await account.is_gone(work, f"{work}b.ics")

    @ONE
    @pytest.mark.parametrize("calendar_is", ["listed by token", "listed whole"])
    async def test_C066_a_lie_about_an_empty_calendar_names_nothing_as_gone(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, calendar_is: str
    ) -> None:
        """That it became empty is for the guard to stop at; the peer has called nothing deleted."""
        await filled(person, "a", "b")
        if calendar_is == "listed whole":
            proxy.when(faults.lists_nothing(), "PROPFIND", body="getetag", times=None)
            proxy.without_sync_collection()
        proxy.when(faults.lists_nothing(), "REPORT", times=None)

        [page] = await pages(account, work)

        assert (list(page.changed), list(page.gone)) == ([], [])

    @ONE
    async def test_C079_no_address_in_a_document_is_called(
        self, account: CalDavAccount, proxy: DavProxy, work: str
    ) -> None:
        async with canary() as bird:
            url = f"http://127.0.0.1:{bird.port}/x"
            for document in (
                faults.external_dtd(url),
                faults.external_entity(url),
                padded(faults.external_entity(url)),
            ):
                proxy.when(faults.says(207, document), "REPORT")
                with pytest.raises(RemoteError):
                    await account.changes(work, "sync:x", WINDOW)

            assert bird.connections == 0

    @ONE
    @pytest.mark.parametrize(
        "fault",
        [
            faults.says(207, faults.entity_bomb()),
            faults.says(207, padded(faults.entity_bomb())),
            faults.says(207, disguised(faults.entity_bomb())),
            faults.says(207, faults.entity_bomb().encode("utf-16")),
            faults.says(207, faults.nested(200_000)),
        ],
    )
    async def test_F58_a_document_that_grows_is_refused_at_once(
        self, account: CalDavAccount, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        proxy.when(fault, "REPORT")

        with at_most(200_000), pytest.raises(Nonsense):
            await account.changes(work, "sync:x", WINDOW)

    @ONE
    @pytest.mark.parametrize("fault", NEVER_WHOLE)
    async def test_F56_an_answer_that_does_not_end_is_given_up(
        self, impatient: CalDavAccount, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        proxy.when(fault, times=None)

        for question in (impatient.changes(work, "sync:x", WINDOW), impatient.calendars()):
            with pytest.raises(TryLater) as later:
                await question
            assert not isinstance(later.value, Unanswered)

    @ONE
    @pytest.mark.parametrize(
        "href", ["http://127.0.0.1:99999/a", "http://[::1", "http://a b/", "//", "http:///x", "x:y"]
    )
    async def test_C067_an_address_that_is_none_ends_with_a_reason(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, href: str
    ) -> None:
        await filled(person, "a")
        answer = f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getetag>1</d:getetag></d:prop>"
        document = faults.multistatus(
            answer + "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>", token="t"
        )
        proxy.when(faults.says(207, document), "REPORT", body=SYNC_SINCE)

        async def ask_for_all() -> list[str]:
            page = await account.changes(work, "sync:x", WINDOW)
            return [each.href for each in page.changed if await account.is_gone(work, each.href)]

        reason, gone = "none was needed", []
        try:
            gone = await ask_for_all()
        except RemoteError as error:
            reason = str(error)
        assert (bool(reason), gone) == (True, [])

    @ONE
    async def test_F55_a_member_at_another_host_is_not_asked_for_with_our_credentials(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await filled(person, "a")
        _, token = await listing(account, work)
        await person.put("work", "a", theirs("a").replace("Dentist", "Doctor"))
        async with dav_proxy(person.url) as other:
            path = work.removeprefix(proxy.url)
            proxy.when(rewrite(f"{DAV}href", lambda _: f"{other.url}{path}a.ics"), "REPORT", body=SYNC)
            try:
                page = await account.changes(work, token, WINDOW)
                for each in page.changed:
                    await account.is_gone(work, each.href)
                    await account.change(work, replace(each, data=theirs("a")), our_event("a"), TIMES)
            except RemoteError:
                pass

            assert [each for each in other.requests if "authorization" in each.headers] == []


class TestWrites:
    @pytest.mark.parametrize("uid", [*ODD_UIDS, "0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f@bookings.example"])
    async def test_C057_what_we_made_is_found_under_the_name_we_gave_it(
        self, account: CalDavAccount, person: CalendarServer, work: str, uid: str
    ) -> None:
        event = our_event(uid)
        made = await account.create(work, event)

        found, _ = await listing(account, work)
        [read] = await account.read(work, [made.href])
        changed = await account.change(work, read, moved(event), TIMES)
        [again] = await account.read(work, [made.href])
        await account.delete(work, again)

        assert set(found) == {made.href}
        assert found[made.href].etag == made.etag
        assert said(read.data, "UID") == [uid]
        assert again.etag == changed.etag
        assert said(again.data, "DTSTART") == ["20261124T100000Z"]
        assert await person.list_("work") == {}

    async def test_C057_a_repeated_create_leaves_one_event(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        await account.create(work, our_event())

        with pytest.raises(Changed):
            await account.create(work, our_event())

        assert [each.headers.get("if-none-match") for each in proxy.seen("PUT")] == ["*", "*"]
        assert len(await person.list_("work")) == 1

    async def test_C056_what_has_changed_meanwhile_is_not_written_over(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        made = await account.create(work, our_event())
        await person.put("work", "", theirs("ours@bookings.example"), href=made.href.removeprefix(proxy.url))

        with pytest.raises(Changed):
            await account.change(work, made, moved(our_event()), TIMES)
        with pytest.raises(Changed):
            await account.delete(work, made)

        assert "Dentist" in (await person.get("work", href=made.href.removeprefix(proxy.url)) or "")
        assert [each.headers.get("if-match") for each in proxy.writes[1:]] == [made.etag, made.etag]

    async def test_C056_what_was_only_listed_is_not_written_over_either(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        """The version that the caller knows is the one whose ETag it gives, not the one that is found on the way."""
        made = await account.create(work, our_event())
        path = made.href.removeprefix(proxy.url)
        await person.put("work", "", theirs("ours@bookings.example"), href=path)

        with pytest.raises(Changed):
            await account.change(work, replace(made, data=None), moved(our_event()), TIMES)

        assert said(await person.get("work", href=path), "DTSTART") == ["20261124T090000Z"]

    async def test_C056_what_is_gone_is_not_made_again_by_a_change(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        made = await account.create(work, our_event())
        await person.delete("work", href=made.href.removeprefix(proxy.url))

        with pytest.raises((Missing, Changed)):
            await account.change(work, made, moved(our_event()), TIMES)

        await account.delete(work, made)
        assert await person.list_("work") == {}

    @ONE
    @pytest.mark.parametrize("fault", [faults.without_etag(), faults.weak_etag()])
    async def test_C058_an_etag_that_cannot_be_relied_on_is_not_kept(
        self, account: CalDavAccount, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        proxy.when(fault, "PUT")

        assert (await account.create(work, our_event())).etag is None

    @ONE
    @pytest.mark.parametrize("write", ["change", "delete"])
    async def test_C058_without_an_etag_the_object_is_read_before_it_is_written(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, write: str
    ) -> None:
        proxy.when(faults.without_etag(), "PUT")
        made = await account.create(work, our_event())
        path = made.href.removeprefix(proxy.url)
        await person.put("work", "", theirs("ours@bookings.example"), href=path)

        try:
            if write == "change":
                await account.change(work, made, moved(our_event()), TIMES)
            else:
                await account.delete(work, made)
        except RemoteError:
            pass

        for each in proxy.writes[1:]:
            assert each.headers.get("if-match")
        assert "Dentist" in (await person.get("work", href=path) or "")

    @ONE
    @pytest.mark.parametrize(
        "etag", ['"a\r\nX-Evil: 1"', '"ä"', '"a\x7f"', "*", "unquoted", '"a", "b"', '"' + "x" * 70_000]
    )
    async def test_C056_a_strange_etag_makes_no_strange_request(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, etag: str
    ) -> None:
        """An If-Match of `*` would match whatever is there."""
        made = await account.create(work, our_event())
        path = made.href.removeprefix(proxy.url)
        proxy.when(rewrite(f"{DAV}getetag", lambda _: etag), "REPORT", body=MULTIGET)
        [read] = await account.read(work, [made.href])
        await person.put("work", "", theirs("ours@bookings.example"), href=path)

        with pytest.raises(RemoteError):
            await account.change(work, read, moved(our_event()), TIMES)

        assert all("x-evil" not in each.headers for each in proxy.requests)
        assert "Dentist" in (await person.get("work", href=path) or "")

    @ONE
    @pytest.mark.parametrize("status", [403, 409, 412])
    async def test_C059_a_uid_that_is_there_already_is_no_refusal(
        self, account: CalDavAccount, proxy: DavProxy, work: str, status: int
    ) -> None:
        proxy.when(faults.says(status, faults.UID_CONFLICT), "PUT")

        with pytest.raises(Changed):
            await account.create(work, our_event())

    async def test_C059_a_server_tells_that_the_uid_is_there(
        self, account: CalDavAccount, person: CalendarServer, work: str
    ) -> None:
        await person.put("work", "another-name", theirs("ours@bookings.example"))

        with pytest.raises(Changed):
            await account.create(work, our_event())

        assert len(await person.list_("work")) == 1

    async def test_C083_what_the_person_added_to_our_event_stays(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        made = await account.create(work, our_event())
        alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Go\r\nTRIGGER:-PT9M\r\nEND:VALARM\r\n"
        own = f"X-NAIL-COLOUR;X-A=1:red\r\n{alarm}END:VEVENT"
        edited = (made.data or "").replace("END:VEVENT", own)
        await person.put("work", "", edited, href=made.href.removeprefix(proxy.url))
        [read] = await account.read(work, [made.href])

        await account.change(work, read, moved(our_event()), TIMES)

        text = await person.get("work", href=made.href.removeprefix(proxy.url)) or ""
        assert "red" in text
        assert "TRIGGER:-PT9M" in text
        assert said(text, "DTSTART") == ["20261124T100000Z"]

    async def test_C084_our_events_invite_nobody(self, account: CalDavAccount, proxy: DavProxy, work: str) -> None:
        await account.create(work, our_event())

        assert proxy.count("PUT", body="ATTENDEE|ORGANIZER|METHOD") == 0


class TestLostAnswers:
    @pytest.mark.parametrize(
        "fault",
        [faults.cut_after(), faults.truncated(0.0), faults.half_open(after=True)],
        ids=["cut", "headers", "open"],
    )
    async def test_F62_an_event_whose_answer_was_lost_is_adopted(
        self, impatient: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        proxy.when(fault, "PUT", times=None)  # aiohttp's own second try is lost as well

        try:
            made = await impatient.create(work, our_event())
        except Unanswered:
            proxy.rules.clear()
            with pytest.raises(Changed):
                await impatient.create(work, our_event())
            [href] = (await listing(impatient, work))[0]
            [made] = await impatient.read(work, [href])

        assert said(made.data, "UID") == ["ours@bookings.example"]
        assert len(await person.list_("work")) == 1

    @ONE
    @pytest.mark.parametrize("fault", [faults.cut_before(), faults.cut_after(), faults.half_open(), faults.announces()])
    async def test_F62_every_write_without_an_answer_may_have_happened(
        self, impatient: CalDavAccount, proxy: DavProxy, work: str, fault: Fault
    ) -> None:
        made = await impatient.create(work, our_event())
        proxy.when(fault, "PUT", times=None)
        proxy.when(fault, "DELETE", times=None)

        for write in (
            lambda: impatient.create(work, our_event("b")),
            lambda: impatient.change(work, made, moved(our_event()), TIMES),
            lambda: impatient.delete(work, made),
        ):
            with pytest.raises(Unanswered):
                await write()

    @ONE
    async def test_F62_a_write_whose_answer_cannot_be_read_may_have_happened(
        self, exchange: HttpExchange, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        """Too large, compressed: the exchange gives up after the server has done it."""

        class Deaf:
            async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
                reply = await exchange(method, url, headers=headers, body=body)
                if method == "PUT":
                    raise Nonsense("too large")
                return reply

        account = CalDavAccount(Deaf(), proxy.url, authorization=person.authorization)

        with pytest.raises(Unanswered):
            await account.create(work, our_event())

        assert len(await person.list_("work")) == 1

    @ONE
    @pytest.mark.parametrize("status", [500, 502, 504])
    async def test_F62_a_gateway_that_lost_the_answer_makes_no_second_event(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str, status: int
    ) -> None:
        async def lose(call: faults.Call) -> Any:
            await call.forward()
            return await faults.says(status)(call)

        proxy.when(lose, "PUT")

        with pytest.raises(TryLater):
            await account.create(work, our_event())
        with pytest.raises(Changed):
            await account.create(work, our_event())

        assert len(await person.list_("work")) == 1


Do = Callable[[CalDavAccount, str, RemoteObject], Awaitable[object]]

QUESTIONS: dict[str, tuple[str, Do]] = {
    "calendars": ("PROPFIND", lambda account, _, __: account.calendars()),
    "changes": ("REPORT", lambda account, work, _: account.changes(work, "sync:x", WINDOW)),
    "read": ("REPORT", lambda account, work, known: account.read(work, [known.href])),
    "create": ("PUT", lambda account, work, _: account.create(work, our_event("new"))),
    "change": ("PUT", lambda account, work, known: account.change(work, known, moved(our_event()), TIMES)),
    "delete": ("DELETE", lambda account, work, known: account.delete(work, known)),
}
"""What is asked, and the method that it needs for that."""

MEANINGS: list[tuple[int, str, type[RemoteError], set[str]]] = [
    (401, "", SignInNeeded, set(QUESTIONS)),
    (403, faults.FORBIDDEN["permission"], Forbidden, set(QUESTIONS) - {"changes", "read"}),
    (403, "", Forbidden, {"create", "change", "delete"}),
    (403, faults.FORBIDDEN["quota"], TryLater, set(QUESTIONS)),
    (403, faults.FORBIDDEN["token"], TokenGone, {"changes"}),
    (404, "", Missing, {"change"}),
    (409, "", Changed, {"create", "change", "delete"}),
    (412, "", Changed, {"create", "change", "delete"}),
    (413, "", Forbidden, {"create", "change"}),
    (418, "", Nonsense, {"changes", "read", "create", "change", "delete"}),
    (423, "", TryLater, set(QUESTIONS)),
    (429, "", TryLater, set(QUESTIONS)),
    (500, "", TryLater, set(QUESTIONS)),
    (503, "", TryLater, set(QUESTIONS)),
    (507, "", TryLater, set(QUESTIONS)),
]
"""By status and body: what it means, and for which questions."""


@ONE
class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "body", "meaning", "question"),
        [
            (status, body, meaning, question)
            for status, body, meaning, questions in MEANINGS
            for question in sorted(questions)
        ],
    )
    async def test_F61_a_status_means_what_has_to_be_done_next(
        self,
        account: CalDavAccount,
        proxy: DavProxy,
        work: str,
        *,
        status: int,
        body: str,
        meaning: type[RemoteError],
        question: str,
    ) -> None:
        made = await account.create(work, our_event())
        method, do = QUESTIONS[question]
        proxy.when(faults.says(status, body), method, times=None)
        proxy.requests.clear()

        with pytest.raises(RemoteError) as error:
            await do(account, work, made)

        assert type(error.value) is meaning
        if meaning in {SignInNeeded, TryLater}:
            assert proxy.count() == 1, "nobody is asked again at once"

    @pytest.mark.parametrize(
        ("status", "meaning"),
        [(401, SignInNeeded), (403, Forbidden), (404, Missing), (423, TryLater), (429, TryLater), (503, TryLater)],
    )
    @pytest.mark.parametrize("question", ["is_gone", "read", "changes", "change"])
    async def test_F61_a_page_for_people_does_not_hide_the_status(
        self,
        account: CalDavAccount,
        proxy: DavProxy,
        work: str,
        *,
        status: int,
        meaning: type[RemoteError],
        question: str,
    ) -> None:
        """Apache's and nginx' own answers are HTML, with a document type."""
        made = await account.create(work, our_event())
        page = '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN"><html><body><h1>Oops</h1></body></html>'
        proxy.when(faults.says(status, page, "text/html; charset=iso-8859-1"), times=None)

        if (question, status) == ("is_gone", 404):
            assert await account.is_gone(work, made.href)
            return
        with pytest.raises(RemoteError) as error:
            await (
                account.is_gone(work, made.href)
                if question == "is_gone"
                else QUESTIONS[question][1](account, work, made)
            )

        assert type(error.value) is meaning or (question, status) == ("changes", 403), "that one may be the token"

    @pytest.mark.parametrize("status", [404, 410])
    async def test_F61_what_is_gone_is_deleted(
        self, account: CalDavAccount, proxy: DavProxy, work: str, status: int
    ) -> None:
        made = await account.create(work, our_event())
        proxy.when(faults.says(status), "DELETE")

        await account.delete(work, made)

    @pytest.mark.parametrize("status", [403, 429, 503])
    @pytest.mark.parametrize(
        ("said", "seconds"),
        [
            ("7", 7),
            ("0", 0),
            ("999999999999", 6 * 3600),
            ("soon", None),
            ("-5", None),
            ("1e3", None),
            ("²", None),
            ("", None),
            ("Fri, 01 Jan 0001 00:00:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 -2359", 6 * 3600),
            ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ],
    )
    async def test_C073_a_server_says_how_long_to_wait(
        self, account: CalDavAccount, proxy: DavProxy, work: str, *, status: int, said: str, seconds: int | None
    ) -> None:
        proxy.when(faults.says(status, faults.QUOTA if status == 403 else "", Retry_After=said), "REPORT")

        with pytest.raises(TryLater) as later:
            await account.changes(work, "sync:x", WINDOW)

        assert later.value.retry_after_s == seconds

    async def test_C073_a_server_says_until_when_to_wait(
        self, account: CalDavAccount, proxy: DavProxy, work: str
    ) -> None:
        until = datetime.now(UTC) + timedelta(minutes=2)
        proxy.when(faults.says(503, Retry_After=format_datetime(until, usegmt=True)), "PUT")

        with pytest.raises(TryLater) as later:
            await account.create(work, our_event())

        assert 110 <= (later.value.retry_after_s or 0) <= 120

    async def test_F61_a_locked_object_is_no_trouble_of_the_server(
        self, account: CalDavAccount, proxy: DavProxy, work: str
    ) -> None:
        proxy.when(faults.says(423), "PUT")

        with pytest.raises(TryLater) as later:
            await account.create(work, our_event())

        assert not later.value.peer_trouble
        assert not isinstance(later.value, Unanswered)

    async def test_F67_what_goes_wrong_repeats_no_secret(
        self, account: CalDavAccount, person: CalendarServer, proxy: DavProxy, work: str
    ) -> None:
        for status in (400, 401, 403, 404, 409, 418, 429, 500):
            proxy.when(faults.says(status, person.authorization), "REPORT")

            with pytest.raises(RemoteError) as error:
                await account.changes(work, "sync:x", WINDOW)

            assert person.password not in str(error.value)
            assert person.authorization not in str(error.value)

    async def test_C067_two_questions_at_once_do_not_take_each_other_s_answers(
        self, account: CalDavAccount, proxy: DavProxy, work: str
    ) -> None:
        made = await account.create(work, our_event())
        proxy.when(faults.late(0.1), "PUT")
        proxy.when(faults.says(404), "GET", path=ICS)

        gone, changed = await asyncio.gather(
            account.is_gone(work, f"{work}nothing.ics"), account.change(work, made, moved(our_event()), TIMES)
        )

        assert gone
        assert changed.etag not in {None, made.etag}
