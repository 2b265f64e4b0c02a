"""
Proves two-way sync with Outlook and Microsoft 365, as far as a stand-in that checks every request can prove it.

Leaves what single answers mean to `unit/ics/remote/test_graph`, and signing in to `test_calendar_sign_in`.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from server.domain.appointment import Booked
from server.settings import HttpSettings, Settings
from server.usecases.cancel import cancel
from server.usecases.connecting import Draft, connect, finish_sign_in
from server.usecases.connections import choose_calendar
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from tests.calendar_desk import Desk, open_desk
from tests.peers.graph import Asked, Refused
from tests.peers.graph_mailbox import Mailbox, Stored
from tests.peers.outlook import Outlook, outlook_account
from tests.world import World, no_key, settings_for

BASE_URL = "https://book.example.com"
HALF = timedelta(minutes=30)


@pytest.fixture
async def outlook() -> AsyncIterator[Outlook]:
    async with outlook_account(BASE_URL + "/v1/oauth/callback") as outlook:
        yield outlook
        assert outlook.wrong == outlook.oauth.wrong == []


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return settings_for(database_url, redis_url, http=HttpSettings(base_url=BASE_URL))


@pytest.fixture
async def desk(world: World, settings: Settings, outlook: Outlook) -> AsyncIterator[Desk]:
    async with open_desk(world, settings, **outlook.settings()) as desk:
        yield desk


@dataclass
class Anna:
    """Who lives in the mailbox, and has connected it."""

    connection: UUID
    outlook: Outlook

    @property
    def mailbox(self) -> Mailbox:
        return self.outlook.mailbox

    def put(self, subject: str, start: datetime, minutes: int = 60, **properties: Any) -> str:
        """Her own event; its id."""
        return self.mailbox.add(self.outlook.calendar, subject, start, start + timedelta(minutes=minutes), **properties)

    @property
    def ours(self) -> list[Stored]:
        """What we wrote, in order."""
        found = [each for each in self.mailbox.events.values() if each.properties]
        return sorted(found, key=lambda each: each.start)

    def writes(self) -> list[str]:
        """The requests by which something was to change, since last asked."""
        found = [f"{each.method} {each.path}" for each in self.outlook.asked if each.method != "GET"]
        self.outlook.asked.clear()
        return [each for each in found if "$batch" not in each and "subscriptions" not in each]


async def signed_in(desk: Desk, outlook: Outlook, **options: Any) -> Anna:
    """A connection that blocks and receives, after its first round."""
    accounts = desk.tools.accounts
    draft = Draft(provider="anna", service="outlook", name="", url="", user="", password="", options=options)
    shown = await connect(desk.world.core, accounts, desk.editor, draft)
    assert shown.authorize_url
    consent = outlook.oauth.consent(shown.authorize_url)
    done = await finish_sign_in(desk.world.core, accounts, consent["state"], consent["code"])
    uid, (calendar,) = done.connection.uid, done.calendars
    await choose_calendar(desk.world.core, desk.editor, uid, calendar.uid, blocks=True, receives=True)
    await desk.round()
    assert (await desk.connection(uid)).state == "active"
    outlook.asked.clear()
    return Anna(uid, outlook)


@pytest.fixture
async def anna(desk: Desk, outlook: Outlook) -> Anna:
    return await signed_in(desk, outlook)


async def wait_of(desk: Desk, anna: Anna) -> float:
    """Seconds until the connection's next turn."""
    return ((await desk.connection(anna.connection)).due_at - datetime.now(UTC)).total_seconds()


async def move(world: World, booked: Booked, start: datetime) -> None:
    """The customer takes another time."""
    await reschedule(world.core, await target_of_token(world.core, booked.manage_token), start, no_key(200))


async def test_an_event_blocks_its_time_moves_and_lets_it_go(world: World, desk: Desk, anna: Anna) -> None:
    lunch = anna.put("Lunch", world.at(12))
    anna.put("Walk", world.at(16), showAs="free")
    await desk.round()
    assert await desk.busy() == [(world.at(12), world.at(13))]

    anna.mailbox.move(lunch, world.at(14), world.at(15))
    await desk.round()
    assert await desk.busy() == [(world.at(14), world.at(15))]

    anna.mailbox.delete(lunch)
    await desk.round()
    assert await desk.busy() == []
    assert anna.writes() == []


async def test_a_series_blocks_with_its_exceptions(world: World, desk: Desk, anna: Anna) -> None:
    series = anna.mailbox.add_series(
        anna.outlook.calendar, "Gym", world.at(12), world.at(13), every=timedelta(days=1), count=4
    )
    await desk.round()
    anna.mailbox.delete_occurrence(series, 1)
    anna.mailbox.move_occurrence(series, 2, world.at(15, days=9), world.at(16, days=9))
    await desk.round()

    day = timedelta(days=1)
    assert await desk.busy() == [
        (world.at(12), world.at(13)),
        (world.at(15, days=9), world.at(16, days=9)),
        (world.at(12) + 3 * day, world.at(13) + 3 * day),
    ]


