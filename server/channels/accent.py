"""
Owns a business's colour in its mails, and the colour of the words on it: those of its pages and its widget.

Leaves everything else about their looks to the templates.
"""

import re
from typing import NamedTuple

from server.domain.colours import ink_on

_OURS = "#114455"
"""`--brand` of `static/tokens.css`, on light ground."""
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class Accent(NamedTuple):
    """Two CSS colours."""

    ground: str
    ink: str


def accent_of(colour: str) -> Accent:
    """*colour*, if it is one (`#rrggbb`), and ours if not; with the ink that can be read on it."""
    ground = colour if _HEX.fullmatch(colour) else _OURS
    return Accent(ground, ink_on(ground))
