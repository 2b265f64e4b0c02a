"""Feeds as a calendar app reads them: what is in them, when they are new, and who may read them."""

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import icalendar
import pytest
from aiohttp.test_utils import TestClient

from server.domain.appointment import Booked
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_token
from server.usecases.reschedule import reschedule
from tests.world import World, no_key

Client = TestClient[Any, Any]
PLAIN = {"Accept-Encoding": "identity"}


async def make(client: Client, world: World, **draft: Any) -> dict[str, Any]:
    """A feed, and everything that is said of it once."""
    body = {"name": "Anna's week", "provider": "anna", **draft}
    path = f"/v1/businesses/{world.slug}/feeds"
    response = await client.post(path, json={k: v for k, v in body.items() if v is not None}, headers=world.auth)
    assert response.status == 201, await response.text()
    made: dict[str, Any] = await response.json()
    return {**made, "paths": {name: "/" + url.split("/", 3)[3] for name, url in made["urls"].items() if url}}


async def read(client: Client, path: str, **headers: str) -> tuple[Any, str]:
    """The answer and its text."""
    response = await client.get(path, headers={**PLAIN, **headers})
    return response, await response.text()


async def feed_of_customer(client: Client, world: World, booked: Booked) -> str:
    """The token of a customer's own feed, as the mail that it asks for would say."""
    response = await client.post(f"/v1/appointments/{booked.manage_token}/feed")
    assert (response.status, set(await response.json())) == (202, {"detail"})
    rows = await world.sql(
        "SELECT payload FROM outbox WHERE business_id = $1 AND kind = 'customer.feed_requested'", world.business_id
    )
    return world.core.vault.new_feed_token(rows[-1]["payload"]["feed"])


def events_of(text: str) -> list[icalendar.Event]:
    return icalendar.Calendar.from_ical(text).events


async def test_c004_c006_c014_a_feed_has_each_appointment_once_with_the_business_as_organizer(
    client: Client, world: World
) -> None:
    feed = await make(client, world)
    booked = await world.book(world.at(10), email="robin@example.org")
    response, text = await read(client, feed["paths"]["appointments"])
    (event,) = events_of(text)
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert "METHOD:PUBLISH" in text
    assert str(event["UID"]) == str(booked.appointment.uid)
    assert event.start == world.at(10)
    assert "ATTENDEE" not in event
    assert "ORGANIZER" in event
    assert "robin@example.org" in str(event["DESCRIPTION"])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


async def test_an_empty_feed_is_a_valid_calendar(client: Client, world: World) -> None:
    feed = await make(client, world)
    _, text = await read(client, feed["paths"]["appointments"])
    assert events_of(text) == []
    assert "BEGIN:VTIMEZONE" in text


async def test_c007_c019_without_a_change_the_bytes_are_the_same_and_the_second_answer_is_304(
    client: Client, world: World
) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    path = feed["paths"]["appointments"]
    first, text = await read(client, path)
    again, text_again = await read(client, path)
    assert text == text_again
    assert first.headers["ETag"] == again.headers["ETag"]
    known, nothing = await read(client, path, **{"If-None-Match": first.headers["ETag"]})
    assert (known.status, nothing) == (304, "")
    assert known.headers["ETag"] == first.headers["ETag"]