async def test_a_booking_appears_moves_and_goes(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    await desk.round()

    (event,) = anna.ours
    assert (event.start, event.end) == (world.at(10), world.at(10) + HALF)
    assert event.item["subject"].startswith("Robin Example")
    assert event.item["attendees"] == []
    assert await desk.busy() == []

    await move(world, booked, world.at(15))
    await desk.round()
    assert [each.start for each in anna.ours] == [world.at(15)]

    await cancel(world.core, await target_of_token(world.core, booked.manage_token), no_key(200))
    await desk.round()
    assert anna.mailbox.events == {}
    anna.writes()
    await desk.round(3)
    assert anna.writes() == []


async def test_moved_there_it_is_rescheduled_once(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    await desk.round(2)
    anna.writes()

    anna.mailbox.move(anna.ours[0].id, world.at(13), world.at(13) + HALF)
    await desk.round(3)

    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(13), 1)
    assert [fact["actor"] for fact in await desk.facts("appointment.rescheduled")] == ["calendar"]
    assert anna.writes() == []
    assert await desk.busy() == []


async def test_moved_to_where_it_cannot_be_it_is_put_back(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    anna.put("Lunch", world.at(12))
    await desk.round(2)

    anna.mailbox.move(anna.ours[0].id, world.at(12, 15), world.at(12, 45))
    await desk.round(2)

    assert [(each.start, each.end) for each in anna.ours] == [(world.at(10), world.at(10) + HALF)]
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    assert len(await desk.facts("calendar.put_back")) == 1
    anna.writes()
    await desk.round(2)
    assert anna.writes() == []


async def test_deleted_there_it_is_cancelled(world: World, desk: Desk, anna: Anna) -> None:
    gone, stays = await world.book(world.at(10)), await world.book(world.at(14))
    await desk.round(2)

    anna.mailbox.delete(anna.ours[0].id)
    await desk.round(2)

    assert (await desk.appointment(gone.appointment.uid))["status"] == "cancelled"
    assert (await desk.appointment(stays.appointment.uid))["status"] == "confirmed"
    assert [each.start for each in anna.ours] == [world.at(14)]


async def test_deleted_there_it_is_put_back_where_that_is_wanted(world: World, desk: Desk, outlook: Outlook) -> None:
    anna = await signed_in(desk, outlook, on_delete="put_back")
    booked = await world.book(world.at(10))
    await desk.round(2)

    anna.mailbox.delete(anna.ours[0].id)
    await desk.round(3)

    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    assert [each.start for each in anna.ours] == [world.at(10)]


async def test_what_left_the_window_is_not_taken_for_deleted(world: World, desk: Desk, anna: Anna) -> None:
    """Graph says `@removed` of it, too."""
    booked = await world.book(world.at(10))
    await desk.round(2)

    anna.mailbox.move(anna.ours[0].id, world.at(10, days=900), world.at(10, days=900) + HALF)
    await desk.round(2)

    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"


async def test_title_and_notes_are_theirs(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    await desk.round(2)
    anna.mailbox.edit(anna.ours[0].id, subject="Robin!", categories=["Red category"])
    await desk.round()

    target = await target_of_staff(world.core, world.business_id, booked.appointment.uid)
    await reschedule(world.core, target, world.at(16), no_key(200))
    await desk.round()

    (event,) = anna.ours
    assert (event.item["subject"], event.item["categories"], event.start) == ("Robin!", ["Red category"], world.at(16))


async def test_a_delta_token_that_is_gone_is_relisted_and_no_time_is_free_for_a_moment(
    world: World, desk: Desk, anna: Anna
) -> None:
    """Thirty events and a page of ten: the listing takes several requests, and half of it is not the whole."""
    spans = [(world.at(9 + n % 8, days=7 + n // 8), world.at(10 + n % 8, days=7 + n // 8)) for n in range(30)]
    for start, _ in spans:
        anna.put("Busy", start)
    await desk.round()
    known = await desk.busy()
    assert known == sorted(spans)

    seen: list[Any] = []
    anna.outlook.page_size = 10
    anna.outlook.forget_tokens()
    anna.outlook.asked.clear()
    anna.outlook.delay_s = 0.05
    rounds = asyncio.create_task(desk.round())
    while not rounds.done():
        seen.append(await desk.busy())
        await asyncio.sleep(0.005)
    await rounds

    assert sum("delta" in each.path for each in anna.outlook.asked) >= 4
    assert len(seen) > 10
    assert all(each == known for each in seen)
    assert await desk.busy() == known
    assert (await desk.log(anna.connection))[-1]["counts"]["relisted"] == 1
    assert (await desk.connection(anna.connection)).state == "active"


async def test_a_relisting_that_breaks_off_forgets_nothing_and_is_begun_anew(
    world: World, desk: Desk, anna: Anna
) -> None:
    """Even if the server knows the old token again: what it does not name then has not changed, and is not gone."""
    for n in range(3):
        anna.put("Busy", world.at(9 + 2 * n))
    await desk.round()
    known = await desk.busy()
    lost = iter([Refused(410, "syncStateNotFound"), Refused(503, "UnknownError")])
    anna.outlook.fail = lambda asked: next(lost, None) if "delta" in asked.path else None
    await desk.round()
    assert (await desk.connection(anna.connection)).state == "degraded"
    assert await desk.busy() == known

    anna.put("Later", world.at(16))
    await desk.round()

    assert await desk.busy() == [*known, (world.at(16), world.at(17))]
    assert (await desk.connection(anna.connection)).state == "active"


@pytest.mark.parametrize("where", ["reading", "writing"])
async def test_throttled_it_waits_as_long_as_it_was_asked_to(world: World, desk: Desk, anna: Anna, where: str) -> None:
    slow = Refused(429, "ApplicationThrottled", {"Retry-After": "300"})

    def throttle(asked: Asked) -> Refused | None:
        return slow if ("delta" in asked.path if where == "reading" else asked.method == "POST") else None

    anna.put("Lunch", world.at(12))
    await desk.round()
    await world.book(world.at(10))
    anna.outlook.fail = throttle
    await desk.round()

    connection = await desk.connection(anna.connection)
    assert (connection.state, connection.failures) == ("degraded", 1)
    assert 295 <= await wait_of(desk, anna) <= 301
    assert await desk.busy() == [(world.at(12), world.at(13))]
    peers = await world.sql("SELECT 1 FROM calendar_peers WHERE host = $1", connection.peer)
    assert peers == []  # it is this mailbox that is throttled

    anna.outlook.fail = lambda _: None
    await desk.round()
    assert len(anna.ours) == 1
    assert (await desk.connection(anna.connection)).state == "active"


async def test_a_lost_answer_makes_no_second_event(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    anna.outlook.loses_answers = True
    await desk.round()
    anna.outlook.loses_answers = False
    assert (await desk.connection(anna.connection)).state == "degraded"

    lost = False

    def lose_creations(asked: Asked) -> None:
        nonlocal lost
        lost = anna.outlook.loses_answers = asked.method == "POST" and asked.path.endswith("/events")

    anna.outlook.fail = lose_creations
    await desk.round()
    assert lost
    assert (await desk.connection(anna.connection)).state == "degraded"
    assert len(anna.ours) == 1

    anna.outlook.loses_answers, anna.outlook.fail = False, lambda _: None
    await desk.round()
    assert (await desk.connection(anna.connection)).state == "active"
    anna.writes()
    await desk.round(2)

    assert [each.start for each in anna.ours] == [world.at(10)]
    assert anna.writes() == []
    assert await desk.busy() == []
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(10), 0)
    anna.mailbox.move(anna.ours[0].id, world.at(15), world.at(15) + HALF)
    await desk.round()
    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(15), 1)


async def test_a_change_whose_answer_was_lost_is_not_taken_for_hers(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    await desk.round(2)
    await move(world, booked, world.at(15))

    def lose_changes(asked: Asked) -> None:
        anna.outlook.loses_answers = asked.method == "PATCH"

    anna.outlook.fail = lose_changes
    await desk.round()
    assert (await desk.connection(anna.connection)).state == "degraded"
    assert [each.start for each in anna.ours] == [world.at(15)]
    anna.outlook.loses_answers, anna.outlook.fail = False, lambda _: None
    await desk.round(3)

    assert await desk.appointment(booked.appointment.uid) == ("confirmed", world.at(15), 1)
    assert len(await desk.facts("appointment.rescheduled")) == 1
    assert (await desk.connection(anna.connection)).state == "active"


async def test_a_calendar_that_is_gone_cancels_nothing(world: World, desk: Desk, anna: Anna) -> None:
    booked = await world.book(world.at(10))
    anna.put("Lunch", world.at(12))
    await desk.round(2)

    anna.mailbox.remove_calendar(anna.outlook.calendar)
    await desk.round(2)

    connection = await desk.connection(anna.connection)
    assert (connection.state, connection.reason) == ("paused", "calendar_gone")
    assert (await desk.appointment(booked.appointment.uid))["status"] == "confirmed"
    assert await desk.busy() == [(world.at(12), world.at(13))]
    assert len(await desk.facts("calendar.trouble")) == 1
