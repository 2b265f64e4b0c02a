"""Google's push channels, against a service that checks what it is sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from ics.remote.errors import Forbidden, Missing, Nonsense, RemoteError, SignInNeeded, TryLater
from ics.remote.google_channels import stop, watch
from ics.remote.notice import Subscription
from tests.peers.exchange import HttpExchange, inner_exchange

BASE = "http://google.example/calendar/v3"
CALENDAR = "salon+1#x@group.calendar.google.com"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
END = NOW + timedelta(days=7)


@dataclass
class Google:
    """The part of the Calendar API that opens and closes channels."""

    fail: tuple[int, dict[str, Any]] | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    """Instead of what it would say."""
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/calendar/v3/calendars/{calendar}/events/watch", self.watch),
            web.post("/calendar/v3/channels/stop", self.stop),
        ]

    async def watch(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        expected = {"id": str, "type": str, "address": str, "token": str, "expiration": int}
        if {name: type(value) for name, value in body.items()} != expected:
            self.wrong.append(f"strange: {body}")
        if body["type"] != "web_hook" or not body["address"].startswith("https://") or len(body["id"]) > 64:
            self.wrong.append(f"bad: {body}")
        if unquote(request.raw_path.split("/")[4]) != CALENDAR:
            return self._error(404, "notFound")
        if body["id"] in self.channels:
            return self._error(400, "channelIdNotUnique")
        self.channels[body["id"]] = body
        said = {"kind": "api#channel", "id": body["id"], "resourceId": "res-1", "expiration": str(body["expiration"])}
        return web.json_response(said | self.answer)

    async def stop(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if body.keys() != {"id", "resourceId"}:
            self.wrong.append(f"strange: {body}")
        if self.channels.pop(body["id"], None) is None:
            return self._error(404, "notFound")
        return web.Response(status=204)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != "Bearer a-token":
            return self._error(401, "authError")
        return self._error(self.fail[0], **self.fail[1]) if self.fail else None

    @staticmethod
    def _error(status: int, reason: str) -> web.Response:
        error = {"code": status, "message": "No.", "errors": [{"domain": "global", "reason": reason}]}
        return web.json_response({"error": error}, status=status)


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
async def exchange(google: Google) -> AsyncIterator[HttpExchange]:
    async with inner_exchange(google.routes()) as inner:
        yield inner
    assert google.wrong == []


async def open_channel(exchange: HttpExchange, **changes: Any) -> Subscription:
    arguments = {
        "authorization": "Bearer a-token",
        "channel_id": "0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f",
        "token": "proof",
        "address": "https://bookable.example/inbound/google",
        "expires_at": END,
        "base_url": BASE,
        "calendar": CALENDAR,
    } | changes
    return await watch(exchange, arguments.pop("calendar"), **arguments)


async def test_a_channel_is_opened_and_closed(google: Google, exchange: HttpExchange):
    channel = await open_channel(exchange)

    assert channel == Subscription(id="0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f", resource="res-1", expires_at=END)
    assert google.channels[channel.id]["token"] == "proof"

    await stop(exchange, channel, authorization="Bearer a-token", base_url=BASE)
    assert google.channels == {}


async def test_a_channel_that_is_closed_already_may_be_closed(exchange: HttpExchange):
    closed = Subscription(id="gone", resource="res-1", expires_at=NOW)

    await stop(exchange, closed, authorization="Bearer a-token", base_url=BASE)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (str(int((NOW + timedelta(days=1)).timestamp() * 1000)), NOW + timedelta(days=1)),
        (int((NOW + timedelta(days=1)).timestamp() * 1000), NOW + timedelta(days=1)),
        ("9" * 40, END),
        ("never", END),
        (None, END),
    ],
)
async def test_a_channel_ends_when_google_says_and_never_after_what_was_asked(
    google: Google, exchange: HttpExchange, said: object, end: datetime
):
    google.answer = {"expiration": said}

    assert (await open_channel(exchange)).expires_at == end


@pytest.mark.parametrize("answer", [{"id": "another"}, {"resourceId": ""}, {"resourceId": 7}])
async def test_another_channel_than_the_one_asked_for_is_none(google: Google, exchange: HttpExchange, answer: dict):
    google.answer = answer

    with pytest.raises(Nonsense):
        await open_channel(exchange)


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (401, "authError", SignInNeeded),
        (403, "rateLimitExceeded", TryLater),
        (403, "insufficientPermissions", Forbidden),
        (404, "notFound", Missing),
        (429, "rateLimitExceeded", TryLater),
        (503, "backendError", TryLater),
        (400, "pushNotSupportedForRequestedResource", Nonsense),
    ],
)
async def test_c075_a_refusal_is_named_by_what_to_do_about_it(
    google: Google, exchange: HttpExchange, status: int, reason: str, expected: type[RemoteError]
):
    google.fail = (status, {"reason": reason})

    with pytest.raises(expected) as caught:
        await open_channel(exchange)

    assert type(caught.value) is expected


async def test_a_calendar_that_is_not_there_has_no_channel(exchange: HttpExchange):
    with pytest.raises(Missing):
        await open_channel(exchange, calendar="another@example.com")
