"""Rows F54 to F57: calls to addresses that others typed. Everything plays on loopback, against real sockets."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from server.outbound import Answer, Failed, Outbound, Refused, TooLarge, TooSlow, Trouble
from tests.peers.canary import Canary, canary, raw_server
from tests.peers.webhook_receiver import http_server

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
ONE = (ip_network("127.0.0.2/32"),)
"""One loopback address is allowed, and the others are what must not be reached."""

SPELLINGS = [
    *("127.0.0.1", "localhost", "LOCALHOST", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost.", "2130706433", "0x7f000001", "0x7f.1", "127.1"),
    *("0177.0.0.1", "127.0.0.01", "127.0.0.1.", "１２７.０.０.１", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::127.0.0.1]", "0", "0.0.0.0", "[::]", "user@127.0.0.1", "1.1.1.1@127.0.0.1", "127.0.0.1%00.example.com"),
    *("inside.example", "mixed.example", "mapped.example", "nat64.example", "6to4.example", "metadata.example"),
]
NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "inside.example": ["127.0.0.1"],
    "mixed.example": ["1.1.1.1", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "6to4.example": ["2002:7f00:1::"],
    "metadata.example": ["169.254.169.254"],
}


class Names:
    """A name server of our own: says what it is told to, the last answer again and again, and counts the questions."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.questions = 0

    async def __call__(self, host: str) -> Sequence[str]:
        self.questions += 1
        if host not in self._answers:
            raise OSError("no such name")
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def named(host: str) -> Sequence[str]:
    """What the names of the corpus stand for; other spellings are what a C library makes of them."""
    return NAMES.get(host) or ["127.0.0.1"]


async def get(outbound: Outbound, url: str, **changed: Any) -> Answer:
    """A call with short patience."""
    return await outbound.request("GET", url, **{"headers": {}, "timeout_s": 5, "max_bytes": 10_000, **changed})


