"""
Section M of the matrix: the waitlist reaches everybody whom a time suits, and nobody who could not take it.

Leaves batches in general to `test_m_batches`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.domain.appointment import Booked, CustomerDetails
from server.domain.errors import NotFound
from server.domain.waitlist import NEAREST_S, Wish
from server.settings import WorkerSettings
from server.store.outbox import add_fact
from server.usecases.cancel import cancel
from server.usecases.core import Core
from server.usecases.dispatch import dispatch
from server.usecases.offer_freed import offer_everywhere, offer_freed
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.waitlist import Joined, join, lapse_offers
from server.worker.deeds import OfferFreedTime
from server.worker.pump import Lane, Pump
from tests.calendar_desk import Desk, event
from tests.faults.test_m_batches import aside, poison
from tests.faults.test_m_quotas import customer_of, open_shop
from tests.peers.calendar_servers import CalendarServer
from tests.world import World, no_key, settings_for

pytest_plugins = ("tests.peers.calendar_fixtures",)

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
ONE_TIME = ((600, 630),)
"""Open from ten to half past."""


@pytest.fixture
async def shop(own_world: World) -> World:
    """One provider with one time a day."""
    await own_world.provider("anna", windows=ONE_TIME)
    await own_world.service()
    return own_world


async def wait(world: World, email: str = "wanda@example.org", *, service: str = "cut", **wish: Any) -> Joined:
    day = world.at(10).astimezone(world.zone).date()
    wanted = {"first_day": day, "last_day": day, **wish}
    customer = CustomerDetails(name="Wanda", email=email, timezone=world.zone.key)
    joined = await join(world.core, world.slug, service, wish=Wish(**wanted), customer=customer, once=no_key())
    assert isinstance(joined, Joined)
    return joined


async def give_up(world: World, *booked: Booked) -> None:
    for each in booked:
        await cancel(world.core, await target_of_token(world.core, each.manage_token), no_key())


async def status_of(world: World) -> dict[str, str]:
    rows = await world.sql("SELECT email, status FROM waitlist_entries WHERE business_id = $1", world.business_id)
    return {row["email"].partition("@")[0]: row["status"] for row in rows}


async def crowd(world: World, number: int, service: str, *, windows: Sequence[Sequence[int]] = ()) -> None:
    """Many who wait for *service*, from before anybody else."""
    await world.sql(
        "INSERT INTO waitlist_entries (business_id, uid, service_id, first_day, last_day, windows, name, email,"
        " timezone, token_salt, token_hash)"
        " SELECT $1, gen_random_uuid(), s.id, $4::date, $4::date, $5::jsonb, 'Somebody', 'n' || n || '@example.org',"
        " 'Europe/Berlin', '', '' FROM services s, generate_series(1, $2) n WHERE s.business_id = $1 AND s.slug = $3",
        world.business_id,
        number,
        service,
        world.at(10).astimezone(world.zone).date(),
        list(windows),
    )


RETIRED = {
    "provider": "UPDATE providers SET active = false WHERE slug = 'old'",
    "location": "UPDATE locations SET active = false WHERE slug = 'closed'",
    "service": "UPDATE services SET active = false WHERE slug = 'past'",
}


async def with_what_retires(world: World) -> None:
    """Beside what there is: a provider, a place and a service that will not be offered any more."""
    await world.provider("old", windows=ONE_TIME)
    await world.service("past", providers=["anna"])
    await world.sql(
        "INSERT INTO locations (business_id, slug, name, timezone) VALUES ($1, 'closed', 'Closed', 'Europe/Berlin')",
        world.business_id,
    )
    for provider in ("anna", "old"):
        await world.sql(
            "INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min)"
            " SELECT $1, p.id, l.id, 0, 1, 31 FROM providers p, locations l WHERE p.slug = $2 AND l.slug = 'closed'",
            world.business_id,
            provider,
        )
    await world.sql(
        "INSERT INTO provider_services (business_id, provider_id, service_id) SELECT $1, p.id, s.id"
        " FROM providers p, services s WHERE p.slug = 'old' AND s.slug = 'cut'",
        world.business_id,
    )


@pytest.mark.parametrize("what", RETIRED)
async def test_M126_somebody_who_waits_for_what_is_retired_stands_in_nobodys_way(shop: World, what: str) -> None:
    await with_what_retires(shop)
    taken = [await shop.book(shop.at(10), provider=provider) for provider in ("anna", "old")]
    wish = {"provider": {"provider": "old"}, "location": {"location": "closed"}, "service": {}}[what]
    day = shop.at(10).astimezone(shop.zone).date()
    if what == "location":
        wish["first_day"] = wish["last_day"] = day + timedelta(days=(1 - day.weekday()) % 7)  # a Tuesday: nothing
    await wait(shop, "first@example.org", service="past" if what == "service" else "cut", **wish)
    await wait(shop, "second@example.org")
    await shop.sql(RETIRED[what])

    await give_up(shop, *taken)
    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"first": "waiting", "second": "offered"}
    assert await aside(shop) == []


@pytest.mark.parametrize("what", RETIRED)
async def test_M126_what_is_retired_cannot_be_waited_for(shop: World, what: str) -> None:
    await with_what_retires(shop)
    await shop.sql(RETIRED[what])
    wish = {"provider": {"provider": "old"}, "location": {"location": "closed"}, "service": {}}[what]

    with pytest.raises(NotFound) as refused:
        await wait(shop, service="past" if what == "service" else "cut", **wish)

    assert refused.value.what == what


async def test_M126_an_entry_that_raises_is_set_aside_and_the_next_is_offered_the_time(shop: World) -> None:
    taken = await shop.book(shop.at(10))
    await wait(shop, "poison@example.org")
    await wait(shop, "second@example.org")
    await poison(shop, "waitlist_entries", "UPDATE", "NEW.email = 'poison@example.org' AND NEW.status = 'offered'")
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"poison": "waiting", "second": "offered"}
    assert await aside(shop) == [("waitlist", 1)]


async def test_M126_a_lapse_that_raises_keeps_no_other(shop: World) -> None:
    await crowd(shop, 3, "cut")
    await shop.sql("UPDATE waitlist_entries SET status = 'offered', offer_expires_at = now() - interval '1 s'")
    await poison(shop, "waitlist_entries", "UPDATE", "NEW.email = 'n1@example.org' AND NEW.status = 'waiting'")

    assert await lapse_offers(shop.core) == 2

    assert await status_of(shop) == {"n1": "offered", "n2": "waiting", "n3": "waiting"}
    assert await aside(shop) == [("lapses", 1)]


async def test_M127_those_who_wait_for_something_full_stand_in_nobodys_way(shop: World) -> None:
    await shop.service("full", providers=["bert"])
    await shop.sql("DELETE FROM working_hours WHERE provider_id = (SELECT id FROM providers WHERE slug = 'bert')")
    await crowd(shop, 201, "full")
    taken = await shop.book(shop.at(10))
    await wait(shop)
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert (await status_of(shop))["wanda"] == "offered"


async def test_M127_an_entry_behind_a_full_page_that_the_time_does_not_suit_is_offered_it(shop: World) -> None:
    taken = await shop.book(shop.at(10))
    await crowd(shop, 201, "cut", windows=[[0, 60]])
    await wait(shop)
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert (await status_of(shop))["wanda"] == "offered"


async def test_M127_a_look_that_ran_out_of_time_goes_on_where_it_stopped(shop: World) -> None:
    taken = await shop.book(shop.at(10))
    await crowd(shop, 3, "cut", windows=[[0, 60]])
    await wait(shop)
    await give_up(shop, taken)

    looked = await offer_freed(shop.core, shop.business_id, within_s=0)
    assert looked.offers == 0
    looked = await offer_freed(shop.core, shop.business_id, after=looked.stopped_after)

    assert (looked.offers, looked.stopped_after) == (1, None)


async def test_M127_every_business_is_looked_at(shop: World) -> None:
    others = [await World.make(shop.core) for _ in range(52)]
    for world in (*others, shop):
        if world is not shop:
            await world.provider("anna", windows=ONE_TIME)
            await world.service()
        await crowd(world, 1, "cut")

    assert await offer_everywhere(shop.core) is None

    rows = await shop.sql("SELECT count(*) FROM waitlist_entries WHERE status = 'offered'")
    assert rows[0][0] == 53


async def test_M126_a_business_whose_look_raises_keeps_no_other(shop: World) -> None:
    other = await World.make(shop.core)
    await other.provider("anna", windows=ONE_TIME)
    await other.service()
    await crowd(shop, 1, "cut")
    await crowd(other, 1, "cut")
    await shop.sql("UPDATE locations SET timezone = 'Mars/Olympus' WHERE business_id = $1", shop.business_id)

    await offer_everywhere(shop.core)

    assert (await status_of(other), await status_of(shop)) == ({"n1": "offered"}, {"n1": "waiting"})
    assert await aside(shop) == [("waitlist", 1)]


async def test_all_seats_of_a_class_are_offered_at_once(own_world: World) -> None:
    world = own_world
    await world.provider("anna", windows=ONE_TIME)
    await world.service(capacity=3)
    booked = [await world.book(world.at(10)) for _ in range(3)]
    for number in range(4):
        await wait(world, f"n{number}@example.org")
    staff = await target_of_staff(world.core, world.business_id, booked[0].appointment.uid)
    await cancel(world.core, staff, no_key())

    await offer_freed(world.core, world.business_id)

    assert await status_of(world) == {"n0": "offered", "n1": "offered", "n2": "offered", "n3": "waiting"}
    assert await world.doubles() == 0


async def test_two_providers_who_are_free_at_one_start_are_two_offers(shop: World) -> None:
    await shop.provider("bert", windows=ONE_TIME)
    await shop.sql(
        "INSERT INTO provider_services (business_id, provider_id, service_id) SELECT $1, p.id, s.id"
        " FROM providers p, services s WHERE p.slug = 'bert'",
        shop.business_id,
    )
    booked = [await shop.book(shop.at(10), provider=provider) for provider in ("anna", "bert")]
    for name in ("first", "second", "third"):
        await wait(shop, f"{name}@example.org")
    await give_up(shop, *booked)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"first": "offered", "second": "offered", "third": "waiting"}
    assert await shop.doubles() == 0


async def test_one_address_has_one_offer_of_a_service_at_a_time(shop: World) -> None:
    await shop.provider("bert", windows=ONE_TIME)
    await shop.sql(
        "INSERT INTO provider_services (business_id, provider_id, service_id) SELECT $1, p.id, s.id"
        " FROM providers p, services s WHERE p.slug = 'bert'",
        shop.business_id,
    )
    booked = [await shop.book(shop.at(10), provider=provider) for provider in ("anna", "bert")]
    for name in ("twice", "twice", "once"):
        await wait(shop, f"{name}@example.org")
    await give_up(shop, *booked)

    await offer_freed(shop.core, shop.business_id)

    rows = await shop.sql("SELECT email, status FROM waitlist_entries WHERE business_id = $1", shop.business_id)
    assert sorted(tuple(row) for row in rows) == [
        ("once@example.org", "offered"),
        ("twice@example.org", "offered"),
        ("twice@example.org", "waiting"),
    ]


async def test_an_offer_never_lies_over_another_appointment_of_its_customer(shop: World) -> None:
    await shop.service("other", providers=["bert"])
    taken = await shop.book(shop.at(10))
    await shop.book(shop.at(10), service="other", provider="bert", email="busy@example.org")
    await wait(shop, "busy@example.org")
    await wait(shop, "free@example.org")
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"busy": "waiting", "free": "offered"}


HOME, ELSEWHERE = {"X-Forwarded-For": "2001:db8:1:2::1"}, {"X-Forwarded-For": "2001:db8:2:2::1"}
ASKERS = [
    pytest.param("nobody", ELSEWHERE, False, "offered", id="an address that nobody knows"),
    pytest.param("victim", ELSEWHERE, False, "offered", id="a typed address, from elsewhere"),
    pytest.param("victim", HOME, False, "waiting", id="the same network"),
    pytest.param("victim", ELSEWHERE, True, "waiting", id="both proved"),
    pytest.param("victim", None, False, "waiting", id="typed by staff"),
]


async def wait_over_http(client: Client, world: World, who: str, headers: dict[str, str] | None, *, days: int) -> None:
    """Somebody joins: from a network, or, without *headers*, by way of staff."""
    day = world.at(10, days=days).astimezone(world.zone).date().isoformat()
    customer = {"name": "Wanda", "email": f"{who}@example.org", "timezone": world.zone.key}
    wish = {"service": "cut", "from": day, "to": day, "customer": customer}
    path = f"/v1/businesses/{world.slug}/waitlist"
    assert (await client.post(path, json=wish, headers=headers or world.auth)).status == 201


@pytest.mark.parametrize(("who", "headers", "is_proved", "status"), ASKERS)
async def test_M121_whoever_waits_learns_of_no_appointment_of_an_address_that_they_typed(
    own_database_url: str,
    aiohttp_client: OpenClient,
    shop: World,
    *,
    who: str,
    headers: dict[str, str] | None,
    is_proved: bool,
    status: str,
) -> None:
    client = await open_shop(own_database_url, aiohttp_client)
    await shop.service("other", providers=["bert"])
    taken = await shop.book(shop.at(10))
    victim = customer_of(shop, "victim@example.org")
    order = shop.order_json(shop.at(10), service="other", provider="bert", customer=victim)
    path = f"/v1/businesses/{shop.slug}/appointments"
    assert (await client.post(path, json=order, headers=HOME)).status == 201
    await wait_over_http(client, shop, who, headers, days=7)
    if is_proved:
        await shop.sql("UPDATE attendees SET proved_at = now()")
        await shop.sql("UPDATE waitlist_entries SET proved_at = now()")
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {who: status}


@pytest.mark.parametrize(("who", "headers", "is_proved", "status"), ASKERS)
async def test_M121_whoever_waits_learns_of_no_offer_to_an_address_that_they_typed(
    own_database_url: str,
    aiohttp_client: OpenClient,
    shop: World,
    *,
    who: str,
    headers: dict[str, str] | None,
    is_proved: bool,
    status: str,
) -> None:
    """Neither in the look that made the offer, nor in the next."""
    client = await open_shop(own_database_url, aiohttp_client)
    taken = [await shop.book(shop.at(10, days=days)) for days in (7, 8)]
    await wait_over_http(client, shop, "victim", HOME, days=7)
    await wait_over_http(client, shop, who, headers, days=8)
    if is_proved:
        await shop.sql("UPDATE waitlist_entries SET proved_at = now()")
    last = (await shop.sql("SELECT max(id) FROM waitlist_entries"))[0][0]
    await give_up(shop, *taken)

    for _ in range(2):
        await offer_freed(shop.core, shop.business_id)
        rows = await shop.sql("SELECT status FROM waitlist_entries ORDER BY id")
        assert [row["status"] for row in rows] == ["offered", status]
        await shop.sql("UPDATE waitlist_entries SET status = 'waiting', hold_id = NULL WHERE id = $1", last)
        await shop.sql("DELETE FROM claims WHERE lower(during) > $1", shop.at(12))


async def test_who_has_as_many_appointments_as_they_may_is_passed_over_and_it_counts_for_nothing(shop: World) -> None:
    await shop.sql("UPDATE services SET per_customer_limit = 1")
    await shop.book(shop.at(10, days=9), email="full@example.org")
    taken = await shop.book(shop.at(10))
    await wait(shop, "full@example.org")
    await wait(shop, "free@example.org")
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"full": "waiting", "free": "offered"}
    rows = await shop.sql("SELECT offers FROM waitlist_entries WHERE email = 'full@example.org'")
    assert rows[0][0] == 0


@pytest.mark.parametrize(
    "edit", ["phone_required = true", "payment = 'online', price_minor = 100", "min_notice_min = 100000"]
)
async def test_what_its_receiver_could_not_take_is_not_offered(shop: World, edit: str) -> None:
    taken = await shop.book(shop.at(10))
    await wait(shop)
    await shop.sql(f"UPDATE services SET {edit}")
    await give_up(shop, taken)

    await offer_freed(shop.core, shop.business_id)

    assert await status_of(shop) == {"wanda": "waiting"}
    assert await shop.sql("SELECT 1 FROM holds") == []


@pytest.mark.parametrize(("ahead_s", "offered"), [(NEAREST_S - 120, False), (NEAREST_S + 300, True)])
async def test_what_begins_before_anybody_could_come_is_not_offered(
    own_world: World, ahead_s: int, offered: bool
) -> None:
    world = own_world
    await world.provider("anna", windows=(), days=())
    await world.service(slot_step_min=5, duration_min=5)
    start = datetime.now(world.zone) + timedelta(seconds=ahead_s)
    start = start.replace(minute=start.minute // 5 * 5, second=0, microsecond=0) + timedelta(minutes=5)
    if not offered:
        start -= timedelta(minutes=5)
    minute = start.hour * 60 + start.minute
    await world.sql(
        "INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min)"
        " SELECT $1, p.id, $2, $3::int, $4::int, $4::int + 5 FROM providers p",
        world.business_id,
        world.location_id,
        start.weekday(),
        minute,
    )
    await crowd(world, 1, "cut")
    await world.sql("UPDATE waitlist_entries SET first_day = $1, last_day = $1", start.date())

    looked = await offer_freed(world.core, world.business_id)

    assert looked.offers == offered


async def test_twenty_times_that_are_freed_at_once_take_one_look(shop: World) -> None:
    await crowd(shop, 1, "cut", windows=[[0, 60]])
    async with shop.core.database.reading() as session:
        for _ in range(20):
            await add_fact(session, shop.business_id, "time.freed", {"v": 1})
    looks = OfferFreedTime(shop.core)
    pump = Pump(shop.core, [Lane({"waitlist": looks}, 4, per_peer=4)], WorkerSettings())

    await pump.drain()

    rows = await shop.sql("SELECT state, count(*) FROM deliveries WHERE channel = 'waitlist' GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("sent", 1), ("skipped", 19)]


@dataclass(frozen=True)
class Edit:
    """What the owner does: what stands before, and the call that opens time at ten o'clock or later."""

    before: str
    method: str
    path: str
    body: Callable[[World], dict[str, Any]] = lambda _: {}


