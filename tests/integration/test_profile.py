"""What a business shows to everybody, and its settings, which it does not."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.web.shapes.business import BusinessProfile
from tests.world import World

Client = TestClient[Any, Any]


async def profile_of(client: Client, world: World, query: str = "") -> dict[str, Any]:
    response = await client.get(f"/v1/businesses/{world.slug}{query}")
    assert response.status == 200, await response.text()
    return await response.json()


async def test_the_profile_has_what_a_widget_needs(client: Client, world: World) -> None:
    profile = await profile_of(client, world)

    BusinessProfile.model_validate(profile)
    assert [item["slug"] for item in profile["locations"]] == ["here"]
    assert profile["services"][0]["providers"] == ["anna"]
    assert profile["providers"][0]["locations"] == ["here"]
    assert profile["policies"] == {"hold_s": 300, "most_days": 62}


async def test_j105_the_profile_has_nothing_private_and_nothing_retired(client: Client, world: World) -> None:
    await world.service("old", providers=["ben"], active=False)
    await world.sql("UPDATE providers SET active = false WHERE business_id = $1 AND slug = 'ben'", world.business_id)
    await world.sql(
        "UPDATE providers SET email = 'private@example.com' WHERE business_id = $1 AND slug = 'anna'",
        world.business_id,
    )

    profile = await profile_of(client, world)

    assert [item["slug"] for item in profile["services"]] == ["cut"]
    assert [item["slug"] for item in profile["providers"]] == ["anna"]
    assert "private@example.com" not in str(profile)
    assert not {"id", "email", "allowed_origins"} & set(str(profile).replace("'", " ").split())


async def test_availability_comes_along_as_its_own_endpoint_answers_it(client: Client, world: World) -> None:
    day = world.at(10).date().isoformat()
    question = f"service=cut&from={day}&to={day}&tz=Asia/Tokyo"

    profile = await profile_of(client, world, f"?include=availability&{question}")
    alone = await client.get(f"/v1/businesses/{world.slug}/availability?{question}")

    assert profile["availability"] == await alone.json()
    assert profile["availability"]["days"][0]["slots"]
    await world.book(world.at(10))
    later = await profile_of(client, world, f"?include=availability&{question}")
    assert later["availability"] != profile["availability"]


@pytest.mark.parametrize("query", ["?service=cut&from=2030-01-01", "?tz=UTC", ""])
async def test_without_include_the_other_parameters_do_not_count(query: str, client: Client, world: World) -> None:
    assert "availability" not in await profile_of(client, world, query)


@pytest.mark.parametrize(
    "query",
    [
        "include=everything",
        "include=availability",
        "include=availability&service=cut&from=2030-01-01",
        "include=availability&service=cut&from=2030-01-01&to=2030-06-01",
        "include=availability&service=cut&from=2030-01-02&to=2030-01-01",
        "include=availability&service=cut&from=2030-01-01&to=2030-01-01&tz=Mars/Base",
        "other=1",
    ],
)
async def test_what_cannot_be_answered_is_refused(query: str, client: Client, world: World) -> None:
    assert (await client.get(f"/v1/businesses/{world.slug}?{query}")).status == 422


async def test_the_profile_is_not_sent_again_until_it_changes(client: Client, world: World) -> None:
    url = f"/v1/businesses/{world.slug}"
    etag = (await client.get(url)).headers["ETag"]

    assert (await client.get(url, headers={"If-None-Match": etag})).status == 304
    await client.patch(url, json={"description": "New"}, headers=world.auth)
    changed = await client.get(url, headers={"If-None-Match": etag})

    assert changed.status == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("slug", ["nobody", "%00", "%ED%A0%80", "A", "x" * 300])
async def test_a_business_that_cannot_be_is_not_found(slug: str, client: Client, world: World) -> None:
    assert (await client.get(f"/v1/businesses/{slug}")).status == 404


async def test_settings_are_read_and_changed_by_version(client: Client, world: World) -> None:
    url = f"/v1/businesses/{world.slug}"
    wanted = {
        "name": "Salon",
        "currency": "CHF",
        "email": "hello@example.com",
        "website": "https://example.com/salon",
        "allowed_origins": ["https://example.com", "http://localhost:3000", "http://[::1]:8000"],
        "theme": {"accent": "#aa3366"},
        "listed": True,
    }

    changed = await client.patch(url, json=wanted, headers={**world.auth, "If-Match": '"v1"'})
    read = await client.get(f"{url}/settings", headers=world.auth)

    assert changed.status == 200, await changed.text()
    assert wanted.items() <= (await changed.json()).items()
    assert await read.json() == {name: value for name, value in (await changed.json()).items() if name != "warnings"}
    assert read.headers["ETag"] == '"v2"'
    assert (await client.patch(url, json={}, headers={**world.auth, "If-Match": '"v1"'})).status == 412
    assert (await client.get(f"{url}/settings")).status == 401
    assert (await profile_of(client, world))["theme"] == {"accent": "#aa3366", "on_accent": "#ffffff"}


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"allowed_origins": [origin]}
            for origin in (
                "example.com",
                "https://example.com/",
                "https://*.example.com",
                "https://user@example.com",
                "https://example.com:443",
                "http://example.com:80",
                "https://example.com:99999",
                "HTTPS://example.com",
                "https://Example.com",
                "null",
                "https://example.com\n",
                "http://[zz]",
                "ftp://example.com",
                "",
            )
        ),
        {"currency": "eur"},
        {"website": "javascript:alert(1)"},
        {"website": 'https://x"onload='},
        {"theme": {"accent": "red"}},
        {"theme": {"unknown": 1}},
        {"name": ""},
        {"name": None},
        {"slug": "other"},
        {"listed": "yes"},
        {"email": "nobody"},
    ],
)
async def test_settings_that_cannot_be_are_refused(change: dict[str, Any], client: Client, world: World) -> None:
    response = await client.patch(f"/v1/businesses/{world.slug}", json=change, headers=world.auth)

    assert response.status == 422, await response.text()


async def test_what_is_asked_of_strangers_is_a_setting_and_is_public(client: Client, world: World) -> None:
    before = await profile_of(client, world)
    changed = await client.patch(f"/v1/businesses/{world.slug}", json={"guard": "proof"}, headers=world.auth)
    refused = await client.patch(f"/v1/businesses/{world.slug}", json={"guard": "captcha"}, headers=world.auth)

    assert before["guard"] == "open"
    assert (changed.status, (await changed.json())["guard"]) == (200, "proof")
    assert (await profile_of(client, world))["guard"] == "proof"
    assert refused.status == 422


async def test_M124_the_profile_names_providers_with_a_length_or_price_of_their_own(
    client: Client, world: World
) -> None:
    await world.service("any", providers=["da", "db", "dc"], duration_min=30, price_minor=5000)
    await world.own_terms("da", "any", price_minor=3000)
    await world.own_terms("dc", "any", duration_min=30)

    profile = await (await client.get(f"/v1/businesses/{world.slug}")).json()

    (service,) = (each for each in profile["services"] if each["slug"] == "any")
    assert service["provider_terms"] == {"da": {"duration_min": 30, "price_minor": 3000}}
