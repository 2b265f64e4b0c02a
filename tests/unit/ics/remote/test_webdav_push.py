"""WebDAV-Push, against a calendar that checks what it is sent."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from ics.remote.caldav_account import CalDavAccount, basic
from ics.remote.errors import Forbidden
from ics.remote.webdav_push import LIFETIME, PUSH
from tests.peers.exchange import inner_exchange

CALENDAR = "https://dav.example/anna/work/"
ADDRESS = "https://book.example/v1/inbound/calendars/a&b"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)

_LIST = """<d:multistatus xmlns:d="DAV:"><d:response><d:href>/anna/work/</d:href><d:propstat><d:prop>{}</d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"""


@dataclass
class PushingCalendar:
    """A collection whose server can call."""

    transports: str = '<p:transports xmlns:p="https://bitfire.at/webdav-push"><p:web-push/></p:transports>'
    status: int = 201
    registered: list[ET.Element] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        return [web.route("PROPFIND", "/anna/work/", self.describe), web.post("/anna/work/", self.register)]

    async def describe(self, request: web.Request) -> web.Response:
        assert request.headers["Depth"] == "0"
        return web.Response(status=207, text=_LIST.format(self.transports), content_type="application/xml")

    async def register(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/xml"
        self.registered.append(ET.fromstring(await request.text()))
        headers = {"Location": "https://dav.example/push/1", "Expires": "Tue, 03 Nov 2026 12:00:00 GMT"}
        return web.Response(status=self.status, headers=headers)


@pytest.fixture
def calendar() -> PushingCalendar:
    return PushingCalendar()


@pytest.fixture
async def account(calendar: PushingCalendar) -> AsyncIterator[CalDavAccount]:
    async with inner_exchange(calendar.routes()) as exchange:
        yield CalDavAccount(exchange, "https://dav.example/", authorization=basic("anna", "x"))


async def test_a_calendar_that_can_call_is_asked_to(account: CalDavAccount, calendar: PushingCalendar) -> None:
    promised = await account.watch(CALENDAR, address=ADDRESS, secret="", known=None, now=NOW)

    assert promised is not None
    assert promised.id == "https://dav.example/push/1"
    assert promised.expires_at == NOW + timedelta(days=2)
    (asked,) = calendar.registered
    assert asked.tag == f"{PUSH}push-register"
    assert asked.findtext(f".//{PUSH}push-resource") == ADDRESS
    assert asked.findtext(f".//{PUSH}content-encoding") == "aes128gcm"
    assert asked.find(f"{PUSH}trigger/{PUSH}content-update/{{DAV:}}depth") is not None
    key = base64.urlsafe_b64decode(asked.findtext(f".//{PUSH}subscription-public-key", "") + "=")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    assert len(base64.urlsafe_b64decode(asked.findtext(f".//{PUSH}auth-secret", "") + "==")) == 16
    assert asked.findtext(f"{PUSH}expires") == "Wed, 04 Nov 2026 12:00:00 GMT"
    assert timedelta(days=3) == LIFETIME


@pytest.mark.parametrize("transports", ["", '<p:transports xmlns:p="https://bitfire.at/webdav-push"/>'])
async def test_a_calendar_that_cannot_call_is_left_alone(
    account: CalDavAccount, calendar: PushingCalendar, transports: str
) -> None:
    calendar.transports = transports

    assert await account.watch(CALENDAR, address=ADDRESS, secret="", known=None, now=NOW) is None
    assert calendar.registered == []


async def test_a_calendar_that_does_not_want_to_call_says_so(account: CalDavAccount, calendar: PushingCalendar) -> None:
    calendar.status = 403

    with pytest.raises(Forbidden):
        await account.watch(CALENDAR, address=ADDRESS, secret="", known=None, now=NOW)
