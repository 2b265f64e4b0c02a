"""
Owns a payment service that plays Stripe: it checks what it is asked, and has a page on which one pays.

Leaves when to pay to the tests.
"""

import contextlib
import hashlib
import hmac
import html
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientSession, web
from pydantic import SecretStr

from server.settings import PaymentSettings
from tests.peers.webhook_receiver import http_server

KEY, SIGNING = "sk_test_key", "whsec_test_signing"


@dataclass
class Stripe:
    """One account with its Checkout Sessions, the page on which they are paid, and refunds."""

    url: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, str]] = field(default_factory=dict)
    """By idempotency key."""
    down: bool = False
    notified: str = ""
    """Where it calls when something was paid; nowhere if empty."""

    @property
    def settings(self) -> PaymentSettings:
        """Of an installation that has this account."""
        return PaymentSettings(
            stripe_key=SecretStr(KEY), stripe_webhook_secret=SecretStr(SIGNING), stripe_url=self.url, hold_s=600
        )

    def _authorized(self, request: web.Request) -> None:
        if self.down:
            raise web.HTTPServiceUnavailable
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            raise web.HTTPUnauthorized

    async def create(self, request: web.Request) -> web.Response:
        self._authorized(request)
        form = await request.post()
        key = request.headers["Idempotency-Key"]
        name = f"cs_{secrets.token_hex(8)}"
        session = self.sessions.setdefault(
            key,
            {
                "id": name,
                "object": "checkout.session",
                "url": f"{self.url}/pay/{name}",
                "client_reference_id": form["client_reference_id"],
                "amount_total": int(str(form["line_items[0][price_data][unit_amount]"])),
                "currency": form["line_items[0][price_data][currency]"],
                "payment_status": "unpaid",
                "payment_intent": "pi_1",
                "success_url": form["success_url"],
            },
        )
        return web.json_response(session)

    async def retrieve(self, request: web.Request) -> web.Response:
        self._authorized(request)
        found = [s for s in self.sessions.values() if s["id"] == request.match_info["id"]]
        return web.json_response(found[0]) if found else web.json_response({"error": {}}, status=404)

    async def give_back(self, request: web.Request) -> web.Response:
        self._authorized(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.refunds.setdefault(request.headers["Idempotency-Key"], form)
        return web.json_response({"id": "re_1", "object": "refund"})

    async def show(self, request: web.Request) -> web.Response:
        """The page on which a session is paid."""
        back = html.escape(str(self._session(request)["success_url"]))
        page = (
            "<!doctype html><html lang=en><title>Pay</title><link rel=icon href='data:,'>"
            f"<form method=post><button>Pay now</button></form><a href='{back}'>Back</a>"
        )
        return web.Response(text=page, content_type="text/html")

    async def pay(self, request: web.Request) -> web.Response:
        """Its button: the money has arrived, and whoever wants to know is called."""
        session = self._session(request)
        session["payment_status"] = "paid"
        if self.notified:
            body, headers = event(session["id"])
            async with ClientSession() as client, client.post(self.notified, data=body, headers=headers) as answer:
                assert answer.status == 204
        return web.Response(status=303, headers={"Location": session["success_url"]})

    def _session(self, request: web.Request) -> dict[str, Any]:
        return next(s for s in self.sessions.values() if s["id"] == request.match_info["id"])

    @property
    def session(self) -> dict[str, Any]:
        """The only one."""
        (session,) = self.sessions.values()
        return session


def event(session: str, *, secret: str = SIGNING, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """A call of Stripe about *session*, signed as Stripe does."""
    body = orjson.dumps(
        {"id": "evt", "object": "event", "type": "checkout.session.completed", "data": {"object": {"id": session}}}
    )
    moment = int(at or time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={moment},v1={digest}"}


@contextlib.asynccontextmanager
async def stripe_account() -> AsyncIterator[Stripe]:
    """An account, at a port of this machine."""
    account = Stripe()
    routes = [
        web.post("/v1/checkout/sessions", account.create),
        web.get("/v1/checkout/sessions/{id}", account.retrieve),
        web.post("/v1/refunds", account.give_back),
        web.get("/pay/{id}", account.show),
        web.post("/pay/{id}", account.pay),
    ]
    async with http_server(routes) as url:
        account.url = url
        yield account
