"""
Proves that times are right: in the place's zone or the visitor's, on the days on which clocks change, in the visitor's
language.

Leaves arithmetic with dates to the widget's own tests.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.browser.visitor import Visitor, expect
from tests.world import World

MakeVisitor = Callable[..., Awaitable[Visitor]]


async def test_a_visitor_from_elsewhere_sees_the_place_s_times_and_their_own(visitor: MakeVisitor) -> None:
    robin = await visitor(timezone_id="America/New_York")
    await robin.open()

    await expect(robin.button("Times in Central European", exact=False)).to_be_visible()
    await robin.times.first.click()

    await expect(robin.page.get_by_text("in your time zone (Eastern ")).to_be_visible()
    await robin.fill()
    await robin.button("Book").click()
    await expect(robin.heading("You are booked")).to_be_visible()
    rows = await robin.world.sql("SELECT timezone FROM attendees WHERE business_id = $1", robin.world.business_id)
    assert [row[0] for row in rows] == ["America/New_York"]


async def test_another_zone_moves_the_times_and_not_the_moment(visitor: MakeVisitor) -> None:
    robin = await visitor()
    await robin.open()
    before = await robin.times.first.inner_text()

    await robin.button("Times in Central European", exact=False).click()
    field = robin.page.get_by_role("combobox", name="Find your city")
    await expect(field).to_be_focused()
    await field.press_sequentially("Europe/London")

    await expect(robin.button(re.compile("Times in (Greenwich Mean|British Summer) Time"))).to_be_visible()
    after = await robin.times.first.inner_text()
    assert (int(before.split(":")[0]) - int(after.split(":")[0])) % 24 == 1


async def test_an_online_service_is_shown_in_the_visitor_s_zone(visitor: MakeVisitor, shop: World) -> None:
    await shop.sql("UPDATE locations SET online = true WHERE business_id = $1", shop.business_id)
    robin = await visitor(timezone_id="Asia/Tokyo")
    await robin.open()

    await expect(robin.button("Times in Japan Standard Time")).to_be_visible()


CHANGES = {
    "Europe/Berlin": [(3, "last"), (10, "last")],
    "America/New_York": [(3, 2), (11, 1)],
    "Australia/Lord_Howe": [(4, 1), (10, 1)],
}


def change_days(zone: str) -> list[date]:
    """The days within a year on which the clocks of *zone* change."""
    where = ZoneInfo(zone)
    day = datetime.now(where).date() + timedelta(days=3)
    found = []
    for number in range(360):
        noon = datetime.combine(day + timedelta(days=number), datetime.min.time(), where)
        if noon.utcoffset() != (noon + timedelta(days=1)).utcoffset():
            found.append(noon.date())
    return found


@pytest.mark.parametrize("zone", CHANGES)
async def test_on_days_on_which_clocks_change_every_time_is_there_once_and_can_be_told_apart(
    visitor: MakeVisitor, zone: str
) -> None:
    robin = await visitor(timezone_id=zone)
    shop = robin.world
    await shop.sql("UPDATE locations SET timezone = $2 WHERE business_id = $1", shop.business_id, zone)
    await shop.sql("UPDATE working_hours SET start_min = 0, end_min = 1440 WHERE business_id = $1", shop.business_id)
    await shop.sql("UPDATE services SET horizon_days = 400 WHERE business_id = $1", shop.business_id)
    await robin.open()
    await expect(robin.times.first).to_be_visible()

    for day in change_days(zone):
        name = f"{day:%A} {day.day} {day:%B}"
        while not await robin.page.get_by_role("heading", name=f"{day:%B} {day.year}").is_visible():
            await robin.button("Next month").click()
        await robin.page.get_by_role("button", name=f"{name}, free", exact=False).click()
        await expect(robin.heading(name)).to_be_visible()
        labels = await robin.times.all_inner_texts()
        begin = datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
        length = (
            datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(zone)).timestamp()
            - begin.timestamp()
        )
        assert len(labels) == len(set(labels)), labels
        assert length / 1800 - 2 <= len(labels) <= length / 1800, (day, len(labels), labels)


@pytest.mark.parametrize(
    ("locale", "zone", "weekday", "time"),
    [
        ("en-US", "America/New_York", "Sun", r"\d+:\d\d [AP]M"),
        ("en-GB", "Europe/London", "Mon", r"\d?\d:\d\d"),
        ("de-DE", "Europe/Berlin", "Mo", r"\d?\d:\d\d"),
        ("ja-JP", "Asia/Tokyo", "日", r"\d+:\d\d"),
        ("ar-EG", "Africa/Cairo", "س", r".+"),
    ],
)
async def test_week_and_clock_are_those_of_the_visitor(
    visitor: MakeVisitor, locale: str, zone: str, weekday: str, time: str
) -> None:
    import re

    robin = await visitor(locale=locale, timezone_id=zone)
    await robin.open(locale=locale)
    await expect(robin.times.first).to_be_visible()

    assert await robin.page.locator("th").first.inner_text() == weekday
    shown = (await robin.times.first.inner_text()).replace("\u202f", " ")
    assert re.fullmatch(time, shown), shown


async def test_a_site_in_bare_english_shows_a_british_visitor_their_clock(visitor: MakeVisitor) -> None:
    robin = await visitor(locale="en-GB")
    await robin.open()  # <html lang="en">
    await expect(robin.times.first).to_be_visible()

    assert await robin.page.locator("th").first.inner_text() == "Mon"
    assert "M" not in await robin.times.first.inner_text()


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "nl", "ja", "ar"])
async def test_every_language_is_whole(visitor: MakeVisitor, language: str) -> None:
    robin = await visitor(locale=language)
    await robin.open(locale=language)
    await robin.times.first.click()
    form = await robin.page.locator("[part~=step]").inner_text()
    await robin.page.locator("input[name=name]").fill("Robin")
    await robin.page.locator("input[name=email]").fill("robin@example.com")
    await robin.page.locator("[part~=submit]").click()
    await expect(robin.page.locator("[part~=mark]")).to_be_visible()
    done = await robin.page.locator("[part~=step]").inner_text()

    for english in ("Your details", "Held for you", "Back", "You are booked", "is on its way", "Change or cancel"):
        assert english not in form + done, english
