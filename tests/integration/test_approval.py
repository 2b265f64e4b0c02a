"""An approval covers the time that it was given for: moved by its customer, it is asked for again."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from server.domain.appointment import Booked
from server.domain.lifecycle import Actor, Status, Step
from server.usecases.answer_request import answer_request, view_request
from server.usecases.decide import decide
from server.usecases.places import Target, target_of_staff, target_of_token, view
from server.usecases.reschedule import reschedule
from tests.integration.test_mails import Post, calendar_of, mailing, posted, text_of
from tests.world import World, no_key


@pytest.fixture
async def practice(own_world: World) -> World:
    await own_world.service("cut", approval="manual")
    return own_world


async def approved(world: World) -> Booked:
    booked = await world.book(world.at(10))
    assert booked.appointment.status is Status.PENDING
    await decide(world.core, await _staff(world, booked), Step.APPROVE, no_key())
    return booked


async def _staff(world: World, booked: Booked) -> Target:
    return await target_of_staff(world.core, world.business_id, booked.appointment.uid)


async def _customer(world: World, booked: Booked) -> Target:
    return await target_of_token(world.core, booked.manage_token)


async def _calendar(world: World, booked: Booked) -> Target:
    return replace(await _staff(world, booked), actor=Actor.CALENDAR)


async def moved(world: World, target: Target) -> Status:
    result: Any = await reschedule(world.core, target, world.at(14), no_key())
    there = await world.sql("SELECT status FROM appointments")
    assert [row["status"] for row in there] == [result.status]
    return Status(result.status)


async def test_M124_a_customer_who_moves_asks_again(practice: World) -> None:
    booked = await approved(practice)
    assert (await view(practice.core, booked.manage_token)).asks_again

    assert await moved(practice, await _customer(practice, booked)) is Status.PENDING

    seen = await view(practice.core, booked.manage_token)
    assert (seen.place.appointment.start, seen.asks_again) == (practice.at(14), True)  # as any request
    await decide(practice.core, await _staff(practice, booked), Step.APPROVE, no_key())
    assert (await view(practice.core, booked.manage_token)).place.appointment.status is Status.CONFIRMED


@pytest.mark.parametrize("mover", [_staff, _calendar])
async def test_M124_staff_needs_no_approval_of_its_own(
    practice: World, mover: Callable[[World, Booked], Awaitable[Target]]
) -> None:
    booked = await approved(practice)

    assert await moved(practice, await mover(practice, booked)) is Status.CONFIRMED


@pytest.mark.parametrize("edit", ["reapproval = false", "approval = 'automatic'"])
async def test_M124_the_service_says_whether_it_asks_again(practice: World, edit: str) -> None:
    booked = await approved(practice)
    await practice.sql(f"UPDATE services SET {edit}")

    assert await moved(practice, await _customer(practice, booked)) is Status.CONFIRMED


async def test_M124_whoever_booked_without_approval_moves_without_it(own_world: World) -> None:
    await own_world.service("cut")
    booked = await own_world.book(own_world.at(10))
    await own_world.sql("UPDATE services SET approval = 'manual'")

    assert await moved(own_world, await _customer(own_world, booked)) is Status.CONFIRMED


@pytest.mark.parametrize("edit", ["reapproval = true", "reapproval = false", "approval = 'automatic'"])
@pytest.mark.parametrize("mover", [_customer, _staff, _calendar])
async def test_M124_a_request_that_is_moved_stays_a_request_and_can_be_answered_from_the_mail(
    practice: World, mover: Callable[[World, Booked], Awaitable[Target]], edit: str
) -> None:
    await practice.sql("UPDATE providers SET email = 'anna@example.org'")
    booked = await practice.book(practice.at(10), email="robin@example.org")
    await practice.sql(f"UPDATE services SET {edit}")
    async with posted() as post, mailing(practice, post) as pump:
        await pump.drain()
        first = _request_link(_to(post, "anna@example.org"))
        post.mails.clear()

        assert await moved(practice, await mover(practice, booked)) is Status.PENDING
        await pump.drain()

    to_anna, to_robin = _to(post, "anna@example.org"), _to(post, "robin@example.org")
    second = _request_link(to_anna)
    assert not (await view_request(practice.core, first)).is_open
    assert (await view_request(practice.core, second)).is_open
    assert "Before: " in text_of(to_anna)
    assert "We have your request for the new time" in text_of(to_robin)
    assert "invitation" not in text_of(to_robin)
    method, event = calendar_of(to_robin)
    assert (method, str(event["STATUS"]), event.start) == ("REQUEST", "TENTATIVE", practice.at(14))

    await answer_request(practice.core, second, approve=True, reason="")

    assert (await view(practice.core, booked.manage_token)).place.status is Status.CONFIRMED


def _to(post: Post, address: str) -> EmailMessage:
    """The one mail to *address*."""
    [mail] = [mail for mail in post.mails if address in str(mail["To"])]
    return mail


def _request_link(mail: EmailMessage) -> str:
    """The token under which its reader answers the request."""
    found = re.search(r"/requests/(\S+)", text_of(mail))
    assert found is not None, text_of(mail)
    return found[1]


@pytest.mark.parametrize("answer", [Step.APPROVE, Step.DECLINE])
async def test_M124_both_are_told_of_the_old_time_and_the_new_one_and_the_calendar_follows(
    practice: World, answer: Step
) -> None:
    await practice.sql("UPDATE providers SET email = 'anna@example.org'")
    booked = await approved(practice)
    async with posted() as post, mailing(practice, post) as pump:
        await pump.drain()
        post.mails.clear()
        await moved(practice, await _customer(practice, booked))
        await pump.drain()
        asked = {str(mail["To"]): mail for mail in post.mails}
        post.mails.clear()
        await decide(practice.core, await _staff(practice, booked), answer, no_key())
        await pump.drain()

    provider = next(mail for to, mail in asked.items() if "anna@example.org" in to)
    customer = next(mail for to, mail in asked.items() if "anna@example.org" not in to)
    method, event = calendar_of(customer)
    for mail in (provider, customer):
        text = text_of(mail)
        assert "10:00" in text
        assert "2:00" in text
    assert "request" in str(provider["Subject"]).lower()
    assert (method, str(event["STATUS"]), event.start) == ("REQUEST", "TENTATIVE", practice.at(14))
    method, event = calendar_of(post.mails[0])
    assert method == ("REQUEST" if answer is Step.APPROVE else "CANCEL")
    assert event.start == practice.at(14)
