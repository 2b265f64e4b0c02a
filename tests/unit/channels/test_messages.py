"""What is said: in every language, in the reader's zone, and with nothing in it that a customer put there to be run."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from server.channels.messages import (
    _LOST,
    _MOVED_REQUEST,
    _OTHER_PROVIDER,
    _TO_CUSTOMER,
    _TO_PROVIDER,
    SMS_SEGMENTS,
    MessageFacts,
    MessageKind,
    Recipient,
    render_letter,
    render_notice,
    render_text,
    unlinked,
)
from server.domain.colours import ink_on
from server.domain.sms_segments import segments
from server.domain.terms import Approval, Terms
from server.voice import LANGUAGES, known_locale

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
FACTS = MessageFacts(
    business_name="Atelier Linde",
    business_email="hello@linde.example",
    service="Haircut",
    provider="Mara",
    location="Mitte",
    address="Lindenhof 7",
    customer_name="Robin",
    start=datetime(2027, 3, 28, 7, 0, tzinfo=UTC),
    end=datetime(2027, 3, 28, 7, 45, tzinfo=UTC),
    previous_start=datetime(2027, 3, 27, 8, 0, tzinfo=UTC),
    location_zone="Europe/Berlin",
    price_minor=4800,
    currency="EUR",
    manage_url="https://book.example/manage/abc",
    book_url="https://book.example/book/linde",
    expires_at=datetime(2027, 3, 20, 9, 15, tzinfo=UTC),
)
CASES = [(kind, Recipient.CUSTOMER) for kind in _TO_CUSTOMER] + [(kind, Recipient.PROVIDER) for kind in _TO_PROVIDER]
HOSTILE = [
    "<script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    '" onmouseover="x',
    "Win money at http://evil.example/now",
    "evil.example",
    "a\r\nBcc: everybody@example.org",
]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


def catalogue(language: str) -> Mapping[str, str]:
    source = files("server") / "locale" / language / "LC_MESSAGES" / "bookable.po"
    with source.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale=language) if message.id}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_sentence_is_there_in_every_language_with_its_places(language: str) -> None:
    sentences = catalogue(language)
    said = {
        part
        for words in (*_TO_CUSTOMER.values(), *_TO_PROVIDER.values(), _MOVED_REQUEST, _OTHER_PROVIDER, _LOST)
        for part in words
        if part
    }
    assert said <= sentences.keys()
    assert sentences.keys() == catalogue("de").keys()
    for english, translated in sentences.items():
        assert translated, english
        assert placeholders(translated) == placeholders(english), english


@pytest.mark.thorough
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "recipient"), CASES)
def test_every_message_can_be_said_in_every_language(kind: MessageKind, recipient: Recipient, language: str) -> None:
    letter = render_letter(kind, recipient, FACTS, locale=language, zone=BERLIN)
    for part in (letter.subject, letter.text, letter.html):
        assert "{" not in part.replace("{ ", "").split("</style>")[-1]
        assert "Haircut" in part or recipient is Recipient.PROVIDER
    assert segments(render_text(kind, recipient, FACTS, locale=language, zone=BERLIN)) <= SMS_SEGMENTS


def test_whoever_has_to_be_there_reads_the_time_of_the_place_first() -> None:
    """The morning of the day on which Berlin's clocks go forward; New York's went three weeks before."""
    letter = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, FACTS, locale="de", zone=NEW_YORK)

    assert letter.subject == "Bestätigt: Haircut, So., 28. März 2027, 09:00 (Berlin)"
    assert "Wann: Sonntag, 28. März 2027, 09:00\u00a0–\u00a009:45 (Mitteleuropäische Sommerzeit)" in letter.text
    assert "Ihre Zeit: Sonntag, 28. März 2027, 03:00\u00a0–\u00a003:45 (Nordamerikanische Ostküsten" in letter.text


def test_whoever_sits_before_a_screen_reads_their_own_time_first() -> None:
    online = replace(FACTS, online=True)

    letter = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, online, locale="de", zone=NEW_YORK)

    assert letter.subject == "Bestätigt: Haircut, So., 28. März 2027, 03:00 (New York)"
    assert "Wann: Sonntag, 28. März 2027, 03:00" in letter.text
    assert "Vor Ort: Sonntag, 28. März 2027, 09:00" in letter.text


def test_where_the_clocks_agree_one_time_is_enough() -> None:
    letter = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, FACTS, locale="de", zone=BERLIN)

    assert "(" not in letter.subject
    assert "Ihre Zeit" not in letter.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en-GB", "Cancellation: Free to cancel until Saturday, 27 March 2027 at 08:00. Then it costs €10."),
        ("de", "Absage: Kostenlose Absage bis Samstag, 27. März 2027 um 08:00. Danach kostet sie 10 €."),
        ("ja", "キャンセル: 2027年3月27日土曜日 8:00まで無料でキャンセルできます。"),
    ],
)
def test_the_confirmation_says_until_when_cancelling_is_free_and_what_it_costs_then(language: str, said: str) -> None:
    terms = Terms(
        price_minor=4800,
        currency="EUR",
        duration_s=2700,
        change_window_min=1440,
        cancel_fee_minor=1000,
        approval=Approval.AUTOMATIC,
    )
    facts = replace(FACTS, terms=terms, now=datetime(2027, 3, 1, tzinfo=UTC))

    letter = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, facts, locale=language, zone=BERLIN)
    too_late = replace(facts, now=datetime(2027, 3, 28, 6, tzinfo=UTC))

    assert said in letter.text.replace("\u00a0", " ")
    late = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, too_late, locale=language, zone=BERLIN)
    assert said not in late.text


def test_what_is_written_with_an_approval_is_a_message_and_with_a_refusal_a_reason() -> None:
    facts = replace(FACTS, reason="Please bring pictures")

    approved = render_letter(MessageKind.APPROVED, Recipient.CUSTOMER, facts, locale="en", zone=BERLIN)
    declined = render_letter(MessageKind.DECLINED, Recipient.CUSTOMER, facts, locale="en", zone=BERLIN)

    assert "Message: Please bring pictures" in approved.text
    assert "Reason: Please bring pictures" in declined.text


def test_a_provider_reads_who_comes_and_how_to_reach_them() -> None:
    facts = replace(
        FACTS, customer_phone="+4915228817386", customer_email="robin@example.org", answers={"Allergies?": "no"}
    )

    letter = render_letter(MessageKind.CONFIRMED, Recipient.PROVIDER, facts, locale="de", zone=BERLIN)

    for line in ("Kunde: Robin", "Telefon: +4915228817386", "E-Mail: robin@example.org", "Allergies?: nein"):
        assert line in letter.text


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_what_mails_and_the_widget_both_say_is_translated_once(language: str) -> None:
    source = files("server") / "static" / "widget" / f"{language}.json"
    widget = json.loads(source.read_text("utf-8"))
    mails = catalogue(language)

    differing = {said for said in widget.keys() & mails.keys() if widget[said] != mails[said]}

    assert differing == set()


def test_the_words_on_a_business_s_colour_are_those_of_its_pages() -> None:
    """Grey on which white has a contrast of 3 to 1 and black of 7."""
    facts = replace(FACTS, accent="#949494")

    letter = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, facts, locale="en", zone=BERLIN)

    assert f"background:#949494;color:{ink_on('#949494')}" in letter.html


def test_arabic_runs_from_right_to_left_and_japanese_has_its_own_money() -> None:
    arabic = render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, FACTS, locale="ar", zone=BERLIN)
    assert '<html lang="ar" dir="rtl">' in arabic.html
    yen = replace(FACTS, price_minor=4800, currency="JPY")
    assert "4,800" in render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, yen, locale="ja", zone=BERLIN).text


@pytest.mark.parametrize(
    ("asked", "language"), [("de-AT", "de"), ("pt_BR", "pt"), ("tlh", "en"), ("", "en"), ("zh-Hant-TW", "en")]
)
def test_an_unknown_locale_falls_back_to_the_nearest(asked: str, language: str) -> None:
    assert known_locale(asked).language == language


@pytest.mark.parametrize("typed", HOSTILE)
@pytest.mark.parametrize(("kind", "recipient"), CASES)
def test_G71_G72_what_a_customer_types_is_neither_markup_nor_template_nor_link(
    kind: MessageKind, recipient: Recipient, typed: str
) -> None:
    facts = replace(FACTS, customer_name=typed, reason=typed, answers={"Wish": typed})
    letter = render_letter(kind, recipient, facts, locale="en", zone=BERLIN)
    assert "<script" not in letter.html
    assert "49" not in letter.text.replace("2027", "")
    assert 'onmouseover="' not in letter.html
    assert "evil.example" not in html.unescape(letter.html)
    assert "evil.example" not in letter.text
    assert "\n" not in letter.subject
    assert "\r" not in letter.text


def test_only_the_business_s_own_colour_gets_into_a_style() -> None:
    facts = replace(FACTS, accent="red;background:url(https://evil.example)")
    assert "url(" not in render_letter(MessageKind.CONFIRMED, Recipient.CUSTOMER, facts, locale="en", zone=BERLIN).html


def test_a_plain_name_stays_as_it_was_typed() -> None:
    assert unlinked("Zoë  O'Neill-Łukasz Jr.") == "Zoë O'Neill-Łukasz Jr."


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_provider_hears_of_their_calendar_in_their_language(language: str) -> None:
    for must_sign_in in (True, False):
        letter = render_notice(
            "Atelier Linde",
            "",
            calendar="Work",
            detail="The server refused.",
            must_sign_in=must_sign_in,
            locale=language,
        )
        assert "Work" in letter.subject
        assert f'<html lang="{language}"' in letter.html
        assert ("synced" in letter.text) == (language == "en")
