"""
Section M of the matrix: a batch survives its worst row and reaches its last one.

The worst row is a trigger that raises: whatever the reason may be in life, the batch sees an error it does not know.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.channels.outcome import Outcome, Verdict
from server.payments import open_methods
from server.store.outbox import add_fact
from server.store.set_aside import Key, rows_set_aside
from server.usecases.batches import AT_ONCE, each, through
from server.usecases.deliveries import redrive
from server.usecases.dispatch import dispatch
from server.usecases.settle_payments import settle_due
from server.usecases.sweep import all_of, sweep
from tests.calendar_desk import Desk, event
from tests.peers.calendar_servers import CalendarServer
from tests.peers.stripe import Stripe, stripe_account
from tests.post_office import PostOffice, pump_for
from tests.world import World

pytest_plugins = ("tests.peers.calendar_fixtures",)


@pytest.fixture
async def shop(own_world: World) -> World:
    await own_world.service()
    return own_world


@pytest.fixture
async def stripe() -> AsyncIterator[Stripe]:
    async with stripe_account() as account:
        yield account


async def poison(world: World, table: str, event: str, condition: str) -> None:
    """Whoever does that to such a row gets an error."""
    await world.sql(
        "CREATE OR REPLACE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'this row is poison'; END $$"
    )
    await world.sql(
        f"CREATE TRIGGER poison BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION poison()"
    )


async def aside(world: World) -> list[tuple[str, int]]:
    """What is set aside, and how often it failed."""
    async with world.core.database.reading() as session:
        return [(row.batch, row.failures) for row in await rows_set_aside(session)]


async def look_again(world: World) -> None:
    await world.sql("UPDATE set_aside SET look_at = clock_timestamp() - interval '1 s'")


async def count(world: World, table: str) -> int:
    rows = await world.sql(f"SELECT count(*) FROM {table}")
    return int(rows[0][0])


OLD_ROWS = {
    "answers": (
        "idempotency_records",
        (
            "INSERT INTO idempotency_records (business_id, caller, key_hash, request_hash, status, sealed_body,"
            " created_at) SELECT $1, 'public', convert_to(n::text, 'UTF8'), '\\x02', 201, '\\x03',"
            " now() - interval '25 h' FROM generate_series(1, $2) n"
        ),
    ),
    "facts": (
        "outbox",
        (
            "INSERT INTO outbox (business_id, kind, payload, done_at)"
            " SELECT $1, 'time.freed', '{}', now() - interval '8 days' FROM generate_series(1, $2) n"
        ),
    ),
    "deliveries": (
        "deliveries",
        (
            "INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, peer, payload, state,"
            " finished_at) SELECT $1, n::text, 'mail', 'confirmed', 'customer', 'mail', '{}', 'sent',"
            " now() - interval '31 days' FROM generate_series(1, $2) n"
        ),
    ),
}


@pytest.mark.parametrize("batch", OLD_ROWS)
async def test_M126_an_old_row_that_cannot_be_forgotten_keeps_no_other(shop: World, batch: str) -> None:
    table, insert = OLD_ROWS[batch]
    await shop.sql(insert, shop.business_id, 30)
    first = (await shop.sql(f"SELECT min(id) FROM {table}"))[0][0]
    await poison(shop, table, "DELETE", f"OLD.id = {first}")

    await sweep(shop.core)

    assert [row[0] for row in await shop.sql(f"SELECT id FROM {table}")] == [first]
    assert await aside(shop) == [(batch, 1)]

    await look_again(shop)
    await sweep(shop.core)
    assert await aside(shop) == [(batch, 2)]
    waits = await shop.sql("SELECT extract(epoch FROM look_at - clock_timestamp())::int FROM set_aside")
    assert 110 <= waits[0][0] <= 120


@pytest.mark.parametrize("batch", OLD_ROWS)
async def test_M127_everything_that_is_old_is_forgotten_in_one_sweep(shop: World, batch: str) -> None:
    table, insert = OLD_ROWS[batch]
    await shop.sql(insert, shop.business_id, AT_ONCE + 1)

    await sweep(shop.core)

    assert await count(shop, table) == 0


async def test_M126_a_hold_that_cannot_be_ended_keeps_no_other(shop: World) -> None:
    for hour in (9, 10, 11):
        await shop.hold(shop.at(hour))
    first = (await shop.sql("SELECT min(id) FROM holds"))[0][0]
    await poison(shop, "holds", "DELETE", f"OLD.id = {first}")
    await shop.sql("UPDATE holds SET expires_at = clock_timestamp() - interval '1 s'")

    assert (await sweep(shop.core)).holds == 2

    assert [row[0] for row in await shop.sql("SELECT id FROM holds")] == [first]
    assert await aside(shop) == [("holds", 1)]


async def test_M126_a_fact_whose_delivery_cannot_be_written_waits_and_the_others_are_told(shop: World) -> None:
    await shop.book(shop.at(9), email="poison@example.org")
    for hour in (10, 11):
        await shop.book(shop.at(hour))
    await poison(shop, "deliveries", "INSERT", "NEW.target = 'poison@example.org'")

    await dispatch(shop.core)

    assert await count(shop, "deliveries") == 2
    rows = await shop.sql("SELECT attempt, detail, retry_at > clock_timestamp() FROM outbox WHERE done_at IS NULL")
    assert [tuple(row) for row in rows] == [(1, "RaiseError: this row is poison", True)]


async def test_M127_a_fact_behind_a_full_page_of_others_is_told(shop: World) -> None:
    async with shop.core.database.reading() as session:
        for _ in range(101):
            await add_fact(session, shop.business_id, "time.freed", {"v": 1})
    await shop.book(shop.at(9))

    while await dispatch(shop.core):
        pass

    assert await count(shop, "deliveries") == 1


async def test_M126_a_reminder_that_cannot_be_handed_over_keeps_no_other(shop: World) -> None:
    for hour in (9, 10):
        await shop.book(shop.at(hour), email=f"robin{hour}@example.org")
    await shop.sql("DELETE FROM reminders WHERE recipient <> 'customer' OR offset_min <> 60")
    await poison(shop, "deliveries", "INSERT", "NEW.message = 'reminder' AND NEW.target = 'robin9@example.org'")
    await shop.sql("UPDATE reminders SET due_at = clock_timestamp()")
    pump = pump_for(shop.core, PostOffice())

    while await pump.remind():
        pass

    rows = await shop.sql("SELECT target FROM deliveries WHERE message = 'reminder'")
    assert [row[0] for row in rows] == ["robin10@example.org"]
    assert await aside(shop) == [("reminders", 1)]
    assert await pump.remind() == 0


async def test_M127_a_reminder_behind_a_full_page_of_others_leaves(shop: World) -> None:
    booked = await shop.book(shop.at(9), email="robin@example.org")
    await shop.sql(
        "INSERT INTO reminders (business_id, appointment_id, attendee_id, recipient, channel, offset_min, due_at)"
        " SELECT r.business_id, r.appointment_id, r.attendee_id, 'customer', 'mail', n, clock_timestamp()"
        "   FROM (SELECT * FROM reminders WHERE recipient = 'customer' LIMIT 1) r, generate_series(100, 600) n"
    )
    assert booked
    pump = pump_for(shop.core, PostOffice())

    while await pump.remind():
        pass

    rows = await shop.sql("SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= clock_timestamp()")
    assert rows[0][0] == 0


async def test_M126_a_delivery_whose_business_cannot_be_read_waits_and_the_others_are_sent(shop: World) -> None:
    other = await World.make(shop.core)
    await other.service()
    await shop.sql("UPDATE businesses SET theme = '[]' WHERE id = $1", shop.business_id)  # as no shape would let it in
    await shop.book(shop.at(9))
    await other.book(other.at(9))
    office = PostOffice()

    await pump_for(shop.core, office).drain()

    assert [delivery.business_id for delivery, _ in office.sent] == [other.business_id]
    rows = await shop.sql("SELECT state, detail FROM deliveries WHERE business_id = $1", shop.business_id)
    assert [tuple(row) for row in rows] == [("retrying", "our own error: AttributeError")]


async def test_M126_an_answer_that_cannot_be_kept_makes_nothing_be_sent_twice(shop: World) -> None:
    for hour in (9, 10):
        await shop.book(shop.at(hour))
    office = PostOffice(answers=[Outcome(verdict=Verdict.SENT, response="a NUL: \0"), Outcome(verdict=Verdict.SENT)])

    await pump_for(shop.core, office).drain()

    rows = await shop.sql("SELECT state FROM deliveries")
    assert [row[0] for row in rows] == ["sent", "sent"]


async def test_M126_a_payment_that_its_provider_does_not_know_keeps_no_other(shop: World, stripe: Stripe) -> None:
    await shop.sql(
        "INSERT INTO payments (business_id, uid, service_id, method, status, amount_minor, currency, remote_id,"
        " order_sealed, expires_at, next_look_at) SELECT $1, gen_random_uuid(), s.id, 'stripe', 'open', 100, 'EUR',"
        " 'cs_' || n, '', clock_timestamp(), clock_timestamp() - make_interval(mins => 60 - n)"
        " FROM services s, generate_series(1, 3) n",
        shop.business_id,
    )
    over = {"status": "expired", "payment_status": "unpaid", "amount_total": 100, "currency": "eur"}
    stripe.sessions["cs_2"] = {"id": "cs_2", "object": "checkout.session", "client_reference_id": "", **over}
    stripe.sessions["cs_3"] = {**stripe.sessions["cs_2"], "id": "cs_3"}
    await poison(shop, "payments", "UPDATE", "OLD.remote_id = 'cs_2'")

    await settle_due(shop.core, open_methods(stripe.settings))

    rows = await shop.sql("SELECT remote_id, status FROM payments ORDER BY id")
    assert [tuple(row) for row in rows] == [("cs_1", "failed"), ("cs_2", "open"), ("cs_3", "expired")]
    assert await aside(shop) == [("payments", 1)]


async def test_M127_more_dead_letters_than_a_page_holds_are_sent_again(shop: World) -> None:
    await shop.sql(
        "INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, peer, payload, state)"
        " SELECT $1, n::text, 'mail', 'confirmed', 'customer', 'mail', '{}', 'dead' FROM generate_series(1, $2) n",
        shop.business_id,
        2 * AT_ONCE + 1,
    )

    assert await redrive(shop.core, {}) == 2 * AT_ONCE + 1

    assert await shop.sql("SELECT 1 FROM deliveries WHERE state = 'dead'") == []


async def test_M126_an_event_that_cannot_be_kept_costs_itself(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    uid = await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    await poison(world, "calendar_objects", "INSERT OR UPDATE", "NEW.uid LIKE 'poison%'")
    try:
        for name, hour in (("first", 10), ("poison", 12), ("last", 14)):
            await calendar_server.put("work", name, event(name, world.at(hour)))

        await desk.round()
    finally:
        await world.sql("DROP TRIGGER poison ON calendar_objects")

    assert await desk.busy() == [(world.at(hour), world.at(hour + 1)) for hour in (10, 14)]
    assert any("could not be kept" in problem for problem in (await desk.log(uid))[-1]["problems"])

    await desk.round()
    assert await desk.busy() == [(world.at(hour), world.at(hour + 1)) for hour in (10, 12, 14)]


async def test_M126_an_appointment_that_cannot_be_written_into_a_calendar_keeps_no_other(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = [await world.book(world.at(hour)) for hour in (10, 12)]
    bad = await world.sql("SELECT id FROM appointments WHERE uid = $1", booked[0].appointment.uid)
    await poison(world, "pushed_events", "UPDATE", f"NEW.appointment_id = {bad[0]['id']} AND NEW.href IS NOT NULL")
    try:
        await desk.round()
    finally:
        await world.sql("DROP TRIGGER poison ON pushed_events")

    rows = await world.sql(
        "SELECT appointment_id, problem <> '' AS troubled, wanted_version = pushed_version AS there FROM pushed_events"
        " WHERE business_id = $1 ORDER BY appointment_id",
        world.business_id,
    )
    assert [(row["troubled"], row["there"]) for row in rows] == [(True, False), (False, True)]


async def test_M126_an_edit_in_a_calendar_that_cannot_be_answered_keeps_no_other(
    world: World, desk: Desk, calendar_server: CalendarServer
) -> None:
    await desk.connect(calendar_server.url, calendar_server.user, calendar_server.password)
    booked = [await world.book(world.at(hour)) for hour in (10, 12)]
    await desk.round(2)
    for href, text in (await calendar_server.texts("work")).items():
        for hour in (10, 12):
            for minute in (0, 30):
                text = text.replace(  # noqa: PLW2901  # each time of it an hour later
                    world.at(hour, minute).strftime("%Y%m%dT%H%M%SZ"),
                    world.at(hour + 1, minute).strftime("%Y%m%dT%H%M%SZ"),
                )
        await calendar_server.put("work", "", text, href=href)
    await poison(world, "appointments", "UPDATE", f"NEW.uid = '{booked[0].appointment.uid}'")
    try:
        await desk.round()
    finally:
        await world.sql("DROP TRIGGER poison ON appointments")

    starts = [(await desk.appointment(each.appointment.uid))["start"] for each in booked]
    assert starts == [world.at(10), world.at(13)]
    await desk.round()
    assert (await desk.appointment(booked[0].appointment.uid))["start"] == world.at(11)


async def test_M126_one_part_of_tidying_up_that_raises_keeps_no_other(shop: World) -> None:
    done = []

    async def breaks() -> None:
        raise RuntimeError("broken")

    async def works() -> None:
        done.append("works")

    await all_of(breaks, works)

    assert done == ["works"]


async def test_M127_pages_go_on_where_the_time_ended(shop: World) -> None:
    rows = [Key(shop.business_id, n) for n in range(1, 8)]
    seen: list[int] = []

    async def page(_: object, after: Key | None, limit: int) -> list[Key]:
        return [row for row in rows if after is None or row.id > after.id][:limit]

    async def step(row: Key) -> None:
        seen.append(row.id)

    stopped = await through(shop.core, "test", page, step, at_once=2, within_s=0)
    assert (stopped, seen) == (None, [])
    assert await through(shop.core, "test", page, step, after=rows[2], at_once=2) is None
    assert seen == [4, 5, 6, 7]


async def test_M126_a_cancelled_batch_ends(shop: World) -> None:
    async def step(_: Key) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await each(shop.core, "test", [Key(shop.business_id, 1)], step)
    assert await aside(shop) == []
