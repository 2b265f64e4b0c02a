"""
Owns reading the samples of calendars.

Leaves what each imitates to `calendars/README.md`.
"""

from pathlib import Path

_FOLDER = Path(__file__).parent / "calendars"

NAMES = sorted(path.stem for path in _FOLDER.glob("*.ics"))


def sample(name: str) -> str:
    """The calendar in the file *name*, as it comes over the wire."""
    return (_FOLDER / f"{name}.ics").read_text(encoding="utf-8").replace("\n", "\r\n")
