"""
Owns what is said about a request that is not valid: where (RFC 6901, into the body as it was sent) and what helps.

Leaves what is valid to `shapes`. No name, pattern or message of the validator reaches a caller.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from server.domain.errors import BookingError
from server.web.shapes.base import Shape

_LONGEST_POINTER = 200
_LONGEST_DETAIL = 600
_ALIKE = 0.72
"""How much of two names must agree before one is suggested for the other."""

Json = Mapping[str, Any] | Sequence[Any] | str | float | bool | None
Path = tuple[int | str, ...]


@dataclass(eq=False)
class InvalidRequest(BookingError):
    """The request is not valid."""

    errors: Sequence[dict[str, str]]


def invalid_body(error: ValidationError, shape: type[Shape], sent: Json, *, merged: bool = False) -> InvalidRequest:
    """
    What the validator found, as pointers into *sent* and sentences.

    Args:
        sent: The body as the caller wrote it.
        merged: It was checked with what is stored already: what is wrong need not be in the body.
    """
    return InvalidRequest(errors=list(_distinct(_in_body(each, shape, sent, merged) for each in _found(error))))


def invalid_query(error: ValidationError, shape: type[Shape]) -> InvalidRequest:
    """The same for a query string, whose parts are named and not pointed at."""
    return InvalidRequest(errors=list(_distinct(_in_query(found, shape) for found in _found(error))))


def invalid_parameter(name: str, detail: str) -> InvalidRequest:
    """One query parameter that cannot be taken."""
    return InvalidRequest(errors=[{"parameter": name, "detail": detail}])


def invalid_header(name: str, detail: str) -> InvalidRequest:
    """One header that cannot be taken."""
    return InvalidRequest(errors=[{"header": name, "detail": detail}])


def invalid_field(pointer: str, detail: str) -> InvalidRequest:
    """One place in the body that is refused after its shape was found right."""
    return InvalidRequest(errors=[{"pointer": pointer, "detail": detail}])


def pointer_of(path: Iterable[int | str]) -> str:
    """*path* as a JSON pointer (RFC 6901, 3)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _found(error: ValidationError) -> list[ErrorDetails]:
    """Without defaults that could not be made because of another mistake."""
    found = error.errors(include_url=False, include_input=False)
    return [each for each in found if each["type"] != "default_factory_not_called"]


