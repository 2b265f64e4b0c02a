"""
Owns rendering a page that needs no script: its template, its style sheet, and the policy that lets nothing else in.

Leaves what stands on the page to its neighbours.
"""

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from server.web.answers import SAFE

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


def render_page(template: str, style: str, **values: object) -> str:
    """The page that *template* makes of *values*, with the sheet *style* within."""
    return _ENVIRONMENT.get_template(template).render(**values, style=Markup(_sheet(style)))  # noqa: S704  # our own


def page_answer(html: str, style: str, *, status: int = 200) -> web.Response:
    """The page as an answer: no script, no frame, no form, no host but ours."""
    policy = (
        f"default-src 'none'; style-src '{_source_of(style)}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {**SAFE, "Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return web.Response(text=html, content_type="text/html", status=status, headers=headers)


@lru_cache(maxsize=16)
def _sheet(style: str) -> str:
    return (files("server") / "static" / style).read_text("utf-8")


@lru_cache(maxsize=16)
def _source_of(style: str) -> str:
    """The sheet's hash, as the policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_sheet(style).encode()).digest()).decode()
