"""Our mails around a document, read back with the standard library; and mails that come in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ics.errors import IcsError, NaiveMoment, TooLarge, Unreadable, Unwritable
from ics.event import Attendee, Method, Organizer
from ics.itip.cancel import build_cancel
from ics.itip.incoming import read_mail
from ics.itip.mail import build_mail
from ics.itip.request import build_request
from ics.limits import MAIL_BYTES, MAIL_LINES, MAIL_PARTS
from tests.samples.answers import Sample
from tests.steps import at_most
from tests.unit.ics.examples import BERLIN, PRODID, appointment, hostile_text, parsed

_SENDER = "reply+1-2-abcdefghijklmnopqrstuvwxyz@bookings.example"
_TO = "ada@customers.example"
_LINK = "https://bookings.example/v1/unsubscribe/" + "x" * 200


def _invitation(**changes) -> bytes:
    event = appointment(sequence=1, organizer=Organizer(_SENDER, "Salon Zoë"), attendees=(Attendee(_TO, "Ada"),))
    return build_request(event, zone=BERLIN, prodid=PRODID, **changes)


def _mail(**changes) -> EmailMessage:
    given_ = {
        "sender": _SENDER,
        "sender_name": "Salon Zoë",
        "to": _TO,
        "to_name": "Ada Lovelace",
        "reply_to": _SENDER,
        "subject": "Haircut on Tuesday, 24 November, 10:00",
        "text": "Until Tuesday.\n",
        "html": "<p>Until Tuesday.</p>",
        "calendar": _invitation(),
        "method": Method.REQUEST,
        "message_id": "<0198c7a25d117b3e9f406a1d2c3b4e5f@bookings.example>",
        "date": datetime(2026, 11, 20, 16, 5, tzinfo=UTC),
    }
    return build_mail(**{**given_, **changes})


def _wire(mail: EmailMessage) -> tuple[bytes, EmailMessage]:
    """*mail* as it goes over the wire, and as somebody else reads that."""
    raw = mail.as_bytes()
    read = message_from_bytes(raw, policy=SMTP)
    assert isinstance(read, EmailMessage)
    assert [part.defects for part in read.walk() if part.defects] == []
    return raw, read


def test_c030_the_method_of_the_part_is_that_of_the_document():
    event = appointment(sequence=1, organizer=Organizer(_SENDER))
    documents = [(Method.REQUEST, _invitation()), (Method.CANCEL, build_cancel(event, zone=None, prodid=PRODID))]

    for method, document in documents:
        _, read = _wire(_mail(calendar=document, method=method))
        part = next(part for part in read.walk() if part.get_content_type() == "text/calendar")
        assert part.get_param("method") == method.value
        assert str(parsed(part.get_payload(decode=True))["METHOD"]) == method.value


def test_c031_a_mail_with_a_document_is_built_as_mail_programs_know_it():
    document = _invitation()

    _, read = _wire(_mail(calendar=document))

    assert read.get_content_type() == "multipart/mixed"
    alternative, attachment = read.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[-1]
    assert calendar.get_content_disposition() is None
    assert (attachment.get_content_type(), attachment.get_filename()) == ("application/ics", "invite.ics")
    assert attachment.get_content_disposition() == "attachment"
    assert calendar.get_payload(decode=True) == attachment.get_payload(decode=True) == document


def test_c031_a_mail_without_a_document_has_words_only():
    _, read = _wire(_mail(calendar=None, method=None))

    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("changes", [{"calendar": None}, {"method": None}])
def test_c030_a_document_without_a_method_is_not_sent(changes: dict[str, None]):
    with pytest.raises(Unwritable, match="method"):
        _mail(**changes)


def test_c033_from_is_the_organizer_and_answers_go_to_the_address_of_the_attendee():
    _, read = _wire(_mail())
    part = next(part for part in read.walk() if part.get_content_type() == "text/calendar")
    event = parsed(part.get_payload(decode=True)).events[0]

    assert str(event["ORGANIZER"]) == f"mailto:{read['From'].addresses[0].addr_spec}"
    assert str(event["ATTENDEE"]) == f"mailto:{read['To'].addresses[0].addr_spec}"
    assert read["Reply-To"].addresses[0].addr_spec == _SENDER


def test_c042_a_mail_says_that_a_machine_sent_it():
    _, read = _wire(_mail())

    assert read["Auto-Submitted"] == "auto-generated"
    assert read["List-Unsubscribe"] is None
    assert read["Precedence"] is None


def test_a_mail_that_can_be_unsubscribed_from_says_how_in_one_piece():
    raw, read = _wire(_mail(list_unsubscribe=_LINK))

    assert f"List-Unsubscribe: <{_LINK}>\r\n".encode() in raw
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_identifiers_stay_in_one_piece():
    long = f"<{'a' * 80}@bookings.example>"

    raw, _ = _wire(_mail(message_id=long, in_reply_to=long, references=f"{long} {long}"))

    assert raw.count(long.encode()) == 4


def test_c044_no_line_is_long_and_no_byte_has_eight_bits():
    words = "Grüße " * 2_000
    document = _invitation().replace(b"SUMMARY:", b"SUMMARY:" + "Müßiggang ".encode() * 300)

    raw, read = _wire(_mail(subject=words, sender_name=words, text=words, html=f"<p>{words}</p>", calendar=document))

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    encodings = {part["Content-Transfer-Encoding"] for part in read.walk() if not part.is_multipart()}
    assert encodings == {"quoted-printable", "base64"}
    assert next(part for part in read.walk() if part.get_content_type() == "text/plain").get_content().strip() == (
        words.strip()
    )


_HEADERS = {
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
}


@pytest.mark.thorough
@example("Ada\r\nBcc: eve@evil.example", "x\r\n\r\n<script>")
@example('Ada" <eve@evil.example>, "', "=?utf-8?q?x=0D=0ABcc:_eve=40evil.example?=")
@example("Ada, eve@evil.example", "Hi\u2028Bcc: eve@evil.example")
@example("=?utf-8?q?eve=40evil.example=2C?= " + "ö" * 90, "a\x0bb\x00c\x85d")
@example("==??=??utf-8?q?x?=", "===???")
@given(hostile_text, hostile_text)
def test_G68_whatever_a_name_or_subject_says_the_mail_goes_to_one_address(name: str, subject: str):
    raw, read = _wire(_mail(to_name=name, sender_name=name, subject=subject, text=name, html=name))

    assert set(read.keys()) == _HEADERS
    assert len(read.keys()) == len(_HEADERS)
    assert [address.addr_spec for address in read["To"].addresses] == [_TO]
    assert [address.addr_spec for address in read["From"].addresses] == [_SENDER]
    assert [address.addr_spec for address in read["Reply-To"].addresses] == [_SENDER]
    for value in (read["Subject"], read["To"].addresses[0].display_name):
        assert not re.search("[\x00-\x1f\x7f\x85\u2028\u2029]", value)
    assert not set(read["To"].addresses[0].display_name) & set('()<>[]:;@\\,"')
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


_HOSTILE_ADDRESSES = [
    "ada@customers.example, eve@evil.example",
    "ada@customers.example\r\nBcc: eve@evil.example",
    "ada@customers.example\x00",
    "ada@customers.example\u2028",
    "<ada@customers.example>",
    '"ada eve"@customers.example',
    "ada@@customers.example",
    "ada",
    "",
    "ädä@customers.example",
    "a" * 65 + "@customers.example",
    "ada@customers.example;eve@evil.example",
    "eve:ada@customers.example",
]


@pytest.mark.parametrize("field", ["to", "sender", "reply_to"])
@pytest.mark.parametrize("address", _HOSTILE_ADDRESSES)
def test_G68_what_is_not_one_address_is_not_written_to(field: str, address: str):
    with pytest.raises(Unwritable):
        _mail(**{field: address})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", "<a@b>\r\nBcc: eve@evil.example"),
        ("message_id", "a@b"),
        ("in_reply_to", "<a@b> <c@d>"),
        ("references", "<a@b>\t<c@d>\n"),
        ("list_unsubscribe", "https://bookings.example/>\r\nBcc: eve@evil.example"),
        ("list_unsubscribe", "javascript:alert(1)"),
        ("list_unsubscribe", "https://bookings.example/" + "x" * 900),
    ],
)
def test_G68_an_identifier_or_link_that_is_none_is_refused(field: str, value: str):
    with pytest.raises(Unwritable):
        _mail(**{field: value})


def test_a_date_without_a_zone_is_refused():
    with pytest.raises(NaiveMoment):
        _mail(date=datetime(2026, 11, 20))


_SAMPLES = [
    "gmail-reply",
    "outlook-reply",
    "apple-reply",
    "outlook-counter",
    "thunderbird-counter",
    "evolution-refresh",
]


@pytest.mark.parametrize("name", _SAMPLES)
def test_c037_the_answer_in_a_mail_of_each_program_is_found(name: str):
    sample = Sample()

    incoming = read_mail(sample.mail(name))

    assert incoming.recipients == (sample.to,)
    assert incoming.sender == sample.attendee
    assert not incoming.is_automatic
    assert incoming.calendar is not None
    assert sample.uid.encode() in incoming.calendar
    assert incoming.message_id is not None


@pytest.mark.parametrize("name", ["exchange-out-of-office", "bounce"])
def test_c042_auto_replies_and_bounces_are_known(name: str):
    incoming = read_mail(Sample().mail(name))

    assert incoming.is_automatic
    assert incoming.calendar is None


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-notified; owner-email=x@y.example",
        "Auto-Submitted: AUTO-REPLIED (vacation)",
        "Return-Path: <>",
        "Precedence: Bulk",
        "X-Autoreply: yes",
    ],
)
def test_c042_an_answer_that_a_machine_gave_is_automatic(header: str):
    plain = Sample().mail("outlook-reply")

    assert not read_mail(plain).is_automatic
    assert read_mail(f"{header}\r\n".encode() + plain).is_automatic


def test_c042_our_own_mail_that_comes_back_is_automatic_or_no_answer():
    incoming = read_mail(_mail(to=_SENDER, sender="a@bookings.example").as_bytes())

    assert incoming.is_automatic


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("Robin <Robin@Customers.Example>", "robin@customers.example"),
        ("robin@customers.example, eve@evil.example", None),
        ("robin@customers.example\r\nFrom: eve@evil.example", None),
        ("undisclosed-recipients:;", None),
        ("x" * 3_000 + "@customers.example", None),
        ("(" * 1_500 + "robin@customers.example", None),
    ],
)
def test_c039_a_mail_is_from_one_address_or_nobody(sender: str, expected: str | None):
    mail = f"From: {sender}\r\nTo: a@bookings.example\r\n\r\nHello\r\n".encode()

    assert read_mail(mail).sender == expected


def _nested(depth: int) -> bytes:
    mail = b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n"
    for level in range(depth):
        edge = f"edge{level}".encode()
        head = b"Content-Type: multipart/mixed; boundary=" + edge + b"\r\n\r\n--" + edge + b"\r\n"
        mail = head + mail + b"\r\n--" + edge + b"--\r\n"
    return b"From: a@b.example\r\n" + mail


def test_a_document_that_lies_too_deep_is_not_found():
    assert read_mail(_nested(3)).calendar is not None
    assert read_mail(_nested(MAIL_PARTS - 2)).calendar is None


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@b.example\r\n\r\n" + b"x" * MAIL_BYTES,
        b"From: a@b.example\r\n\r\n" + b"\r\n" * (MAIL_LINES + 1),
        b"From: a@b.example\r\nX-A: " + b"x" * 200_000 + b"\r\n\r\n",
        _nested(2_000),
    ],
)
def test_a_mail_beyond_the_bounds_is_refused_at_once(raw: bytes):
    with at_most(10_000), pytest.raises(TooLarge):
        read_mail(raw)


def test_the_worst_mail_within_the_bounds_is_read_in_bounded_work():
    lines = b"--edge0\r\n" * (MAIL_LINES - 2_000)
    mail = _nested(MAIL_PARTS - 2) + lines

    with at_most(600_000):
        read_mail(mail)


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"no header at all", b"\x00\xff\xfe"])
def test_what_is_no_mail_is_refused(raw: bytes):
    with pytest.raises(Unreadable):
        read_mail(raw)


_PIECES = st.sampled_from(
    [
        b"From: ",
        b"To: ",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: text/calendar; method*0*=utf-8''%ff; charset=\xff\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: uuencode\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"--x\r\n",
        b"--x--\r\n",
        b"\r\n",
        b"\r",
        b"=?utf-8?q?=ff?= <a@b.example>",
        b"a@b.example",
        b"(((",
        b'"',
        b"begin 644 x\n",
        b"\x80",
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=12), max_size=30).map(b"".join))
def test_any_bytes_are_a_mail_or_refused(raw: bytes):
    try:
        incoming = read_mail(raw)
    except IcsError:
        return
    assert all("@" in recipient for recipient in incoming.recipients)


@pytest.mark.parametrize("turning", ["\u202e", "\u2066", "\u200f"])
def test_a_name_turns_no_line_around(turning: str):
    mail = _mail(to_name=f"Ada{turning}moc.elpmaxe@eve")

    assert turning not in str(_wire(mail)[1]["To"])
