"""
Owns the page that shows the API's description to people.

Leaves the description to `openapi`, rendering to `html`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from server.web.openapi import API_DOCUMENT
from server.web.pages.html import page_answer, render_page

Json = dict[str, Any]
_STYLE = "tokens.css base.css docs.css"
DOCS = web.AppKey("docs page", dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A line in a table: a parameter or a member."""

    name: str
    type: str
    shape: str = ""
    """The shape that the type names, to link to."""
    required: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, and what comes with it."""

    status: str
    note: str
    shape: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    who: str
    parameters: list[Field]
    body: str
    fields: list[Field]
    answers: list[Answer]
    problems: list[str]
    examples: list[tuple[str, str]] = field(default_factory=list)


async def get_docs(request: web.Request) -> web.Response:
    """The page."""
    pages = request.app[DOCS]
    if "docs" not in pages:
        pages["docs"] = docs_page(request.app[API_DOCUMENT].content)
    return page_answer(pages["docs"], _STYLE)


def docs_page(document: Json) -> str:
    """The page for *document*."""
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            calls[operation["tags"][0]].append(_call(document, method, path, operation))
    return render_page(
        "docs.html",
        _STYLE,
        title=document["info"]["title"],
        version=document["info"]["version"],
        introduction=document["info"]["description"].strip().split("\n\n"),
        base_url=document["servers"][0]["url"],
        sections=[(tag["name"], tag["description"], calls[tag["name"]]) for tag in document["tags"]],
        shapes=[
            (name, schema.get("description", ""), list(_members(schema)), schema.get("enum", ()))
            for name, schema in sorted(document["components"]["schemas"].items())
        ],
    )


def _call(document: Json, method: str, path: str, operation: Json) -> Call:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    shape = _name_of(body.get("schema", {}))
    answers = [_answer(status, response) for status, response in operation["responses"].items()]
    examples = [("Request", body.get("example"))]
    examples += [("Answer", _json_of(response).get("example")) for response in operation["responses"].values()]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        who=operation["description"],
        parameters=[_parameter(_resolved(document, parameter)) for parameter in operation["parameters"]],
        body=shape,
        fields=list(_members(document["components"]["schemas"].get(shape, {}))),
        answers=[answer for answer in answers if not answer.note.startswith("#")],
        problems=[answer.status for answer in answers if answer.note.startswith("#")],
        examples=[(title, _pretty(example)) for title, example in examples if example is not None],
    )


def _answer(status: str, response: Json) -> Answer:
    if "$ref" in response:
        return Answer(status=status, note="#")
    return Answer(status=status, note=response["description"], shape=_name_of(_json_of(response).get("schema", {})))


def _json_of(response: Json) -> Json:
    content: Json = response.get("content", {}).get("application/json", {})
    return content


def _parameter(parameter: Json) -> Field:
    schema = parameter["schema"]
    return Field(
        name=parameter["name"],
        type=f"{_type_of(schema)}, {parameter['in']}",
        shape=_name_of(schema),
        required=parameter.get("required", False),
        note=_note(parameter.get("description", ""), schema),
    )


def _members(schema: Json) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        yield Field(
            name=name,
            type=_type_of(member),
            shape=_name_of(member),
            required=name in required,
            note=_note(member.get("description", ""), member),
        )


def _resolved(document: Json, parameter: Json) -> Json:
    if "$ref" not in parameter:
        return parameter
    found: Json = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found


def _name_of(schema: Json) -> str:
    """The first shape that *schema* refers to, if any."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]
    return next((name for name in map(_name_of, inner) if name), "")


def _type_of(schema: Json) -> str:
    if "$ref" in schema:
        return _name_of(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type_of(option) for option in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _note(description: str, schema: Json) -> str:
    """What is said of it, its bounds and its default."""
    low, high = schema.get("minimum"), schema.get("maximum")
    parts = [description]
    if low is not None and high is not None:
        parts.append(f"{low} to {high}.")
    if schema.get("default") not in (None, "", [], {}):
        parts.append(f"Default: {_pretty(schema['default'])}.")
    return " ".join(part for part in parts if part)


def _pretty(example: object) -> str:
    return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
