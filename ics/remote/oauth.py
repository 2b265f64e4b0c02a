"""
Owns signing in at a calendar provider, and its end: OAuth 2 with an authorization code and PKCE (RFC 6749, 7636, 7009).

Leaves keeping the tokens, and the state that ties an answer to whoever asked, to the caller.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlencode, urlsplit

from ics.remote.errors import Forbidden, Nonsense, RemoteError, SignInNeeded, TryLater
from ics.remote.http import Exchange, Reply
from ics.remote.json_answers import Json, read_json, retry_after

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
"""What can stand in a header; RFC 6749, A.12 would allow a space, too."""

_SHORT_LIFE_S, _LONG_LIFE_S = 300, 366 * 86_400
"""For how long an access token is taken to hold where the provider does not say, and at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthProvider:
    """
    Where to sign in, and what to ask for.

    Attributes:
        revoke_url: None where a sign-in can only be ended by the person, in the settings of the account.
        parameters: To be added to the authorize URL.
    """

    authorize_url: str
    token_url: str
    revoke_url: str | None
    scopes: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()

    def at(self, base_url: str) -> Self:
        """The same at another origin: a sovereign cloud, or a stand-in. (`replace` scopes that differ there.)"""
        return replace(
            self,
            authorize_url=_moved(self.authorize_url, base_url),
            token_url=_moved(self.token_url, base_url),
            revoke_url=self.revoke_url and _moved(self.revoke_url, base_url),
        )


GOOGLE = OAuthProvider(
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106  # an address
    revoke_url="https://oauth2.googleapis.com/revoke",
    scopes=(
        "https://www.googleapis.com/auth/calendar.events",
        "https://www.googleapis.com/auth/calendar.readonly",
    ),
    # Without both, a second sign-in of the same person brings no refresh token.
    parameters=(("access_type", "offline"), ("prompt", "consent")),
)

