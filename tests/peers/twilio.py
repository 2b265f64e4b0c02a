"""
Owns a service with Twilio's Messages API: it checks who calls and with what, and can call back with a status.

Leaves sending nothing to anybody as it is: no message leaves this machine.
"""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import ClientSession, web

from tests.peers.webhook_receiver import http_server

FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}


@dataclass
class Twilio:
    """One account."""

    account: str = "AC0123456789"
    token: str = "a-token"
    url: str = ""
    fail: tuple[int, int, dict[str, str]] | None = None
    """Status, error code and headers of the answer to every message."""
    before_answer: Callable[[str], Awaitable[None]] | None = None
    """Is called with the address for callbacks before a message is answered for."""
    messages: list[dict[str, str]] = field(default_factory=list)
    """The forms of all messages that were accepted."""
    wrong: list[str] = field(default_factory=list)
    """What was wrong with the others."""

    async def create(self, request: web.Request) -> web.Response:
        """POST of a message."""
        credentials = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        known = request.headers.get("Authorization") == f"Basic {credentials}"
        if not known or request.match_info["account"] != self.account:
            return self._error(401, 20003, "Authenticate")
        form = {name: str(value) for name, value in (await request.post()).items()}
        if problem := self._problem(request, form):
            self.wrong.append(problem)
            return self._error(400, 21602, problem)
        if self.fail:
            status, code, headers = self.fail
            return self._error(status, code, "as the test wants", headers)
        self.messages.append(form)
        if self.before_answer is not None:
            await self.before_answer(form["StatusCallback"])
        return web.json_response({"sid": f"SM{len(self.messages):032}", "status": "queued"}, status=201)

    async def call_back(
        self, number: int, status: str, *, code: str = "", token: str | None = None
    ) -> tuple[int, dict[str, str]]:
        """Tell the sender what became of its message *number*, from 1; the answer's status, and what was told."""
        return await self.call(self.messages[number - 1]["StatusCallback"], number, status, code=code, token=token)

    async def call(
        self, url: str, number: int, status: str, *, code: str = "", token: str | None = None
    ) -> tuple[int, dict[str, str]]:
        """The same to any address."""
        form = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "From": "+15005550006",
            "MessageSid": f"SM{number:032}",
            "MessageStatus": status,
            "SmsSid": f"SM{number:032}",
            "SmsStatus": status,
            "To": "+4915228817386",
            **({"ErrorCode": code} if code else {}),
        }
        return await self.post(url, form, token=token), form

    async def post(
        self, url: str, form: dict[str, str], *, token: str | None = None, signed_as: str | None = None
    ) -> int:
        """A form with its signature, made for *signed_as* where that is another address; the answer's status."""
        text = (signed_as or url) + "".join(name + form[name] for name in sorted(form))
        digest = hmac.new((token or self.token).encode(), text.encode(), hashlib.sha1).digest()
        headers = {"X-Twilio-Signature": base64.b64encode(digest).decode()}
        async with ClientSession() as session, session.post(url, data=form, headers=headers) as response:
            return response.status

    @staticmethod
    def _problem(request: web.Request, form: dict[str, str]) -> str:
        if request.content_type != "application/x-www-form-urlencoded":
            return f"a {request.content_type}"
        if unknown := form.keys() - FIELDS:
            return f"unknown fields {unknown}"
        if ("From" in form) == ("MessagingServiceSid" in form):
            return "needs From or MessagingServiceSid, and not both"
        return "" if form.get("To", "").startswith("+") and form.get("Body") else "needs To in E.164, and a Body"

    @staticmethod
    def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
        return web.json_response({"code": code, "message": message, "status": status}, status=status, headers=headers)


@contextlib.asynccontextmanager
async def twilio() -> AsyncIterator[Twilio]:
    """The service, on loopback."""
    service = Twilio()
    async with http_server([web.post("/2010-04-01/Accounts/{account}/Messages.json", service.create)]) as url:
        service.url = url
        yield service
