"""
Owns filling in the samples of answers to invitations: for whom, to which invitation, with which time.

Leaves what each imitates to `itip/README.md`.
"""

import base64
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_FOLDER = Path(__file__).parent / "itip"
_BLOCK = re.compile(r"%%BASE64\n(.*?)%%END\n", re.DOTALL)
_BERLIN = ZoneInfo("Europe/Berlin")
_UTC_FORMAT, _WALL_FORMAT = "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the braces of a sample stand for."""

    to: str = "reply+1-2-abcdefghijklmnopqrstuvwxyz@bookings.example"
    attendee: str = "robin@customers.example"
    uid: str = "0198c7a2-5d11-7b3e-9f40-6a1d2c3b4e5f"
    sequence: int = 0
    stamp: datetime = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    start: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    lasts: timedelta = timedelta(minutes=30)
    partstat: str = "ACCEPTED"

    def but(self, **changes: Any) -> "Sample":
        """The same with something changed."""
        return replace(self, **changes)

    def mail(self, name: str) -> bytes:
        """The mail in the file *name*, as it comes over the wire."""
        text = (_FOLDER / f"{name}.eml").read_text(encoding="utf-8")
        end = self.start + self.lasts
        values = {
            "to": self.to,
            "attendee": self.attendee,
            "uid": self.uid,
            "sequence": str(self.sequence),
            "stamp": self.stamp.strftime(_UTC_FORMAT),
            "start": self.start.strftime(_UTC_FORMAT),
            "end": end.strftime(_UTC_FORMAT),
            "berlin_start": self.start.astimezone(_BERLIN).strftime(_WALL_FORMAT),
            "berlin_end": end.astimezone(_BERLIN).strftime(_WALL_FORMAT),
            "partstat": self.partstat,
        }
        for word, value in values.items():
            text = text.replace("{" + word + "}", value)
        return _BLOCK.sub(_encoded, text).replace("\n", "\r\n").encode()


def _encoded(block: re.Match[str]) -> str:
    return base64.encodebytes(block[1].replace("\n", "\r\n").encode()).decode()
