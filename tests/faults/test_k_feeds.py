"""Section K of the matrix: feeds that leak, are polled, revoked, or huge."""

import re
import tracemalloc
from typing import Any

from aiohttp.test_utils import TestClient

from server.settings import FeedSettings
from server.usecases.catalogue import Editor
from server.usecases.manage_feeds import create_feed
from server.usecases.read_feed import View, document, open_feed
from server.usecases.render_texts import render_changed
from tests.integration.test_feeds import events_of, make, read
from tests.world import World, no_key

Client = TestClient[Any, Any]


async def test_K107_a_leaked_address_is_not_indexed_not_referred_and_not_logged(
    client: Client, world: World, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    feed = await make(client, world)
    response, _ = await read(client, feed["paths"]["appointments"])
    assert "noindex" in response.headers["X-Robots-Tag"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "private" in response.headers["Cache-Control"]
    assert "Set-Cookie" not in response.headers
    token = feed["paths"]["appointments"].split("/")[2]
    assert token not in " ".join(record.getMessage() for record in caplog.records if record.name == "bookable.access")


async def test_K109_J98_rotated_and_revoked_are_gone_and_everything_else_is_unknown(
    client: Client, world: World
) -> None:
    feed = await make(client, world)
    old = feed["paths"]["appointments"]
    management = f"/v1/businesses/{world.slug}/feeds/{feed['id']}"
    rotated = await (await client.post(f"{management}/rotate", headers=world.auth)).json()
    new = "/" + rotated["urls"]["appointments"].split("/", 3)[3]
    assert ((await read(client, old))[0].status, (await read(client, new))[0].status) == (410, 200)
    assert (await client.delete(management, headers=world.auth)).status == 204
    gone, _ = await read(client, new)
    assert gone.status == 410
    answers = set()
    for token in ("x", "A" * 32, "%00", "../../etc", "a" * 5_000, new.split("/")[2][:-1] + "!"):
        response, text = await read(client, f"/feeds/{token}/appointments.ics")
        answers.add((response.status, response.content_type, re.sub(r'"request_id":"[^"]*"', "", text)))
        assert "Set-Cookie" not in response.headers
    assert {answer[0] for answer in answers} == {404}
    assert all("html" not in answer[1] for answer in answers)


async def test_K108_a_polling_storm_reads_no_appointment(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    path = feed["paths"]["appointments"]
    first, _ = await read(client, path)
    await world.sql("UPDATE outbox SET done_at = now() WHERE business_id = $1", world.business_id)
    # Who reads the appointments now would wait for this lock, and be told 503.
    async with world.core.database.reading() as session:
        await session.execute("BEGIN")
        await session.execute("LOCK TABLE appointments, appointment_texts, attendees IN ACCESS EXCLUSIVE MODE")
        try:
            statuses = {
                (await read(client, path, **{"If-None-Match": first.headers["ETag"]}))[0].status for _ in range(20)
            }
        finally:
            await session.execute("ROLLBACK")
    assert statuses == {304}


async def test_C024_a_feed_without_its_database_is_503_and_never_an_empty_calendar(
    client: Client, own_world: World, world: World
) -> None:
    feed = await make(client, world)
    async with world.core.database.reading() as session:
        await session.execute("BEGIN")
        await session.execute("LOCK TABLE feed_tokens IN ACCESS EXCLUSIVE MODE")
        try:
            response, text = await read(client, feed["paths"]["appointments"])
        finally:
            await session.execute("ROLLBACK")
    assert response.status == 503
    assert "Retry-After" in response.headers
    assert "VCALENDAR" not in text


async def test_K110_ten_thousand_events_are_written_in_bounded_memory(own_world: World) -> None:
    world = own_world
    await world.service()
    await _fill(world, 10_000)
    editor = Editor(name="test", business=world.slug, business_id=world.business_id)
    values = {"name": "all", "scope": "business", "privacy": "full", "colour": ""}
    issued = await create_feed(world.core, editor, values, None, no_key())
    settings = FeedSettings()
    opened = await open_feed(world.core, settings, issued.token, View.APPOINTMENTS)
    tracemalloc.start()
    packed = await document(world.core, settings, opened)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    events = sum(piece.count(b"BEGIN:VEVENT") for piece in packed.plain())
    assert events >= 9_990  # a piece may end within the word
    assert most < packed.length


async def _fill(world: World, number: int) -> None:
    """So many appointments, without asking the rules: the feed is what is looked at."""
    await world.sql(
        """
        INSERT INTO appointments (business_id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                                  timezone, local_day, seats_taken)
        SELECT s.business_id, gen_random_uuid(), s.id, p.id, l.id, 'confirmed', t, t + interval '30 min',
               'Europe/Berlin', t::date, 1
          FROM services s, providers p, locations l,
               generate_series(1, $2) n, LATERAL (SELECT now() + n * interval '30 min' AS t) times
         WHERE s.business_id = $1 AND p.business_id = $1 AND l.business_id = $1
        """,
        world.business_id,
        number,
    )
    ids = [row["id"] for row in await world.sql("SELECT id FROM appointments")]
    for start in range(0, len(ids), 500):
        batch = [(world.business_id, appointment) for appointment in ids[start : start + 500]]
        await world.core.database.transact(lambda session, batch=batch: render_changed(session, batch))


async def test_K111_what_is_read_back_is_what_was_booked(client: Client, world: World) -> None:
    feed = await make(client, world)
    booked = [await world.book(world.at(hour)) for hour in (9, 11, 13)]
    _, text = await read(client, feed["paths"]["appointments"])
    assert {(str(e["UID"]), e.start, e.end) for e in events_of(text)} == {
        (str(b.appointment.uid), b.appointment.start, b.appointment.end) for b in booked
    }


async def test_I90_a_hostile_name_stays_in_its_property(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    hostile = "Eve\\r\\nEND:VEVENT\\r\\nATTACH:http://evil.example\\x07;,\\\\n"
    await world.sql(f"UPDATE attendees SET name = E'{hostile}' WHERE business_id = $1", world.business_id)
    await world.sql(
        "UPDATE appointments SET version = version + 1 WHERE business_id = $1 RETURNING id", world.business_id
    )
    _, text = await read(client, feed["paths"]["appointments"])
    (event,) = events_of(text)
    assert "ATTACH" not in event
    assert "\x07" not in text