TIME_OFF = (
    "INSERT INTO busy_blocks (business_id, provider_id, source, during) SELECT $1, p.id, 'time_off',"
    " tstzrange($2::timestamptz - interval '1 h', $2::timestamptz + interval '1 h') FROM providers p RETURNING id"
)
CLOSED = (
    "INSERT INTO exceptions (business_id, provider_id, location_id, day, windows) SELECT $1, p.id, l.id,"
    " ($2::timestamptz AT TIME ZONE l.timezone)::date, '{}' FROM providers p, locations l RETURNING id"
)
RETIRE = "UPDATE {} SET active = false WHERE business_id = $1 AND $2::timestamptz IS NOT NULL RETURNING id"
NEAR = "UPDATE services SET horizon_days = 2 WHERE business_id = $1 AND $2::timestamptz IS NOT NULL RETURNING id"
FULL = "SELECT 1 AS id WHERE $1 > 0 AND $2::timestamptz IS NOT NULL"

EDITS = {
    "time off is deleted": Edit(TIME_OFF, "DELETE", "/time-off/{id}"),
    "time off is shortened": Edit(TIME_OFF, "PATCH", "/time-off/{id}", lambda w: {"end": w.at(9, 30).isoformat()}),
    "an exception is removed": Edit(CLOSED, "DELETE", "/exceptions/{id}"),
    "an exception gets hours": Edit(
        CLOSED, "PATCH", "/exceptions/{id}", lambda _: {"windows": [{"start": "10:00", "end": "10:30"}]}
    ),
    "hours are added": Edit(
        FULL,
        "POST",
        "/hours",
        lambda w: {
            "provider": "anna",
            "location": "here",
            "weekday": w.at(10).astimezone(w.zone).weekday(),
            "start": "11:00",
            "end": "11:30",
        },
    ),
    "a provider comes back": Edit(RETIRE.format("providers"), "PATCH", "/providers/anna", lambda _: {"active": True}),
    "a service comes back": Edit(RETIRE.format("services"), "PATCH", "/services/cut", lambda _: {"active": True}),
    "there are more places": Edit(FULL, "PATCH", "/services/cut", lambda _: {"capacity": 3}),
    "the horizon is longer": Edit(NEAR, "PATCH", "/services/cut", lambda _: {"horizon_days": 90}),
}


