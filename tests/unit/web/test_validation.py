"""What callers are told of a request that is not valid: every shape, every field, every kind of wrong value."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from server.web.routes import ROUTES
from server.web.shapes.base import Shape
from server.web.shapes.business import BusinessDraft
from server.web.shapes.catalogue import LocationDraft
from server.web.shapes.hours import HoursDraft
from server.web.shapes.services import ServiceDraft
from server.web.validation import invalid_body, invalid_query, pointer_of

WRONG_VALUES: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**12, 10**30, "", " ", "x", "9:00", "Monday", "35.00", "http://", "a@b", "\x00",
    "x" * 20_000, "ünï", [], [{}], [1], {}, {"x": 1}, [[[]]], "2026-02-30", "2026-12-01T09:30:00",
    "9999-01-01T00:00:00Z",
)  # fmt: skip
OF_THE_VALIDATOR = re.compile(
    r"function|constrained|[Ll]iteral|pydantic|Input should|Extra inputs|pattern|0x[0-9a-f]{4}|[\^$]|Value err|<cl"
)
BODIES = sorted({route.body for route in ROUTES if route.body is not None}, key=lambda shape: shape.__name__)
QUERIES = sorted({route.query for route in ROUTES if route.query is not None}, key=lambda shape: shape.__name__)


def refusals(shape: type[Shape], body: object) -> list[dict[str, str]]:
    try:
        shape.model_validate(body)
    except ValidationError as error:
        return list(invalid_body(error, shape, body).errors)
    return []


def resolves(pointer: str, body: Any, *, may_lack_last: bool) -> bool:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    here = body
    for number, part in enumerate(parts):
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return may_lack_last and number == len(parts) - 1
    return True


def bodies_of(shape: type[Shape]) -> Iterator[dict[str, Any]]:
    """Each field with each wrong value, the rest left out."""
    for name, field in shape.model_fields.items():
        for value in WRONG_VALUES:
            yield {field.alias or name: value}


@pytest.mark.parametrize("shape", BODIES, ids=lambda shape: shape.__name__)
def test_every_refusal_of_a_body_points_into_it_and_speaks_to_people(shape: type[Shape]) -> None:
    for body in bodies_of(shape):
        for refusal in refusals(shape, body):
            assert refusal.keys() == {"pointer", "detail"}
            lacks = "needed" in refusal["detail"] or "must" in refusal["detail"]
            assert resolves(refusal["pointer"], body, may_lack_last=lacks), (body, refusal)
            assert not OF_THE_VALIDATOR.search(refusal["detail"] + refusal["pointer"]), (body, refusal)


@pytest.mark.parametrize("shape", QUERIES, ids=lambda shape: shape.__name__)
def test_every_refusal_of_a_query_names_a_parameter_and_speaks_to_people(shape: type[Shape]) -> None:
    names = {field.alias or name for name, field in shape.model_fields.items()}
    for query in bodies_of(shape):
        texts = {name: value for name, value in query.items() if isinstance(value, str)}
        try:
            shape.model_validate(texts)
        except ValidationError as error:
            for refusal in invalid_query(error, shape).errors:
                assert refusal.keys() == {"parameter", "detail"}
                assert refusal["parameter"] in names, (query, refusal)
                assert not OF_THE_VALIDATOR.search(refusal["detail"]), (query, refusal)


@pytest.mark.parametrize("shape", BODIES, ids=lambda shape: shape.__name__)
def test_no_shape_refuses_by_a_bare_pattern(shape: type[Shape]) -> None:
    """A pattern in the validator's own schema would be told as one; `Written` says it in words."""
    assert "'pattern':" not in repr(shape.__pydantic_core_schema__)


@pytest.mark.parametrize(
    ("shape", "body", "pointer", "detail"),
    [
        (BusinessDraft, {"name": "X", "email": "ola@studionorte"}, "/email",
         "must be an email address such as name@example.com"),
        (BusinessDraft, {"name": "X", "phone": "21 123 45 67"}, "/phone",
         "must be a phone number with its country code, such as +4930123456"),
        (BusinessDraft, {"name": "X", "website": "studionorte.pt"}, "/website",
         "must be a web address such as https://example.com"),
        (BusinessDraft, {"name": "X", "theme": {"logo": "http://x.example/logo.png"}}, "/theme/logo",
         "must be the https:// address of a picture: pages load no other"),
        (BusinessDraft, {"name": "X", "theme": {"accent": "red"}}, "/theme/accent", "must be a colour such as #8b1e3f"),
        (HoursDraft, {"provider": "a", "location": "b", "weekday": 0, "start": "9:00", "end": "17:00"}, "/start",
         "must be a time with two digits each, such as 09:00"),
        (HoursDraft, {"provider": "a", "location": "b", "weekday": "Monday", "start": "09:00", "end": "17:00"},
         "/weekday", "must be a whole number"),
        (ServiceDraft, {"slug": "cut", "name": "Cut", "duration_min": 30, "price": 3500}, "/price",
         "This is not a known field. Did you mean price_minor?"),
        (ServiceDraft, {"slug": "cut", "name": "Cut", "duration_min": 30, "price_minor": 35.5}, "/price_minor",
         "must be a whole number"),
        (ServiceDraft, {"slug": "cut", "name": "Cut", "duration_min": 30, "questions": [{"key": "A B", "label": "?"}]},
         "/questions/0/key", "must be lower-case letters and digits, such as allergies"),
        (LocationDraft, {"slug": "a", "name": "A", "timezone": "Europe/Lisbon", "holiday_country": "Portugal"},
         "/holiday_country", "must be a country (ISO 3166-1) such as PT"),
    ],
)  # fmt: skip
def test_a_mistake_that_people_make_is_answered_where_it_is_and_with_what_helps(
    shape: type[Shape], body: dict[str, Any], pointer: str, detail: str
) -> None:
    assert refusals(shape, body) == [{"pointer": pointer, "detail": detail}]


def test_a_region_that_is_not_known_names_the_ones_that_are() -> None:
    body = {
        "slug": "a",
        "name": "A",
        "timezone": "Europe/Lisbon",
        "holiday_country": "PT",
        "holiday_subdivision": "Lisboa",
    }

    [refusal] = refusals(LocationDraft, body)

    assert refusal["pointer"] == "/holiday_subdivision"
    assert "11 (Lisboa)" in refusal["detail"]


def test_what_is_stored_and_not_sent_is_not_pointed_at() -> None:
    merged = {"slug": "a", "name": "A", "duration_min": 30, "capacity": 5, "approval": "manual"}
    with pytest.raises(ValidationError) as caught:
        ServiceDraft.model_validate(merged)

    [refusal] = invalid_body(caught.value, ServiceDraft, {"capacity": 5}, merged=True).errors

    assert refusal == {"pointer": "", "detail": "approval: must be automatic for a class (capacity above 1)"}


def test_a_pointer_is_escaped() -> None:
    assert pointer_of(["a/b", "c~d", 0]) == "/a~1b/c~0d/0"
