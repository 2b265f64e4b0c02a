"""An appointment has one title and one place, wherever a calendar is told of it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import icalendar
from aiohttp.test_utils import TestClient

from tests.world import World

Client = TestClient[Any, Any]


async def test_links_into_calendars_say_what_the_file_says(client: Client, world: World) -> None:
    await world.sql("UPDATE businesses SET name = 'Atelier Linde' WHERE id = $1", world.business_id)
    await world.sql(
        "UPDATE locations SET name = 'Mitte', address = 'Auguststraße 5, Berlin' WHERE business_id = $1",
        world.business_id,
    )

    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))
    booked = await answer.json()

    file = await (await client.get(f"/v1/appointments/{booked['manage_token']}/invite.ics")).read()
    event = icalendar.Calendar.from_ical(file).events[0]
    title, where = str(event["SUMMARY"]), str(event["LOCATION"])
    google, outlook = (
        {name: values[0] for name, values in parse_qs(urlsplit(booked["add_to_calendar"][calendar]).query).items()}
        for calendar in ("Google", "Outlook")
    )
    assert (title, where) == ("Cut, Atelier Linde", "Mitte, Auguststraße 5, Berlin")
    assert (google["text"], google["location"]) == (title, where)
    assert (outlook["subject"], outlook["location"]) == (title, where)


async def test_a_business_that_is_renamed_is_called_so_in_the_next_booking(client: Client, world: World) -> None:
    """What is offered is kept at hand: the name is part of it."""
    await world.book(world.at(9))
    await world.sql("UPDATE businesses SET name = 'Atelier Eiche' WHERE id = $1", world.business_id)

    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=world.order_json(world.at(10)))

    assert "Cut%2C+Atelier+Eiche" in (await answer.json())["add_to_calendar"]["Google"]
