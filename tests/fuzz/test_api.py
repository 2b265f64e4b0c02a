"""
Generated requests against every operation of the API: what comes back is what the description says, and never a 5xx.

A short form runs with all tests, always the same requests; `make soak` asks for more, other ones each time.
"""

import asyncio
import http.client
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, Phase, given
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import build_app
from server.settings import Settings
from server.web.openapi import ApiDocument
from server.web.routes import ROUTES
from tests.world import World

Client = TestClient[Any, Any]

SOAK = int(os.environ.get("BOOKABLE_TEST_REQUESTS", "0"))
"""Requests of each operation; 0 is the short form."""

DOCUMENT = ApiDocument(ROUTES, "https://book.example.com").content
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
STREAM = "/availability/stream"
"""Does not end."""

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def send(case: schemathesis.Case, base_url: str, headers: Mapping[str, str]) -> Response:
    """By the standard library: another package here replaces what `requests` sends with."""
    request = requests.Request(**case.as_transport_kwargs(base_url=base_url, headers=dict(headers))).prepare()
    where = urlsplit(request.url or "")
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    try:
        path = f"{where.path}?{where.query}" if where.query else where.path
        connection.request(request.method or "", path, request.body, dict(request.headers))
        answer = connection.getresponse()
        given: dict[str, list[str]] = {}
        for name, value in answer.getheaders():
            given.setdefault(name.lower(), []).append(value)
        return Response(
            status_code=answer.status,
            headers=given,
            content=answer.read(),
            request=request,
            elapsed=0.0,
            verify=False,
            message=answer.reason,
        )
    finally:
        connection.close()


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the server does, in another thread
@pytest.mark.parametrize(
    ("method", "path"), [each for each in OPERATIONS if not each[1].endswith(STREAM)], ids=lambda value: value
)
async def test_I94_generated_requests_are_answered_as_described(
    method: str, path: str, settings: Settings, world: World, aiohttp_server: Callable[..., Awaitable[TestServer]]
) -> None:
    server = await aiohttp_server(build_app(settings))
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method.upper()]
    base_url = f"http://{server.host}:{server.port}"

    @hypothesis.settings(
        max_examples=SOAK or 4,
        deadline=None,
        derandomize=not SOAK,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        if "business" in case.path_parameters:
            case.path_parameters["business"] = world.slug
        case.validate_response(send(case, base_url, world.auth), checks=CHECKS)

    await asyncio.to_thread(ask)
