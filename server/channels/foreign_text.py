"""
Owns what strangers typed, made harmless and short enough for mails and text messages.

Leaves escaping to the templates.
"""

import re
import unicodedata

_CONTROLS = frozenset({"Cc", "Cs"})
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of everything behind them, also of our own words."""

_JOINT = re.compile(r"(?<=\S)([.:@\u3002\uff0e\uff61])(?=\S)")
"""Where an address holds together; the wide full stops separate labels as the plain one does (UTS 46)."""
_UNJOINED = re.compile("([.:@\u3002\uff0e\uff61])\u200c")

_NARROW = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "–": "-", "’": "'", "…": "..."})


def unlinked(text: str) -> str:
    """
    What somebody typed, on one line and without anything that a mail program would make a link of.

    A name must not become an advertisement in mails that go to third parties.
    """
    line = " ".join(_TURNING.sub("", text).split())
    line = "".join(letter for letter in line if unicodedata.category(letter) not in _CONTROLS)
    return _JOINT.sub("\\1\u200c", line)


def shortened(text: str, limit: int) -> str:
    """*text*, cut to *limit* characters where it is longer."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def narrowed(text: str) -> str:
    """
    *text* without the typography that is not in GSM 03.38.

    One such character makes a text message of 160 characters three, each of which is paid for.
    """
    return _UNJOINED.sub(r"\1 ", text).translate(_NARROW)