@pytest.fixture
async def bird() -> AsyncIterator[Canary]:
    """A listener on 127.0.0.1 and, on the same port, ::1."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(canary())
        sixth = await stack.enter_async_context(canary("::1", found.port))
        yield found
        assert sixth.connections == 0


@pytest.fixture
async def open_to_loopback() -> AsyncIterator[Outbound]:
    """May call every peer of these tests."""
    async with Outbound(allowed_networks=LOOPBACK) as outbound:
        yield outbound


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", SPELLINGS)
async def test_F54_loopback_is_never_connected_to_however_it_is_spelled(bird: Canary, host: str, scheme: str) -> None:
    async with Outbound(lookup=named) as outbound:
        with pytest.raises(Refused) as refused:
            await get(outbound, f"{scheme}://{host}:{bird.port}/")

    assert str(refused.value) == "This address may not be called."
    assert bird.connections == 0


async def test_F54_the_operating_system_s_own_names_are_checked_too(bird: Canary) -> None:
    async with Outbound() as outbound:
        with pytest.raises(Refused):
            await get(outbound, f"http://localhost:{bird.port}/")

    assert bird.connections == 0


async def test_F54_a_canary_would_have_noticed(bird: Canary, open_to_loopback: Outbound) -> None:
    """The test of the tests above: where it is allowed, the same call does connect."""
    with pytest.raises(Failed):
        await get(open_to_loopback, f"http://127.0.0.1:{bird.port}/")

    assert bird.connections > 0


async def test_F54_proxies_of_the_environment_are_not_asked(bird: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{bird.port}")
    async with http_server([web.get("/", hello)]) as url, Outbound(allowed_networks=LOOPBACK) as outbound:
        answer = await get(outbound, url + "/")

    assert answer.body == b"hello"
    assert bird.connections == 0


async def hello(_: web.Request) -> web.Response:
    """A friendly peer."""
    return web.Response(text="hello")


async def test_F55_a_name_that_changes_its_mind_is_looked_up_once_and_its_first_answer_is_used() -> None:
    names = Names(rebinding_example=[["127.0.0.2"], ["127.0.0.1"]])
    async with (
        http_server([web.get("/", hello)], host="127.0.0.2") as url,
        canary(port=int(url.rpartition(":")[2])) as inside,
        Outbound(allowed_networks=ONE, lookup=names) as outbound,
    ):
        target = f"http://rebinding.example:{inside.port}/"
        answer = await get(outbound, target, headers={"Connection": "close"})

        assert (answer.body, names.questions) == (b"hello", 1)
        with pytest.raises(Refused):
            await get(outbound, target)
        assert (inside.connections, names.questions) == (0, 2)


async def test_F55_a_redirect_is_an_answer_unless_the_caller_wants_to_follow(open_to_loopback: Outbound) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("/hello")

    async with http_server([web.get("/", elsewhere), web.get("/hello", hello)]) as url:
        assert (await get(open_to_loopback, url + "/")).status == 302
        assert (await get(open_to_loopback, url + "/", follow_redirects=1)).body == b"hello"


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/"),
        *("http://[::1]:{port}/", "http://inside.example:{port}/", "http://x@127.0.0.2:{port}/", "file:///etc/passwd"),
        *("gopher://127.0.0.1:{port}/", "//127.1:{port}/", "http:\\\\127.0.0.1:{port}", "http://127.0.0.1%2e:{port}/"),
    ],
)
async def test_F55_a_redirect_to_the_inside_is_refused(bird: Canary, location: str) -> None:
    async def inside(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location.format(port=bird.port)})

    async with (
        http_server([web.get("/", inside)], host="127.0.0.2") as url,
        Outbound(allowed_networks=ONE, lookup=named) as outbound,
    ):
        with pytest.raises(Refused):
            await get(outbound, url + "/", follow_redirects=5)

    assert bird.connections == 0


async def test_F55_redirects_in_circles_end(open_to_loopback: Outbound) -> None:
    calls = []

    async def again(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=307, headers={"Location": "/"})

    async with http_server([web.get("/", again)]) as url:
        with pytest.raises(Failed) as failed:
            await get(open_to_loopback, url + "/", follow_redirects=3)

    assert failed.value.trouble is Trouble.REDIRECTS
    assert len(calls) == 4


async def test_F55_credentials_stay_with_the_origin_they_are_for(open_to_loopback: Outbound) -> None:
    """And do not come back when the next hop leads home again."""
    seen: list[set[str]] = []
    mine = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "webhook-signature": "v1,x", "Depth": "1"}

    def hop(there: str) -> web.Response:
        return web.Response(status=302, headers={"Location": there})

    async def note(request: web.Request) -> web.Response:
        seen.append({name for name in mine if name in request.headers})
        return hop(request.query["to"]) if "to" in request.query else web.Response()

    async with http_server([web.get("/", note)]) as home, http_server([web.get("/", note)]) as other:
        start = f"{home}/?to={home}/?to={other}/?to={home}/"
        await get(open_to_loopback, start, headers=mine, follow_redirects=5)

    assert seen == [set(mine), set(mine), {"Depth"}, {"Depth"}]


async def test_F55_a_see_other_asks_without_the_body(open_to_loopback: Outbound) -> None:
    seen = []

    async def other(request: web.Request) -> web.Response:
        return web.Response(status=303, headers={"Location": "/there"})

    async def there(request: web.Request) -> web.Response:
        seen.append((request.method, await request.read(), request.headers.get("Content-Type")))
        return web.Response()

    async with http_server([web.post("/", other), web.get("/there", there)]) as url:
        headers = {"Content-Type": "text/plain"}
        await open_to_loopback.request(
            "POST", url + "/", headers=headers, body=b"secret", timeout_s=5, max_bytes=100, follow_redirects=1
        )

    assert seen == [("GET", b"", None)]


async def test_cookies_are_not_kept(open_to_loopback: Outbound) -> None:
    seen = []

    async def cook(request: web.Request) -> web.Response:
        seen.append(dict(request.cookies))
        response = web.Response()
        response.set_cookie("a", "b")
        return response

    async with http_server([web.get("/", cook)]) as url:
        host = url.replace("127.0.0.1", "localhost")  # a jar keeps no cookies of addresses
        await get(open_to_loopback, host + "/")
        await get(open_to_loopback, host + "/")

    assert seen == [{}, {}]


async def drip(writer: asyncio.StreamWriter) -> None:
    """One byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(_: asyncio.StreamWriter) -> None:
    """Nothing, for ever."""
    await asyncio.Event().wait()


async def early_hints(writer: asyncio.StreamWriter) -> None:
    """Always about to answer."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


async def flood(writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()


async def announce(writer: asyncio.StreamWriter) -> None:
    """A gigabyte to come."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nfirst")
    await writer.drain()
    await silence(writer)


async def headers_for_ever(writer: asyncio.StreamWriter) -> None:
    """A head without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def nonsense(writer: asyncio.StreamWriter) -> None:
    """Another protocol."""
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Not a word."""


@pytest.mark.parametrize(
    ("misbehave", "status"), [(silence, None), (early_hints, None), (drip, 200)], ids=["silence", "hints", "drip"]
)
async def test_F56_a_peer_that_takes_for_ever_is_given_up_at_the_deadline(
    open_to_loopback: Outbound, misbehave: Any, status: int | None
) -> None:
    async with raw_server(misbehave) as url:
        with pytest.raises(TooSlow) as slow:
            await get(open_to_loopback, url, timeout_s=0.3)

    assert (slow.value.begun.status if slow.value.begun else None) == status


