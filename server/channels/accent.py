"""
Owns a business's colour in its mails, and the colour of the words on it.

Leaves everything else about their looks to the templates.
"""

import re
from typing import NamedTuple

_OURS = "#24577a"
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_LIGHT, _DARK = "#ffffff", "#1c2126"
_READABLE = 3.0
"""Contrast that large bold words need (WCAG 2.2, 1.4.3)."""


class Accent(NamedTuple):
    """Two CSS colours."""

    ground: str
    ink: str


def accent_of(colour: str) -> Accent:
    """*colour*, if it is one (`#rrggbb`), and ours if not; with the ink that can be read on it, white if possible."""
    ground = colour if _HEX.fullmatch(colour) else _OURS
    contrast = 1.05 / (_luminance(ground) + 0.05)
    return Accent(ground, _LIGHT if contrast >= _READABLE else _DARK)


def _luminance(colour: str) -> float:
    """Relative luminance of sRGB, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