@pytest.fixture
async def owner(own_database_url: str, redis_url: str, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    """A client of the web application on the test's own database."""
    return await aiohttp_client(build_app(settings_for(own_database_url, redis_url)))


async def looks_asked_for(world: World) -> int:
    while await dispatch(world.core):
        pass
    rows = await world.sql("SELECT count(*) FROM deliveries WHERE channel = 'waitlist'")
    return int(rows[0][0])


@pytest.mark.parametrize("name", EDITS)
async def test_M128_what_an_edit_opens_is_offered_at_once_and_by_the_sweep(
    own_world: World, owner: Client, name: str
) -> None:
    world, edit = own_world, EDITS[name]
    await world.provider("anna", windows=ONE_TIME)
    is_class = name == "there are more places"
    await world.service(capacity=2 if is_class else 1)
    for _ in range((1 + is_class) * (edit.before == FULL)):
        await world.book(world.at(10))
    made = (await world.sql(edit.before, world.business_id, world.at(10)))[0]["id"]
    await crowd(world, 1, "cut")
    await offer_everywhere(world.core)
    assert (await status_of(world), await looks_asked_for(world)) == ({"n1": "waiting"}, 0)

    path = f"/v1/businesses/{world.slug}{edit.path.format(id=made)}"
    body = edit.body(world)
    response = await owner.request(edit.method, path, json=body or None, headers=world.auth)
    assert response.status < 300, await response.text()

    assert await looks_asked_for(world) == 1
    await offer_everywhere(world.core)
    assert await status_of(world) == {"n1": "offered"}


async def test_M128_an_event_that_goes_from_a_connected_calendar_is_offered_at_once(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    await calendar_server.put("work", "day", event("day", world.at(8), 600))
    await desk.round()
    await crowd(world, 1, "cut")
    before = await looks_of(world)

    await calendar_server.delete("work", "day")
    await calendar_server.put("work", "other", event("other", world.at(9, days=9)))
    await desk.round()

    assert await looks_of(world) == before + 1
    assert (await offer_freed(world.core, world.business_id)).offers == 1


async def looks_of(world: World) -> int:
    while await dispatch(world.core):
        pass
    rows = await world.sql(
        "SELECT count(*) FROM deliveries WHERE channel = 'waitlist' AND business_id = $1", world.business_id
    )
    return int(rows[0][0])


ZONES = [f"Etc/GMT{hours:+d}" for hours in range(12, -15, -1)] + ["Pacific/Kiritimati", "America/Los_Angeles"]
"""All of them together are a clock at each hour, and two dates: `Etc/GMT+12` lies 12 hours behind UTC."""


@pytest.mark.parametrize("where", ZONES)
async def test_M129_who_waits_for_today_is_offered_what_is_left_of_it(core: Core, where: str) -> None:
    world = await World.make(core, timezone=where)
    await world.provider("anna", windows=((0, 1440),))
    await world.service(slot_step_min=5, duration_min=5)
    today = datetime.now(ZoneInfo(where)).date()
    await crowd_for(world, today)

    looked = await offer_freed(core, world.business_id)

    first = datetime.now(UTC) + timedelta(seconds=NEAREST_S)
    left = datetime.combine(today, datetime.max.time(), ZoneInfo(where)) - first
    if abs(left.total_seconds()) < 600:
        return  # a day that ends while we look
    assert looked.offers == (left > timedelta())
    if looked.offers:
        rows = await world.sql("SELECT offered_start FROM waitlist_entries WHERE business_id = $1", world.business_id)
        assert rows[0][0].astimezone(ZoneInfo(where)).date() == today


@pytest.mark.parametrize("where", ZONES)
@pytest.mark.parametrize(("days", "status"), [(-1, "expired"), (0, "waiting"), (1, "waiting")])
async def test_M129_a_wish_is_over_when_its_last_day_is_over_there(
    core: Core, where: str, days: int, status: str
) -> None:
    world = await World.make(core, timezone=where)
    await world.service()
    await world.sql("UPDATE providers SET active = false WHERE business_id = $1", world.business_id)
    today = datetime.now(ZoneInfo(where)).date()
    await crowd_for(world, today + timedelta(days=days))

    await lapse_offers(core)

    if datetime.now(ZoneInfo(where)).date() == today:
        assert await status_of(world) == {"n1": status}


async def crowd_for(world: World, day: date) -> None:
    await crowd(world, 1, "cut")
    await world.sql(
        "UPDATE waitlist_entries SET first_day = $2, last_day = $2 WHERE business_id = $1", world.business_id, day
    )
