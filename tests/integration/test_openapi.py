"""The description of the API, and the pages made from it: valid, complete, and true of what is answered."""

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from server.web.access import KEY_SCOPES
from server.web.openapi import ApiDocument
from server.web.openapi_examples import EXAMPLES
from server.web.pages.problem_page import EXPLANATIONS, PROBLEMS
from server.web.routes import ROUTES
from tests.world import World

Client = TestClient[Any, Any]
DOCUMENT = ApiDocument(ROUTES, "https://book.example.com").content
DESCRIBED = [route for route in ROUTES if route.media_type != "text/html"]


def check(value: object, schema: dict[str, Any]) -> None:
    """That *value* is what the document says of it."""
    OAS31Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_route_is_described_once() -> None:
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]

    assert len(operations) == len(DESCRIBED)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert {operation["tags"][0] for operation in operations} == {tag["name"] for tag in DOCUMENT["tags"]}


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: f"{route.method} {route.path}")
def test_the_description_says_what_the_route_declares(route: Any) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    refs = [parameter.get("$ref", "") for parameter in operation["parameters"]]
    named = {parameter.get("name") for parameter in operation["parameters"]}

    assert bool(operation["security"]) == (route.who in KEY_SCOPES)
    assert ("#/components/parameters/IdempotencyKey" in refs) == route.idempotent
    assert ("requestBody" in operation) == (route.body is not None)
    assert set(re.findall(r"{(\w+)}", route.path)) <= named
    assert {str(status) for status in route.answers} <= set(operation["responses"])


@pytest.mark.parametrize(("method", "path"), EXAMPLES)
def test_examples_are_what_the_shapes_take_and_give(method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    route = next(route for route in ROUTES if (route.method, route.path) == (method, path))
    example = EXAMPLES[method, path]

    if "request" in example:
        assert route.body is not None
        route.body.model_validate_json(__import__("orjson").dumps(example["request"]))
        check(example["request"], operation["requestBody"]["content"]["application/json"]["schema"])
    if "response" in example:
        answer = next(operation["responses"][status] for status in ("200", "201") if status in operation["responses"])
        check(example["response"], answer["content"]["application/json"]["schema"])


async def test_what_is_answered_is_what_is_described(client: Client, world: World) -> None:
    """Every read that a new business can make."""
    await world.book(world.at(10))
    await world._insert("resources", slug="chair", name="Chair", kind="device")
    base = f"/v1/businesses/{world.slug}"
    await client.patch(base, json={"theme": {"accent": "#112233"}}, headers=world.auth)
    day = world.at(10).date().isoformat()
    queries = {"/availability": f"?service=cut&from={day}&to={day}"}
    checked = 0
    for path, operations in DOCUMENT["paths"].items():
        if not path.startswith("/v1/businesses/{business}") or "get" not in operations or "stream" in path:
            continue
        end = path.removeprefix("/v1/businesses/{business}")
        if "{" in end or end == "/availability/explain":
            continue
        response = await client.get(f"{base}{end}{queries.get(end, '')}", headers=world.auth)
        content = operations["get"]["responses"]["200"]["content"]["application/json"]
        check(await response.json(), content["schema"])
        checked += 1
    assert checked >= 15


async def test_the_document_is_served_and_not_sent_again(client: Client) -> None:
    response = await client.get("/v1/openapi.json")
    again = await client.get("/v1/openapi.json", headers={"If-None-Match": response.headers["ETag"]})

    assert (await response.json())["openapi"] == "3.1.0"
    assert again.status == 304


async def test_the_docs_page_shows_every_call_and_needs_nothing_from_elsewhere(client: Client) -> None:
    response = await client.get("/docs")
    page = await response.text()

    assert response.status == 200
    for route in DESCRIBED:
        assert route.path in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(re.findall(r'id="([^"]+)"', page))


def test_every_problem_is_explained() -> None:
    assert set(EXPLANATIONS) == set(PROBLEMS)


async def test_the_type_of_a_problem_leads_to_its_explanation(client: Client) -> None:
    problem = await (await client.get("/v1/businesses/nobody")).json()

    page = await client.get(problem["type"])

    assert page.status == 200
    assert problem["title"] in await page.text()
    assert (await client.get("/problems/unknown")).status == 404
