"""
Owns the description of the API (OpenAPI 3.1), made from the routes and shapes that serve it.

Leaves showing it to people to `pages/docs`, its examples to `openapi_examples`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

import orjson
from aiohttp import hdrs, web
from pydantic.json_schema import models_json_schema

from server.web.access import KEY_SCOPES, Who
from server.web.answers import SAFE
from server.web.openapi_examples import EXAMPLES
from server.web.openapi_words import DESCRIPTION, HEADERS, PATH_PARAMETERS, PROBLEM, TAGS, WHO
from server.web.problems import CONTENT_TYPE, KINDS, OF_STATUS, ProblemKind
from server.web.route import Route
from server.web.shapes.base import Shape

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_WRITES = frozenset({"POST", "PATCH", "DELETE"})


class ApiDocument:
    """The description of an API, made once when somebody first asks for it."""

    def __init__(self, routes: Sequence[Route], base_url: str) -> None:
        self._routes = [route for route in routes if route.media_type != "text/html"]
        self._base_url = base_url

    @cached_property
    def content(self) -> Json:
        """The document."""
        schemas, ref_of = _schemas(self._routes)
        paths: defaultdict[str, Json] = defaultdict(dict)
        for route in self._routes:
            paths[route.path][route.method.lower()] = _Operation(route, self._routes, ref_of).described()
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Bookable",
                "version": version("bookable"),
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": self._base_url}],
            "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
            "paths": dict(paths),
            "components": {
                "schemas": {**schemas, "Problem": PROBLEM},
                "parameters": HEADERS,
                "responses": _problem_responses(),
                "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "description": WHO[Who.READ]}},
            },
        }

    @cached_property
    def rendered(self) -> tuple[bytes, str]:
        """As JSON, and its ETag."""
        body = orjson.dumps(self.content)
        return body, f'"{blake2b(body, digest_size=12).hexdigest()}"'


API_DOCUMENT = web.AppKey("api document", ApiDocument)


async def get_openapi(request: web.Request) -> web.Response:
    """The document."""
    body, etag = request.app[API_DOCUMENT].rendered
    headers = {**SAFE, hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "no-cache"}
    if etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/json", headers=headers)


class _Operation:
    """One route, described."""

    def __init__(self, route: Route, routes: Sequence[Route], ref_of: Mapping[tuple[type[Shape], str], Json]) -> None:
        self._route = route
        self._ref_of = ref_of
        self._examples = EXAMPLES.get((route.method, route.path), {})
        same_path = [other for other in routes if other.path == route.path]
        self._versioned = any(_has_version(other) for other in same_path)

    def described(self) -> Json:
        """As an operation object."""
        route = self._route
        operation: Json = {
            "operationId": _operation_id(route),
            "summary": route.summary,
            "description": WHO[route.who],
            "tags": [route.tag],
            "parameters": list(self._parameters()),
            "responses": dict(self._responses()),
            "security": [{"apiKey": [route.who]}] if route.who in KEY_SCOPES else [],
        }
        if route.body is not None:
            content: Json = {"schema": self._ref_of[route.body, "validation"]}
            if "request" in self._examples:
                content["example"] = self._examples["request"]
            operation["requestBody"] = {
                "required": not route.body_optional,
                "content": {"application/json": content},
            }
        return operation

    def _parameters(self) -> Iterator[Json]:
        route = self._route
        for name in re.findall(r"{(\w+)}", route.path):
            yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}
        if route.query is not None:
            schema = route.query.model_json_schema(ref_template=_REF)
            required = schema.get("required", ())
            for name, described in schema["properties"].items():
                yield _query_parameter(name, described, required=name in required)
        if route.idempotent:
            yield {"$ref": "#/components/parameters/IdempotencyKey"}
        if route.guarded:
            yield {"$ref": "#/components/parameters/BookingProof"}
        if self._takes_if_match():
            yield {"$ref": "#/components/parameters/IfMatch"}
        if 304 in route.answers:
            yield {"$ref": "#/components/parameters/IfNoneMatch"}

    def _takes_if_match(self) -> bool:
        return self._versioned and self._route.method in {"PATCH", "DELETE"}

    def _responses(self) -> Iterator[tuple[str, Json]]:
        for status, shape in self._route.answers.items():
            yield str(status), self._response(status, shape)
        for status in sorted(self._problems() - self._route.answers.keys()):
            yield str(status), {"$ref": f"#/components/responses/Problem{status}"}

    def _response(self, status: int, shape: type[Shape] | None) -> Json:
        response: Json = {"description": HTTPStatus(status).phrase}
        media_type = self._route.media_type
        if shape is not None:
            content: Json = {"schema": self._ref_of[shape, "serialization"]}
            if "response" in self._examples and status < 300:
                content["example"] = self._examples["response"]
            response["content"] = {"application/json": content}
        elif status >= 400:
            response["content"] = {"text/plain": {"schema": {"type": "string"}}}
        elif media_type != "application/json" and status == 200:
            response["content"] = {media_type: {"schema": {"type": "string"}}}
        elif self._route.method == "GET" and status == 200:
            response["content"] = {media_type: {"schema": {"type": "object"}}}
        if status in (200, 201, 304) and (304 in self._route.answers or _has_version(self._route)):
            response["headers"] = {"ETag": {"schema": {"type": "string"}}}
        return response

    def _problems(self) -> set[int]:
        """Which problems a caller should be ready for."""
        route = self._route
        if route.tag == "Operation":
            return set(route.refuses)
        found = {429, 503, *route.refuses}
        found |= {401, 403} if route.who in KEY_SCOPES else {403} if route.guarded else set()
        found |= {404} if "{" in route.path else set()
        found |= {422} if route.query or route.body or self._takes_if_match() else set()
        found |= {408, 413, 415} if route.body else set()
        found |= {409} if route.method in _WRITES else set()
        found |= {412} if self._takes_if_match() else set()
        return found


def _has_version(route: Route) -> bool:
    return any(shape is not None and "version" in shape.model_fields for shape in route.answers.values())


def _operation_id(route: Route) -> str:
    words = re.sub(r"{(\w+)}", r"by_\1", route.path.removeprefix("/v1")).replace("by_business", "")
    return "_".join([route.method.lower(), *re.findall(r"[A-Za-z0-9]+", words)])


def _query_parameter(name: str, described: Json, *, required: bool) -> Json:
    """A parameter is left out, never null: `X | None` is X."""
    schema = {key: value for key, value in described.items() if key not in {"title", "description"}}
    options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
    if options:
        schema = {**schema, **options[0]} if len(options) == 1 else {**schema, "anyOf": options}
    if schema.get("default", "") is None:
        del schema["default"]
    parameter: Json = {"name": name, "in": "query", "required": required, "schema": schema}
    if "description" in described:
        parameter["description"] = described["description"]
    return parameter


def _schemas(routes: Sequence[Route]) -> tuple[Json, dict[tuple[type[Shape], str], Json]]:
    """Every shape as a component, and where each one is."""
    wanted: dict[tuple[type[Shape], Literal["validation", "serialization"]], None] = {}
    for route in routes:
        if route.body is not None:
            wanted[route.body, "validation"] = None
        for shape in route.answers.values():
            if shape is not None:
                wanted[shape, "serialization"] = None
    refs, definitions = models_json_schema(list(wanted), ref_template=_REF)
    schemas: Json = definitions["$defs"]
    for route in routes:
        if route.query is not None:
            schemas |= route.query.model_json_schema(ref_template=_REF).get("$defs", {})
    return schemas, {(shape, mode): ref for (shape, mode), ref in refs.items()}  # type: ignore[misc]  # all are shapes


def _problem_responses() -> Json:
    """One response per status: the problems that have it."""
    by_status: defaultdict[int, set[ProblemKind]] = defaultdict(set)
    for kind in KINDS.values():
        by_status[kind.status].add(kind)
    for kind in OF_STATUS.values():
        by_status[kind.status].add(kind)
    return {
        f"Problem{status}": {
            "description": "; ".join(sorted(f"`{kind.slug}`: {kind.title}" for kind in kinds)),
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status in (429, 503) else {}),
        }
        for status, kinds in sorted(by_status.items())
    }
