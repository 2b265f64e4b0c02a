"""
The peers of the calendar tests do what they say: the real servers are there, and each fault is the fault it claims.

Unlike other unit tests these open sockets, on loopback: a peer is nothing else. They need no database.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiohttp.client_exceptions import ClientPayloadError

from tests.peers import dav_proxy as faults
from tests.peers import ics_server as published
from tests.peers.calendar_servers import CalendarServer, Rejected
from tests.peers.canary import canary
from tests.peers.dav_proxy import ICS, MULTIGET, SYNC, DavProxy, Fault, dav_proxy
from tests.peers.ics_server import IcsServer

pytest_plugins = ("tests.peers.calendar_fixtures",)

EVENT = """BEGIN:VCALENDAR\r
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
MULTIGET_ONE = (
    '<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop>'
    "<d:href>{href}</d:href></c:calendar-multiget>"
)


def event(uid: str) -> str:
    """An object with one event."""
    return EVENT.format(uid=uid)


@pytest.fixture(autouse=True)
def _no_socket() -> None:
    """Instead of the rule for unit tests; that no outside host is reached still holds."""


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A client that shows what comes over the wire."""
    async with ClientSession(auto_decompress=False, timeout=ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def proxy(radicale: CalendarServer) -> AsyncIterator[DavProxy]:
    """Before an account with one event, `a`."""
    await radicale.put("work", "a", event("a"))
    async with dav_proxy(radicale.url) as proxy:
        yield proxy


@pytest.fixture
def person(radicale: CalendarServer, proxy: DavProxy, session: ClientSession) -> CalendarServer:
    """The same account, by way of the proxy."""
    home = proxy.through(radicale.home_url)
    return CalendarServer("radicale", proxy.url, radicale.user, radicale.password, home, session)


async def status_of(person: CalendarServer, method: str = "PROPFIND", url: str = "") -> int:
    """What a request is answered."""
    try:
        return (await person.ask(method, url or person.calendar_url("work"))).status
    except Rejected as error:
        return error.status


class TestServers:
    async def test_a_server_keeps_what_a_person_puts_there(self, calendar_server: CalendarServer) -> None:
        etag = await calendar_server.put("work", "a@example.com", event("a@example.com"), new=True)

        text = await calendar_server.get("work", "a@example.com")
        assert text is not None
        assert "SUMMARY:Dentist" in text
        assert list((await calendar_server.list_("work")).values()) == [etag]
        assert await calendar_server.texts("work") == dict.fromkeys(await calendar_server.list_("work"), text)

    async def test_a_server_refuses_to_make_what_is_there(self, calendar_server: CalendarServer) -> None:
        await calendar_server.put("work", "a", event("a"), new=True)

        with pytest.raises(Rejected) as rejected:
            await calendar_server.put("work", "a", event("a"), new=True)

        assert rejected.value.status == 412

    async def test_a_server_refuses_to_change_what_has_changed(self, calendar_server: CalendarServer) -> None:
        old = await calendar_server.put("work", "a", event("a"))
        new = await calendar_server.put("work", "a", event("a").replace("Dentist", "Doctor"), etag=old)

        for write in (
            calendar_server.put("work", "a", event("a"), etag=old),
            calendar_server.delete("work", "a", etag=old),
        ):
            with pytest.raises(Rejected) as rejected:
                await write
            assert rejected.value.status == 412

        await calendar_server.delete("work", "a", etag=new)
        assert await calendar_server.get("work", "a") is None

    async def test_a_server_tells_what_has_changed_since_a_token(self, calendar_server: CalendarServer) -> None:
        await calendar_server.put("work", "a", event("a"))
        await calendar_server.put("work", "b", event("b"))
        first, token = await calendar_server.sync("work")
        await calendar_server.delete("work", "a")
        await calendar_server.put("work", "c", event("c"))

        changes, following = await calendar_server.sync("work", token)

        a, b, c = (calendar_server.object_url("work", uid) for uid in "abc")
        assert first == {a: 200, b: 200}
        assert changes == {a: 404, c: 200}
        assert following != token

    async def test_a_person_has_calendars_with_names_and_colours(self, calendar_server: CalendarServer) -> None:
        url = await calendar_server.make_calendar("home", "Zuhause & Co", "#aa3377")

        told = await calendar_server.ask("PROPFIND", url, headers={"Depth": "0"})

        assert "Zuhause &amp; Co" in told.text
        assert "#aa3377" in told.text.lower()

    async def test_a_calendar_that_was_dropped_is_empty_when_it_is_made_again(
        self, calendar_server: CalendarServer
    ) -> None:
        await calendar_server.put("work", "a", event("a"))

        await calendar_server.drop_calendar("work")
        await calendar_server.make_calendar("work")

        assert await calendar_server.list_("work") == {}

    async def test_a_wrong_password_is_refused(self, calendar_server: CalendarServer) -> None:
        calendar_server.password = "wrong"

        assert await status_of(calendar_server) == 401

    async def test_nobody_sees_the_calendars_of_others(self, calendar_program: Any) -> None:
        async with calendar_program.account() as one, calendar_program.account() as other:
            path = one.calendar_url("work").removeprefix(one.url)

            assert await status_of(one) == 207
            assert await status_of(other, url=other.url + path) >= 400  # Xandikos says 500


class TestProxy:
    async def test_untouched_requests_go_through_and_are_written_down(
        self, proxy: DavProxy, person: CalendarServer
    ) -> None:
        await person.put("work", "b", event("b"))

        assert await person.get("work", "b")
        assert proxy.count() == 2
        assert proxy.count("PUT", path=ICS, body="Dentist") == 1
        assert proxy.writes[0].forwarded == 201
        assert proxy.writes[0].headers["authorization"] == person.authorization

    async def test_a_rule_meets_the_requests_that_it_names(self, proxy: DavProxy, person: CalendarServer) -> None:
        rule = proxy.when(faults.says(418), "GET", path="/work/", nth=2, times=2)

        url = person.object_url("work", "a")
        statuses = [await status_of(person, "GET", url) for _ in range(5)]

        assert statuses == [200, 418, 418, 200, 200]
        assert rule.done == 2
        assert await status_of(person, "PROPFIND") == 207

    @pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 412, 418, 423, 429, 500, 503, 507])
    async def test_a_status_is_answered_and_nothing_done(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer, status: int
    ) -> None:
        proxy.when(faults.says(status, "", Retry_After="7"), "PUT")

        with pytest.raises(Rejected) as rejected:
            await person.put("work", "b", event("b"))

        assert rejected.value.status == status
        assert proxy.writes[0].forwarded is None
        assert await radicale.get("work", "b") is None

    async def test_the_connection_ends_before_anything_is_done(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        proxy.when(faults.cut_before(), "PUT", times=None)

        with pytest.raises(ClientError):
            await person.put("work", "b", event("b"))

        assert await radicale.get("work", "b") is None

    async def test_the_connection_ends_after_it_was_done(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        proxy.when(faults.cut_after(), "PUT", times=None)

        with pytest.raises(ClientError):
            await person.put("work", "b", event("b"))

        assert await radicale.get("work", "b") is not None

    async def test_an_answer_is_late(self, proxy: DavProxy, person: CalendarServer) -> None:
        proxy.when(faults.late(0.2))
        late = asyncio.create_task(status_of(person))

        await asyncio.wait([late], timeout=0.1)

        assert not late.done()
        assert await late == 207

    @pytest.mark.parametrize(
        "fault", [faults.half_open(), faults.announces(), faults.slow_drip(), faults.never_ending()]
    )
    async def test_an_answer_does_not_come_to_its_end(
        self, proxy: DavProxy, person: CalendarServer, fault: Fault
    ) -> None:
        proxy.when(fault)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await person.ask("PROPFIND", person.calendar_url("work"))

        assert await status_of(person) == 207

    async def test_half_open_can_come_after_the_deed(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        proxy.when(faults.half_open(after=True), "DELETE")

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await person.delete("work", "a")

        assert await radicale.get("work", "a") is None

    async def test_the_connection_ends_within_the_body(self, proxy: DavProxy, person: CalendarServer) -> None:
        proxy.when(faults.truncated())

        with pytest.raises(ClientPayloadError):
            await person.ask("PROPFIND", person.calendar_url("work"))

    async def test_a_document_ends_in_its_middle(self, proxy: DavProxy, person: CalendarServer) -> None:
        proxy.when(faults.shortened())

        told = await person.ask("PROPFIND", person.calendar_url("work"))

        assert told.status == 207
        assert "</multistatus>" not in told.text

    async def test_a_body_is_compressed(self, proxy: DavProxy, person: CalendarServer, session: ClientSession) -> None:
        proxy.when(faults.gzipped(), "GET")

        headers = {"Authorization": person.authorization}
        async with session.get(person.object_url("work", "a"), headers=headers) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert b"Dentist" in gzip.decompress(await response.read())

    async def test_a_bomb_is_small_on_the_wire(self, proxy: DavProxy, session: ClientSession) -> None:
        proxy.when(faults.gzip_bomb(50))

        async with session.get(proxy.url) as response:
            bomb = await response.read()

        assert len(bomb) < 1_000_000
        assert len(gzip.decompress(bomb)) == 50_000_000

    async def test_a_redirect_shows_which_headers_followed(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        async with dav_proxy(radicale.url) as other:
            proxy.when(faults.redirect(other.url + "/elsewhere"))
            await status_of(person)

            assert other.requests[0].path == "/elsewhere"
            assert "authorization" not in other.requests[0].headers

    async def test_a_redirect_leads_to_a_canary(self, proxy: DavProxy, person: CalendarServer) -> None:
        async with canary() as bird:
            proxy.when(faults.redirect(f"http://127.0.0.1:{bird.port}/"))
            with pytest.raises(ClientError):
                await status_of(person)

            assert bird.connections

    async def test_a_redirect_leads_back(self, proxy: DavProxy, person: CalendarServer) -> None:
        proxy.when(faults.redirect_loop(), times=None)

        with pytest.raises(ClientError):
            await status_of(person)

        assert proxy.count() > 5

    @pytest.mark.parametrize(
        ("document", "part"),
        [
            (faults.entity_bomb(), "&e8;"),
            (faults.external_entity("file:///etc/passwd"), "file:///etc/passwd"),
            (faults.external_dtd("http://127.0.0.1/x.dtd"), "<!DOCTYPE d SYSTEM"),
            (faults.nested(), "<d:prop>" * 5_000),
            (faults.LOGIN_PAGE, "<form>"),
            ("", ""),
        ],
    )
    async def test_a_document_is_not_what_it_should_be(
        self, proxy: DavProxy, person: CalendarServer, document: str, part: str
    ) -> None:
        proxy.when(faults.says(207, document))

        assert part in (await person.ask("PROPFIND", person.calendar_url("work"))).text

    async def test_a_list_can_be_without_its_members(self, proxy: DavProxy, person: CalendarServer) -> None:
        proxy.when(faults.lists_nothing(), times=None)

        assert await person.list_("work") == {}
        changes, token = await person.sync("work")
        assert changes == {}
        assert token
        assert "/work/" in (await person.ask("PROPFIND", person.calendar_url("work"))).text

    @pytest.mark.parametrize("propstat", [False, True])
    async def test_a_member_that_exists_is_denied(
        self, proxy: DavProxy, person: CalendarServer, propstat: bool
    ) -> None:
        proxy.when(faults.denies("a.ics", propstat=propstat), "REPORT", body=MULTIGET)

        url = person.calendar_url("work")
        body = MULTIGET_ONE.format(href=person.object_url("work", "a").removeprefix(proxy.url))
        told = await person.ask("REPORT", url, body, {"Depth": "1"})

        assert "404 Not Found" in told.text
        assert ("propstat" in told.text) is propstat

    async def test_etags_can_be_lost_or_weak(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        proxy.when(faults.without_etag(), "PUT")
        proxy.when(faults.weak_etag(), times=None)
        url = person.object_url("work", "b")

        lost = await person.ask("PUT", url, event("b"), {"Content-Type": "text/calendar"})
        weak = await person.ask("PUT", url, event("b"), {"Content-Type": "text/calendar"})

        assert "etag" not in lost.headers
        assert weak.headers["etag"].startswith('W/"')
        assert (await person.list_("work"))[url] == "W/" + (await radicale.list_("work"))[
            radicale.object_url("work", "b")
        ]

    @pytest.mark.parametrize("form", faults.TOKEN_GONE)
    async def test_tokens_are_forgotten(self, proxy: DavProxy, person: CalendarServer, form: str) -> None:
        _, token = await person.sync("work")
        proxy.forget_tokens(form)

        with pytest.raises(Rejected) as rejected:
            await person.sync("work", token)

        assert str(rejected.value.status) == form
        assert (await person.sync("work"))[0]

    @pytest.mark.parametrize("status", [403, 405, 501])
    async def test_sync_collection_was_never_heard_of(
        self, proxy: DavProxy, person: CalendarServer, status: int
    ) -> None:
        question = '<propfind xmlns="DAV:"><prop><supported-report-set/><sync-token/></prop></propfind>'
        url = person.calendar_url("work")
        before = await person.ask("PROPFIND", url, question, {"Depth": "0"})
        proxy.without_sync_collection(status)

        with pytest.raises(Rejected) as rejected:
            await person.sync("work")
        after = await person.ask("PROPFIND", url, question, {"Depth": "0"})

        assert rejected.value.status == status
        assert SYNC in before.text
        assert SYNC not in after.text
        assert "http://radicale.org/ns/sync/" not in after.text
        assert "calendar-multiget" in after.text

    async def test_changes_come_in_pages(
        self, proxy: DavProxy, person: CalendarServer, radicale: CalendarServer
    ) -> None:
        for uid in "bcde":
            await radicale.put("work", uid, event(uid))
        everything, last = await person.sync("work")
        proxy.in_pages(2)

        found: dict[str, int] = {}
        token, pages = "", 0
        while token != last:
            again, _ = await person.sync("work", token)
            page, following = await person.sync("work", token)
            assert page == again
            found |= page
            token, pages = following, pages + 1

        assert pages == 3
        assert set(found) - {person.calendar_url("work")} == set(everything)
        assert [each.forwarded for each in proxy.seen("REPORT")].count(207) == 3


class TestPublishedFile:
    async def test_a_file_that_has_not_changed_is_not_sent_again(
        self, published_calendar: IcsServer, session: ClientSession
    ) -> None:
        async with session.get(published_calendar.url) as response:
            etag = response.headers["ETag"]
        async with session.get(published_calendar.url, headers={"If-None-Match": etag}):
            pass
        published_calendar.text = event("a")
        async with session.get(published_calendar.url, headers={"If-None-Match": etag}) as response:
            assert await response.text() == event("a")

        assert published_calendar.statuses == [200, 304, 200]

    @pytest.mark.parametrize(
        ("answer", "size", "kind"),
        [
            (published.login_page(), 61, "text/html"),
            (published.empty(), 0, "text/calendar"),
            (published.shortened(), 114, "text/calendar"),
            (published.wrong_type(), 228, "application/octet-stream"),
            (published.huge(3), 3_000_000, "text/calendar"),
        ],
    )
    async def test_a_file_comes_wrong(
        self, published_calendar: IcsServer, session: ClientSession, answer: published.Answer, size: int, kind: str
    ) -> None:
        published_calendar.text = event("a")
        published_calendar.answer = answer

        async with session.get(published_calendar.url) as response:
            assert response.content_type == kind
            assert len(await response.read()) == pytest.approx(size, rel=0.2)

    async def test_a_file_is_cut_or_elsewhere(self, published_calendar: IcsServer, session: ClientSession) -> None:
        published_calendar.answer = published.truncated()
        async with session.get(published_calendar.url) as response:
            with pytest.raises(ClientPayloadError):
                await response.read()

        published_calendar.answer = published.redirect("http://127.0.0.1/x")
        async with session.get(published_calendar.url, allow_redirects=False) as response:
            assert response.headers["Location"] == "http://127.0.0.1/x"
