"""Section M of the matrix, row 146: what is no request, and odd octets where text is expected."""

import asyncio
import gzip
import hmac
import json
import logging
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import PaymentSettings, Settings, SmsSettings
from server.tokens import Purpose
from server.web.keys import CORE
from server.web.malformed import Malformed, Runner
from server.web.routes import ROUTES
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
Ask = Callable[[bytes], Awaitable[bytes]]
SECRET = "SECRETVALUE"  # what must not be in the log


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """The application as `bookable web` runs it, on a socket of its own: its port."""
    runner = Runner(build_app(settings), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def port(settings: Settings) -> AsyncIterator[int]:
    async with serving(settings) as port:
        yield port


@pytest.fixture
def ask(port: int) -> Ask:
    """Sends octets and gives what comes back until the connection ends."""

    async def send(octets: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(octets)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    return send


MALFORMED = {
    "a path that is too long": f"GET /v1/appointments/{SECRET}?q={'a' * 9_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control character in a header": f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\x01abc\r\n\r\n",
    "a cookie that is too long": f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {SECRET}={'c' * 9_000}\r\n\r\n",
    "a version that is none": f"GET /manage/{SECRET} HTTPS/eleven\r\n\r\n",
    "two lengths": f"POST /{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": (
        f"POST /{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a header without a colon": f"GET / HTTP/1.1\r\nHost: x\r\n{SECRET}\r\n\r\n",
    "a space before the colon": f"GET / HTTP/1.1\r\nHost: x\r\n{SECRET} : x\r\n\r\n",
    "a method that is none": f"{SECRET}\x00 / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_M146_I94_what_is_no_request_gets_a_fixed_answer_and_leaves_nothing_in_the_log(
    name: str, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = await ask(MALFORMED[name].encode("latin-1"))

    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith("http/1.1 400 ") or lines[0].startswith("http/1.0 400 ")
    assert json.loads(body)["type"] == "/problems/bad-request"
    assert "server: bookable" in lines
    assert "x-content-type-options: nosniff" in lines
    assert SECRET.encode() not in answer
    assert SECRET not in caplog.text
    assert "malformed requests: 1" in caplog.text


async def test_M146_a_chunk_that_is_none_is_a_400_without_a_trace(
    ask: Ask, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    head = (
        f"POST /v1/businesses/{world.slug}/holds HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {SECRET}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )

    answer = await ask(head.replace(f"Authorization: {SECRET}\r\n", "").encode() + f"{SECRET}\r\n".encode())

    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


async def test_M146_a_flood_of_malformed_requests_is_a_line_a_minute_and_a_count(
    port: int, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await ask(b"nonsense\r\n\r\n")

    assert caplog.text.count("malformed requests") == 1
    metrics = await ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"bookable_http_malformed_total 20.0" in metrics


def test_M146_the_next_line_says_how_many_there_were(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    malformed = Malformed(lambda: None, now=lambda: now[0])
    for at in (0.0, 1.0, 59.0, 61.0):
        now[0] = at
        malformed.note(ValueError(SECRET), "192.0.2.1")

    assert [record.args[0] for record in caplog.records] == [1, 3]  # type: ignore[index]
    assert SECRET not in caplog.text


ODD = [b"\x80\xff", b"\xed\xa0\x80", b"\xc3\xa9", b"v2.", b"v2.\xff", b"gAAAA", b"=" * 40, b"v2.gAAAA%s" % (b"A" * 100)]


@pytest.mark.parametrize("value", ODD)
async def test_M146_odd_octets_in_the_session_cookie_are_no_session(value: bytes, ask: Ask) -> None:
    head = b"GET /manage/at/00000000-0000-7000-8000-000000000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

    answer = await ask(head + b"Cookie: bookable_place=" + value + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_M146_no_value_that_is_sealed_for_something_else_is_a_session(client: Client) -> None:
    vault = client.app[CORE].vault
    where = "/manage/at/00000000-0000-7000-8000-000000000000"
    sealed = [vault.seal(f"{int(time.time()) + 900} {where} token".encode(), each) for each in Purpose]
    sealed = [value for each, value in zip(Purpose, sealed, strict=True) if each is not Purpose.MANAGE_SESSION]

    for value in (*sealed, vault.unsubscribe_token(1, "a@example.com").encode()):
        answer = await client.get(where, headers={"Cookie": f"bookable_place={value.decode()}"})
        assert answer.status == 403


@pytest.mark.parametrize("value", [*ODD, b"x"])
async def test_M146_odd_octets_in_any_token_of_a_path_are_not_found(value: bytes, ask: Ask) -> None:
    escaped = "".join(f"%{octet:02X}" for octet in value)
    for path in ("/manage/{}", "/waitlist/{}", "/v1/unsubscribe/{}", "/feeds/{}/appointments.ics", "/v1/payments/{}"):
        method = "POST" if "unsubscribe" in path else "GET"
        line = f"{method} {path.format(escaped)} HTTP/1.1"
        answer = await ask(f"{line}\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        assert 400 <= int(answer[9:12]) < 500, (path, answer[:80])


HEADERS = ("Authorization", "Idempotency-Key", "X-Request-Id", "If-Match", "If-None-Match", "Origin",
           "Accept-Language", "X-Forwarded-For", "Sec-Fetch-Site", "Content-Type")  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [b"\x80\xff", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b'"', b"v", b",,;;=="])
async def test_M146_odd_octets_in_any_header_are_no_500(name: str, value: bytes, ask: Ask, world: World) -> None:
    body = json.dumps(world.order_json(world.at(10))).encode()
    kind = b"" if name == "Content-Type" else b"Content-Type: application/json\r\n"
    head = f"POST /v1/businesses/{world.slug}/appointments HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()

    answer = await ask(head + kind + f"Content-Length: {len(body)}\r\n{name}: ".encode() + value + b"\r\n\r\n" + body)

    assert int(answer[9:12]) < 500, answer[:200]


STRIPE = PaymentSettings(stripe_key="sk_test_x", stripe_webhook_secret="whsec_test")


async def stripe_client(database_url: str, aiohttp_client: OpenClient) -> Client:
    settings = settings_for(database_url, payment=STRIPE, sms=SmsSettings(token="secret"))
    return await aiohttp_client(build_app(settings))


def signed(body: bytes) -> str:
    at = int(time.time())
    return f"t={at},v1={hmac.new(b'whsec_test', f'{at}.'.encode() + body, 'sha256').hexdigest()}"


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b"1", b'""', b"", b"{", b'{"type":[]}', b'{"type":"checkout.session.completed"}',
     b'{"type":"checkout.session.completed","data":[]}', b'{"type":"checkout.session.completed","data":{"object":[]}}'],
)  # fmt: skip
async def test_M146_a_signed_call_of_an_odd_shape_changes_nothing(
    body: bytes, database_url: str, aiohttp_client: OpenClient
) -> None:
    client = await stripe_client(database_url, aiohttp_client)

    answer = await client.post("/v1/inbound/stripe", data=body, headers={"Stripe-Signature": signed(body)})

    assert answer.status == 204


@pytest.mark.parametrize(
    "signature", ["", "é", "t=1,v1=é", "t=é,v1=a", "v1=a", "t=99999999999999999999,v1=a", "t=,v1="]
)
async def test_M146_an_odd_signature_is_a_wrong_one(
    signature: str, database_url: str, aiohttp_client: OpenClient
) -> None:
    client = await stripe_client(database_url, aiohttp_client)
    wide = {"Stripe-Signature": signature, "X-Twilio-Signature": signature}

    assert (await client.post("/v1/inbound/stripe", data=b"{}", headers=wide)).status == 401
    assert (await client.post("/v1/inbound/sms/x", data=b"a=b", headers=wide)).status == 401
    assert (await client.post("/v1/inbound/sms/x", data=b"&".join([b"a=b"] * 200), headers=wide)).status == 401


async def test_M146_I86_every_body_has_a_deadline(
    database_url: str, aiohttp_server: Callable[..., Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One octet of a thousand, to every route that may read a body: each answers, none waits for the rest."""
    monkeypatch.setattr("server.web.bodies.SLOWEST_S", 0.2)
    settings = settings_for(database_url, payment=STRIPE, sms=SmsSettings(token="secret"))
    server = await aiohttp_server(build_app(settings))
    paths = sorted({(r.method, r.path) for r in ROUTES if r.method in {"POST", "PUT", "PATCH"}})

    async def status(method: str, path: str) -> tuple[str, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        kind = "application/json" if path.startswith("/v1/") else "application/x-www-form-urlencoded"
        where = path.replace("{", "").replace("}", "")
        writer.write(
            f"{method} {where} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n{{".encode()
        )
        line = await asyncio.wait_for(reader.readline(), 30)
        writer.close()
        return path, int(line.split()[1])

    answers = await asyncio.gather(*(status(method, path) for method, path in paths))

    assert len(answers) > 40
    assert all(code < 500 for _, code in answers), answers
    assert dict(answers)["/v1/inbound/sms/{id}"] == 408
    assert dict(answers)["/v1/inbound/stripe"] == 408


@pytest.fixture
async def paid_port(database_url: str) -> AsyncIterator[int]:
    """As `port`, with payments and SMS: everything that may be sent to it."""
    settings = settings_for(database_url, payment=STRIPE, sms=SmsSettings(token="secret"))
    async with serving(settings) as port:
        yield port


ENCODED = {
    "gzip, no gzip": ("gzip", b"{}"),
    "gzip, cut off": ("gzip", gzip.compress(b"{}" * 100)[:20]),
    "gzip, something after it": ("gzip", gzip.compress(b"{}") + b"{}"),
    "gzip, two octets": ("gzip", b"\x1f\x8b"),
    "deflate, no deflate": ("deflate", b"{}"),
    "deflate, cut off": ("deflate", zlib.compress(b"{}" * 100)[:8]),
    "br": ("br", b"{}"),
    "zstd": ("zstd", b"{}"),
    "unknown": ("nonsense", b"{}"),
    "two": ("gzip, deflate", b"{}"),
}
NOT_DECODED = ("gzip, no gzip", "gzip, something after it", "deflate, no deflate", "deflate, cut off", "br", "zstd")


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("chunked", [False, True])
async def test_M146_a_body_that_is_not_encoded_as_it_says_is_no_500_and_no_trace(
    name: str, chunked: bool, paid_port: int, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """To every route that may read a body, asked with a key."""
    encoding, body = ENCODED[name]
    key = f"Authorization: {world.auth['Authorization']}\r\n"
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"

    async def status(method: str, path: str) -> tuple[str, int]:
        kind = "application/json" if path.startswith("/v1/") else "application/x-www-form-urlencoded"
        where = path.replace("{business}", world.slug).replace("{", "").replace("}", "")
        head = f"{method} {where} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", paid_port)
        writer.write(f"{head}{key}Content-Encoding: {encoding}\r\n{length}\r\n\r\n".encode() + sent)
        line = await asyncio.wait_for(reader.readline(), 30)
        writer.close()
        return path, int(line.split()[1])

    paths = sorted({(r.method, r.path) for r in ROUTES if r.method in {"POST", "PUT", "PATCH"}})
    answers = dict([await status(method, path) for method, path in paths])
    assert len(answers) > 40
    assert all(code < 500 for code in answers.values()), answers
    if name in NOT_DECODED:
        assert [answers[path] for path in ("/v1/businesses/{business}/appointments", "/v1/inbound/stripe")] == [
            400,
            400,
        ]
    assert "Traceback" not in caplog.text
