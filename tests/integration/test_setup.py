"""A configuration that cannot work says so: when asked, and in the answer to the write that made it so."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.world import World

Client = TestClient[Any, Any]


async def setup_of(client: Client, world: World) -> dict[str, Any]:
    answer = await client.get(f"/v1/businesses/{world.slug}/setup", headers=world.auth)
    assert answer.status == 200
    found: dict[str, Any] = await answer.json()
    return found


async def write(client: Client, world: World, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    answer = await client.request(method, f"/v1/businesses/{world.slug}{path}", json=body, headers=world.auth)
    return answer.status, await answer.json()


def codes(found: list[dict[str, Any]]) -> set[str]:
    return {each["code"] for each in found}


async def test_an_empty_business_is_told_what_it_lacks(client: Client, world: World) -> None:
    await world.sql("UPDATE services SET active = false WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE providers SET active = false WHERE business_id = $1", world.business_id)

    found = await setup_of(client, world)

    assert not found["ready"]
    assert {"no-provider", "no-service", "location-without-hours"} <= codes(found["findings"])
    severities = [each["severity"] for each in found["findings"]]
    assert severities == sorted(severities), "errors come first"


async def test_a_business_that_can_be_booked_lacks_only_what_this_server_lacks(client: Client, world: World) -> None:
    errors = [each["code"] for each in (await setup_of(client, world))["findings"] if each["severity"] == "error"]

    assert errors == ["mail-not-set-up"]


async def test_a_write_answers_with_what_does_not_work_because_of_it(client: Client, world: World) -> None:
    status, fee = await write(client, world, "PATCH", "/services/cut", {"price_minor": 3500, "cancel_fee_minor": 9900})
    night = {"provider": "anna", "location": "here", "weekday": 2, "start": "20:00", "end": "08:00"}
    created, hours = await write(client, world, "POST", "/hours", night)
    _, fine = await write(client, world, "PATCH", "/services/cut", {"cancel_fee_minor": 0})

    assert (status, created) == (200, 201)
    assert [(each["code"], each["pointer"]) for each in fee["warnings"]] == [("fee-above-price", "/cancel_fee_minor")]
    assert {"long-hours"} <= codes(hours["warnings"])
    assert all(each["detail"] and each["key"] for each in hours["warnings"])
    assert fine["warnings"] == []


async def test_a_class_that_would_never_be_offered_is_found(client: Client, world: World) -> None:
    """The grid is counted from the provider's ten o'clock: no multiple of ninety minutes meets eleven."""
    await world.provider("rui", windows=[(600, 840)], days=[5])
    yoga = {"slug": "yoga", "name": "Yoga", "duration_min": 90, "slot_step_min": 90, "capacity": 8}
    await write(client, world, "POST", "/services", yoga)
    await write(client, world, "POST", "/provider-services", {"provider": "rui", "service": "yoga"})
    saturday = {"service": "yoga", "weekday": 5, "start": "11:00", "end": "12:30"}

    _, hours = await write(client, world, "POST", "/service-hours", saturday)
    _, mended = await write(client, world, "PATCH", "/services/yoga", {"slot_step_min": 30})

    assert codes(hours["warnings"]) == {"service-never-fits"}
    assert codes(mended["warnings"]) == set()


async def test_a_service_that_nobody_can_pay_is_refused(client: Client, world: World) -> None:
    paid = {"slug": "massage", "name": "Massage", "duration_min": 60, "price_minor": 8000, "payment": "online"}

    created, refusal = await write(client, world, "POST", "/services", paid)
    changed, _ = await write(client, world, "PATCH", "/services/cut", {"price_minor": 8000, "payment": "online"})

    assert (created, changed) == (422, 422)
    assert [each["pointer"] for each in refusal["errors"]] == ["/payment"]
    listed = await client.get(f"/v1/businesses/{world.slug}/services", headers=world.auth)
    assert [(each["slug"], each["payment"]) for each in (await listed.json())["items"]] == [("cut", "on_site")]


async def test_what_was_saved_before_it_could_not_work_is_found(client: Client, world: World) -> None:
    await world.service("massage", payment="online", price_minor=8000)

    found = await setup_of(client, world)

    assert "payment-not-set-up" in codes(found["findings"])


async def test_a_repeated_write_answers_with_the_same_warnings(client: Client, world: World) -> None:
    headers = {**world.auth, "Idempotency-Key": "5f2f0c1e-6f0a-4c55-9a4c-4f3f1f8a2b11"}
    body = {"slug": "wash", "name": "Wash", "duration_min": 20}

    answers = [await client.post(f"/v1/businesses/{world.slug}/services", json=body, headers=headers) for _ in range(2)]

    first, second = [await answer.json() for answer in answers]
    assert first == second
    assert codes(first["warnings"]) == {"service-without-provider"}


@pytest.mark.parametrize("scopes", ["{book}"])
async def test_only_who_may_read_the_settings_may_read_what_they_lack(
    client: Client, world: World, scopes: str
) -> None:
    await world.sql("UPDATE api_keys SET scopes = $2 WHERE business_id = $1", world.business_id, [scopes.strip("{}")])

    answer = await client.get(f"/v1/businesses/{world.slug}/setup", headers=world.auth)

    assert answer.status == 403


async def test_a_room_in_another_town_serves_nobody_here(client: Client, world: World) -> None:
    await write(client, world, "POST", "/locations", {"slug": "ny", "name": "NY", "timezone": "America/New_York"})
    await write(client, world, "POST", "/resources", {"slug": "r1", "name": "Room", "location": "ny"})

    _, elsewhere = await write(client, world, "POST", "/service-resources", {"service": "cut", "resource": "r1"})
    await write(client, world, "PATCH", "/resources/r1", {"location": "here"})

    assert "need-without-resource" in codes(elsewhere["warnings"])
    assert "need-without-resource" not in codes((await setup_of(client, world))["findings"])
