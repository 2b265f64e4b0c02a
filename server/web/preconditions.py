"""
Owns reading If-Match, and the ETag of a thing with a version.

Leaves comparing versions to the use-cases.
"""

import re

from aiohttp import hdrs, web

from server.web.validation import invalid_header

_TAG = re.compile(r'"v([0-9]{1,9})"')
_MOST = 10


def etag_of(version: int) -> str:
    """The strong ETag of *version*."""
    return f'"v{version}"'


def expected_versions(request: web.Request) -> frozenset[int] | None:
    """
    The versions that the caller knows; None for any (no If-Match, or `*`).

    Raises:
        InvalidRequest: Not ETags that we gave.
    """
    values = request.headers.getall(hdrs.IF_MATCH, ())
    tags = [tag.strip() for value in values for tag in value.split(",")]
    if not values or tags == ["*"]:
        return None
    matches = [_TAG.fullmatch(tag) for tag in tags[: _MOST + 1]]
    if len(tags) > _MOST or not all(matches):
        raise invalid_header(hdrs.IF_MATCH, 'must be an ETag that an answer had, such as "v3", or *')
    return frozenset(int(match[1]) for match in matches if match)
