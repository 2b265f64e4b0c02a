"""
Owns an authorization server (RFC 6749, 7636, 7009), Google's and Microsoft's at once, that checks who asks for what.

Leaves consenting to whoever follows the authorize URL: the person is always willing, unless told otherwise.
"""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from tests.peers.webhook_receiver import http_server

AUTHORIZE_PATHS = ("/o/oauth2/v2/auth", "/common/oauth2/v2.0/authorize")
TOKEN_PATHS = ("/token", "/common/oauth2/v2.0/token")


@dataclass
class Grant:
    """What a person has agreed to."""

    challenge: str
    redirect_uri: str
    scope: str
    offline: bool


@dataclass
class OAuth:
    """A server with one client."""

    url: str = ""
    client_id: str = "a-client"
    client_secret: str = "a-client-secret"
    redirect_uris: set[str] = field(default_factory=lambda: {"https://bookable.example/oauth/return"})
    lifetime_s: object = 3600
    rotates: bool = False
    """Each refresh gives a new refresh token and ends the old one, as Microsoft may."""
    denies: bool = False
    """The person says no."""
    fail: tuple[int, object, dict[str, str]] | None = None
    """Status, JSON and headers of the answer to every token request and revocation."""
    codes: dict[str, Grant] = field(default_factory=dict)
    access_tokens: set[str] = field(default_factory=set)
    refresh_tokens: dict[str, Grant] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """What was wrong with requests that no client should send."""

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.get(path, self.authorize) for path in AUTHORIZE_PATHS),
            *(web.post(path, self.token) for path in TOKEN_PATHS),
            web.post("/revoke", self.revoke),
        ]

    def consent(self, authorize_url: str) -> dict[str, str]:
        """The query with which a person who opens *authorize_url*, and agrees, comes back."""
        query = dict(parse_qsl(urlsplit(authorize_url).query, strict_parsing=True))
        if problem := self._problem(query):
            self.wrong.append(problem)
            raise AssertionError(problem)
        if self.denies:
            return {"error": "access_denied", "state": query["state"]}
        code = "code-" + secrets.token_urlsafe(8)
        offline = query.get("access_type") == "offline" or "offline_access" in query["scope"].split()
        self.codes[code] = Grant(query["code_challenge"], query["redirect_uri"], query["scope"], offline)
        return {"code": code, "state": query["state"], "scope": query["scope"]}

    async def authorize(self, request: web.Request) -> web.Response:
        """GET of the authorize URL, by a browser; the answer sends it back."""
        try:
            answer = self.consent(str(request.url))
        except AssertionError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=302, headers={"Location": f"{request.query['redirect_uri']}?{urlencode(answer)}"})

    async def token(self, request: web.Request) -> web.Response:
        """POST for tokens."""
        if self.fail:
            return self._failed()
        form = await self._form(request)
        if form is None:
            return _error(400, "invalid_request")
        if not self._knows(form):
            return _error(401, "invalid_client")
        if form.get("grant_type") == "authorization_code":
            return self._redeem(form)
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form)
        return _error(400, "unsupported_grant_type")

    async def revoke(self, request: web.Request) -> web.Response:
        """POST of a token that is to end (RFC 7009); Google answers 400 for one that it does not know."""
        if self.fail:
            return self._failed()
        form = await self._form(request)
        if form is None or "token" not in form:
            return _error(400, "invalid_request")
        if self.refresh_tokens.pop(form["token"], None) is None:
            return _error(400, "invalid_token")
        return web.json_response({})

    def end_all(self) -> None:
        """What a person does in the settings of the account."""
        self.refresh_tokens.clear()
        self.access_tokens.clear()

    def _redeem(self, form: dict[str, str]) -> web.Response:
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or grant.redirect_uri != form.get("redirect_uri"):
            return _error(400, "invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
            return _error(400, "invalid_grant")
        return self._issue(grant, self._keep(grant) if grant.offline else None)

    def _refresh(self, form: dict[str, str]) -> web.Response:
        if extra := form.keys() - {"grant_type", "refresh_token", "client_id", "client_secret", "scope"}:
            self.wrong.append(f"a refresh with {extra}")
            return _error(400, "invalid_request")
        grant = self.refresh_tokens.get(form.get("refresh_token", ""))
        if grant is None:
            return _error(400, "invalid_grant")
        if not self.rotates:
            return self._issue(grant, None)
        del self.refresh_tokens[form["refresh_token"]]
        return self._issue(grant, self._keep(grant))

    def _keep(self, grant: Grant) -> str:
        token = "refresh-" + secrets.token_urlsafe(16)
        self.refresh_tokens[token] = grant
        return token

    def _issue(self, grant: Grant, refresh_token: str | None) -> web.Response:
        access_token = "access-" + secrets.token_urlsafe(16)
        self.access_tokens.add(access_token)
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "scope": grant.scope,
        }
        return web.json_response(answer | ({"refresh_token": refresh_token} if refresh_token else {}))

    def _problem(self, query: dict[str, str]) -> str:
        needed = {"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge"}
        if missing := needed - query.keys():
            return f"lacks {missing}"
        if query["response_type"] != "code" or query.get("code_challenge_method") != "S256":
            return "not a code with S256"
        if query["client_id"] != self.client_id or query["redirect_uri"] not in self.redirect_uris:
            return "an unknown client or redirect URI"
        return "" if len(query["code_challenge"]) == 43 and query["state"] else "no challenge, or no state"

    async def _form(self, request: web.Request) -> dict[str, str] | None:
        if request.content_type != "application/x-www-form-urlencoded" or request.query_string:
            self.wrong.append("not a form, or something in the URL")
            return None
        return {name: str(value) for name, value in (await request.post()).items()}

    def _knows(self, form: dict[str, str]) -> bool:
        return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)

    def _failed(self) -> web.Response:
        assert self.fail is not None
        status, answer, headers = self.fail
        if isinstance(answer, str):
            return web.Response(status=status, text=answer, content_type="text/html", headers=headers)
        return web.json_response(answer, status=status, headers=headers)


def _error(status: int, error: str) -> web.Response:
    return web.json_response({"error": error, "error_description": "as RFC 6749 says"}, status=status)


@contextlib.asynccontextmanager
async def oauth_server() -> AsyncIterator[OAuth]:
    """The server, on loopback."""
    server = OAuth()
    async with http_server(server.routes()) as url:
        server.url = url
        yield server
