"""What owners are told, in every language."""

import pytest

from server.channels.owner_notices import NOTICES, render_owner_notice
from server.voice import LANGUAGES
from tests.unit.channels.test_messages import catalogue

PAYLOAD = {
    "taken": 25,
    "usual": 3,
    "payment": "0191f0a0-0000-7000-8000-000000000000",
    "service": "Massage",
    "asked_minor": 4800,
    "asked_currency": "EUR",
    "paid_minor": 5712,
    "paid_currency": "EUR",
    "amount_minor": 5712,
    "currency": "EUR",
    "detail": "Not as asked: amount.",
    "url": "https://hooks.example.com/in",
}


def test_every_notice_is_translated() -> None:
    said = {sentence for notice in NOTICES.values() for sentence in notice}

    assert said <= catalogue("de").keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", NOTICES)
def test_a_notice_says_what_why_and_how_much(message: str, language: str) -> None:
    letter = render_owner_notice(message, "Studio", "#336699", PAYLOAD, locale=language)

    assert "{" not in letter.subject + letter.text
    assert "Not as asked: amount." in letter.text
    assert PAYLOAD["payment"] in letter.text


def test_what_was_paid_and_asked_for_stand_in_the_mail_that_wants_a_decision() -> None:
    letter = render_owner_notice("payment_contested", "Studio", "", PAYLOAD, locale="en")

    assert letter.subject == "Please decide: a payment of €57.12"
    assert "You received €57.12 instead of €48." in letter.text
