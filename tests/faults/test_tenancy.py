"""Every route, asked by those who may not: without a key, with too small a key, with the key of another business."""

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.settings import Settings
from server.tokens import new_api_key, token_hash
from server.usecases.core import Core
from server.web.access import KEY_SCOPES, Who
from server.web.route import Route
from server.web.routes import ROUTES
from tests.world import World

Client = TestClient[Any, Any]

GUARDED = [route for route in ROUTES if route.who in KEY_SCOPES]
LESSER: dict[Who, list[str]] = {
    Who.READ: ["book"],
    Who.BOOK: ["read"],
    Who.MANAGE: ["read", "book"],
}
TABLES = (
    "businesses", "api_keys", "locations", "resources", "providers", "services", "provider_services",
    "service_resources", "working_hours", "service_hours", "exceptions", "busy_blocks", "customers", "appointments",
    "attendees", "claims", "transitions", "outbox", "audit_entries", "idempotency_records", "connections", "calendars",
)  # fmt: skip
COUNTED = {"api_keys": "to_jsonb(t) - 'last_used_at'"}


WITH_UID = {"appointments", "connections", "feeds", "webhook_endpoints", "deliveries", "payments", "waitlist_entries"}


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def victim(core: Core) -> World:
    """A business with one of everything, whose ids and slugs the other one knows."""
    world = await World.make(core)
    service = await world.service()
    await world.room("chair", service)
    provider = (await world.sql("SELECT id FROM providers WHERE business_id = $1", world.business_id))[0][0]
    other_service = await world.service("wash", providers=[])
    await world._insert("service_hours", service_id=other_service, weekday=0, start_min=0, end_min=1440)
    days = {"provider_id": provider, "location_id": world.location_id}
    await world.sql(
        "INSERT INTO exceptions (business_id, provider_id, location_id, day) VALUES ($1, $2, $3, '2031-01-01')",
        world.business_id,
        *days.values(),
    )
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " VALUES ($1, $2, tstzrange('2031-01-01', '2031-01-02'), 'time_off')",
        world.business_id,
        provider,
    )
    await world.sql(
        "WITH connection AS ("
        "INSERT INTO connections (business_id, uid, provider_id, kind, preset, name, url, state, peer)"
        " VALUES ($1, gen_random_uuid(), $2, 'caldav', 'generic', 'Hers', 'https://dav.example/', 'paused', '')"
        " RETURNING *) INSERT INTO calendars (business_id, uid, connection_id, provider_id, href, name, writable)"
        " SELECT business_id, gen_random_uuid(), id, provider_id, url, 'Work', true FROM connection",
        world.business_id,
        provider,
    )
    return world


@pytest.fixture
async def other(core: Core) -> World:
    world = await World.make(core)
    await world.service()
    return world


async def state_of(world: World) -> dict[str, list[Any]]:
    """All rows of a business."""
    state = {}
    for table in TABLES:
        tenant = "id" if table == "businesses" else "business_id"
        shown = COUNTED.get(table, "to_jsonb(t)")
        rows = await world.sql(f"SELECT {shown} FROM {table} t WHERE {tenant} = $1 ORDER BY id", world.business_id)
        state[table] = [row[0] for row in rows]
    return state


async def paths_to(world: World, route: Route) -> list[str]:
    """The route's address for something that *world* really has, and for things that nobody has."""
    collection = route.path.removeprefix("/v1/businesses/{business}/").split("/")[0]
    tables = {
        "calendars": "connections",
        "hours": "working_hours",
        "time-off": "busy_blocks",
        "webhooks": "webhook_endpoints",
        "waitlist": "waitlist_entries",
    }
    keys: list[str] = ["1", "nobody"]
    if "{slug}" in route.path or "{id}" in route.path:
        table = tables.get(collection, collection.replace("-", "_"))
        column = "slug" if "{slug}" in route.path else "uid" if table in WITH_UID else "id"
        rows = await world.sql(f"SELECT {column} FROM {table} WHERE business_id = $1 LIMIT 1", world.business_id)
        keys += [str(row[0]) for row in rows]
    path = route.path.replace("{business}", world.slug)
    for row in await world.sql("SELECT uid FROM calendars WHERE business_id = $1", world.business_id):
        path = path.replace("{calendar}", str(row["uid"]))
    return sorted({re.sub(r"{(slug|id)}", key, path) for key in keys})


def body_for(route: Route) -> dict[str, Any]:
    """Something to send; who asks is looked at before what they send."""
    return {"json": {"name": "Taken over"}} if route.body is not None else {}


async def key_with(world: World, scopes: list[str]) -> dict[str, str]:
    key, prefix = new_api_key()
    await world.sql(
        "INSERT INTO api_keys (business_id, name, prefix, key_hash, scopes) VALUES ($1, 'small', $2, $3, $4)",
        world.business_id,
        prefix,
        token_hash(key),
        scopes,
    )
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("route", GUARDED, ids=name_of)
async def test_j95_nobody_reaches_what_is_not_theirs(route: Route, client: Client, victim: World, other: World) -> None:
    await victim.book(victim.at(10))
    small = await key_with(victim, LESSER[route.who])
    before = await state_of(victim)
    callers: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"Authorization": "Bearer bk_00000000_nonsense"}, 401),
        ({"Authorization": "Basic YTpi"}, 401),
        (small, 403),
        (other.auth, 404),
    ]

    for path in await paths_to(victim, route):
        for headers, expected in callers:
            response = await client.request(route.method, path, headers=headers, **body_for(route))
            body = await response.text()
            assert response.status == expected, (route.method, path, headers, body)
            assert response.content_type == "application/problem+json"

    assert await state_of(victim) == before