def _distinct(errors: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Each once: the members of a union all complain about the same place."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    for each in errors:
        if (key := tuple(each.items())) not in seen:
            seen.add(key)
            yield each


def _in_body(found: ErrorDetails, shape: type[Shape], sent: Json, merged: bool) -> dict[str, str]:
    path = _path_of(found, sent)
    detail = _sentence(found, path, shape)
    if merged and path and isinstance(sent, Mapping) and path[0] not in sent:
        return {"pointer": "", "detail": f"{path[0]}: {detail}"[:_LONGEST_DETAIL]}
    return {"pointer": pointer_of(path)[:_LONGEST_POINTER], "detail": detail}


def _in_query(found: ErrorDetails, shape: type[Shape]) -> dict[str, str]:
    path = (*found["loc"][:1], *_named(found))[:1]
    detail = _sentence(found, path, shape)
    return {"parameter": str(path[0])[:_LONGEST_POINTER] if path else "", "detail": detail}


def _named(found: ErrorDetails) -> Path:
    """The field that a check of the whole blames."""
    path: Path = found.get("ctx", {}).get("path", ())
    return path


def _path_of(found: ErrorDetails, sent: Json) -> Path:
    """The parts of the validator's location that are parts of *sent*; the others name its own branches."""
    path: list[int | str] = []
    here: Any = sent
    location = (*found["loc"], *_named(found))
    for number, part in enumerate(location):
        is_last = number == len(location) - 1
        if isinstance(here, Mapping) and isinstance(part, str) and (part in here or is_last or not path):
            if part not in here and path and found["type"] != "missing":
                continue
            path.append(part)
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            path.append(part)
            here = here[part]
    return tuple(path)


def _sentence(found: ErrorDetails, path: Path, shape: type[Shape]) -> str:
    ctx = found.get("ctx", {})
    if found["type"] == "extra_forbidden":
        return _unknown(str(path[-1]) if path else "", _names_at(shape, path[:-1]))
    say = _SENTENCES.get(found["type"])
    detail = say(ctx) if say is not None else found["msg"].removeprefix("Value error, ")
    if len(detail) <= _LONGEST_DETAIL:
        return detail
    return detail[:_LONGEST_DETAIL].rpartition(", ")[0] + " and others"


def _unknown(name: str, names: Sequence[str]) -> str:
    longer = [known for known in names if len(name) > 2 and (known.startswith(f"{name}_") or name.startswith(known))]
    close = longer[:1] or get_close_matches(name, names, n=1, cutoff=_ALIKE)
    if close:
        return f"This is not a known field. Did you mean {close[0]}?"
    return f"This is not a known field. Known here: {', '.join(names)}." if names else "This is not a known field."


def _names_at(shape: type[Shape], path: Path) -> list[str]:
    """The fields that an object at *path* can have; none where it has no shape of its own."""
    here: type[Shape] | None = shape
    for part in path:
        if here is None:
            return []
        if isinstance(part, int):
            continue
        field = next((f for name, f in here.model_fields.items() if part in (name, f.alias)), None)
        here = _shape_in(field.annotation) if field is not None else None
    return [field.alias or name for name, field in here.model_fields.items()] if here is not None else []


def _shape_in(annotation: object) -> type[Shape] | None:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return annotation
    return next((found for part in get_args(annotation) if (found := _shape_in(part)) is not None), None)


def _at_most(ctx: Mapping[str, Any]) -> str:
    return f"must be at most {ctx['le']}"


def _characters(ctx: Mapping[str, Any]) -> str:
    return f"must be at most {ctx['max_length']} characters"


def _not_empty(ctx: Mapping[str, Any]) -> str:
    least = ctx["min_length"]
    return "must not be empty" if least == 1 else f"must be at least {least} characters"


def _items(ctx: Mapping[str, Any], bound: str) -> str:
    number = ctx[f"{'max' if bound == 'most' else 'min'}_length"]
    return f"must have at {bound} {number} {'item' if number == 1 else 'items'}"


def _one_of(ctx: Mapping[str, Any]) -> str:
    return "must be " + str(ctx["expected"]).replace("'", "")


_WHOLE_NUMBER = "must be a whole number"
_NUMBER = "must be a number"
_DATE = "must be a date such as 2026-12-01"
_TIME = "must be an RFC 3339 time with an offset, such as 2026-12-01T09:30:00+01:00"
_UUID = "must be a UUID, as the API answers it"
_OBJECT = "must be a JSON object"

_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is needed",
    "json_invalid": lambda ctx: f"The body is not valid JSON: {ctx['error']}.",
    "model_type": lambda _: _OBJECT,
    "model_attributes_type": lambda _: _OBJECT,
    "dict_type": lambda _: _OBJECT,
    "list_type": lambda _: "must be a JSON array",
    "too_long": lambda ctx: _items(ctx, "most"),
    "too_short": lambda ctx: _items(ctx, "least"),
    "string_type": lambda _: "must be text",
    "string_unicode": lambda _: "must be text in UTF-8",
    "string_too_long": _characters,
    "string_too_short": _not_empty,
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "int_type": lambda _: _WHOLE_NUMBER,
    "int_parsing": lambda _: _WHOLE_NUMBER,
    "int_from_float": lambda _: _WHOLE_NUMBER,
    "int_parsing_size": lambda _: "must be a smaller number",
    "float_type": lambda _: _NUMBER,
    "float_parsing": lambda _: _NUMBER,
    "finite_number": lambda _: _NUMBER,
    "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']}",
    "less_than_equal": _at_most,
    "literal_error": _one_of,
    "enum": _one_of,
    "uuid_type": lambda _: _UUID,
    "uuid_parsing": lambda _: _UUID,
    "date_type": lambda _: _DATE,
    "date_parsing": lambda _: _DATE,
    "date_from_datetime_parsing": lambda _: _DATE,
    "date_from_datetime_inexact": lambda _: _DATE,
    "datetime_type": lambda _: _TIME,
    "datetime_parsing": lambda _: _TIME,
    "datetime_from_date_parsing": lambda _: _TIME,
    "datetime_object_invalid": lambda _: _TIME,
    "timezone_aware": lambda _: "needs an offset, such as 2026-12-01T09:30:00+01:00",
}
"""By the validator's type of error. What is not here is a sentence of our own, raised by a shape."""
