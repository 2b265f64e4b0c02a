"""What a business manages through the API: create, read, change, delete, page, and who may not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from server.app import build_app
from server.settings import PaymentSettings, Settings
from tests.world import World

Client = TestClient[Any, Any]


class Api:
    """The API of one business, spoken with its key."""

    def __init__(self, client: Client, world: World) -> None:
        self.client = client
        self.world = world

    async def __call__(
        self, method: str, path: str, body: object = None, *, status: int = 200, **headers: str
    ) -> dict[str, Any]:
        sent = {**self.world.auth, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = f"/v1/businesses/{self.world.slug}{path}"
        response = await self.client.request(method, url, json=body, headers=sent)
        text = await response.text()
        assert response.status == status, (response.status, text)
        self.headers = response.headers
        return await response.json() if text else {}


@pytest.fixture
def api(client: Client, world: World) -> Api:
    return Api(client, world)


@pytest.fixture
async def paid_api(settings: Settings, world: World, aiohttp_client: Callable[..., Awaitable[Client]]) -> Api:
    """Of a server that has a payment service."""
    payment = PaymentSettings(stripe_key=SecretStr("sk_test_key"), stripe_url="http://127.0.0.1:1")
    return Api(await aiohttp_client(build_app(settings.model_copy(update={"payment": payment}))), world)


SERVICE = {"slug": "colour", "name": "Colour", "duration_min": 90}
TIME_OFF = {"provider": "anna", "start": "2030-01-01T10:00:00Z", "end": "2030-01-02T10:00:00Z"}
DRAFTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "locations": ({"slug": "there", "name": "There", "timezone": "Europe/Paris"}, {"name": "Elsewhere"}),
    "resources": ({"slug": "room-1", "name": "Room 1", "kind": "room", "location": "here"}, {"location": None}),
    "providers": ({"slug": "ben", "name": "Ben", "email": "ben@example.com"}, {"daily_cap": 5}),
    "services": (SERVICE, {"price_minor": 5000}),
    "provider-services": ({"provider": "anna", "service": "wash"}, {"duration_min": 45}),
    "hours": (
        {"provider": "anna", "location": "here", "weekday": 0, "start": "09:00", "end": "17:00"},
        {"end": "02:00"},
    ),
    "service-hours": ({"service": "cut", "weekday": 1, "start": "00:00", "end": "24:00"}, {"weekday": 2}),
    "exceptions": (
        {"provider": "anna", "location": "here", "date": "2030-05-01", "windows": []},
        {"windows": [{"start": "10:00", "end": "12:00"}]},
    ),
    "time-off": (TIME_OFF, {"reason": "Holiday"}),
    "service-resources": ({"service": "cut", "resource": "chair"}, {"need": "seat"}),
}


@pytest.fixture
async def furnished(world: World) -> World:
    """A second service and a device, for what links them."""
    await world.service("wash", providers=[])
    await world._insert("resources", slug="chair", name="Chair", kind="device")
    return world


def key_of(item: dict[str, Any]) -> str:
    return str(item.get("id") or item["slug"])


@pytest.mark.parametrize("path", DRAFTS)
async def test_everything_can_be_created_read_changed_and_deleted(path: str, api: Api, furnished: World) -> None:
    draft, patch = DRAFTS[path]

    created = await api("POST", f"/{path}", draft, status=201)
    assert isinstance(created.pop("warnings"), list)
    assert draft.items() <= created.items()
    assert api.headers["ETag"] == '"v1"'
    one = f"/{path}/{key_of(created)}"
    assert api.headers["Location"].endswith(one)
    assert await api("GET", one) == created
    assert api.headers["ETag"] == '"v1"'
    assert created in (await api("GET", f"/{path}"))["items"]

    changed = await api("PATCH", one, patch)
    assert isinstance(changed.pop("warnings"), list)
    assert api.headers["ETag"] == '"v2"'
    assert changed == {**created, **patch, "version": 2, "updated_at": changed["updated_at"]}
    assert await api("GET", one) == changed

    await api("DELETE", one, status=204)
    await api("GET", one, status=404)
    await api("DELETE", one, status=404)


@pytest.mark.parametrize("path", DRAFTS)
async def test_every_write_is_audited_in_its_transaction(path: str, api: Api, furnished: World) -> None:
    draft, patch = DRAFTS[path]

    created = await api("POST", f"/{path}", draft, status=201)
    await api("PATCH", f"/{path}/{key_of(created)}", patch)
    await api("PATCH", f"/{path}/{key_of(created)}", patch)  # changes nothing
    await api("DELETE", f"/{path}/{key_of(created)}", status=204)

    entries = (await api("GET", "/audit"))["items"]
    assert [entry["action"] for entry in entries] == ["deleted", "changed", "created"]
    assert {entry["subject_key"] for entry in entries} == {key_of(created)}
    assert all(entry["actor"].startswith("key:") for entry in entries)
    assert len(entries[1]["changes"]) == 1


@pytest.mark.parametrize("path", DRAFTS)
async def test_i85_unknown_and_read_only_fields_are_refused(path: str, api: Api, furnished: World) -> None:
    draft, _ = DRAFTS[path]
    created = await api("POST", f"/{path}", draft, status=201)

    for extra in ("business_id", "id", "version", "resource_id", "source", "created_at"):
        problem = await api("POST", f"/{path}", {**draft, extra: 1}, status=422)
        [refusal] = [each for each in problem["errors"] if each["pointer"] == f"/{extra}"]
        assert refusal["detail"].startswith("This is not a known field.")
        await api("PATCH", f"/{path}/{key_of(created)}", {extra: 1}, status=422)
    if "slug" in draft:
        await api("PATCH", f"/{path}/{key_of(created)}", {"slug": "other"}, status=422)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("appointments", "location"), ("appointments", "provider"), ("appointments", "service"),
        ("hours", "provider"), ("hours", "location"), ("exceptions", "provider"), ("time-off", "provider"),
        ("service-hours", "service"), ("provider-services", "service"), ("service-resources", "resource"),
        ("resources", "location"),
    ],
)  # fmt: skip
async def test_a_filter_that_names_nothing_is_refused_and_not_answered_with_an_empty_list(
    path: str, name: str, api: Api, furnished: World
) -> None:
    problem = await api("GET", f"/{path}?{name}=lisboa", status=422)

    assert problem["errors"] == [{"parameter": name, "detail": f"This business has no {name} with the slug lisboa."}]


async def test_a_change_is_told_where_its_own_body_is_wrong(api: Api, furnished: World) -> None:
    problem = await api("PATCH", "", {"theme": {"logo": "http://studio.example/logo.png"}}, status=422)

    assert [each["pointer"] for each in problem["errors"]] == ["/theme/logo"]


@pytest.mark.parametrize("path", DRAFTS)
async def test_a_post_with_an_idempotency_key_counts_once(path: str, api: Api, furnished: World) -> None:
    draft, _ = DRAFTS[path]

    first = await api("POST", f"/{path}", draft, status=201, Idempotency_Key="one")
    before = len((await api("GET", f"/{path}"))["items"])
    again = await api("POST", f"/{path}", draft, status=201, Idempotency_Key="one")

    assert again == first
    assert api.headers["Idempotency-Replayed"] == "true"
    assert len((await api("GET", f"/{path}"))["items"]) == before
    name = "reason" if path in ("time-off", "exceptions") else "name"
    if path in ("time-off", "exceptions", "services", "providers", "locations", "resources"):
        await api("POST", f"/{path}", {**draft, name: "Other"}, status=422, Idempotency_Key="one")


async def test_the_same_key_at_the_same_time_counts_once(api: Api) -> None:
    answers = await asyncio.gather(
        *(
            api.client.post(
                f"/v1/businesses/{api.world.slug}/time-off",
                json=TIME_OFF,
                headers={**api.world.auth, "Idempotency-Key": "same"},
            )
            for _ in range(6)
        )
    )

    assert {answer.status for answer in answers} <= {201, 409}
    assert len((await api("GET", "/time-off"))["items"]) == 1


async def test_an_old_version_changes_and_deletes_nothing(api: Api) -> None:
    await api("PATCH", "/services/cut", {"name": "A"}, If_Match='"v1"')

    problem = await api("PATCH", "/services/cut", {"name": "B"}, status=412, If_Match='"v1"')
    await api("DELETE", "/services/cut", status=412, If_Match='"v1", "v7"')

    assert problem["type"] == "/problems/stale-version"
    assert problem["current_version"] == 2
    assert (await api("GET", "/services/cut"))["name"] == "A"
    await api("PATCH", "/services/cut", {"name": "C"}, If_Match="*")
    await api("PATCH", "/services/cut", {"name": "D"}, If_Match='"v1", "v3"')


@pytest.mark.parametrize("tag", ["v1", '"1"', 'W/"v1"', '"v1" "v2"', '"v99999999999999999999"', "", '"v1", *'])
async def test_a_malformed_if_match_is_refused(tag: str, api: Api) -> None:
    await api("PATCH", "/services/cut", {"name": "B"}, status=422, If_Match=tag)


async def test_of_two_changes_at_once_with_one_version_one_is_stale(api: Api) -> None:
    url = f"/v1/businesses/{api.world.slug}/services/cut"
    headers = {**api.world.auth, "If-Match": '"v1"'}

    answers = await asyncio.gather(*(api.client.patch(url, json={"name": name}, headers=headers) for name in "ABCD"))

    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]


async def test_lists_come_in_pages_that_miss_and_repeat_nothing(api: Api) -> None:
    for number in range(5):
        await api("POST", "/locations", {"slug": f"l{number}", "name": "L", "timezone": "UTC"}, status=201)

    seen: list[str] = []
    cursor = ""
    while True:
        page = await api("GET", f"/locations?limit=2{cursor}")
        seen += [item["slug"] for item in page["items"]]
        assert len(page["items"]) <= 2
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        if len(seen) == 2:
            await api("DELETE", f"/locations/{seen[1]}", status=204)  # what is deleted meanwhile shifts nothing

    assert seen == ["here", "l0", "l1", "l2", "l3", "l4"]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=", "cursor=x", "cursor=%00", "cursor=MTox%0A", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk6MQ",
        "cursor=MDo5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor=" + "A" * 200, "cursor=%ED%A0%80",
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=99999999999999999999999", "offset=1", "active=maybe",
        "limit=1&limit=2", "slug=x", "order_by=name;drop",
    ],
)  # fmt: skip
async def test_i87_a_list_takes_what_it_declares_and_nothing_else(query: str, api: Api) -> None:
    await api("GET", f"/locations?{query}", status=422)
    if not query.startswith("active"):
        await api("GET", f"/appointments?{query}", status=422)


async def test_lists_are_filtered(api: Api, furnished: World) -> None:
    await api("POST", "/exceptions", DRAFTS["exceptions"][0], status=201)
    await api("POST", "/time-off", TIME_OFF, status=201)
    await api("PATCH", "/services/wash", {"active": False})

    async def count(path: str) -> int:
        return len((await api("GET", path))["items"])

    assert [item["slug"] for item in (await api("GET", "/services?active=false"))["items"]] == ["wash"]
    assert await count("/hours?provider=anna&location=here") == 7
    assert await count("/exceptions?from=2030-05-01&to=2030-05-01") == 1
    assert await count("/exceptions?from=2030-05-02") == 0
    assert await count("/time-off?from=2030-01-02T09:00:00Z") == 1
    assert await count("/time-off?from=2030-01-02T10:00:00Z") == 0
    assert await count("/time-off?to=2030-01-01T10:00:00Z") == 0
    assert await count("/provider-services?service=cut") == 1
    assert await count("/resources?kind=room") == 0


async def test_b27_no_value_makes_a_write_fail_on_our_side(api: Api, furnished: World) -> None:
    """NUL, surrogates, numbers without end: every field of every draft."""
    wrong: list[object] = [
        "\x00",
        "a\x00b",
        10**30,
        -(10**30),
        1e308,
        -1,
        True,
        [],
        {},
        "x" * 20_000,
        "\u2028",
        "\u0958" * 200,
    ]
    for path, (draft, _) in DRAFTS.items():
        schema_fields = {field for item in (await api("GET", f"/{path}"))["items"] for field in item} | set(draft)
        for field in sorted(schema_fields):
            for value in wrong:
                response = await api.client.post(
                    f"/v1/businesses/{api.world.slug}/{path}", json={**draft, field: value}, headers=api.world.auth
                )
                assert response.status < 500, (path, field, value, await response.text())
                if response.status == 201:
                    key = key_of(await response.json())
                    await api("DELETE", f"/{path}/{key}", status=204)


@pytest.mark.parametrize(
    "raw", [b'{"name": "\\ud800"}', b'{"latitude": NaN}', b'{"latitude": Infinity}', b"[]", b"{", b"\xff"]
)
async def test_b27_what_is_not_json_for_us_is_refused(raw: bytes, api: Api) -> None:
    headers = {**api.world.auth, "Content-Type": "application/json"}
    response = await api.client.patch(f"/v1/businesses/{api.world.slug}/locations/here", data=raw, headers=headers)

    assert response.status == 422, await response.text()


@pytest.mark.parametrize("key", ["%00", "%ED%A0%80", "9" * 40, "-1", "0", "A", "a" * 64, "'", "%E0%A0%80"])
async def test_b27_a_key_that_nothing_can_have_is_not_found(key: str, api: Api) -> None:
    for path in ("locations", "hours", "services"):
        await api("GET", f"/{path}/{key}", status=404)
        await api("PATCH", f"/{path}/{key}", {}, status=404)
        await api("DELETE", f"/{path}/{key}", status=404)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("locations", {"latitude": 1.5}),
        ("locations", {"latitude": 91, "longitude": 1}),
        ("locations", {"timezone": "Mars/Base"}),
        ("locations", {"holiday_country": "XX"}),
        ("locations", {"holiday_subdivision": "BY"}),
        ("locations", {"holiday_country": "DE", "holiday_subdivision": "NOWHERE"}),
        ("locations", {"timezone": None}),
        ("services", {"approval": "manual", "capacity": 2}),
        ("services", {"duration_min": 0}),
        ("services", {"duration_min": 2881}),
        ("services", {"duration_min": "30"}),
        ("services", {"capacity": 1001}),
        ("services", {"price_minor": -1}),
        ("services", {"price_minor": 2**31}),
        ("services", {"questions": [{"key": "a", "label": "A"}, {"key": "a", "label": "B"}]}),
        ("services", {"questions": [{"key": "a", "label": "A", "kind": "choice"}]}),
        ("hours", {"weekday": 7}),
        ("hours", {"start": "24:00"}),
        ("hours", {"end": "48:01"}),
        ("hours", {"valid_from": "2030-01-02", "valid_until": "2030-01-01"}),
        ("exceptions", {"windows": [{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "13:00"}]}),
        ("time-off", {"end": "2030-01-01T10:00:00Z"}),
        ("time-off", {"end": "2030-01-01T11:00:00"}),
        ("providers", {"email": "nobody"}),
        ("providers", {"daily_cap": 0}),
    ],
)
async def test_i84_what_cannot_be_is_refused_on_creation(path: str, change: dict[str, Any], api: Api) -> None:
    problem = await api("POST", f"/{path}", {**DRAFTS[path][0], **change}, status=422)

    assert problem["type"] == "/problems/invalid-request"
    assert problem["errors"]


async def test_a_change_is_checked_together_with_what_is_there(api: Api) -> None:
    await api("PATCH", "/services/cut", {"capacity": 5})

    await api("PATCH", "/services/cut", {"approval": "manual"}, status=422)
    await api("PATCH", "/services/cut", {"approval": "manual", "capacity": 1})


@pytest.mark.parametrize(
    ("start", "end", "shown", "minutes"),
    [
        ("09:00", "17:00", "17:00", (540, 1020)),
        ("00:00", "24:00", "24:00", (0, 1440)),
        ("00:00", "00:00", "24:00", (0, 1440)),
        ("22:00", "02:00", "02:00", (1320, 1560)),
        ("22:00", "26:00", "02:00", (1320, 1560)),
        ("09:00", "09:00", "09:00", (540, 1980)),
        ("09:00", "48:00", "48:00", (540, 2880)),
        ("23:59", "24:00", "24:00", (1439, 1440)),
    ],
)
async def test_hours_may_cross_midnight(
    api: Api, *, start: str, end: str, shown: str, minutes: tuple[int, int]
) -> None:
    draft = {**DRAFTS["hours"][0], "start": start, "end": end}

    created = await api("POST", "/hours", draft, status=201)

    assert (created["start"], created["end"]) == (start, shown)
    rows = await api.world.sql("SELECT start_min, end_min FROM working_hours WHERE id = $1", created["id"])
    assert tuple(rows[0]) == minutes
    patched = await api("PATCH", f"/hours/{created['id']}", {"weekday": 3})
    assert (patched["start"], patched["end"]) == (start, shown)


async def test_what_is_booked_cannot_be_deleted_but_retired(api: Api, world: World) -> None:
    await world.book(world.at(10))

    for path in ("/services/cut", "/providers/anna", "/locations/here"):
        problem = await api("DELETE", path, status=409)
        assert problem["type"] == "/problems/conflict"
        assert "appointments" in problem["detail"]
        await api("PATCH", path, {"active": False})


async def test_a_room_that_a_service_needs_cannot_be_deleted(api: Api, furnished: World) -> None:
    link = await api("POST", "/service-resources", {"service": "cut", "resource": "chair"}, status=201)

    await api("DELETE", "/resources/chair", status=409)

    await api("DELETE", f"/service-resources/{link['id']}", status=204)
    await api("DELETE", "/resources/chair", status=204)


@pytest.mark.parametrize("path", ["locations", "providers", "services", "resources", "exceptions", "provider-services"])
async def test_a_name_is_given_once(path: str, api: Api, furnished: World) -> None:
    await api("POST", f"/{path}", DRAFTS[path][0], status=201)

    problem = await api("POST", f"/{path}", DRAFTS[path][0], status=409)

    assert problem["type"] == "/problems/conflict"


async def test_a_room_and_a_device_cannot_share_a_slug(api: Api) -> None:
    await api("POST", "/resources", {"slug": "x", "name": "X", "kind": "room"}, status=201)

    await api("POST", "/resources", {"slug": "x", "name": "X", "kind": "device"}, status=409)
    await api("POST", "/providers", {"slug": "x", "name": "X"}, status=201)


async def test_a_providers_resource_follows_them(api: Api, world: World) -> None:
    await api("POST", "/providers", {"slug": "ben", "name": "Ben"}, status=201)
    await api("PATCH", "/providers/ben", {"name": "Benjamin", "active": False})

    query = "SELECT name, active, kind FROM resources WHERE business_id = $1 AND slug = 'ben'"
    assert [tuple(row) for row in await world.sql(query, world.business_id)] == [("Benjamin", False, "provider")]
    await api("GET", "/resources/ben", status=404)
    await api("DELETE", "/providers/ben", status=204)
    assert await world.sql(query, world.business_id) == []


async def test_what_does_not_exist_cannot_be_referred_to(api: Api) -> None:
    for field in ("provider", "location"):
        problem = await api("POST", "/hours", {**DRAFTS["hours"][0], field: "nobody"}, status=404)
        assert problem["what"] == field


async def test_a_change_shows_in_availability_at_once(api: Api, world: World) -> None:
    day = world.at(10).date().isoformat()
    question = f"/availability?service=cut&from={day}&to={day}"

    assert (await api("GET", question))["days"][0]["slots"]
    await api("PATCH", "/services/cut", {"duration_min": 60})
    slot = (await api("GET", question))["days"][0]["slots"][0]

    assert slot["end"][11:13] == "10"
    await api("POST", "/time-off", {**TIME_OFF, "start": f"{day}T00:00:00Z", "end": f"{day}T23:00:00Z"}, status=201)
    assert (await api("GET", question))["days"][0]["slots"] == []


async def test_appointments_are_listed_by_start_with_who_attends(api: Api, world: World) -> None:
    booked = [await world.book(world.at(hour), email=f"c{hour}@example.com") for hour in (11, 10, 9)]

    first = await api("GET", "/appointments?limit=2")
    rest = await api("GET", f"/appointments?limit=2&cursor={first['next_cursor']}")

    items = first["items"] + rest["items"]
    assert [item["id"] for item in items] == [str(b.appointment.uid) for b in reversed(booked)]
    assert items[0]["attendees"][0]["email"] == "c9@example.com"
    assert rest["next_cursor"] is None
    assert "token" not in str(items)
    one = await api("GET", f"/appointments/{items[0]['id']}")
    assert one == items[0]
    assert api.headers["ETag"] == f'"v{one["version"]}"'


async def test_appointments_are_filtered(api: Api, world: World) -> None:
    await world.book(world.at(10), email="a@example.com")
    await world.book(world.at(12), email="b@example.com")

    async def count(query: str) -> int:
        return len((await api("GET", f"/appointments?{query}"))["items"])

    noon = world.at(12).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await count("status=confirmed&provider=anna&service=cut&location=here") == 2
    assert await count("email=A@example.com") == 1
    assert await count(f"from={noon}") == 1
    assert await count(f"to={noon}") == 1
    assert await count("status=cancelled") == 0
    await api("GET", "/appointments?status=unknown", status=422)
    await api("GET", "/appointments/not-a-uuid", status=404)


async def test_customers_are_listed(api: Api, world: World) -> None:
    await world.book(world.at(10), email="a@example.com")
    await world.book(world.at(12), email="b@example.com")

    assert [item["email"] for item in (await api("GET", "/customers"))["items"]] == ["a@example.com", "b@example.com"]
    assert len((await api("GET", "/customers?email=a@example.com"))["items"]) == 1


async def test_a_key_is_shown_once_and_can_be_revoked(api: Api) -> None:
    made = await api("POST", "/api-keys", {"name": "Reader", "scopes": ["read", "read"]}, status=201)
    auth = {"Authorization": f"Bearer {made['key']}"}
    url = f"/v1/businesses/{api.world.slug}/services"

    assert made["scopes"] == ["read"]
    assert made["key"].startswith(made["prefix"])
    assert (await api.client.get(url, headers=auth)).status == 200
    assert made["key"] not in str(await api("GET", "/api-keys")) + str(await api("GET", "/audit"))

    await api("DELETE", f"/api-keys/{made['id']}", status=204)
    assert (await api.client.get(url, headers=auth)).status == 401
    await api("DELETE", f"/api-keys/{made['id']}", status=404)
    assert (await api("GET", "/api-keys"))["items"][-1]["revoked_at"] is not None


async def test_a_key_made_twice_with_one_idempotency_key_is_one_key(api: Api) -> None:
    draft = {"name": "R", "scopes": ["read"]}

    first = await api("POST", "/api-keys", draft, status=201, Idempotency_Key="k")
    again = await api("POST", "/api-keys", draft, status=201, Idempotency_Key="k")

    assert again == first


async def test_j104_a_key_cannot_widen_its_scope(api: Api) -> None:
    made = await api("POST", "/api-keys", {"name": "Book", "scopes": ["read", "book"]}, status=201)
    auth = {"Authorization": f"Bearer {made['key']}"}

    for scopes in (["manage"], ["read"]):
        response = await api.client.post(
            f"/v1/businesses/{api.world.slug}/api-keys", json={"name": "X", "scopes": scopes}, headers=auth
        )
        assert response.status == 403
    await api("POST", "/api-keys", {"name": "X", "scopes": ["admin"]}, status=422)
    await api("POST", "/api-keys", {"name": "X", "scopes": []}, status=422)


SMS_TO_PROVIDER = {"reminders": [{"offset_min": 60, "channel": "sms", "recipient": "provider"}]}


async def test_nobody_promises_a_text_message_to_a_provider_without_a_phone(api: Api) -> None:
    problem = await api("PATCH", "/services/cut", SMS_TO_PROVIDER, status=422)

    assert problem["errors"] == [
        {
            "pointer": "/reminders",
            "detail": "Anna has no phone number, and Cut reminds its provider by text message.",
        }
    ]
    assert (await api("GET", "/services/cut"))["reminders"] == []


async def test_with_a_phone_it_may_be_promised_and_the_phone_then_stays(api: Api, furnished: World) -> None:
    await api("PATCH", "/providers/anna", {"phone": "+49 1522 8817386"})
    await api("PATCH", "/services/cut", SMS_TO_PROVIDER)
    await api("POST", "/providers", {"slug": "ben", "name": "Ben"}, status=201)

    taken_back = await api("PATCH", "/providers/anna", {"phone": ""}, status=422)
    linked = await api("POST", "/provider-services", {"provider": "ben", "service": "cut"}, status=422)

    assert [taken_back["errors"][0]["pointer"], linked["errors"][0]["pointer"]] == ["/phone", "/provider"]
    assert (await api("GET", "/providers/anna"))["phone"] == "+4915228817386"


@pytest.mark.parametrize(
    ("currency", "price", "why"),
    [
        ("EUR", 49, "at least 0.50 EUR"),
        ("KWD", 5125, "in multiples of 0.01 only"),
        ("MGA", 30_050, "in multiples of 1"),
    ],
)
async def test_M126_a_price_that_cannot_be_charged_online_is_refused_when_it_is_saved(
    paid_api: Api, currency: str, price: int, why: str
) -> None:
    api = paid_api
    await api("PATCH", "", {"currency": currency})
    cheap = {**SERVICE, "price_minor": price}

    refused = await api("POST", "/services", {**cheap, "payment": "online"}, status=422)
    assert refused["type"] == "/problems/price-not-chargeable"
    assert why in refused["detail"]

    await api("POST", "/services", cheap, status=201)
    await api("PATCH", f"/services/{SERVICE['slug']}", {"payment": "online"}, status=422)


async def test_M126_a_currency_in_which_a_price_cannot_be_charged_is_refused(paid_api: Api) -> None:
    api = paid_api
    await api("POST", "/services", {**SERVICE, "price_minor": 4801, "payment": "online"}, status=201)

    refused = await api("PATCH", "", {"currency": "MGA"}, status=422)

    assert "cannot be paid online" in refused["detail"]
    await api("PATCH", "", {"currency": "XQQ"}, status=422)
    await api("PATCH", "", {"currency": "ISK"})
