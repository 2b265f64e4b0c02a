"""
Owns making a foreign string safe to stand in a calendar document.

Leaves folding and the quoting of parameters to the library, and the choice of bounds per property to `event`.
"""

import re
import unicodedata
from urllib.parse import quote

from icalendar.prop import vText

from ics.errors import Unwritable

PARAMETER_LIMIT = 200
"""Most characters of a parameter such as CN."""

URI_LIMIT = 2_000
"""Most characters of a URI; longer ones are cut by some clients, which breaks them."""

ADDRESS_LIMIT = 254
"""Most characters of a mail address (RFC 5321, 4.5.3.1.3, less the angle brackets)."""

_LINE_ENDS = re.compile("\r\n|\r|\x85|\u2028|\u2029")

# Controls other than HTAB and LF (RFC 5545, 3.1), and what UTF-8 or the XML of CalDAV cannot carry.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_URI = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

_ADDRESS = re.compile(r"""[^\s@"<>()\[\]\\,;:]+@[^\s@"<>()\[\]\\,;:%/?#&=]+""")

_LOCAL_SAFE = "!$'*+"
"""What RFC 6068 lets stand in a local part, besides what is never encoded."""

_JOINERS = ("\u200d", "\ufe0e", "\ufe0f")
"""Zero-width joiner and variation selectors: nothing may be cut off just before or after one."""


class Text(vText):
    r"""
    A TEXT value with the four escapes of RFC 5545, 3.3.11.

    The library's own class turns a backslash before a capital N, as in `C:\New`, into a line break.
    """

    def to_ical(self) -> bytes:
        """The escaped value, in UTF-8, not folded."""
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
        return escaped.encode()


def clean_text(text: str, *, limit: int) -> str:
    """
    *text* with every kind of line end as a newline, no other control character than HTAB, cut to *limit*.

    Cleaning twice changes nothing more.

    Args:
        limit: Most characters of the result; the last is an ellipsis when something was cut off.
    """
    return _cut(_FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text)), limit)


def clean_parameter(text: str, *, limit: int = PARAMETER_LIMIT) -> str:
    """
    *text* on one line, fit for a parameter such as CN (RFC 5545, 3.2).

    Double quotes go, although RFC 6868 could encode them, because older clients show the encoding. A
    backslash, which some parsers take for an escape of the closing quote, becomes a slash.
    """
    one_line = " ".join(clean_text(text, limit=10 * limit).split())
    return _cut(one_line.replace('"', "").replace("\\", "/"), limit).strip()


def clean_uri(uri: str, *, field: str) -> str:
    """
    *uri*, which must be a web address in ASCII (RFC 3986).

    Raises:
        Unwritable: It has another scheme than http or https, a character that a URI must percent-encode, or
            more than `URI_LIMIT` characters.
    """
    if len(uri) > URI_LIMIT or not _URI.fullmatch(uri):
        raise Unwritable(field, f"is not a web address of at most {URI_LIMIT} characters")
    return uri


def mailto(address: str, *, field: str) -> str:
    """
    The `mailto:` URI of a mail *address*; what a URI may not show is percent-encoded (RFC 6068, 2).

    Raises:
        Unwritable: *address* is not one plain `local@domain`. Quoted local parts and address literals are
            refused.
    """
    if len(address) > ADDRESS_LIMIT or _FORBIDDEN.search(address) or not _ADDRESS.fullmatch(address):
        raise Unwritable(field, "is not a mail address")
    local, _, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe=_LOCAL_SAFE)}@{quote(domain, safe='')}"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    at = limit - 1
    while at > 0 and (text[at] in _JOINERS or text[at - 1] == "\u200d" or unicodedata.combining(text[at])):
        at -= 1
    return text[:at] + "…"
