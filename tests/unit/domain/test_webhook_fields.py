"""What receivers of webhooks see, kind by kind."""

from pathlib import Path
from typing import Any

import pytest

from server.domain.events import Kind
from server.domain.telling import INTERNAL
from server.domain.webhook_fields import shown

DOCS = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")
TOLD = sorted(kind for kind in Kind if kind not in INTERNAL)

EVERYTHING: dict[str, Any] = dict.fromkeys(
    ("appointment", "sequence", "actor", "start", "previous_start", "previous_end", "previous_provider",
     "reason", "status", "end", "timezone", "service",
     "provider", "location", "price_minor", "currency", "attendees", "entry", "expires_at", "customer", "payment",
     "amount_minor", "asked_minor", "asked_currency", "paid_minor", "paid_currency", "detail", "partstat", "conflict",
     "busy_start", "busy_end", "connection", "name", "email", "state", "phone", "locale", "taken", "usual",
     "guarded_until"), "value",
)  # fmt: skip
OPENS = {
    "v": 2,
    "path": "/waitlist/secret",
    "token": "secret",
    "manage_token": "secret",
    "manage_url": "https://example.org/manage/secret",
    "url": "https://example.org/secret",
    "checkout_url": "https://example.org/secret",
    "feed": "secret",
    "hold": "secret",
    "link": "secret",
    "proof": "secret",
    "attendee": 7,
    "endpoint": 7,
    "stamp": "value",
    "whatever_comes_next": "secret",
}


@pytest.mark.parametrize("kind", TOLD)
def test_nothing_is_sent_that_opens_something(kind: str) -> None:
    sent = shown(kind, {**EVERYTHING, **OPENS})

    assert "secret" not in str(sent)
    assert not set(sent) & set(OPENS)


@pytest.mark.parametrize("kind", TOLD)
def test_every_kind_has_fields_and_each_of_them_is_described(kind: str) -> None:
    sent = shown(kind, EVERYTHING)

    assert sent or kind == Kind.WEBHOOK_TEST
    for name in sent:
        assert f"`data.{name}`" in DOCS or f"`.{name}`" in DOCS, f"docs/webhooks.md does not describe {name} of {kind}"


def test_what_a_fact_has_besides_is_not_sent() -> None:
    assert shown(Kind.BOOKED, {"appointment": "a", "email": "robin@example.org", "name": "Robin"}) == {
        "appointment": "a"
    }


def test_a_kind_that_nobody_knows_says_nothing() -> None:
    assert shown("something.else", EVERYTHING) == {}


def test_money_without_an_appointment_brings_its_customer_along() -> None:
    sent = shown(Kind.PAYMENT_RETURNED, {"payment": "p", "name": "Robin", "email": "robin@example.org"})

    assert sent == {"payment": "p", "customer": {"name": "Robin", "email": "robin@example.org"}}