async def test_F56_a_name_server_that_takes_for_ever_counts_towards_the_deadline() -> None:
    async def lame(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Outbound(lookup=lame) as outbound:
        with pytest.raises(TooSlow):
            await get(outbound, "http://lame.example/", timeout_s=0.1)


@pytest.mark.parametrize("misbehave", [flood, announce])
async def test_F57_a_body_without_end_is_cut_off_at_the_cap(open_to_loopback: Outbound, misbehave: Any) -> None:
    async with raw_server(misbehave) as url:
        with pytest.raises(TooLarge) as large:
            await get(open_to_loopback, url, max_bytes=1_000)

    assert large.value.begun is not None
    assert large.value.begun.status == 200
    assert len(large.value.begun.body) <= 1_000


@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (1_001, False)])
@pytest.mark.parametrize("chunked", [True, False])
async def test_F57_the_cap_is_exact(open_to_loopback: Outbound, size: int, fits: bool, chunked: bool) -> None:
    async def sized(request: web.Request) -> web.StreamResponse:
        if not chunked:
            return web.Response(body=bytes(size))
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(size):
            await response.write(b"x")
        return response

    async with http_server([web.get("/", sized)]) as url:
        if fits:
            assert len((await get(open_to_loopback, url + "/", max_bytes=1_000)).body) == size
        else:
            with pytest.raises(TooLarge):
                await get(open_to_loopback, url + "/", max_bytes=1_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, gzip", "identity, gzip"])
async def test_F57_a_bomb_is_not_unpacked(open_to_loopback: Outbound, encoding: str) -> None:
    asked = []

    async def bomb(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=gzip.compress(bytes(1_000_000)), headers={"Content-Encoding": encoding})

    async with http_server([web.get("/", bomb)]) as url:
        with pytest.raises(Failed) as failed:
            await get(open_to_loopback, url + "/", headers={"Accept-Encoding": "gzip"})

    assert failed.value.trouble is Trouble.ENCODING
    assert asked == ["identity"]


@pytest.mark.parametrize("misbehave", [headers_for_ever, nonsense, hang_up])
async def test_F57_what_is_not_HTTP_fails(open_to_loopback: Outbound, misbehave: Any) -> None:
    async with raw_server(misbehave) as url:
        with pytest.raises(Failed) as failed:
            await get(open_to_loopback, url)

    assert failed.value.trouble is Trouble.PROTOCOL


async def test_F56_a_closed_port_and_an_unknown_name_are_told_apart_for_whoever_typed_them() -> None:
    async with canary() as bird:
        closed = bird.port
    async with Outbound(allowed_networks=LOOPBACK, lookup=Names()) as outbound:
        with pytest.raises(Failed) as no_connection:
            await get(outbound, f"http://127.0.0.1:{closed}/")
        with pytest.raises(Failed) as no_name:
            await get(outbound, "http://nowhere.example/")

    assert (no_connection.value.trouble, no_name.value.trouble) == (Trouble.CONNECTION, Trouble.NAME)


async def test_F56_a_peer_that_stalls_holds_up_nobody_else(open_to_loopback: Outbound) -> None:
    async with raw_server(silence) as stalled, http_server([web.get("/", hello)]) as url:
        stuck = [asyncio.create_task(get(open_to_loopback, stalled, timeout_s=1.5)) for _ in range(100)]
        await asyncio.sleep(0.1)
        answers = await asyncio.wait_for(asyncio.gather(*[get(open_to_loopback, url + "/") for _ in range(20)]), 1)
        ends = await asyncio.gather(*stuck, return_exceptions=True)

    assert {answer.body for answer in answers} == {b"hello"}
    assert {type(end) for end in ends} == {TooSlow}


async def test_F55_a_certificate_that_nobody_vouches_for_is_not_believed(
    open_to_loopback: Outbound, tmp_path: Path
) -> None:
    calls = []

    async def note(request: web.Request) -> web.Response:
        calls.append(request)
        return web.Response()

    async with http_server([web.get("/", note)], tls=own_certificate(tmp_path / "peer.pem")) as url:
        with pytest.raises(Failed) as failed:
            await get(open_to_loopback, url + "/", headers={"Authorization": "Bearer x"})

    assert failed.value.trouble is Trouble.CERTIFICATE
    assert calls == []


def own_certificate(file: Path) -> ssl.SSLContext:
    """TLS for 127.0.0.1 with a certificate that the server signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
