"""Which addresses and URLs may be called, without calling any."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from server.outbound import ANYWHERE, Answer, Outbound, Refused
from server.outbound.address import why_refused
from server.outbound.client import _Call
from server.outbound.target import check_addresses, read_target

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)

PUBLIC = ["1.1.1.1", "9.255.255.255", "100.63.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255", "2606:4700::1111"]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "localhost", "", "1.2.3", "1.2.3.4.5"),
]
REFUSED_URLS = [
    # other spellings of 127.0.0.1
    *("http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/", "http://127.0.1/"),
    *("http://0x7f.1/", "http://0177.0.0.1/", "http://127.0.0.01/", "http://0x7f.0x0.0x0.0x1/", "http://127.0.0.1./"),
    *("http://１２７.０.０.１/", "http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://%31%32%37.0.0.1/", "http://0/"),
    *("http://127.0.0.1%00.example.com/", "http://127.0.0.1%23.example.com/", "http://[::ffff:127.0.0.1]/"),
    *("http://[::ffff:7f00:1]/", "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::127.0.0.1]/"),
    *("http://[64:ff9b::127.0.0.1]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25eth0]/", "http://[fe80::1]/"),
    # even a public address only in its one spelling
    *(
        "http://16843009/",
        "http://1.1/",
        "http://0x1.1.1.1/",
        "http://１.1.1.1/",
        "http://1.1.1.1./",
        "http://1.1.1.256/",
    ),
    # metadata
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/"),
    # who is the host?
    *(
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://1.1.1.1@127.0.0.1/",
        "http://:@example.com/",
    ),
    *(
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\\..",
        "http:\\\\127.0.0.1/",
        "http:///x",
        "http:x",
        "//x/",
    ),
    *("http://example.com\r\nHost: x/", "http://exa mple.com/", " http://example.com/", "http://example.com/a b"),
    *("http://a..b/", "http://.example.com/", "http://example.com./", "http://-x.com/", "http://[::1", "http://a_b;c/"),
    *("http://" + "a" * 64 + ".com/", "http://" + "a." * 130 + "com/", "http://example.com/" + "a" * 2000, "", "x"),
    # what is not for HTTP
    *("file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "javascript:alert(1)", "data:,x"),
    *("unix:///run/x.sock", "dict://example.com:11211/", "ws://example.com/", "webcal://example.com/"),
    *("http://1.1.1.1:22/", "http://1.1.1.1:25/", "http://1.1.1.1:0/", "http://1.1.1.1:65536/", "http://1.1.1.1:1023/"),
    *("http://[2606:4700::1111]:23/", "http://1.1.1.1:-80/", "http://1.1.1.1:８０８０x/"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert why_refused(address, allowed=()) is None


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_F54_an_address_that_is_not_public_may_not_be_called(address: str) -> None:
    assert why_refused(address, allowed=())


@given(st.integers(0, 2**32 - 1))
def test_F54_no_IPv4_address_is_taken_for_public_that_Python_knows_is_not(number: int) -> None:
    address = IPv4Address(number)
    assert why_refused(str(address), allowed=()) or (address.is_global and not address.is_multicast)


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**125 - 1).map(lambda low: 2**125 + low))
def test_F54_no_IPv6_address_is_taken_for_public_that_Python_knows_is_not(number: int) -> None:
    address = IPv6Address(number)
    assert why_refused(str(address), allowed=()) or (address.is_global and not address.is_multicast)


@given(st.integers(0, 2**32 - 1))
@example(int(IPv4Address("8.8.8.8")))
def test_F54_no_IPv4_address_is_called_inside_an_IPv6_one(number: int) -> None:
    inside = {
        "mapped": 0xFFFF << 32 | number,
        "compatible": number,
        "NAT64": 0x64FF9B << 96 | number,
        "local NAT64": 0x64FF9B0001 << 80 | number,
        "6to4": 0x2002 << 112 | number << 80,
        "Teredo": 0x20010000 << 96 | (number ^ 0xFFFFFFFF),
    }
    assert [form for form, value in inside.items() if not why_refused(str(IPv6Address(value)), allowed=())] == []


def test_an_allowed_network_may_be_called_and_its_neighbour_may_not() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))

    assert why_refused("10.1.2.3", allowed=allowed) is None
    assert why_refused("::ffff:10.1.2.3", allowed=allowed) is None
    assert why_refused("fd00:1::9", allowed=allowed) is None
    assert why_refused("10.2.0.0", allowed=allowed)
    assert why_refused("64:ff9b::a01:203", allowed=allowed)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "1.1.1.1"])
def test_the_operator_s_own_addresses_may_lie_anywhere(address: str) -> None:
    assert why_refused(address, allowed=ANYWHERE) is None


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_F54_a_suspicious_URL_is_refused_in_the_same_words_as_all(url: str) -> None:
    with pytest.raises(Refused, match=r"^This address may not be called\.$"):
        read_target(url, allowed=())


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("http://example.com/", "http://example.com/"),
        ("HTTPS://EXAMPLE.com:443/A?b=c%2Bd#e", "https://example.com/A?b=c%2Bd"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://1.1.1.1:1024/", "http://1.1.1.1:1024/"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
        ("http://my_host/", "http://my_host/"),
        ("http://1.1.1.1/ü", "http://1.1.1.1/%C3%BC"),
    ],
)
def test_an_ordinary_URL_is_called_as_it_is_meant(text: str, called: str) -> None:
    assert str(read_target(text, allowed=())) == called


@given(st.integers(0, 2**32 - 1), st.sampled_from(["decimal", "hex", "octal", "hex parts", "short", "wide", "padded"]))
def test_F54_an_address_has_one_spelling(number: int, form: str) -> None:
    a, b, c, d = IPv4Address(number).packed
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    spelled = {
        "decimal": str(number),
        "hex": hex(number),
        "octal": f"0{number:o}",
        "hex parts": f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        "short": f"{a}.{b}.{c << 8 | d}",
        "wide": f"{a}.{b}.{c}.{d}".translate(wide),
        "padded": f"0{a}.{b}.{c}.{d}",
    }[form]

    with pytest.raises(Refused):
        read_target(f"http://{spelled}/", allowed=())


@given(st.text() | st.text().map("http://{}/".format) | st.text().map("http://{}@127.0.0.1/".format))
def test_F54_any_text_is_a_URL_or_refused(text: str) -> None:
    try:
        url = read_target(text, allowed=())
    except Refused:
        return
    assert url.host
    assert url.scheme in {"http", "https"}


def test_a_low_port_may_be_called_only_where_the_network_is_allowed() -> None:
    assert check_addresses(["1.1.1.1"], 25, allowed=())
    assert check_addresses(["127.0.0.1", "1.1.1.1"], 25, allowed=LOOPBACK)
    assert check_addresses(["127.0.0.1"], 25, allowed=LOOPBACK) is None


def test_F55_one_private_address_among_public_ones_spoils_a_name() -> None:
    assert check_addresses(["1.1.1.1", "10.0.0.1"], 443, allowed=())


async def test_F55_the_socket_itself_is_refused_whoever_asks_for_it() -> None:
    async with Outbound() as outbound:
        for family, address in ((socket.AF_INET, ("127.0.0.1", 80)), (socket.AF_INET6, ("::1", 80, 0, 0))):
            with pytest.raises(PermissionError):
                outbound._open_socket((family, socket.SOCK_STREAM, 0, "", address))


def test_F55_a_redirect_never_leads_from_https_to_http() -> None:
    call = _Call("GET", URL("https://example.com/"), CIMultiDict(), b"")

    with pytest.raises(Refused):
        call.redirect(URL("http://example.com/"), 302)


def answer(retry_after: str) -> Answer:
    """An answer with this header."""
    headers = CIMultiDictProxy(CIMultiDict({"retry-after": retry_after}))
    return Answer(status=503, headers=headers, body=b"", url="http://peer.example/")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 5000, 86_400),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW + timedelta(days=40), usegmt=True), 86_400),
        (format_datetime(NOW - timedelta(days=40), usegmt=True), 0),
        ("Monday, 01-Mar-27 12:00:30 GMT", 30),
        *((nonsense, None) for nonsense in ("", "-1", "1.5", "soon", "١٢", "Mon, 99 Foo 2027 00:00:00 GMT", "12:00")),
    ],
)
def test_H77_a_peer_may_ask_for_a_pause_of_at_most_a_day(said: str, seconds: int | None) -> None:
    assert answer(said).retry_after_s(now=NOW) == seconds


@given(st.text())
def test_H77_no_Retry_After_is_an_error(said: str) -> None:
    wait = answer(said).retry_after_s(now=NOW)
    assert wait is None or 0 <= wait <= 86_400


@given(st.binary(max_size=200))
def test_the_beginning_of_an_answer_is_text_that_Postgres_takes(body: bytes) -> None:
    text = Answer(status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body, url="http://peer.example/").beginning(
        20
    )

    assert len(text) <= 20
    assert "\0" not in text
    text.encode()