@pytest.mark.parametrize("route", [r for r in GUARDED if "{id}" in r.path], ids=name_of)
async def test_j95_what_another_tenant_has_is_as_unknown_as_what_nobody_has(
    route: Route, client: Client, victim: World, other: World
) -> None:
    """Under one's own business, with the other's ids; slugs are names within a business."""
    await victim.book(victim.at(10))
    before = await state_of(victim)
    answers = []
    for path in await paths_to(victim, route):
        mine = path.replace(victim.slug, other.slug)
        json: dict[str, Any] = {"start": victim.at(11).isoformat()} if "reschedule" in path else {}
        sent = {"json": json} if route.body is not None else {}
        response = await client.request(route.method, mine, headers=other.auth, **sent)
        problem = await response.json()
        problem.pop("request_id")
        answers.append((response.status, problem))

    assert all(status == 404 for status, _ in answers), answers
    assert all(answer == answers[0] for answer in answers)
    assert await state_of(victim) == before


async def test_j95_references_do_not_reach_into_another_tenant(client: Client, victim: World, other: World) -> None:
    """A slug that only the victim has, in every field that takes one."""
    await victim.provider("victor")
    await victim.service("vitals", providers=[])
    await victim.sql(
        "INSERT INTO locations (business_id, slug, name, timezone) VALUES ($1, 'vault', 'V', 'UTC')", victim.business_id
    )
    hours = {"provider": "anna", "location": "here", "weekday": 0, "start": "09:00", "end": "10:00"}
    times = {"start": "2031-01-01T00:00:00Z", "end": "2031-01-02T00:00:00Z"}
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("hours", {**hours, "provider": "victor"}),
        ("hours", {**hours, "location": "vault"}),
        ("service-hours", {"service": "vitals", "weekday": 0, "start": "09:00", "end": "10:00"}),
        ("exceptions", {"provider": "victor", "location": "here", "date": "2031-01-01"}),
        ("exceptions", {"provider": "anna", "location": "vault", "date": "2031-01-01"}),
        ("time-off", {"provider": "victor", **times}),
        ("provider-services", {"provider": "victor", "service": "cut"}),
        ("provider-services", {"provider": "anna", "service": "vitals"}),
        ("service-resources", {"service": "cut", "resource": "chair"}),
        ("resources", {"slug": "r", "name": "R", "location": "vault"}),
    ]
    before = (await state_of(victim), await state_of(other))

    for path, body in attempts:
        response = await client.post(f"/v1/businesses/{other.slug}/{path}", json=body, headers=other.auth)
        assert response.status == 404, (path, body, await response.text())

    assert (await state_of(victim), await state_of(other)) == before


async def test_j95_lists_show_ones_own_rows_only(client: Client, victim: World, other: World) -> None:
    booked = await victim.book(victim.at(10), email="secret@example.com")
    lists = [route for route in GUARDED if route.method == "GET" and "{slug}" not in route.path]

    for route in lists:
        if "{id}" in route.path or "explain" in route.path:
            continue
        path = route.path.replace("{business}", other.slug)
        text = await (await client.get(path, headers=other.auth)).text()
        for secret in (victim.slug, "secret@example.com", str(booked.appointment.uid), "chair"):
            assert secret not in text, route.path


async def test_j97_a_tenant_in_body_or_header_does_not_count(client: Client, victim: World, other: World) -> None:
    headers = {**other.auth, "X-Business": victim.slug, "X-Tenant-Id": str(victim.business_id)}
    url = f"/v1/businesses/{other.slug}/locations"

    for field in ("business", "business_id", "tenant"):
        body = {"slug": "x", "name": "X", "timezone": "UTC", field: victim.slug}
        assert (await client.post(url, json=body, headers=headers)).status == 422
    body = {"slug": "x", "name": "X", "timezone": "UTC"}
    assert (await client.post(url, json=body, headers=headers)).status == 201

    rows = await victim.sql("SELECT business_id FROM locations WHERE slug = 'x' AND business_id = ANY($1)",
                            [victim.business_id, other.business_id])  # fmt: skip
    assert [row[0] for row in rows] == [other.business_id]


def test_j96_every_route_says_who_may_call_it() -> None:
    for route in ROUTES:
        assert isinstance(route.who, Who), name_of(route)
        if route.method != "GET" and "{business}" in route.path and route.who is Who.PUBLIC:
            ends = ("/holds", "/appointments", "/waitlist", "/payments", "/book/{business}")
            assert route.path.endswith(ends), name_of(route)


def test_j96_nothing_is_served_that_is_not_in_the_table(settings: Settings) -> None:
    app = build_app(settings)
    declared = {(route.method, route.path) for route in ROUTES}

    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "OPTIONS"
    }
    heads = {("HEAD", path) for method, path in declared if method == "GET"}

    assert served - heads == declared
    assert len(ROUTES) == len(declared)


async def test_J97_J104_a_key_books_as_staff_in_its_own_business_and_with_its_scope_only(
    client: Client, world: World
) -> None:
    """Staff needs no approval: neither another tenant's key nor one that may only read makes anybody staff."""
    await world.service("asked", providers=["anna"], approval="manual")
    other = await World.make(world.core)
    reader = await key_with(world, ["read"])
    url = f"/v1/businesses/{world.slug}/appointments"

    def order(hour: int) -> dict[str, Any]:
        return world.order_json(world.at(hour), service="asked")

    foreign = await client.post(url, json=order(9), headers=other.auth)
    reading = await client.post(url, json=order(10), headers=reader)
    staff = await client.post(url, json=order(11), headers=world.auth)

    assert foreign.status == 404
    assert (await reading.json())["status"] == "pending"
    assert (await staff.json())["status"] == "confirmed"
