"""
Owns SQL text with named parameters.

Leaves running it to `engine`. A statement that fills half a page is unreadable with `$17` in it.
"""

import re
from typing import Any

_NAME = re.compile(r"(?<![:\w]):([a-z_]+)")


class Statement:
    """SQL with `:name` parameters, numbered once."""

    def __init__(self, text: str) -> None:
        self._names: list[str] = []
        self.text = _NAME.sub(self._number, text)

    def _number(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """`(text, value, value, ...)`, for `session.fetch(*statement.bind(values))`; unused values are left out."""
        return (self.text, *[values[name] for name in self._names])
