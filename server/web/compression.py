"""
Owns whether an answer leaves compressed, and the tag that it has then.

Leaves compressing to whoever keeps the answer. A proxy in front does the same for what is not compressed here.
"""

from functools import lru_cache

from aiohttp import hdrs, web

_WORTH_IT = 1_000
"""Bytes; a smaller answer fits into one packet anyway."""
_SUFFIX = '-gz"'


def takes_gzip(request: web.Request, size: int) -> bool:
    """Whether an answer of *size* bytes is to be compressed for this request."""
    return size >= _WORTH_IT and accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))


def tag_of(etag: str, *, zipped: bool) -> str:
    """The tag of what is sent: other octets have another (RFC 9110, 8.8.3)."""
    return etag[:-1] + _SUFFIX if zipped else etag


def is_known(request: web.Request, etag: str) -> bool:
    """Whether the caller has it already, compressed or not."""
    return etag in request.headers.get(hdrs.IF_NONE_MATCH, "").replace(_SUFFIX, '"')


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether Accept-Encoding takes gzip (RFC 9110, 12.5.3); a weight of zero says no."""
    weights: dict[str, bool] = {}
    for part in header.lower().split(","):
        coding, *parameters = (word.strip() for word in part.split(";"))
        weights[coding] = not any(word.startswith("q=") and not word[2:].strip("0.") for word in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))
