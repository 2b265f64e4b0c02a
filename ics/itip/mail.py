"""
Owns the mail around a scheduling document, as RFC 6047 and the large mail programs want it.

Leaves the words and the document to the caller, sending to its transport, and what comes back to `incoming`.
"""

import re
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, Policy

from ics.errors import NaiveMoment, Unwritable
from ics.event import Method
from ics.write.text import clean_text, clean_uri, mailto

_SUBJECT_LIMIT = 200
_NAME_LIMIT = 100
_LOCAL_LIMIT = 64
"""Octets before the @ (RFC 5321, 4.5.3.1.1)."""
_LINK_LIMIT = 900
"""Characters of a link that must stand on one line (RFC 5322, 2.1.1)."""

_IDENTIFIER = re.compile(r"<[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,120}@[A-Za-z0-9\-.]{1,253}>")
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,"\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_ATTACHMENT = "invite.ics"


class _Verbatim:
    """
    A header that is written as it is, one line per word.

    The library would put what is longer than a line into encoded words, which identifiers and links must not be in.
    """

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, object]) -> None:
        kwds["decoded"] = value
        kwds["parse_tree"] = None

    def fold(self, *, policy: Policy) -> str:
        words = f"{policy.linesep} ".join(str(self).split(" "))
        return f"{self.name}: {words}{policy.linesep}"  # type: ignore[attr-defined]


_HEADERS = HeaderRegistry()
for _name in ("list-unsubscribe", "list-unsubscribe-post", "message-id", "in-reply-to", "references"):
    _HEADERS.map_to_type(_name, _Verbatim)  # type: ignore[arg-type]  # the registry adds BaseHeader itself
_POLICY = SMTP.clone(header_factory=_HEADERS)


def build_mail(
    *,
    sender: str,
    sender_name: str,
    to: str,
    to_name: str,
    reply_to: str | None,
    reply_to_name: str | None = None,
    subject: str,
    text: str,
    html: str,
    calendar: bytes | None,
    method: Method | None,
    message_id: str,
    in_reply_to: str | None = None,
    references: str | None = None,
    date: datetime,
    list_unsubscribe: str | None = None,
) -> EmailMessage:
    """
    A mail to one person: words as text and as HTML and, if there is one, the document twice.

    Mail programs show buttons for the part at the end of the alternatives (RFC 6047, 2.4) and offer the same bytes
    for download as an attachment. Every body part is in quoted-printable or base64, so that no line is longer than
    78 octets, except for links and identifiers, which stay below 998.

    Args:
        sender: From; for a client to trust *calendar* it is the address of its ORGANIZER.
        sender_name, to_name, subject: Foreign text; line ends, controls and what could be taken for another address
            or an encoded word go.
        method: The METHOD of *calendar*; both or neither.
        reply_to_name: The sender's, if none is given.
        message_id, in_reply_to: One identifier in angle brackets.
        references: One or more, separated by spaces.
        date: Aware.
        list_unsubscribe: Web address that ends such mails on one POST (RFC 8058); not for what somebody booked.

    Raises:
        Unwritable: An address, identifier or link is none, or there is a calendar without a method.
        NaiveMoment: *date* has no zone.
    """
    if (calendar is None) != (method is None):
        raise Unwritable("calendar", "needs a method, and a method a calendar")
    if date.utcoffset() is None:
        raise NaiveMoment("date")
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(sender, sender_name, "From")
    mail["To"] = _address(to, to_name, "To")
    if reply_to is not None:
        mail["Reply-To"] = _address(reply_to, sender_name if reply_to_name is None else reply_to_name, "Reply-To")
    mail["Subject"] = _one_line(subject, _SUBJECT_LIMIT)
    mail["Date"] = date
    mail["Message-ID"] = _identifiers(message_id, "Message-ID", most=1)
    if in_reply_to is not None:
        mail["In-Reply-To"] = _identifiers(in_reply_to, "In-Reply-To", most=1)
    if references is not None:
        mail["References"] = _identifiers(references, "References", most=10)
    mail["Auto-Submitted"] = "auto-generated"
    if list_unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{_link(list_unsubscribe)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(_lines(text), cte="quoted-printable")
    mail.add_alternative(_lines(html), subtype="html", cte="quoted-printable")
    if calendar is not None and method is not None:
        _add_calendar(mail, calendar, method)
    return mail


def _add_calendar(mail: EmailMessage, calendar: bytes, method: Method) -> None:
    mail.add_alternative(
        calendar, maintype="text", subtype="calendar", params={"charset": "utf-8", "method": method.value}
    )
    mail.add_attachment(
        calendar, maintype="application", subtype="ics", filename=_ATTACHMENT, params={"name": _ATTACHMENT}
    )


def _address(address: str, name: str, field: str) -> Address:
    mailto(address, field=field)  # refuses what is not one plain address
    if not address.isascii() or len(address.rpartition("@")[0]) > _LOCAL_LIMIT:
        raise Unwritable(field, "is not a mail address that every server takes")
    # A name that must be quoted could lose its quotes where the line is folded, and become an address of its own.
    plain = " ".join(_SPECIALS.sub(" ", _one_line(name, _NAME_LIMIT)).split())
    return Address(plain, addr_spec=address)


def _one_line(text: str, limit: int) -> str:
    one_line = " ".join(clean_text(text, limit=10 * limit).split())
    while "=?" in one_line:  # the beginning of an encoded word, which would be decoded where it is shown
        one_line = one_line.replace("=?", "= ?")
    return clean_text(one_line, limit=limit)


def _lines(text: str) -> str:
    return clean_text(text, limit=len(text) + 1)


def _identifiers(value: str, field: str, *, most: int) -> str:
    identifiers = value.split(" ")
    if len(identifiers) > most or not all(_IDENTIFIER.fullmatch(each) for each in identifiers):
        raise Unwritable(field, "is no message identifier")
    return value


def _link(url: str) -> str:
    if len(url) > _LINK_LIMIT or ">" in url:
        raise Unwritable("List-Unsubscribe", f"is longer than {_LINK_LIMIT} characters")
    return clean_uri(url, field="List-Unsubscribe")
