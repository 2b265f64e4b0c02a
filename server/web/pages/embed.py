"""
Owns the embed guide: choosing how the widget should be, seeing it, and copying the lines that make it so.

Leaves the widget to `web/widget`.
"""

from typing import Any

from aiohttp import web

from server.domain.errors import NotFound
from server.store.profile import load_profile
from server.web.keys import CORE, SETTINGS
from server.web.pages.html import STYLE, page_answer, render_page, static_answer
from server.web.route import query_of
from server.web.shapes.book import EmbedQuery
from server.web.widget import build

_ACCENT = "#114455"
_LANGUAGES = (
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("pt", "Português"),
    ("nl", "Nederlands"),
    ("ja", "日本語"),
    ("ar", "العربية"),
)


async def get_embed(request: web.Request) -> web.Response:
    """The guide; `?business=` makes it about one."""
    slug = query_of(request, EmbedQuery).business
    profile: dict[str, Any] = {"services": [], "providers": [], "theme": {}}
    if slug:
        try:
            async with request.app[CORE].database.reading() as session:
                profile = await load_profile(session, slug)
        except NotFound:
            slug = ""
    html = render_page(
        "embed.html",
        STYLE,
        business=slug or "your-business",
        services=profile["services"],
        providers=profile["providers"],
        accent=profile["theme"].get("accent") or _ACCENT,
        origin=request.app[SETTINGS].http.base_url,
        languages=_LANGUAGES,
        script=f"/widget/{build().name}/bookable.js",
        integrity=build().integrity,
    )
    return page_answer(html, STYLE, forms=True, widget=True)


async def get_embed_script(_: web.Request) -> web.Response:
    """What makes the guide's form write the lines."""
    return static_answer("embed.js", "text/javascript")
