"""
Owns rendering a page: its template, its style sheets, and the policy that lets nothing else in.

Leaves what stands on the page to its neighbours.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from server.web.answers import SAFE
from server.web.pages.language import PageVoice

STYLE = "tokens.css base.css pages.css"
"""The sheets of most pages."""

_CODE = re.compile(r"`([^`]+)`")
_ENVIRONMENT = Environment(
    loader=PackageLoader("server", "templates/pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _with_code(text: str) -> Markup:
    """*text*, escaped, with `code` between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


_ENVIRONMENT.filters["with_code"] = _with_code


def render_page(template: str, style: str, voice: PageVoice | None = None, **values: object) -> str:
    """The page that *template* makes of *values*, with the sheets in *style* within; in English without *voice*."""
    spoken = {"voice": voice, "say": voice.say, "lang": voice.tag, "dir": voice.direction} if voice else {}
    sheet = Markup(_sheet(style))  # noqa: S704  # our own
    return _ENVIRONMENT.get_template(template).render(**spoken, **values, style=sheet)


def page_answer(
    html: str,
    style: str,
    *,
    status: int = 200,
    forms: bool = False,
    widget: bool = False,
    framed_by: Iterable[str] = (),
    private: bool = False,
    brand: str = "",
) -> web.Response:
    """
    The page as an answer: nothing on it comes from, or goes to, any host but ours.

    Args:
        forms: It may send forms, to us.
        widget: It runs the widget, or another script of ours, and what that asks us.
        framed_by: Origins that may show it in a frame; none by default.
        private: It is about one person: nobody keeps it.
        brand: The sheet of its business (`brand`) that is on it.
    """
    framing = " ".join(sorted(framed_by)) or "'none'"
    policy = [
        "default-src 'none'",
        f"style-src {_source_of(_sheet(style))} {_source_of(brand)}",
        "base-uri 'none'",
        "form-action 'self'" if forms else "form-action 'none'",
        f"frame-ancestors {framing}",
        *(("script-src 'self'", "connect-src 'self'", "img-src 'self' https:") if widget else ()),
    ]
    headers = {**SAFE, "Content-Security-Policy": "; ".join(policy)}
    headers["Cache-Control"] = "no-store" if private else "no-cache"
    headers["Vary"] = "Origin, Accept-Language"
    if forms:
        headers["Referrer-Policy"] = "same-origin"  # with none, browsers send forms with `Origin: null`
    if framing != "'none'":
        del headers["X-Frame-Options"]  # the older header knows no list
    return web.Response(text=html, content_type="text/html", status=status, headers=headers)


def static_answer(name: str, kind: str) -> web.Response:
    """A file that pages ask for."""
    body = (files("server") / "static" / name).read_bytes()
    headers = {**SAFE, "Cache-Control": "public, max-age=3600"}
    return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)


async def get_favicon(_: web.Request) -> web.Response:
    """The picture in a browser's tab; it is asked for without being named anywhere."""
    return static_answer("favicon.svg", "image/svg+xml")


@lru_cache(maxsize=16)
def _sheet(style: str) -> str:
    return "".join((files("server") / "static" / name).read_text("utf-8") for name in style.split())


@lru_cache(maxsize=1024)
def _source_of(sheet: str) -> str:
    """The sheet's hash, as the policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()}'" if sheet else ""
