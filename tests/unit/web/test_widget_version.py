"""
Proves that a version of the widget names all its files, and that its integrity pins all its code.

Leaves what the code does to the browser tests.
"""

import re
from pathlib import Path

from server.web.widget import build, digest_of

WIDGET = Path(__file__).parents[3] / "server" / "static" / "widget"
FILES = {"bookable.js": b"code", "de.json": b"words"}


def test_I_another_file_beside_the_code_is_another_version() -> None:
    assert digest_of(FILES) == digest_of(dict(reversed(FILES.items())))
    assert digest_of({**FILES, "de.json": b"other words"}) != digest_of(FILES)
    assert digest_of({**FILES, "bookable.js": b"other code"}) != digest_of(FILES)
    assert digest_of({**FILES, "fr.json": b"words"}) != digest_of(FILES)


def test_I_a_version_is_named_after_everything_that_is_served_under_it() -> None:
    served = {path.name: path.read_bytes() for path in WIDGET.iterdir() if path.name != "widget.json"}

    assert build().name.endswith(f"-{digest_of(served)}")


def test_I_all_code_is_in_the_file_that_integrity_pins() -> None:
    """A module that it imported would be outside of the pin: browsers check the script in the tag and nothing else."""
    assert [path.name for path in WIDGET.glob("*.js")] == ["bookable.js"]
    code = (WIDGET / "bookable.js").read_text(encoding="utf-8")
    assert re.findall(r"\bimport\s*[({\"'*]", code) == []
