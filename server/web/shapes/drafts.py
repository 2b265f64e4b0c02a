"""
Owns what managed things have in common: drafts that are checked as a whole, patches and pages made from them.

Leaves the fields of each thing to its neighbours.
"""

import base64
import re
from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticUndefined

from server.web.shapes.base import Shape

S = TypeVar("S", bound=Shape)

_LARGEST_ID = 2**63 - 1
_LATEST_MICROS = 4_102_444_800_000_000  # the year 2100
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,80}")

Minor = Annotated[int, Field(strict=True, ge=0, le=2_147_483_647)]
"""An amount in the currency's minor unit."""

Enabled = Annotated[bool, Field(strict=True)]


class Draft(Shape):
    """All that a caller says of a thing. A change is laid over the old draft, and the result is checked as a whole."""

    def values(self) -> dict[str, Any]:
        """As the store takes them."""
        return self.model_dump()

    @classmethod
    def shown(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the store gave, as the API shows it."""
        return dict(values)


class Stamped(Shape):
    """What the server says of a thing."""

    version: int
    """Send it as `If-Match: "v<version>"` with a change, and nobody's work is lost."""
    created_at: datetime
    updated_at: datetime


class Numbered(Stamped):
    """A thing without a name of its own."""

    id: int


def patch_of(draft: type[Draft], *, without: tuple[str, ...] = ()) -> type[Shape]:
    """The shape of a change: every field may be left out, except that those in *without* are never taken."""
    fields: dict[str, Any] = {}
    for name, info in draft.model_fields.items():
        if name in without:
            continue
        optional = copy(info)
        optional.default, optional.default_factory = PydanticUndefined, _left_out
        fields[name] = (optional.rebuild_annotation(), optional)
    doc = f"A change of {draft.__name__.removesuffix('Draft').lower()}: what is left out stays."
    return create_model(draft.__name__.replace("Draft", "Patch"), __base__=Shape, __doc__=doc, **fields)


def _left_out() -> None:
    """The value of a field that is not there; nobody reads it."""


def _read_cursor(value: object) -> object:
    """`(micros or 0, id)` from what `write_cursor` wrote."""
    if not isinstance(value, str) or not _CURSOR.fullmatch(value):
        raise ValueError("must be the next_cursor of an earlier answer")
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii")
    except ValueError:
        text = ""
    match = re.fullmatch(r"([0-9]{1,16}):([0-9]{1,19})", text)
    if match is None or int(match[1]) > _LATEST_MICROS or int(match[2]) > _LARGEST_ID:
        raise ValueError("must be the next_cursor of an earlier answer")
    return int(match[1]), int(match[2])


def write_cursor(ident: int, micros: int = 0) -> str:
    """Where a page ends, opaque to callers; *micros* since the epoch where the order is by time."""
    return base64.urlsafe_b64encode(f"{micros}:{ident}".encode()).rstrip(b"=").decode()


Cursor = Annotated[tuple[int, int], BeforeValidator(_read_cursor), WithJsonSchema({"type": "string", "maxLength": 80})]


class PageQuery(Shape):
    """Which page of a list."""

    limit: int = Field(default=50, ge=1, le=200)
    """Items on a page."""
    cursor: Cursor | None = None
    """The `next_cursor` of the page before."""

    def filters(self) -> dict[str, Any]:
        """The conditions that were asked for."""
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


def page_shape(item: type[Shape]) -> type[Shape]:
    """A page of *item*."""
    return create_model(
        item.__name__.removesuffix("Item") + "Page",
        __base__=Shape,
        __doc__="A page of a list.",
        items=(list[item], ...),  # type: ignore[valid-type]  # made when the module loads
        next_cursor=(str | None, Field(description="Where the next page begins; null on the last one.")),
    )