MICROSOFT = OAuthProvider(
    authorize_url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106  # an address
    revoke_url=None,
    scopes=("offline_access", "https://graph.microsoft.com/Calendars.ReadWrite"),
    parameters=(("response_mode", "query"), ("prompt", "select_account")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """This installation, as the provider knows it."""

    provider: OAuthProvider
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """
    A sign-in.

    Attributes:
        expires_at: When *access_token* ends; aware UTC.
        scopes: What the person has granted, which may be less than was asked for; empty where the provider is silent.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str] = frozenset()


def make_verifier() -> str:
    """A secret that proves later that who redeems a code is who asked for it (RFC 7636, 4.1)."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """What may be seen of *verifier* (RFC 7636, 4.2: S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def build_authorize_url(client: OAuthClient, *, state: str, verifier: str, login_hint: str | None = None) -> str:
    """
    Where the person consents; they come back to `redirect_uri` with *state* and a code, or with an error.

    Args:
        login_hint: The mail address of the account, where it is known.
    """
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": " ".join(client.provider.scopes),
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        **dict(client.provider.parameters),
    }
    if login_hint:
        query["login_hint"] = login_hint
    return f"{client.provider.authorize_url}?{urlencode(query)}"


async def exchange_code(exchange: Exchange, client: OAuthClient, *, code: str, verifier: str, now: datetime) -> Tokens:
    """
    The tokens for *code* (RFC 6749, 4.1.3).

    Raises:
        SignInNeeded: The code is used up, too old, or somebody else's.
        Forbidden: The provider does not know this client, or not this secret.
        TryLater: Not now.
        Nonsense: What came are no tokens, or none that outlast the hour.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    return _tokens(await _redeem(exchange, client, form), None, now)


async def refresh(exchange: Exchange, client: OAuthClient, refresh_token: str, *, now: datetime) -> Tokens:
    """
    New tokens (RFC 6749, 6). Their refresh token is to be kept instead of *refresh_token*: some providers change it.

    Raises:
        SignInNeeded: The sign-in has ended: only the person can renew it.
        Forbidden, TryLater, Nonsense: As of `exchange_code`.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _tokens(await _redeem(exchange, client, form), refresh_token, now)


async def revoke(exchange: Exchange, client: OAuthClient, refresh_token: str) -> bool:
    """
    Ends the sign-in at the provider (RFC 7009), which may have ended already.

    Returns:
        False where the provider offers no such thing.

    Raises:
        Forbidden, TryLater, Nonsense: It may go on.
    """
    if client.provider.revoke_url is None:
        return False
    reply = await _post(exchange, client, client.provider.revoke_url, {"token": refresh_token})
    if reply.status != 200 and _error_in(reply) not in _ENDED_ALREADY:
        raise _refusal(reply)
    return True


_ENDED_ALREADY = {"invalid_token", "invalid_grant"}

_SIGN_IN_ENDED = (SignInNeeded, "the sign-in at the calendar provider has ended")
_NOT_KNOWN = (
    Forbidden,
    "the calendar provider does not accept this installation's client id, secret or redirect URI",
)
_NOT_NOW = (TryLater, "the calendar provider cannot sign anybody in now")

_REFUSALS: Mapping[str, tuple[type[RemoteError], str]] = {
    "invalid_grant": _SIGN_IN_ENDED,
    "interaction_required": _SIGN_IN_ENDED,  # this one and the next two are Microsoft's
    "consent_required": _SIGN_IN_ENDED,
    "login_required": _SIGN_IN_ENDED,
    "access_denied": _SIGN_IN_ENDED,
    "invalid_client": _NOT_KNOWN,
    "unauthorized_client": _NOT_KNOWN,
    "redirect_uri_mismatch": _NOT_KNOWN,  # Google's
    "temporarily_unavailable": _NOT_NOW,
    "server_error": _NOT_NOW,
}
"""By the `error` of RFC 6749, 5.2."""


async def _redeem(exchange: Exchange, client: OAuthClient, form: Mapping[str, str]) -> Json:
    reply = await _post(exchange, client, client.provider.token_url, form)
    if reply.status != 200:
        raise _refusal(reply)
    return read_json(reply)


async def _post(exchange: Exchange, client: OAuthClient, url: str, form: Mapping[str, str]) -> Reply:
    sent = urlencode({**form, "client_id": client.client_id, "client_secret": client.client_secret})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return await exchange("POST", url, headers=headers, body=sent.encode())


def _refusal(reply: Reply) -> RemoteError:
    if reply.status == 429 or reply.status >= 500:
        return TryLater(f"the calendar provider cannot sign anybody in now (status {reply.status})", retry_after(reply))
    known = _REFUSALS.get(_error_in(reply))
    return known[0](known[1]) if known else Nonsense(f"the sign-in was answered with status {reply.status}")


def _error_in(reply: Reply) -> str:
    try:
        error = read_json(reply).get("error")
    except Nonsense:
        return ""
    return error if isinstance(error, str) else ""


def _tokens(answer: Json, known_refresh_token: str | None, now: datetime) -> Tokens:
    if str(answer.get("token_type", "")).lower() != "bearer":
        raise Nonsense("the calendar provider's token is of an unknown type")
    scope = answer.get("scope")
    return Tokens(
        access_token=_token(answer.get("access_token")),
        refresh_token=_token(answer.get("refresh_token", known_refresh_token)),
        expires_at=now + timedelta(seconds=_lifetime_s(answer.get("expires_in"))),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
    )


def _token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Nonsense("the calendar provider sent no usable token")
    return value


def _lifetime_s(value: object) -> int:
    if value is None:
        return _SHORT_LIFE_S
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Nonsense("the calendar provider does not say how long its token holds")
    return min(int(text), _LONG_LIFE_S)


def _moved(url: str, base_url: str) -> str:
    return base_url.rstrip("/") + urlsplit(url).path