async def test_c020_a_date_counts_by_value_and_only_where_there_is_no_tag(client: Client, world: World) -> None:
    feed = await make(client, world)
    path = feed["paths"]["appointments"]
    first, _ = await read(client, path)
    changed = parsedate_to_datetime(first.headers["Last-Modified"])
    statuses = []
    for headers in (
        {"If-Modified-Since": first.headers["Last-Modified"]},
        {"If-Modified-Since": (changed - timedelta(days=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")},
        {"If-Modified-Since": "yesterday"},
        {"If-Modified-Since": first.headers["Last-Modified"], "If-None-Match": '"other"'},
    ):
        response, _ = await read(client, path, **headers)
        statuses.append(response.status)
    assert statuses == [304, 200, 200, 200]


async def test_c008_c012_c021_each_change_makes_another_tag_and_a_cancelled_one_stays_for_a_while(
    client: Client, world: World
) -> None:
    feed = await make(client, world)
    path = feed["paths"]["appointments"]
    tags, sequences = [], []

    async def look() -> icalendar.Event | None:
        response, text = await read(client, path)
        tags.append(response.headers["ETag"])
        found = events_of(text)
        if found:
            sequences.append(int(found[0]["SEQUENCE"]))
        return found[0] if found else None

    await look()
    booked = await world.book(world.at(10))
    await look()
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), world.at(11), no_key())
    moved = await look()
    assert moved is not None
    assert moved.start == world.at(11)
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key())
    gone = await look()
    assert gone is not None
    assert (str(gone["STATUS"]), str(gone["TRANSP"])) == ("CANCELLED", "TRANSPARENT")
    assert sequences == [0, 1, 2]
    await world.sql("UPDATE services SET name = 'Trim' WHERE business_id = $1", world.business_id)
    await dispatch(world.core)
    renamed = await look()
    assert renamed is not None
    assert "Trim" in str(renamed["SUMMARY"])
    assert len(set(tags)) == len(tags)
    await world.sql(
        "UPDATE appointments SET updated_at = now() - interval '31 days' WHERE business_id = $1", world.business_id
    )
    assert await look() is None


async def test_a_feed_is_right_where_no_worker_runs_and_where_one_does(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    _, unrepaired = await read(client, feed["paths"]["appointments"])
    while await dispatch(world.core):
        pass
    _, dispatched = await read(client, feed["paths"]["appointments"])
    assert unrepaired == dispatched


async def test_who_loses_an_appointment_to_a_colleague_sees_it_go(client: Client, world: World) -> None:
    await world.service("wash", providers=["anna", "ben"])
    of_anna, of_ben = await make(client, world), await make(client, world, provider="ben")
    booked = await world.book(world.at(10), service="wash", provider="anna")
    before, _ = await read(client, of_anna["paths"]["appointments"])
    target = await target_of_token(world.core, booked.manage_token)
    await reschedule(world.core, target, world.at(10), no_key(), provider="ben")
    after, anna = await read(client, of_anna["paths"]["appointments"])
    _, ben = await read(client, of_ben["paths"]["appointments"])
    assert before.headers["ETag"] != after.headers["ETag"]
    assert (len(events_of(anna)), len(events_of(ben))) == (0, 1)


async def test_c015_c016_the_busy_feed_says_when_and_nothing_else(client: Client, world: World) -> None:
    feed = await make(client, world)
    for hour, minute in ((10, 0), (10, 30), (14, 0)):
        await world.book(world.at(hour, minute), email="robin@example.org")
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange($2, $3), 'time_off' FROM providers WHERE business_id = $1",
        world.business_id,
        world.at(12),
        world.at(14),
    )
    _, detailed = await read(client, feed["paths"]["appointments"])
    _, text = await read(client, feed["paths"]["freebusy"])
    spans = sorted((event.start, event.end) for event in events_of(text))
    assert spans == [(world.at(10), world.at(11)), (world.at(12), world.at(14, 30))]
    for event in events_of(text):
        assert (str(event["SUMMARY"]), str(event["TRANSP"]), str(event["CLASS"])) == ("Busy", "OPAQUE", "PRIVATE")
        assert not {"DESCRIPTION", "LOCATION", "URL", "ATTENDEE"} & set(event)
    assert not {str(e["UID"]) for e in events_of(text)} & {str(e["UID"]) for e in events_of(detailed)}
    assert "robin" not in text.lower()


