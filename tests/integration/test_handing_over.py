"""An appointment that goes to a colleague: all three hear of it, each what it is to them."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from server.domain.appointment import Booked
from server.domain.lifecycle import Actor, Status
from server.usecases.cancel import cancel
from server.usecases.places import target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from tests.integration.test_mails import Post, calendar_of, mailing, posted, text_of
from tests.world import World, no_key

ANNA, BEN, ROBIN = "anna@example.org", "ben@example.org", "robin@example.org"


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with posted() as post:
        yield post


@pytest.fixture
async def salon(own_world: World) -> World:
    """Anna and Ben do everything; Anna reads German."""
    for service, columns in (("cut", {}), ("asked", {"approval": "manual"}), ("class", {"capacity": 3})):
        await own_world.service(service, providers=["anna", "ben"], **columns)
    await own_world.sql("UPDATE providers SET email = slug || '@example.org'")
    await own_world.sql("UPDATE providers SET locale = 'de' WHERE slug = 'anna'")
    return own_world


async def hand_over(salon: World, post: Post, booked: Booked, *, actor: Actor, hour: int) -> dict[str, EmailMessage]:
    """The mails about giving it to Ben, by their reader."""
    target = (
        await target_of_token(salon.core, booked.manage_token)
        if actor is Actor.CUSTOMER
        else await target_of_staff(salon.core, salon.business_id, booked.appointment.uid)
    )
    async with mailing(salon, post) as pump:
        await pump.drain()
        post.mails.clear()
        await reschedule(salon.core, target, salon.at(hour), no_key(), provider="ben")
        await pump.drain()
    by_reader = {mail["To"].addresses[0].addr_spec: mail for mail in post.mails}
    assert len(post.mails) == len(by_reader)
    return by_reader


def words(mail: EmailMessage) -> str:
    return f"{mail['Subject']}\n{text_of(mail)}"


@pytest.mark.parametrize("actor", [Actor.CUSTOMER, Actor.PROVIDER])
@pytest.mark.parametrize("hour", [10, 15])
async def test_M125_both_providers_hear_when_an_appointment_changes_hands(
    salon: World, post: Post, actor: Actor, hour: int
) -> None:
    booked = await salon.book(salon.at(10), email=ROBIN)

    mails = await hand_over(salon, post, booked, actor=actor, hour=hour)

    assert mails.keys() == {ANNA, BEN, ROBIN}
    former, new = words(mails[ANNA]), words(mails[BEN])
    assert former.startswith("Abgesagt: ")
    assert "Er ist jetzt bei Ben." in former
    assert "10:00" in former
    assert "15:00" not in former
    assert str(mails[ANNA]["To"].addresses[0].display_name) == "Anna"
    assert new.startswith("New booking: ")
    assert "Before" not in new


async def test_M125_a_customer_at_the_same_time_reads_who_it_is_with_and_of_no_new_time(
    salon: World, post: Post
) -> None:
    booked = await salon.book(salon.at(10), email=ROBIN)

    mail = (await hand_over(salon, post, booked, actor=Actor.PROVIDER, hour=10))[ROBIN]

    assert str(mail["Subject"]).startswith("Now with Ben: Cut, ")
    assert "Your appointment is now with Ben" in text_of(mail)
    assert "Before" not in text_of(mail)
    assert "new time" not in text_of(mail)
    assert calendar_of(mail)[0] == "REQUEST"


async def test_M125_a_customer_at_another_time_reads_both_times(salon: World, post: Post) -> None:
    booked = await salon.book(salon.at(10), email=ROBIN)

    mail = (await hand_over(salon, post, booked, actor=Actor.CUSTOMER, hour=15))[ROBIN]

    assert "Your appointment has a new time" in text_of(mail)
    assert "Before: " in text_of(mail)
    assert "With: Ben" in text_of(mail)


async def test_M125_a_request_that_changes_hands_asks_the_new_provider(salon: World, post: Post) -> None:
    booked = await salon.book(salon.at(10), service="asked", email=ROBIN)
    assert booked.appointment.status is Status.PENDING

    mails = await hand_over(salon, post, booked, actor=Actor.PROVIDER, hour=10)

    assert words(mails[ANNA]).startswith("Abgesagt: ")
    assert words(mails[BEN]).startswith("New request: ")
    assert "/requests/" in text_of(mails[BEN])
    assert "new time" not in text_of(mails[ROBIN])


async def test_M125_a_cancelled_class_names_all_its_customers_to_its_provider(salon: World, post: Post) -> None:
    first = await salon.book(salon.at(10), provider="ben", service="class", email=ROBIN)
    await salon.book(salon.at(10), provider="ben", service="class", email="kim@example.org")
    gone = await salon.book(salon.at(10), provider="ben", service="class", email="left@example.org")
    await salon.sql("UPDATE attendees SET name = initcap(split_part(email, '@', 1))")
    await cancel(salon.core, await target_of_token(salon.core, gone.manage_token), no_key())
    target = await target_of_staff(salon.core, salon.business_id, first.appointment.uid)
    async with mailing(salon, post) as pump:
        await pump.drain()
        post.mails.clear()
        await cancel(salon.core, target, no_key(), reason="The boiler broke")
        await pump.drain()

    [mail] = [mail for mail in post.mails if BEN in str(mail["To"])]
    assert str(mail["Subject"]).startswith("Cancelled: Robin, Kim, ")
    assert all(f"Email: {email}" in text_of(mail) for email in (ROBIN, "kim@example.org"))
    assert "left@example.org" not in text_of(mail)
    assert ROBIN not in str(mail["Reply-To"])
    to_kim = next(mail for mail in post.mails if "kim@example.org" in str(mail["To"]))
    assert ROBIN not in text_of(to_kim)


async def test_M125_a_place_in_a_colleagues_class_is_told_to_both(salon: World, post: Post) -> None:
    booked = await salon.book(salon.at(10), service="class", email=ROBIN)
    await salon.book(salon.at(10), service="class", email="others@example.org")

    mails = await hand_over(salon, post, booked, actor=Actor.CUSTOMER, hour=15)

    assert mails.keys() == {ANNA, BEN, ROBIN}
    assert words(mails[ANNA]).startswith("Abgesagt: ")
    assert words(mails[BEN]).startswith("New booking: ")
