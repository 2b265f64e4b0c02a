"""
Owns the mailbox of `bookable demo`: mails that were written into a folder instead of being sent, for people to read.

Leaves writing them to `channels/mail`. The pages exist only where `BOOKABLE_MAIL_MAILBOX` says so, and only for this
machine: the mails have links that change appointments.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from aiohttp import web

from server.domain.errors import NotFound
from server.web.answers import SAFE
from server.web.keys import SETTINGS
from server.web.pages.html import page_answer, render_page
from server.web.proxies import is_forwarded, is_loopback

_STYLE = "tokens.css base.css mailbox.css"
_NAME = re.compile(r"[A-Za-z0-9@._+-]{1,200}\.eml")
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as the pages show it."""

    name: str
    to: str
    sender: str
    subject: str
    date: datetime | None
    method: str
    """Of the calendar document that it carries: REQUEST, CANCEL; empty without one."""
    text: str
    html: str
    calendar: str


def add_mailbox(app: web.Application) -> None:
    """Puts the pages into *app*, if there is a folder to show."""
    mail = app[SETTINGS].mail
    if mail.mailbox and mail.folder is not None:
        app.router.add_get("/mailbox", get_mailbox)
        app.router.add_get("/mailbox/{name}", get_mail)
        app.router.add_get("/mailbox/{name}/{part}", get_part)


async def get_mailbox(request: web.Request) -> web.Response:
    """The newest mails first."""
    folder = _folder(request)
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)[:_MOST] if folder.is_dir() else []
    return page_answer(render_page("mailbox.html", _STYLE, mails=[_read(folder / name) for name in names]), _STYLE)


async def get_mail(request: web.Request) -> web.Response:
    """One mail."""
    answer = page_answer(render_page("mail.html", _STYLE, mail=_read(_path(request))), _STYLE)
    answer.headers["Content-Security-Policy"] += "; frame-src 'self'"
    return answer


async def get_part(request: web.Request) -> web.Response:
    """The HTML part, for the frame of the page; the calendar document; or the whole mail as a file."""
    path = _path(request)
    part = request.match_info["part"]
    if part == "raw.eml":
        return web.Response(body=path.read_bytes(), content_type="message/rfc822", headers=SAFE)
    mail = _read(path)
    if part == "invite.ics" and mail.calendar:
        return web.Response(body=mail.calendar.encode(), content_type="text/calendar", charset="utf-8", headers=SAFE)
    if part == "body.html" and mail.html:
        # What a mail program would show, and as little as one would let it do.
        policy_ = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups"
        headers = {**SAFE, "Content-Security-Policy": policy_, "X-Frame-Options": "SAMEORIGIN"}
        return web.Response(text=mail.html, content_type="text/html", headers=headers)
    raise NotFound(what="mail")


def _folder(request: web.Request) -> Path:
    """
    Where the mails are.

    Raises:
        NotFound: Whoever asks is not on this machine.
    """
    if is_forwarded(request) or not is_loopback(request.remote):
        raise NotFound(what="page")
    return Path(request.app[SETTINGS].mail.folder or "")


def _path(request: web.Request) -> Path:
    name = request.match_info["name"]
    path = _folder(request) / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound(what="mail")
    return path


def _read(path: Path) -> Mail:
    with path.open("rb") as file:
        message = BytesParser(_class=EmailMessage, policy=policy.default).parse(file)
    calendar = next((part for part in message.walk() if part.get_content_type() == "text/calendar"), None)
    return Mail(
        name=path.name,
        to=str(message["To"] or ""),
        sender=str(message["From"] or ""),
        subject=str(message["Subject"] or ""),
        date=message["Date"].datetime if message["Date"] is not None else None,
        method=str(calendar.get_param("method", "")) if calendar is not None else "",
        text=_content(message, "plain"),
        html=_content(message, "html"),
        calendar=str(calendar.get_content()) if isinstance(calendar, EmailMessage) else "",
    )


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""
