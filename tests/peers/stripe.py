"""
Owns a payment service that plays Stripe: it checks what it is asked, keeps state, and says no in Stripe's words.

Leaves when to pay to the tests, and the list of what it says besides yes to `stripe_quirks`.
"""

import contextlib
import html
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web
from pydantic import SecretStr

from server.settings import PaymentSettings
from tests.peers.stripe_events import SIGNING, event, event_about, signed
from tests.peers.webhook_receiver import http_server

__all__ = ["KEY", "SIGNING", "Stripe", "event", "event_about", "signed", "stripe_account"]

KEY = "sk_test_key"
Answer = tuple[int, dict[str, Any]]

_LEAST = {"eur": 50, "usd": 50, "gbp": 30, "jpy": 50, "huf": 17_500, "isk": 0}
_STEP = {"isk": 100, "ugx": 100, "kwd": 10, "bhd": 10}
_ADDRESS = re.compile(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_PARAMETERS = {
    "mode", "client_reference_id", "metadata[payment]", "customer_email", "success_url", "cancel_url", "expires_at",
    "payment_method_types[0]", "automatic_tax[enabled]", "allow_promotion_codes", "adaptive_pricing[enabled]",
    "payment_intent_data[metadata][payment]", "line_items[0][quantity]", "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]", "line_items[0][price_data][product_data][name]",
}  # fmt: skip


@dataclass
class Stripe:
    """One account with its Checkout Sessions, the page on which they are paid, and refunds."""

    url: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    endpoints: list[dict[str, Any]] = field(default_factory=list)
    """The webhook endpoints of the account."""
    down: bool = False
    notified: str = ""
    """Where it calls when something was paid; nowhere if empty."""
    refuse: dict[str, Answer] = field(default_factory=dict)
    """By what is asked (the names of the routes below): instead of doing it."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of refusals."""
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens at Stripe right before that is done."""
    breaks: set[str] = field(default_factory=set)
    """What is done without an answer: the connection ends instead."""
    refund_status: str = "succeeded"
    calls: list[str] = field(default_factory=list)
    """Everything that was asked, by the names of the routes below."""
    stored: dict[str, tuple[dict[str, str], Answer]] = field(default_factory=dict)
    """By idempotency key: what was asked and answered."""

    @property
    def settings(self) -> PaymentSettings:
        """Of an installation that has this account."""
        return PaymentSettings(
            stripe_key=SecretStr(KEY), stripe_webhook_secret=SecretStr(SIGNING), stripe_url=self.url, hold_s=600
        )

    @property
    def session(self) -> dict[str, Any]:
        """The only one."""
        (session,) = self.sessions.values()
        return session

    @property
    def refunded(self) -> list[int]:
        """The amounts that went back, or are on their way."""
        return [r["amount"] for r in self.refunds.values() if r["status"] not in {"failed", "canceled"}]

    def forget_keys(self) -> None:
        """24 hours have passed."""
        self.stored.clear()

    def pay(self, *, at_once: bool = True) -> None:
        """The only session is complete, by a card or by something that takes days."""
        self.session.update(status="complete", payment_status="paid" if at_once else "unpaid", url=None)
        self.session["payment_intent"]["status"] = "succeeded" if at_once else "processing"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Anything that is asked of the API."""
        what = request.match_info.route.name or ""
        self.calls.append(what)
        if self.down:
            raise web.HTTPServiceUnavailable
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return self._say(_error(401, "invalid_request_error", "", "Invalid API Key provided"))
        form = {name: str(value) for name, value in (await request.post()).items()}
        key = request.headers.get("Idempotency-Key", "")
        if key in self.stored:
            asked, answer = self.stored[key]
            if asked != form:
                answer = _error(400, "idempotency_error", "", "Keys can only be used with the same parameters")
            return self._say(answer)
        if what in self.before:
            self.before[what]()
        answer = self.refuse.get(what) or self._handlers[what](self, request, form)
        if key and answer[1].get("error", {}).get("param") is None:  # what fails validation is not kept
            self.stored[key] = (form, answer)
        if what in self.breaks:
            assert request.transport is not None
            request.transport.close()
        return self._say(answer)

    def _say(self, answer: Answer) -> web.Response:
        status, body = answer
        return web.json_response(body, status=status, headers=self.headers if status >= 400 else None)

    def _create(self, _: web.Request, form: Mapping[str, str]) -> Answer:
        if problem := _wrong(form):
            return problem
        name, intent = f"cs_test_{secrets.token_hex(8)}", f"pi_{secrets.token_hex(8)}"
        session = {
            "id": name,
            "object": "checkout.session",
            "status": "open",
            "url": f"{self.url}/pay/{name}",
            "client_reference_id": form["client_reference_id"],
            "metadata": {"payment": form["metadata[payment]"]},
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "payment_status": "unpaid",
            "payment_intent": {"id": intent, "object": "payment_intent", "status": "requires_payment_method"},
            "success_url": form["success_url"],
            "livemode": False,
        }
        self.sessions[name] = session
        return 200, {**session, "payment_intent": None}

    def _retrieve(self, request: web.Request, _: Mapping[str, str]) -> Answer:
        session = self.sessions.get(request.match_info["id"])
        if session is None:
            return _error(404, "invalid_request_error", "resource_missing", "No such checkout.session")
        intent = session["payment_intent"] if session["status"] == "complete" else None
        expands = "payment_intent" in request.query.getall("expand[0]", [])
        return 200, {**session, "payment_intent": intent if expands or intent is None else intent["id"]}

    def _expire(self, request: web.Request, _: Mapping[str, str]) -> Answer:
        session = self.sessions[request.match_info["id"]]
        if session["status"] != "open":
            return _error(400, "invalid_request_error", "", "Only Checkout Sessions with a status in [open]")
        session.update(status="expired", url=None)
        return 200, {**session, "payment_intent": None}

    def _refund(self, _: web.Request, form: Mapping[str, str]) -> Answer:
        (paid,) = [s for s in self.sessions.values() if s["payment_intent"]["id"] == form["payment_intent"]]
        left = paid["amount_total"] - sum(self.refunded)
        amount = int(form.get("amount", left))
        if left == 0:
            return _error(400, "invalid_request_error", "charge_already_refunded", "Charge has already been refunded.")
        if amount > left:
            return _error(400, "invalid_request_error", "", f"Refund amount is greater than unrefunded amount ({left})")
        refund = {
            "id": f"re_{secrets.token_hex(8)}",
            "object": "refund",
            "status": self.refund_status,
            "amount": amount,
            "currency": paid["currency"],
            "payment_intent": form["payment_intent"],
            "metadata": {"payment": form.get("metadata[payment]", "")},
            "failure_reason": "lost_or_stolen_card" if self.refund_status == "failed" else None,
            "pending_reason": "insufficient_funds" if self.refund_status == "pending" else None,
        }
        self.refunds[str(refund["id"])] = refund
        return 200, refund

    def _list_refunds(self, request: web.Request, _: Mapping[str, str]) -> Answer:
        data = [r for r in self.refunds.values() if r["payment_intent"] == request.query["payment_intent"]]
        return 200, {"object": "list", "data": data, "has_more": False, "url": "/v1/refunds"}

    def _one_refund(self, request: web.Request, _: Mapping[str, str]) -> Answer:
        return 200, self.refunds[request.match_info["id"]]

    def _list_endpoints(self, _: web.Request, __: Mapping[str, str]) -> Answer:
        return 200, {"object": "list", "data": self.endpoints, "has_more": False, "url": "/v1/webhook_endpoints"}

    _handlers: Mapping[str, Callable[..., Answer]] = field(
        default_factory=lambda: {
            "create": Stripe._create,
            "retrieve": Stripe._retrieve,
            "expire": Stripe._expire,
            "refund": Stripe._refund,
            "refunds": Stripe._list_refunds,
            "one_refund": Stripe._one_refund,
            "endpoints": Stripe._list_endpoints,
        }
    )

    async def show(self, request: web.Request) -> web.Response:
        """The page on which a session is paid."""
        back = html.escape(str(self.sessions[request.match_info["id"]]["success_url"]))
        page = (
            "<!doctype html><html lang=en><title>Pay</title><link rel=icon href='data:,'>"
            f"<form method=post><button>Pay now</button></form><a href='{back}'>Back</a>"
        )
        return web.Response(text=page, content_type="text/html")

    async def press(self, request: web.Request) -> web.Response:
        """Its button: the money has arrived, and whoever wants to know is called."""
        session = self.sessions[request.match_info["id"]]
        session.update(status="complete", payment_status="paid", url=None)
        session["payment_intent"]["status"] = "succeeded"
        if self.notified:
            body, headers = event(session["id"])
            async with ClientSession() as client, client.post(self.notified, data=body, headers=headers) as answer:
                assert answer.status == 204
        return web.Response(status=303, headers={"Location": session["success_url"]})


def _wrong(form: Mapping[str, str]) -> Answer | None:
    """What Stripe would refuse about a new session."""
    currency = form["line_items[0][price_data][currency]"]
    amount = int(form["line_items[0][price_data][unit_amount]"])
    lives_s = int(form["expires_at"]) - time.time()
    kind = "invalid_request_error"
    if unknown := form.keys() - _PARAMETERS:
        return _error(400, kind, "parameter_unknown", f"Received unknown parameter: {unknown}", "unknown")
    if form.get("payment_method_types[0]") != "card":
        return _error(400, kind, "", "this stand-in wants to be told that it is cards only", "payment_method_types")
    if not 1_800 <= lives_s <= 86_400:
        return _error(400, kind, "", "The `expires_at` timestamp must be at least 30 minutes from now.", "expires_at")
    if not _ADDRESS.fullmatch(form["customer_email"]) or form["customer_email"].endswith(".invalid"):
        return _error(400, kind, "email_invalid", "Invalid email address", "customer_email")
    if amount < _LEAST.get(currency, 0):
        return _error(400, kind, "amount_too_small", "The Checkout Session's total amount must be more", "amount")
    if amount % _STEP.get(currency, 1):
        return _error(400, kind, "parameter_invalid_integer", "Invalid amount: not a multiple", "amount")
    return None


def _error(status: int, kind: str, code: str, message: str, param: str | None = None) -> Answer:
    said = {"type": kind, "message": message, **({"code": code} if code else {}), **({"param": param} if param else {})}
    return status, {"error": said}


def refusal(status: int, code: str, message: str = "Stripe says no") -> Answer:
    """An error of Stripe, for `Stripe.refuse`."""
    return _error(status, "invalid_request_error", code, message)


@contextlib.asynccontextmanager
async def stripe_account() -> AsyncIterator[Stripe]:
    """An account, at a port of this machine."""
    account = Stripe()
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]] = account.answer
    routes = [
        web.post("/v1/checkout/sessions", handle, name="create"),
        web.get("/v1/checkout/sessions/{id}", handle, name="retrieve"),
        web.post("/v1/checkout/sessions/{id}/expire", handle, name="expire"),
        web.post("/v1/refunds", handle, name="refund"),
        web.get("/v1/refunds", handle, name="refunds"),
        web.get("/v1/refunds/{id}", handle, name="one_refund"),
        web.get("/v1/webhook_endpoints", handle, name="endpoints"),
        web.get("/pay/{id}", account.show),
        web.post("/pay/{id}", account.press),
    ]
    async with http_server(routes) as url:
        account.url = url
        yield account
