"""
Proves that large answers leave compressed to whoever takes that, under a tag of their own.

Leaves what is in them to the tests of each answer.
"""

import gzip
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient

from tests.world import World

Client = TestClient[Any, Any]


@pytest.mark.parametrize("path", ["/availability?service=cut", "?include=availability&service=cut&{days}"])
async def test_a_month_of_times_is_a_fraction_compressed_and_known_by_either_tag(
    client: Client, world: World, path: str
) -> None:
    first, last = world.at(9).date(), world.at(9, days=30).date()
    days = f"from={first}&to={last}"
    url = f"/v1/businesses/{world.slug}{path.format(days=days)}"
    if "include" not in url:
        url += f"&{days}"
    async with ClientSession(client.make_url("/"), auto_decompress=False) as http:
        plain = await http.get(url, headers={"Accept-Encoding": "identity"})
        zipped = await http.get(url, headers={"Accept-Encoding": "gzip, br"})
        bodies = await plain.read(), await zipped.read()
        again = [
            await http.get(url, headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]})
            for answer in (plain, zipped)
        ]

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(bodies[1]) == bodies[0]
    assert len(bodies[1]) < len(bodies[0]) / 5
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert [answer.status for answer in again] == [304, 304]
