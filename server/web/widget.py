"""
Owns serving the widget: the file that web sites load, under a name that moves and one that never changes.

Leaves making it to `widget/build.js`, and who may call the API to `cors`.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import orjson
from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.web.access import Who
from server.web.answers import SAFE
from server.web.compression import is_known, tag_of, takes_gzip
from server.web.route import Route
from server.web.shapes.base import AnyQuery

_FOREVER = "public, max-age=31536000, immutable"
_MOVES = "public, max-age=300, stale-while-revalidate=86400"
_LATEST = "v1"

_KINDS = {".js": "text/javascript", ".json": "application/json", ".ts": "text/plain"}

_OPEN = {
    "Access-Control-Allow-Origin": "*",  # module scripts are always fetched with CORS, and this is for every site
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    zipped: bytes
    etag: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """
    The widget as it was built.

    Attributes:
        name: Of the exact version: these files and no others.
        integrity: Of all its code, for the attribute of that name (Subresource Integrity).
    """

    name: str
    integrity: str


@cache
def build() -> Build:
    """The one that is served."""
    told = orjson.loads(_read("widget.json"))
    digest = digest_of({name: file.body for name, file in _files().items()})
    return Build(name=f"{version('bookable')}-{digest}", integrity=told["integrity"])


def digest_of(bodies: Mapping[str, bytes]) -> str:
    """Another one whenever any file is: what a version's address answers is kept for ever."""
    of_each = [f"{name} {hashlib.sha256(bodies[name]).hexdigest()}" for name in sorted(bodies)]
    return hashlib.sha256("\n".join(of_each).encode()).hexdigest()[:8]


@cache
def words(language: str) -> Mapping[str, str]:
    """What the widget says in one of its languages, by the English, which is in its code."""
    said: dict[str, str] = {} if language == "en" else orjson.loads(_read(f"{language}.json"))
    return said


def _read(name: str) -> bytes:
    return (files("server") / "static" / "widget" / name).read_bytes()


@cache
def _files() -> Mapping[str, _File]:
    """What is served, by name; read once."""
    found = {}
    for entry in (files("server") / "static" / "widget").iterdir():
        if entry.name == "widget.json":
            continue
        body = entry.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        found[entry.name] = _File(body, gzip.compress(body, 9, mtime=0), etag, _KINDS[Path(entry.name).suffix])
    return found


async def get_widget(request: web.Request) -> web.Response:
    """
    One of its files, for every web site.

    Raises:
        NotFound: There is no such file, or not in this version.
    """
    wanted, name = request.match_info["version"], request.match_info["file"]
    file = _files().get(name)
    if file is None or wanted not in {_LATEST, build().name}:
        raise NotFound(what="widget")
    headers = {
        **SAFE,
        **_OPEN,
        hdrs.CACHE_CONTROL: _MOVES if wanted == _LATEST else _FOREVER,
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    zipped = takes_gzip(request, len(file.body))
    headers[hdrs.ETAG] = tag_of(file.etag, zipped=zipped)
    if is_known(request, file.etag):
        return web.Response(status=304, headers=headers)
    if zipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    return web.Response(
        body=file.zipped if zipped else file.body, content_type=file.kind, charset="utf-8", headers=headers
    )


def widget_routes() -> list[Route]:
    """The widget's files."""
    return [
        Route("GET", "/widget/{version}/{file}", Who.PUBLIC, get_widget,
              "Pages", "The widget: `v1/bookable.js`", query=AnyQuery, answers={200: None, 304: None},
              media_type="text/javascript"),
    ]  # fmt: skip
