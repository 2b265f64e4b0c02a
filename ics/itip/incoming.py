"""
Owns taking a received mail apart: who it is from and for, whether a person stands behind it, and its calendar part.

Leaves that part to `read/message`, and whether the sender may do what it asks to whoever keeps the appointment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses

from ics.errors import TooLarge, Unreadable
from ics.limits import (
    ADDRESS_BYTES,
    MAIL_BYTES,
    MAIL_DEPTH,
    MAIL_HEADER_BYTES,
    MAIL_LINES,
    MAIL_PARTS,
    MESSAGE_BYTES,
    RECIPIENTS,
)

_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
_ANSWERS = frozenset({"REPLY", "COUNTER", "REFRESH"})
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_ROBOTS = frozenset({"mailer-daemon", "postmaster"})
_AUTOREPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Failed-Recipients")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n|\r\r")
_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,255}")
_IDENTIFIER = re.compile(r"<[!-;=?-~]{3,250}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """
    What matters of a received mail; addresses bare and in lower case.

    Attributes:
        recipients: Those that its header names, the address of delivery first.
        sender: From; None where there is not exactly one.
        is_automatic: A bounce, an out-of-office note or bulk mail: nobody wrote it to us.
        calendar: The scheduling document, as it is in the mail.
        message_id: With its angle brackets.
    """

    recipients: tuple[str, ...]
    sender: str | None
    is_automatic: bool
    calendar: bytes | None
    message_id: str | None


def read_mail(raw: bytes, *, limit: int = MAIL_BYTES) -> Incoming:
    """
    Takes *raw* apart (RFC 5322).

    Raises:
        TooLarge: It is beyond *limit* or `limits`.
        Unreadable: It is no mail.
    """
    _check_bounds(raw, limit)
    try:
        mail = message_from_bytes(raw, policy=compat32)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Unreadable("mail", "cannot be taken apart") from None
    if not mail.keys():
        raise Unreadable("mail", "has no header")
    part = _calendar_part(mail)
    calendar = _content(part) if part is not None else None
    return Incoming(
        recipients=tuple(dict.fromkeys(_addresses(mail, *_RECIPIENT_HEADERS)))[:RECIPIENTS],
        sender=_sender(mail),
        is_automatic=_is_automatic(mail, answers=part is not None and _method(part) in _ANSWERS),
        calendar=calendar,
        message_id=_message_id(mail),
    )


def _check_bounds(raw: bytes, limit: int) -> None:
    if len(raw) > limit:
        raise TooLarge("bytes", limit)
    if raw.count(b"\n") + raw.count(b"\r") > 2 * MAIL_LINES:
        raise TooLarge("lines", MAIL_LINES)
    header_end = _BLANK_LINE.search(raw)
    if (header_end.start() if header_end else len(raw)) > MAIL_HEADER_BYTES:
        raise TooLarge("header bytes", MAIL_HEADER_BYTES)
    # Counted before parsing: the parser goes one level deeper with each part that declares itself.
    if raw.lower().count(b"content-type") > MAIL_PARTS:
        raise TooLarge("parts", MAIL_PARTS)


def _header(mail: Message, name: str) -> str:
    """The first header of that name, on one line; empty where there is none."""
    return " ".join(str(mail.get(name, "")).split())


def _calendar_part(mail: Message) -> Message | None:
    """The document for mail programs, or else the attachment; what lies in a forwarded mail is not meant for us."""
    parts = list(_leaves(mail, 0))
    kinds = ("text/calendar", "application/ics")
    found = [part for kind in kinds for part in parts if part.get_content_type() == kind]
    return next((part for part in found if _method(part) in _ANSWERS), found[0] if found else None)


def _leaves(part: Message, depth: int) -> Iterator[Message]:
    if depth > MAIL_DEPTH or part.get_content_maintype() == "message":
        return
    inside = part.get_payload()
    if not isinstance(inside, list):
        yield part
        return
    for each in inside:
        if isinstance(each, Message):
            yield from _leaves(each, depth + 1)


def _method(part: Message) -> str:
    try:
        method = part.get_param("method", "")
    except (ValueError, LookupError, TypeError):
        return ""
    return method.upper() if isinstance(method, str) else ""


def _content(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError):
        raise Unreadable("calendar part", "cannot be decoded") from None
    if not isinstance(content, bytes):
        raise Unreadable("calendar part", "cannot be decoded")
    if len(content) > MESSAGE_BYTES:
        raise TooLarge("bytes", MESSAGE_BYTES)
    return content


def _addresses(mail: Message, *names: str) -> Iterator[str]:
    for name in names:
        for value in mail.get_all(name, []):
            text = " ".join(str(value).split())
            if len(text) > ADDRESS_BYTES:
                continue
            try:
                found = getaddresses([text])
            except (ValueError, IndexError, RecursionError):
                continue
            yield from (address.lower() for _, address in found if _ADDRESS.fullmatch(address))


def _sender(mail: Message) -> str | None:
    if len(mail.get_all("From", [])) != 1:
        return None
    found = list(_addresses(mail, "From"))
    return found[0] if len(found) == 1 else None


def _message_id(mail: Message) -> str | None:
    found = _IDENTIFIER.search(_header(mail, "Message-ID")[:ADDRESS_BYTES])
    return found.group() if found else None


def _is_automatic(mail: Message, *, answers: bool) -> bool:
    """
    Whether nobody wrote it (RFC 3834, 2 and 5).

    Calendar servers send the answers that people give by a click, and some say `Auto-Submitted: auto-generated` of
    them: with an answer in it, only `auto-replied` makes a mail automatic.
    """
    submitted = _header(mail, "Auto-Submitted").partition(";")[0].partition("(")[0].strip().lower()
    if submitted not in {"", "no"} and not (answers and submitted == "auto-generated"):
        return True
    sender = _sender(mail) or ""
    return (
        _header(mail, "Return-Path") == "<>"
        or mail.get_content_type() == "multipart/report"
        or _header(mail, "Precedence").lower() in _BULK
        or sender.partition("@")[0] in _ROBOTS
        or any(name in mail for name in _AUTOREPLY_HEADERS)
    )
