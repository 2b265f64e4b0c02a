"""Feeds over HTTP: what every calendar app may ask, and what those hear who may not read."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import icalendar
import pytest
from aiohttp.test_utils import TestClient
from dateutil.rrule import rrulestr

from server.domain.hours import DateException, WeeklyWindow, open_sheet
from server.holidays import public_holidays
from server.settings import FeedSettings
from server.store.feeds import find_feed
from server.tokens import token_hash
from server.usecases.cancel import cancel
from server.usecases.dispatch import dispatch
from server.usecases.places import target_of_token
from server.usecases.read_feed import Opened, View
from server.web.compression import accepts_gzip
from server.web.shapes.feeds import addresses
from tests.integration.test_feeds import events_of, feed_of_customer, make, read
from tests.world import World, no_key

Client = TestClient[Any, Any]


def token_of(path: str) -> str:
    return path.split("/")[2]


async def let_age(world: World) -> None:
    """Whatever was made just now was made an hour ago."""
    for table in ("businesses", "locations", "providers", "feeds"):
        where = "id" if table == "businesses" else "business_id"
        await world.sql(
            f"UPDATE {table} SET updated_at = now() - interval '1 hour' WHERE {where} = $1", world.business_id
        )
    await world.sql(
        "UPDATE feed_versions SET changed_at = now() - interval '1 hour', busy_changed_at = now() - interval '1 hour'"
        " WHERE business_id = $1",
        world.business_id,
    )


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "application/json;q=1, text/calendar;q=0"])
async def test_c018_a_calendar_is_what_is_answered_whatever_was_asked_for(
    client: Client, world: World, accept: str | None
) -> None:
    feed = await make(client, world)
    for name in ("appointments", "freebusy", "ifb", "availability"):
        headers = {"Accept": accept} if accept else {}
        response = await client.get(feed["paths"][name], headers=headers, skip_auto_headers=["Accept"])
        assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert icalendar.Calendar.from_ical(await response.read())["PRODID"]


async def test_c004_c005_c009_c013_every_property_of_a_feed_is_there_with_its_older_twin(
    client: Client, world: World
) -> None:
    feed = await make(client, world, colour="teal")
    await world.book(world.at(10))
    _, text = await read(client, feed["paths"]["appointments"])
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.events

    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert text.count("BEGIN:VCALENDAR") == text.count("END:VCALENDAR") == 1
    assert text.endswith("END:VCALENDAR\r\n")
    assert str(calendar["NAME"]) == str(calendar["X-WR-CALNAME"]) == "Anna's week"
    assert str(calendar["DESCRIPTION"]) == str(calendar["X-WR-CALDESC"]) == f"Anna · {world.slug}"
    assert (str(calendar["COLOR"]), str(calendar["X-APPLE-CALENDAR-COLOR"])) == ("teal", "#008080")
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT15M\r\n" in text
    assert "X-PUBLISHED-TTL:PT15M\r\n" in text
    assert "TZID" not in text
    assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "CREATED", "LAST-MODIFIED", "SEQUENCE"} <= set(event)
    assert "DURATION" not in event
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt


async def test_c007_a_change_of_one_appointment_leaves_the_others_octets_alone(client: Client, world: World) -> None:
    feed = await make(client, world)
    first, second = await world.book(world.at(10)), await world.book(world.at(12))
    _, before = await read(client, feed["paths"]["appointments"])
    await cancel(world.core, await target_of_token(world.core, second.manage_token), no_key())
    _, after = await read(client, feed["paths"]["appointments"])

    def octets(text: str, uid: object) -> str:
        return next(part for part in text.split("BEGIN:VEVENT") if str(uid) in part).partition("END:VEVENT")[0]

    assert octets(before, first.appointment.uid) == octets(after, first.appointment.uid)
    assert octets(before, second.appointment.uid) != octets(after, second.appointment.uid)


async def test_c007_a_busy_event_is_the_same_as_long_as_its_span_is(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    _, before = await read(client, feed["paths"]["freebusy"])
    await world.book(world.at(14))
    _, after = await read(client, feed["paths"]["freebusy"])
    (one,) = events_of(before)
    assert one.to_ical() in {event.to_ical() for event in events_of(after)}


async def test_c016_busy_time_has_buffers_and_requests_but_neither_holds_nor_what_was_cancelled(
    client: Client, world: World
) -> None:
    await world.service("wash", providers=["anna"], buffer_before_min=10, buffer_after_min=15, approval="manual")
    feed = await make(client, world)
    await world.book(world.at(10), service="wash")
    gone = await world.book(world.at(12))
    await cancel(world.core, await target_of_token(world.core, gone.manage_token), no_key())
    await world.hold(world.at(14))
    _, text = await read(client, feed["paths"]["freebusy"])
    assert [(e.start, e.end) for e in events_of(text)] == [(world.at(9, 50), world.at(10, 45))]


async def test_c016_busy_time_ends_where_the_window_does(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, '[2020-01-01,2050-01-01)', 'time_off' FROM providers WHERE business_id = $1",
        world.business_id,
    )
    _, text = await read(client, feed["paths"]["freebusy"])
    (event,) = events_of(text)
    today = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC)
    assert (event.start, event.end) == (today - timedelta(days=60), today + timedelta(days=400))


async def test_c021_another_busy_block_is_news_for_the_busy_feed_alone(client: Client, world: World) -> None:
    feed = await make(client, world)

    async def tags() -> list[str]:
        paths = [feed["paths"][name] for name in ("appointments", "freebusy", "ifb", "availability")]
        return [(await read(client, path))[0].headers["ETag"] for path in paths]

    before = await tags()
    await world.sql(
        "INSERT INTO busy_blocks (business_id, provider_id, during, source)"
        " SELECT business_id, id, tstzrange($2, $3), 'time_off' FROM providers WHERE business_id = $1",
        world.business_id,
        world.at(12),
        world.at(14),
    )
    after = await tags()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False, True]


@pytest.mark.parametrize("change", [{"name": "Other"}, {"colour": "teal"}, {"privacy": "initials"}])
async def test_c020_c021_a_change_of_the_feed_itself_is_news_by_tag_and_by_date(
    client: Client, world: World, change: dict[str, str]
) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    path = feed["paths"]["appointments"]
    await read(client, path)
    await let_age(world)
    first, _ = await read(client, path)
    response = await client.patch(f"/v1/businesses/{world.slug}/feeds/{feed['id']}", json=change, headers=world.auth)
    assert response.status == 200
    by_tag, _ = await read(client, path, **{"If-None-Match": first.headers["ETag"]})
    by_date, _ = await read(client, path, **{"If-Modified-Since": first.headers["Last-Modified"]})
    assert (by_tag.status, by_date.status) == (200, 200)


@pytest.mark.parametrize("table", ["businesses", "providers"])
async def test_c020_c021_a_new_name_is_news_even_where_nothing_is_booked(
    client: Client, world: World, table: str
) -> None:
    feed = await make(client, world)
    path = feed["paths"]["appointments"]
    await let_age(world)
    first, _ = await read(client, path)
    where = f"/v1/businesses/{world.slug}" + ("/providers/anna" if table == "providers" else "")
    assert (await client.patch(where, json={"name": "Other"}, headers=world.auth)).status == 200
    by_tag, _ = await read(client, path, **{"If-None-Match": first.headers["ETag"]})
    by_date, text = await read(client, path, **{"If-Modified-Since": first.headers["Last-Modified"]})
    assert (by_tag.status, by_date.status) == (200, 200)
    assert "Other" in text


async def test_c020_a_date_that_another_change_could_share_is_not_given_away(client: Client, world: World) -> None:
    """Until it cannot any more: who asked in between then hears of what they missed."""
    feed = await make(client, world)
    path = feed["paths"]["appointments"]
    await world.book(world.at(10))
    fresh, _ = await read(client, path)
    (row,) = await world.sql(
        "SELECT max(changed_at) AS changed_at FROM feed_versions WHERE business_id = $1", world.business_id
    )
    second = row["changed_at"].replace(microsecond=0)
    assert parsedate_to_datetime(fresh.headers["Last-Modified"]) == second - timedelta(seconds=1)

    await let_age(world)
    (row,) = await world.sql(
        "UPDATE feed_versions SET changed_at = now() - interval '11 seconds'"
        " WHERE business_id = $1 AND scope = 'provider' RETURNING changed_at",
        world.business_id,
    )
    settled, _ = await read(client, path)
    assert parsedate_to_datetime(settled.headers["Last-Modified"]) == row["changed_at"].replace(microsecond=0)


@pytest.mark.parametrize(
    "since",
    [
        "",
        "0",
        "Sat, 99 Nov 2026 99:99:99 GMT",
        "Sat, 21 Nov 2026 10:00:00 +999999",
        "Sun, 06 Nov 99999999 08:49:37 GMT",
    ],
)
async def test_c020_a_malformed_date_is_no_date(client: Client, world: World, since: str) -> None:
    feed = await make(client, world)
    response, _ = await read(client, feed["paths"]["appointments"], **{"If-Modified-Since": since})
    assert response.status == 200


async def test_c020_a_later_date_of_any_old_form_counts_by_value(client: Client, world: World) -> None:
    feed = await make(client, world)
    later = datetime.now(UTC) + timedelta(days=1)
    for since in (format_datetime(later, usegmt=True), later.strftime("%A, %d-%b-%y %H:%M:%S GMT")):
        response, _ = await read(client, feed["paths"]["appointments"], **{"If-Modified-Since": since})
        assert response.status == 304, since


async def test_c019_tags_come_in_lists_weak_ones_and_stars(client: Client, world: World) -> None:
    feed = await make(client, world)
    path = feed["paths"]["appointments"]
    tag = (await read(client, path))[0].headers["ETag"]
    for known in (f"W/{tag}", f'"other", {tag}', "*"):
        assert (await read(client, path, **{"If-None-Match": known}))[0].status == 304, known
    assert (await read(client, path, **{"If-None-Match": tag.strip('"')}))[0].status == 200


async def test_c012_c021_the_window_rolls_at_midnight_and_only_then(client: Client, world: World) -> None:
    feed = await make(client, world)
    async with world.core.database.reading() as session:
        found = await find_feed(session, token_hash(token_of(feed["paths"]["appointments"])))
    assert found is not None
    midnight = datetime(2031, 5, 1, tzinfo=UTC)
    tags, dates = [], []
    for now in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=23, minutes=59)):
        opened = Opened.of(replace(found, now=now), FeedSettings(), View.APPOINTMENTS)
        tags.append(opened.tag)
        dates.append(opened.changed_at)
    assert tags[0] != tags[1] == tags[2]
    assert dates == [midnight - timedelta(days=1), midnight, midnight]


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False), ("gzip", True), ("GZIP", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False),
        ("gzip; q=0.000", False), ("*", True), ("*;q=0", False), ("gzip;q=0, *", False), ("identity, br", False),
        ("x-gzip", True), ("gzipped", False), (";;,,q=", False),
    ],
)  # fmt: skip
def test_c023_gzip_is_sent_to_whoever_takes_it(header: str, takes: bool) -> None:
    assert accepts_gzip(header) is takes


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_c022_other_methods_hear_which_there_are(client: Client, world: World, method: str) -> None:
    feed = await make(client, world)
    response = await client.request(method, feed["paths"]["appointments"])
    assert response.status == 405
    assert set(response.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}


async def test_c022_head_says_how_long_it_would_be(client: Client, world: World) -> None:
    feed = await make(client, world)
    for name in ("appointments", "ifb"):
        response, text = await read(client, feed["paths"][name])
        head = await client.head(feed["paths"][name], headers={"Accept-Encoding": "identity"})
        assert head.headers["Content-Length"] == response.headers["Content-Length"] == str(len(text.encode()))


async def test_c025_who_has_no_address_hears_the_same_whatever_is_wrong_with_it(client: Client, world: World) -> None:
    feed, other = await make(client, world), await make(client, world, provider=None)
    rotated, revoked = feed["paths"]["appointments"], other["paths"]["appointments"]
    management = f"/v1/businesses/{world.slug}/feeds"
    await client.post(f"{management}/{feed['id']}/rotate", headers=world.auth)
    await client.delete(f"{management}/{other['id']}", headers=world.auth)

    async def said(path: str) -> tuple[int, str, str, bool]:
        response, text = await read(client, path, Cookie="a=b")
        return response.status, response.headers["Content-Type"], text, "Set-Cookie" in response.headers

    unknown = {await said(f"/feeds/{token}/appointments.ics") for token in ("A" * 32, "x", "%20", "B" * 32)}
    over = {await said(path) for path in (rotated, revoked)}
    assert [answer[0] for answer in unknown] == [404]
    assert [answer[0] for answer in over] == [410]
    assert all(answer[1] == "text/plain; charset=utf-8" and not answer[3] for answer in unknown | over)


async def test_c025_of_feeds_without_hours_there_is_no_availability(client: Client, world: World) -> None:
    feed = await make(client, world, provider=None)
    assert "availability" not in feed["paths"]
    path = feed["paths"]["appointments"].replace("appointments", "availability")
    assert (await read(client, path))[0].status == 404


def test_c029_links_for_google_are_short_enough_for_the_longest_host() -> None:
    host = "https://" + "h" * 96 + ".com"
    urls = addresses(host, "t" * 32, name="A name", has_hours=True)
    assert len(urls.google) <= 256
    assert urls.webcal.startswith("webcal://hhh")


async def test_feeds_of_a_customer_say_when_they_are_busy_and_no_more(client: Client, world: World) -> None:
    booked = await world.book(world.at(10), email="robin@example.org")
    await world.book(world.at(12), email="other@example.org")
    token = await feed_of_customer(client, world, booked)
    for name in ("freebusy.ics", "freebusy.ifb"):
        response, text = await read(client, f"/feeds/{token}/{name}")
        assert response.status == 200
        assert text.count(f"{world.at(10):%Y%m%dT%H%M%SZ}") == 1
        assert f"{world.at(12):%Y%m%dT%H%M%SZ}" not in text
        assert "/manage/" not in text


async def test_many_readers_of_one_change_see_one_change(client: Client, world: World) -> None:
    """Each of them finds the text out of date; one renders it, and the tag moves once."""
    feed = await make(client, world)
    for hour in (9, 11, 13):
        await world.book(world.at(hour))
    answers = await asyncio.gather(*(read(client, feed["paths"]["appointments"]) for _ in range(12)))
    assert len({text for _, text in answers}) == 1
    assert len({response.headers["ETag"] for response, _ in answers}) == 1
    assert len(events_of(answers[0][1])) == 3


async def test_an_appointment_whose_fact_is_long_forgotten_is_in_the_feed(client: Client, world: World) -> None:
    """Booked before there were feeds, or changed by a statement that tells nobody."""
    feed = await make(client, world)
    await world.book(world.at(10))
    await world.sql("DELETE FROM outbox WHERE business_id = $1", world.business_id)
    _, text = await read(client, feed["paths"]["appointments"])
    assert len(events_of(text)) == 1


async def test_a_rename_reaches_appointments_that_have_no_text_yet(client: Client, world: World) -> None:
    feed = await make(client, world)
    await world.book(world.at(10))
    await world.sql("UPDATE services SET name = 'Trim' WHERE business_id = $1", world.business_id)
    while await dispatch(world.core):
        pass
    (kept,) = await world.sql("SELECT full_text FROM appointment_texts WHERE business_id = $1", world.business_id)
    _, text = await read(client, feed["paths"]["appointments"])
    assert kept["full_text"] in text
    assert "Trim" in kept["full_text"]


async def test_published_hours_are_those_of_the_slot_engine(client: Client, world: World) -> None:
    """Weekly windows that begin and end, exceptions of both kinds, holidays, and a night that ends the day after."""
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=n) for n in range(60)]
    await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE locations SET holiday_country = 'DE' WHERE business_id = $1", world.business_id)
    weekly = [
        *(WeeklyWindow(weekday, 540, 720) for weekday in range(7)),
        WeeklyWindow(2, 840, 1020, None, days[20]),
        WeeklyWindow(4, 1320, 1560, days[10], None),
    ]
    exceptions = [DateException(days[5], ()), DateException(days[9], ((600, 660), (700, 800)))]
    of_provider = "SELECT p.business_id, p.id, l.id, {} FROM providers p JOIN locations l USING (business_id)"
    for window in weekly:
        await world.sql(
            "INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min, valid_from,"
            f" valid_until) {of_provider.format('$2::int, $3::int, $4::int, $5::date, $6::date')}"
            " WHERE business_id = $1",
            world.business_id, window.weekday, window.start_min, window.end_min, window.valid_from, window.valid_until,
        )  # fmt: skip
    for exception in exceptions:
        ranges = ",".join(f"[{start},{end})" for start, end in exception.windows)
        await world.sql(
            "INSERT INTO exceptions (business_id, provider_id, location_id, day, windows)"
            f" {of_provider.format('$2::date, $3::text::int4multirange')} WHERE business_id = $1",
            world.business_id, exception.day, f"{{{ranges}}}",
        )  # fmt: skip
    feed = await make(client, world)
    _, text = await read(client, feed["paths"]["availability"])
    (component,) = icalendar.Calendar.from_ical(text).walk("VAVAILABILITY")

    published = sorted(span for part in component.walk("AVAILABLE") for span in _expanded(part, days[-3]))
    sheet = open_sheet(
        world.zone,
        (int(datetime.combine(days[0], datetime.min.time(), world.zone).timestamp()),
         int(datetime.combine(days[-2], datetime.min.time(), world.zone).timestamp())),
        weekly=weekly, exceptions=exceptions,
        holidays=public_holidays("DE", None, days[0].year, days[-1].year),
    )  # fmt: skip
    first = datetime.combine(days[0], datetime.min.time(), world.zone).timestamp()
    last = datetime.combine(days[-3], datetime.min.time(), world.zone).timestamp()
    yesterday = [span for span in published if span[0] < first]  # today still is, west of UTC
    assert all(first - 86_400 <= start for start, _ in yesterday)
    assert published[len(yesterday) :] == [(start, end) for start, end in sheet.open if first <= start < last]


def _expanded(part: Any, until: date) -> list[tuple[int, int]]:
    """The spans of an AVAILABLE, as a client that knows RRULE and EXDATE has them."""
    start, end = part["DTSTART"].dt, part["DTEND"].dt
    starts = [start]
    if "RRULE" in part:
        rule = rrulestr(part["RRULE"].to_ical().decode(), dtstart=start)
        found = part.get("EXDATE", [])
        lists = found if isinstance(found, list) else [found]
        without = {moment.dt for dates in lists for moment in dates.dts}
        starts = [moment for moment in rule if moment not in without]
    length = end.replace(tzinfo=None) - start.replace(tzinfo=None)
    return [(int(moment.timestamp()), int((moment + length).timestamp())) for moment in starts if moment.date() < until]


async def test_of_a_class_everybody_who_comes_is_in_the_text_and_who_left_is_not(client: Client, world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=3)
    feed = await make(client, world)
    await world.book(world.at(10), service="yoga", email="robin@example.org")
    leaver = await world.book(world.at(10), service="yoga", email="lee@example.org")
    _, both = await read(client, feed["paths"]["appointments"])
    await cancel(world.core, await target_of_token(world.core, leaver.manage_token), no_key())
    _, one = await read(client, feed["paths"]["appointments"])
    (before,), (after,) = events_of(both), events_of(one)
    assert str(before["SUMMARY"]) == "Yoga (2/3)"
    assert str(after["SUMMARY"]) == "Yoga (1/3)"
    assert "lee@example.org" in str(before["DESCRIPTION"])
    assert "lee@example.org" not in str(after["DESCRIPTION"])
    assert "robin@example.org" in str(after["DESCRIPTION"])
    assert (str(before["UID"]), str(after["STATUS"])) == (str(after["UID"]), "CONFIRMED")
    assert [str(category) for category in after["CATEGORIES"].cats] == ["Yoga"]


async def test_what_a_calendar_app_adds_to_the_address_is_passed_over(client: Client, world: World) -> None:
    path = (await make(client, world))["paths"]["appointments"]
    _, plain = await read(client, path)
    _, with_query = await read(client, f"{path}?nocache=1795275849&x=")

    assert plain == with_query
