"""Each step by each actor has the consequences that the table says: every cell is walked on the real database."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from server.domain.appointment import Booked, Order
from server.domain.consequences import CONSEQUENCES, Consequence, MoneyBack, Reminders, consequence_of
from server.domain.lifecycle import Actor, Step
from server.usecases.book import book
from server.usecases.cancel import cancel
from server.usecases.decide import decide
from server.usecases.dispatch import dispatch
from server.usecases.places import Target, target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from server.usecases.sweep import sweep
from tests.world import World, no_key

PAID, FEE = 5000, 2000
RULES = (
    '[{"offset_min": 1440, "channel": "mail", "recipient": "customer"},'
    ' {"offset_min": 60, "channel": "sms", "recipient": "customer"},'
    ' {"offset_min": 60, "channel": "mail", "recipient": "provider"}]'
)
THREE = {(1440, "mail", "customer"), (60, "sms", "customer"), (60, "mail", "provider")}


class Cell(NamedTuple):
    """One step by one actor, about to be taken in a business of its own."""

    world: World
    actor: Actor
    booked: Booked | None

    async def target(self) -> Target:
        """What *actor* may change."""
        assert self.booked is not None
        if self.actor is Actor.CUSTOMER:
            return await target_of_token(self.world.core, self.booked.manage_token)
        found = await target_of_staff(self.world.core, self.world.business_id, self.booked.appointment.uid)
        return replace(found, actor=self.actor)


async def booked(world: World, service: str, *, actor: Actor = Actor.CUSTOMER) -> Booked:
    """Somebody with a phone books, and has paid."""
    customer = world.customer("robin@example.org")
    order = Order(
        choice=world.choice(world.at(10), service=service),
        customer=type(customer)(
            name=customer.name, email=customer.email, phone="+4930123456", timezone=customer.timezone
        ),
        actor=actor,
        paid=True,
    )
    result = await book(world.core, order, no_key())
    assert isinstance(result, Booked)
    await world.sql(
        "INSERT INTO payments (business_id, uid, appointment_id, service_id, method, status, amount_minor, currency,"
        " order_sealed, expires_at) SELECT business_id, gen_random_uuid(), id, service_id, 'stripe', 'booked', $2,"
        " 'EUR', '', now() FROM appointments WHERE uid = $1",
        result.appointment.uid,
        PAID,
    )
    return result


async def take_booking(cell: Cell) -> None:
    await booked(cell.world, "asked" if cell.actor is Actor.PROVIDER else "cut", actor=cell.actor)


async def take_request(cell: Cell) -> None:
    await booked(cell.world, "asked", actor=cell.actor)


async def take_move(cell: Cell) -> None:
    await reschedule(cell.world.core, await cell.target(), cell.world.at(15), no_key())


async def take_cancellation(cell: Cell) -> None:
    by_staff = cell.actor is Actor.PROVIDER
    await cancel(cell.world.core, await cell.target(), no_key(), accepts_fee=True, charges_fee=by_staff)


async def take_leave(cell: Cell) -> None:
    assert cell.booked is not None
    theirs = await target_of_token(cell.world.core, cell.booked.manage_token)
    await cancel(cell.world.core, replace(theirs, actor=cell.actor), no_key(), accepts_fee=True)


async def take_expiry(cell: Cell) -> None:
    """Nobody does anything: its time comes."""
    await cell.world.sql("UPDATE appointments SET starts_at = now() - interval '1 s', ends_at = now()")
    await sweep(cell.world.core)


def decision(step: Step) -> Callable[[Cell], Awaitable[None]]:
    async def take(cell: Cell) -> None:
        await decide(cell.world.core, await cell.target(), step, no_key())

    return take


TAKE: Mapping[Step, Callable[[Cell], Awaitable[None]]] = {
    Step.BOOK: take_booking,
    Step.REQUEST: take_request,
    Step.APPROVE: decision(Step.APPROVE),
    Step.DECLINE: decision(Step.DECLINE),
    Step.RESCHEDULE: take_move,
    Step.ASK_AGAIN: take_move,
    Step.LEAVE: take_leave,
    Step.CANCEL: take_cancellation,
    Step.EXPIRE: take_expiry,
    Step.COMPLETE: decision(Step.COMPLETE),
    Step.MISS: decision(Step.MISS),
}
BEGINS_WITH = {
    Step.BOOK: None,
    Step.REQUEST: None,
    Step.APPROVE: "asked",
    Step.DECLINE: "asked",
    Step.EXPIRE: "asked",
    Step.ASK_AGAIN: "asked",
    Step.LEAVE: "class",
}
"""The service of the appointment that there is before the step."""
AFTERWARDS = frozenset({Step.COMPLETE, Step.MISS})
MOVES = frozenset({Step.RESCHEDULE, Step.ASK_AGAIN})


async def prepared(world: World, step: Step, actor: Actor) -> Cell:
    """A business where somebody waits for time, and the appointment that *step* is about; nobody has more to say."""
    late: dict[str, Any] = {"change_window_min": 60 * 24 * 30, "cancel_fee_minor": FEE}
    if step in MOVES:
        late = {}
    await world.service("cut", price_minor=PAID, **late)
    await world.service("asked", price_minor=PAID, approval="manual", **late)
    await world.service("class", capacity=3, **late)
    await world.sql("UPDATE services SET reminders = $1::text::jsonb", RULES)
    await world.sql("UPDATE providers SET email = 'anna@example.org'")
    await world.sql(
        "INSERT INTO waitlist_entries (business_id, uid, service_id, name, email, timezone, token_salt, token_hash,"
        " first_day, last_day) SELECT business_id, gen_random_uuid(), id, 'Wanda', 'wanda@example.org',"
        " 'Europe/Berlin', '\\x01', '\\x01', $1, $1 FROM services WHERE slug = 'cut'",
        world.at(10).date(),
    )
    service = BEGINS_WITH.get(step, "cut")
    found = await booked(world, service) if service else None
    if service == "class":
        await world.book(world.at(10), service="class", email="others@example.org")
    if step is Step.ASK_AGAIN and actor is Actor.CUSTOMER:  # staff and the calendar ask for what is not approved yet
        await world.sql("UPDATE appointments SET status = 'confirmed'")
    if step in AFTERWARDS:
        await world.sql("UPDATE appointments SET starts_at = now() - interval '1 h', ends_at = now()")
    while await dispatch(world.core):
        pass
    await world.sql("DELETE FROM deliveries")
    await world.sql("DELETE FROM transitions")
    return Cell(world, actor, found)


@pytest.mark.parametrize(("step", "actor"), [(step, actor) for step in Step for actor in Actor])
async def test_M125_every_step_has_the_consequences_of_the_table(own_world: World, step: Step, actor: Actor) -> None:
    if (step, actor) not in CONSEQUENCES:
        with pytest.raises(KeyError):
            consequence_of(step, actor)
        return
    follows = consequence_of(step, actor)
    cell = await prepared(own_world, step, actor)

    await TAKE[step](cell)

    facts = await own_world.sql("SELECT kind, payload FROM outbox WHERE done_at IS NULL ORDER BY id")
    while await dispatch(own_world.core):
        pass
    assert [(row["kind"], row["payload"]["actor"]) for row in facts if row["kind"].startswith("appointment.")] == [
        (follows.fact, actor)
    ]
    assert await who_was_told(own_world) == {
        (reader, message) for reader, message in follows.tells._asdict().items() if message is not None
    }
    assert (
        await money_back(own_world)
        == {
            MoneyBack.NONE: None,
            MoneyBack.LESS_FEE: PAID - FEE,
            MoneyBack.ALL: PAID,
        }[follows.money_back]
    )
    assert await is_offered(own_world) is follows.frees_time
    assert await what_the_log_says(own_world) == [(actor, follows.reason)]
    await check_reminders(own_world, step, follows)


async def who_was_told(world: World) -> set[tuple[str, str]]:
    rows = await world.sql("SELECT recipient, message FROM deliveries WHERE channel = 'mail'")
    return {(row["recipient"], row["message"]) for row in rows}


async def money_back(world: World) -> int | None:
    """What is on its way back of the one payment; None if it stays paid."""
    [payment] = await world.sql("SELECT uid, status, return_minor FROM payments")
    asked = await world.sql("SELECT payload FROM deliveries WHERE channel = 'refund'")
    if payment["status"] == "booked":
        assert not asked
        return None
    assert payment["status"] == "returning"
    assert [UUID(row["payload"]["payment"]) for row in asked] == [payment["uid"]]
    return int(payment["return_minor"])


async def is_offered(world: World) -> bool:
    return bool(await world.sql("SELECT 1 FROM deliveries WHERE channel = 'waitlist'"))


async def what_the_log_says(world: World) -> list[tuple[str, str]]:
    return [(row["actor"], row["reason"]) for row in await world.sql("SELECT actor, reason FROM transitions")]


async def check_reminders(world: World, step: Step, follows: Consequence) -> None:
    rows = await world.sql(
        "SELECT r.status, r.offset_min, r.channel, r.recipient, r.due_at FROM reminders r"
        " JOIN attendees t ON t.id = r.attendee_id WHERE t.email = 'robin@example.org'"
    )
    planned = {(r["offset_min"], r["channel"], r["recipient"]): r["due_at"] for r in rows if r["status"] == "planned"}
    if follows.reminders is Reminders.DROPPED:
        assert rows
        assert not planned
        return
    start = world.at(15) if step in MOVES else world.at(10)
    assert planned == {key: start - timedelta(minutes=key[0]) for key in THREE}


def test_M125_every_step_of_the_table_is_walked() -> None:
    assert {step for step, _ in CONSEQUENCES} == TAKE.keys()