async def test_c017_the_ifb_is_one_vfreebusy(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    _, text = await read(client, feed["paths"]["ifb"])
    (component,) = icalendar.Calendar.from_ical(text).walk("VFREEBUSY")
    assert "FBTYPE=BUSY" in text
    assert f"{world.at(10):%Y%m%dT%H%M%SZ}/{world.at(10, 30):%Y%m%dT%H%M%SZ}" in text.replace("\r\n ", "")
    assert component.start < datetime.now(UTC) < component.end


async def test_hours_are_published_as_availability(client: Client, world: World) -> None:
    feed = await make(client, world)
    _, text = await read(client, feed["paths"]["availability"])
    (component,) = icalendar.Calendar.from_ical(text).walk("VAVAILABILITY")
    available = component.walk("AVAILABLE")
    assert len(available) == 7
    assert {(a["DTSTART"].dt.hour, a["DTEND"].dt.hour) for a in available} == {(9, 17)}


@pytest.mark.parametrize("privacy", ["initials", "busy"])
async def test_less_private_feeds_show_less(client: Client, world: World, privacy: str) -> None:
    feed = await make(client, world, privacy=privacy)
    await world.book(world.at(10), email="robin@example.org")
    _, text = await read(client, feed["paths"]["appointments"])
    assert "Robin" not in text
    assert "robin@" not in text
    assert ("R.E." in text) is (privacy == "initials")


@pytest.mark.parametrize("scope", ["business", "service", "location"])
async def test_feeds_of_other_scopes_have_the_appointments_of_all_providers(
    client: Client, world: World, scope: str
) -> None:
    await world.service("wash", providers=["anna", "ben"])
    subject = {"service": "wash", "location": "here"}.get(scope)
    feed = await make(client, world, provider=None, **({scope: subject} if subject else {}))
    await world.book(world.at(10), service="wash", provider="anna")
    await world.book(world.at(10), service="wash", provider="ben")
    await world.book(world.at(15))
    _, text = await read(client, feed["paths"]["appointments"])
    assert len(events_of(text)) == (2 if scope == "service" else 3)


async def test_a_customer_subscribes_to_their_own_appointments(client: Client, world: World) -> None:
    booked = await world.book(world.at(10), email="robin@example.org")
    await world.book(world.at(12), email="robin@example.org")
    await world.book(world.at(14), email="other@example.org")
    path = f"/feeds/{await feed_of_customer(client, world, booked)}/appointments.ics"
    first, text = await read(client, path)
    assert [event.start for event in events_of(text)] == [world.at(10), world.at(12)]
    assert "/manage/" not in text
    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key())
    second, _ = await read(client, path)
    assert first.headers["ETag"] != second.headers["ETag"]
    await feed_of_customer(client, world, booked)
    again, _ = await read(client, path)
    assert again.status == 200  # asking once more breaks no subscription


async def test_c022_c023_head_and_gzip(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    path = feed["paths"]["appointments"]
    plain, text = await read(client, path)
    head = await client.head(path, headers=PLAIN)
    assert (head.status, await head.read()) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Cache-Control"):
        assert head.headers[name] == plain.headers[name]
    async with client.session.get(
        client.make_url(path), headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    ) as squeezed:
        body = await squeezed.read()
    assert gzip.decompress(body).decode() == text
    assert squeezed.headers["ETag"] != plain.headers["ETag"]
    assert squeezed.headers["Vary"] == "Accept-Encoding"
    assert (await client.post(path)).status == 405


async def test_a_token_is_shown_once_and_hashed(client: Client, world: World) -> None:
    feed = await make(client, world)
    token = feed["paths"]["appointments"].split("/")[2]
    listed = await (await client.get(f"/v1/businesses/{world.slug}/feeds", headers=world.auth)).json()
    assert token not in str(listed)
    assert listed["items"][0]["hint"] == token[-4:]
    assert feed["qr_svg"].startswith("<svg")
    assert feed["urls"]["webcal"].startswith("webcal://")
    dump = str(await world.sql("SELECT f::text, t::text FROM feeds f JOIN feed_tokens t ON t.feed_id = f.id"))
    assert token not in dump
    await read(client, feed["paths"]["appointments"])
    listed = await (await client.get(f"/v1/businesses/{world.slug}/feeds", headers=world.auth)).json()
    assert listed["items"][0]["last_used_at"] is not None


async def test_c028_vdirsyncer_s_habit_of_asking_twice_sees_no_change(client: Client, world: World) -> None:
    feed = await make(client, world)
    for hour in range(9, 17):
        await world.book(world.at(hour))
    texts = {(await read(client, feed["paths"]["appointments"]))[1] for _ in range(3)}
    assert len(texts) == 1
