"""Signing in at a calendar provider, against a server that checks what it is sent."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from ics.remote.errors import Forbidden, Nonsense, RemoteError, SignInNeeded, TryLater
from ics.remote.oauth import (
    GOOGLE,
    MICROSOFT,
    OAuthClient,
    Tokens,
    build_authorize_url,
    challenge_of,
    exchange_code,
    make_verifier,
    refresh,
    revoke,
)
from tests.peers.exchange import HttpExchange, inner_exchange
from tests.peers.oauth import OAuth

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HERE = "http://sign-in.example"


@pytest.fixture
def server() -> OAuth:
    return OAuth(url=HERE)


@pytest.fixture
async def exchange(server: OAuth) -> AsyncIterator[HttpExchange]:
    async with inner_exchange(server.routes()) as inner:
        yield inner


def client_of(server: OAuth, provider=GOOGLE) -> OAuthClient:
    return OAuthClient(
        provider=provider.at(HERE),
        client_id=server.client_id,
        client_secret=server.client_secret,
        redirect_uri=min(server.redirect_uris),
    )


async def sign_in(exchange: HttpExchange, server: OAuth, client: OAuthClient) -> Tokens:
    verifier = make_verifier()
    back = server.consent(build_authorize_url(client, state="a-state", verifier=verifier))
    return await exchange_code(exchange, client, code=back["code"], verifier=verifier, now=NOW)


def test_a_challenge_is_that_of_the_rfc():
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_verifiers_are_long_enough_and_never_the_same():
    verifiers = {make_verifier() for _ in range(50)}

    assert len(verifiers) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", each) for each in verifiers)


def test_the_authorize_url_asks_for_what_the_provider_needs(server: OAuth):
    url = build_authorize_url(client_of(server), state="a state&more", verifier="v" * 43, login_hint="ada@example.com")

    query = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{HERE}/o/oauth2/v2/auth?")
    assert query["state"] == "a state&more"
    assert query["login_hint"] == "ada@example.com"
    assert (query["access_type"], query["prompt"]) == ("offline", "consent")
    assert query["scope"].split() == list(GOOGLE.scopes)
    assert "v" * 43 not in url
    assert server.client_secret not in url


def test_a_provider_can_be_somewhere_else():
    moved = MICROSOFT.at("https://login.microsoftonline.us/")

    assert moved.token_url == "https://login.microsoftonline.us/common/oauth2/v2.0/token"
    assert moved.revoke_url is None
    assert GOOGLE.at("https://x.example").revoke_url == "https://x.example/revoke"


@pytest.mark.parametrize("provider", [GOOGLE, MICROSOFT])
async def test_a_code_becomes_tokens(server: OAuth, exchange: HttpExchange, provider):
    tokens = await sign_in(exchange, server, client_of(server, provider))

    assert tokens.access_token in server.access_tokens
    assert tokens.refresh_token in server.refresh_tokens
    assert tokens.expires_at == NOW + timedelta(hours=1)
    assert tokens.scopes == set(provider.scopes)
    assert server.wrong == []


async def test_f67_a_code_is_good_once_and_for_who_asked_for_it(server: OAuth, exchange: HttpExchange):
    client = client_of(server)
    verifier = make_verifier()
    url = build_authorize_url(client, state="s", verifier=verifier)
    stolen, used = server.consent(url)["code"], server.consent(url)["code"]
    await exchange_code(exchange, client, code=used, verifier=verifier, now=NOW)

    with pytest.raises(SignInNeeded):
        await exchange_code(exchange, client, code=stolen, verifier=make_verifier(), now=NOW)
    with pytest.raises(SignInNeeded):
        await exchange_code(exchange, client, code=used, verifier=verifier, now=NOW)


async def test_a_code_is_bound_to_the_address_it_was_sent_to(server: OAuth, exchange: HttpExchange):
    client = client_of(server)
    verifier = make_verifier()
    code = server.consent(build_authorize_url(client, state="s", verifier=verifier))["code"]

    elsewhere = replace(client, redirect_uri="https://evil.example/")

    with pytest.raises(SignInNeeded):
        await exchange_code(exchange, elsewhere, code=code, verifier=verifier, now=NOW)


async def test_a_sign_in_without_a_refresh_token_is_none(server: OAuth, exchange: HttpExchange):
    provider = replace(GOOGLE, parameters=())

    with pytest.raises(Nonsense):
        await sign_in(exchange, server, client_of(server, provider))


async def test_a_refresh_keeps_the_refresh_token_where_none_is_returned(server: OAuth, exchange: HttpExchange):
    tokens = await sign_in(exchange, server, client_of(server))

    again = await refresh(exchange, client_of(server), tokens.refresh_token, now=NOW + timedelta(hours=2))

    assert again.refresh_token == tokens.refresh_token
    assert again.access_token != tokens.access_token
    assert again.expires_at == NOW + timedelta(hours=3)


async def test_a_refresh_hands_on_the_new_refresh_token_where_one_is_returned(server: OAuth, exchange: HttpExchange):
    server.rotates = True
    client = client_of(server, MICROSOFT)
    first = (await sign_in(exchange, server, client)).refresh_token

    second = (await refresh(exchange, client, first, now=NOW)).refresh_token
    third = (await refresh(exchange, client, second, now=NOW)).refresh_token

    assert len({first, second, third}) == 3
    with pytest.raises(SignInNeeded):
        await refresh(exchange, client, first, now=NOW)


async def test_c074_a_sign_in_that_the_person_has_ended_needs_them_again(server: OAuth, exchange: HttpExchange):
    tokens = await sign_in(exchange, server, client_of(server))
    server.end_all()

    with pytest.raises(SignInNeeded):
        await refresh(exchange, client_of(server), tokens.refresh_token, now=NOW)


async def test_a_wrong_secret_is_the_operators_business_and_not_the_persons(server: OAuth, exchange: HttpExchange):
    tokens = await sign_in(exchange, server, client_of(server))

    wrong = replace(client_of(server), client_secret="another")

    with pytest.raises(Forbidden):
        await refresh(exchange, wrong, tokens.refresh_token, now=NOW)


@pytest.mark.parametrize(("header", "expected"), [("120", 120), ("soon", None), ("999999999999", 6 * 3600), ("", None)])
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_c073_a_server_in_trouble_is_asked_later_and_when_it_says(
    server: OAuth, exchange: HttpExchange, status: int, header: str, expected: int | None
):
    server.fail = (status, "<html>busy</html>", {"Retry-After": header} if header else {})

    with pytest.raises(TryLater) as caught:
        await refresh(exchange, client_of(server), "a-refresh-token", now=NOW)

    assert caught.value.retry_after_s == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": "invalid_grant"}, SignInNeeded),
        ({"error": "interaction_required"}, SignInNeeded),
        ({"error": "invalid_client"}, Forbidden),
        ({"error": "temporarily_unavailable"}, TryLater),
        ({"error": "something_new"}, Nonsense),
        ({"error": {"code": 7}}, Nonsense),
        (["invalid_grant"], Nonsense),
        ("<html>log in</html>", Nonsense),
    ],
)
async def test_each_error_is_named_by_what_to_do_about_it(
    server: OAuth, exchange: HttpExchange, answer: object, expected: type[RemoteError]
):
    server.fail = (400, answer, {})

    with pytest.raises(expected) as caught:
        await refresh(exchange, client_of(server), "a-refresh-token", now=NOW)

    assert type(caught.value) is expected


GOOD = {"access_token": "an-access-token", "token_type": "bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    "answer",
    [
        "<html>log in</html>",
        [],
        {},
        GOOD | {"access_token": "two\r\nX-Injected: lines"},
        GOOD | {"access_token": "ünïcode"},
        GOOD | {"access_token": 7},
        GOOD | {"access_token": ""},
        GOOD | {"token_type": "mac"},
        GOOD | {"refresh_token": ["a"]},
        GOOD | {"expires_in": -1},
        GOOD | {"expires_in": "for ever"},
        GOOD | {"expires_in": True},
        GOOD | {"expires_in": 10**400},
    ],
)
async def test_an_answer_that_is_no_token_is_none(server: OAuth, exchange: HttpExchange, answer: object):
    server.fail = (200, answer, {})

    with pytest.raises(Nonsense):
        await refresh(exchange, client_of(server), "a-refresh-token", now=NOW)


@pytest.mark.parametrize(("lifetime", "seconds"), [("3599", 3599), (None, 300), (10**8, 366 * 86_400)])
async def test_how_long_a_token_holds_may_be_said_in_several_ways(
    server: OAuth, exchange: HttpExchange, lifetime: object, seconds: int
):
    server.fail = (200, GOOD | {"expires_in": lifetime}, {})

    tokens = await refresh(exchange, client_of(server), "a-refresh-token", now=NOW)

    assert tokens.expires_at == NOW + timedelta(seconds=seconds)


async def test_revoking_ends_the_sign_in_and_may_be_repeated(server: OAuth, exchange: HttpExchange):
    tokens = await sign_in(exchange, server, client_of(server))

    assert await revoke(exchange, client_of(server), tokens.refresh_token) is True
    assert await revoke(exchange, client_of(server), tokens.refresh_token) is True

    assert server.refresh_tokens == {}


async def test_where_nothing_can_be_revoked_nobody_is_asked(server: OAuth, exchange: HttpExchange):
    assert await revoke(exchange, client_of(server, MICROSOFT), "a-refresh-token") is False


async def test_a_revocation_that_failed_says_so(server: OAuth, exchange: HttpExchange):
    server.fail = (503, {}, {"Retry-After": "3"})

    with pytest.raises(TryLater):
        await revoke(exchange, client_of(server), "a-refresh-token")


async def test_f67_nothing_that_is_printed_or_raised_holds_a_secret(server: OAuth, exchange: HttpExchange):
    tokens = await sign_in(exchange, server, client_of(server))
    server.fail = (400, {"error": tokens.refresh_token, "error_description": tokens.refresh_token}, {})
    said = [repr(tokens), str(tokens), repr(client_of(server))]

    for call in (
        refresh(exchange, client_of(server), tokens.refresh_token, now=NOW),
        exchange_code(exchange, client_of(server), code=tokens.refresh_token, verifier="v" * 43, now=NOW),
        revoke(exchange, client_of(server), tokens.refresh_token),
    ):
        with pytest.raises(RemoteError) as caught:
            await call
        said += [str(caught.value), repr(caught.value)]

    for secret in (tokens.access_token, tokens.refresh_token, server.client_secret):
        assert not any(secret in each for each in said)
