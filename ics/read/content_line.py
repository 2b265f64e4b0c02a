"""
Owns content lines: a text cut into properties, folds undone (RFC 5545, 3.1).

Leaves which components they make to `calendar_object`, and what their values mean to `moment` and `rule`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ics.errors import TooLarge
from ics.limits import FILE_CHARACTERS, FILE_LINES, LINE_CHARACTERS

_LINE_END = re.compile(r"\r*\n|\r+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Possessive: what a parameter has taken it never gives back, so that no line takes more than one pass.
_LINE = re.compile(r'([A-Za-z0-9_.-]++)((?:;[^":;]*+(?:"[^"]*+"[^":;]*+)*+)*+):(.*)', re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_PARAMETER = re.compile(r';([^=;:"]++)=((?:"[^"]*+"|[^";]++)*+)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Property(NamedTuple):
    """One content line; *parameters* begins with its semicolon, *value* is as it was written."""

    name: str
    """In capitals."""
    parameters: str
    value: str

    def parameter(self, name: str) -> str | None:
        """The value of the parameter *name* (capitals), without quotes; None where it is not given."""
        if not self.parameters:
            return None
        for found in _PARAMETER.finditer(self.parameters):
            if found[1].strip().upper() == name:
                return found[2].replace('"', "").strip()
        return None

    def text(self) -> str:
        """The value as TEXT (RFC 5545, 3.3.11)."""
        return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value)

    def line(self) -> str:
        """What it was read from, unfolded."""
        return f"{self.name}{self.parameters}:{self.value}"


def read_lines(text: str) -> Iterator[Property | None]:
    """
    The properties of *text* in order; None for a line that is none.

    A line that is too long loses its value, so that whoever needs it sees a broken one.

    Raises:
        TooLarge: *text* is beyond `limits`.
    """
    if len(text) > FILE_CHARACTERS:
        raise TooLarge("characters", FILE_CHARACTERS)
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    if text.count("\n") > FILE_LINES:
        raise TooLarge("lines", FILE_LINES)
    whole = _CONTROLS.sub("", text.replace("\n ", "").replace("\n\t", ""))
    return (_property(line) for line in whole.split("\n") if line and not line.isspace())


def _property(line: str) -> Property | None:
    if len(line) > LINE_CHARACTERS:
        name = _NAME.match(line)
        return Property(name[0].upper(), "", "") if name else None
    whole = _LINE.match(line)
    if whole is not None:
        return Property(whole[1].upper(), whole[2], whole[3])
    return _mended(line)


def _mended(line: str) -> Property | None:
    """A line with an odd quote in its parameters, or with a name and nothing else."""
    head, _, value = line.partition(":")
    name = _NAME.match(head)
    if name is None or (name.end() < len(head) and head[name.end()] != ";"):
        return None
    return Property(name[0].upper(), head[name.end() :].replace('"', ""), value)
