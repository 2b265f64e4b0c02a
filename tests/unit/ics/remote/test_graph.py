"""An account at Microsoft Graph, against a service that answers and refuses as the real one does."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest

from ics.event import Status
from ics.read.busy_spans import BusyRules, busy_of
from ics.read.own_view import view_of
from ics.remote.errors import (
    Changed,
    Forbidden,
    Missing,
    Nonsense,
    RemoteError,
    SignInNeeded,
    TokenGone,
    TryLater,
    Unanswered,
)
from ics.remote.graph import GraphAccount
from ics.remote.graph_client import GraphClient
from ics.remote.graph_subscriptions import LIFETIME, renew, subscribe, unsubscribe
from ics.remote.graph_words import UID_PROPERTY
from ics.remote.http import Exchange, Reply
from ics.remote.notice import Subscription
from ics.remote.protocol import Account, Page, RemoteObject, Watched
from ics.sync.edits import fields_to_write, texts_of
from tests.peers.exchange import HttpExchange, inner_exchange
from tests.peers.graph import NOW, Asked, Graph, Refused
from tests.unit.ics.examples import BERLIN, appointment, parsed

HERE = "http://graph.example"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WINDOW = (NOW - DAY, NOW + 90 * DAY)
MORNING = datetime(2026, 11, 24, 9, tzinfo=UTC)
ADDRESS = "https://bookable.example/inbound/graph"
ALL_FIELDS = frozenset({"times", "summary", "description", "location", "status"})


@pytest.fixture
def graph() -> Graph:
    return Graph(url=HERE)


@pytest.fixture
def work(graph: Graph) -> str:
    """A calendar."""
    return graph.mailbox.add_calendar("Calendar", hexColor="#0078D4", isDefaultCalendar=True)


@pytest.fixture
async def exchange(graph: Graph) -> AsyncIterator[HttpExchange]:
    async with inner_exchange(graph.routes()) as inner:
        yield inner


@pytest.fixture
def account(graph: Graph, exchange: HttpExchange) -> GraphAccount:
    return GraphAccount(exchange, graph.base_url, graph.authorization)


async def listing(account: Account, calendar: str, since: str | None = None) -> list[Page]:
    """All pages until there are no more."""
    pages = [await account.changes(calendar, since, WINDOW)]
    while pages[-1].more:
        pages.append(await account.changes(calendar, pages[-1].token, WINDOW))
    return pages


def changed(pages: list[Page]) -> dict[str, RemoteObject]:
    return {each.href: each for page in pages for each in page.changed}


def gone(pages: list[Page]) -> list[str]:
    return [href for page in pages for href in page.gone]


def events(found: RemoteObject) -> list[icalendar.Event]:
    assert found.data is not None
    return list(parsed(found.data.encode()).walk("VEVENT"))


def starts(found: RemoteObject) -> list[datetime]:
    return [each["DTSTART"].dt for each in events(found)]


def requests(graph: Graph, method: str = "") -> list[Asked]:
    return [each for each in graph.asked if each.method == method or not method]


def failing(status: int, code: str, *, method: str = "", headers: dict[str, str] | None = None):
    """Refuses every request, or those of *method*."""

    def fail(asked: Asked) -> Refused | None:
        return Refused(status, code, headers) if method in {"", asked.method} else None

    return fail


class TestCalendars:
    """Finding them."""

    async def test_all_calendars_are_listed_over_as_many_pages_as_there_are(self, account: GraphAccount, graph: Graph):
        hrefs = [graph.mailbox.add_calendar(f"Calendar {number}") for number in range(230)]

        found = await account.calendars()

        assert [each.href for each in found] == hrefs
        assert graph.wrong == []

    async def test_a_calendar_says_its_colour_and_whether_it_can_be_written(self, account: GraphAccount, graph: Graph):
        graph.mailbox.add_calendar("Calendar", hexColor="#0078D4")
        graph.mailbox.add_calendar("Holidays", canEdit=False, hexColor="")

        own, holidays = await account.calendars()

        assert (own.name, own.colour, own.writable) == ("Calendar", "#0078D4", True)
        assert (holidays.colour, holidays.writable) == (None, False)

    async def test_a_list_that_leads_elsewhere_is_not_followed(self, account: GraphAccount, graph: Graph):
        for number in range(120):
            graph.mailbox.add_calendar(f"Calendar {number}")
        graph.leads_to = "http://evil.example"

        with pytest.raises(Nonsense):
            await account.calendars()

        assert len(graph.asked) == 1


class TestListing:
    """What has changed."""

    async def test_c082_everything_is_listed_and_then_only_what_has_changed(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        mailbox = graph.mailbox
        kept, moved, dropped = (mailbox.add(work, each, MORNING, MORNING + HOUR) for each in ("a", "b", "c"))

        (first,) = await listing(account, work)
        mailbox.move(moved, MORNING + DAY, MORNING + DAY + HOUR)
        mailbox.delete(dropped)
        new = mailbox.add(work, "d", MORNING, MORNING + HOUR)
        (second,) = await listing(account, work, first.token)
        (third,) = await listing(account, work, second.token)

        assert {each.href for each in first.changed} == {kept, moved, dropped}
        assert (first.complete, first.more, second.complete) == (True, False, False)
        assert {each.href for each in second.changed} == {moved, new}
        assert list(second.gone) == [dropped]
        assert starts(changed([second])[moved]) == [MORNING + DAY]
        assert (list(third.changed), list(third.gone)) == ([], [])
        assert graph.wrong == []

    async def test_c053_a_long_list_comes_in_pages_each_of_which_can_be_taken_up_again(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        hrefs = {graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR) for number in range(250)}
        first = await account.changes(work, None, WINDOW)
        assert first.more

        once = await listing(account, work, first.token)
        again = await listing(account, work, first.token)

        assert changed([first, *once]).keys() == changed([first, *again]).keys() == hrefs
        assert [page.complete for page in once] == [True, True]
        assert once[-1].token is not None

    async def test_what_changes_during_a_long_listing_is_in_the_next(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        hrefs = [graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR) for number in range(150)]
        first = await account.changes(work, None, WINDOW)
        graph.mailbox.delete(hrefs[0])

        rest = await listing(account, work, first.token)
        (then,) = await listing(account, work, rest[-1].token)

        assert list(then.gone) == [hrefs[0]]

    async def test_calendars_do_not_mix(self, account: GraphAccount, graph: Graph, work: str):
        private = graph.mailbox.add_calendar("Private")
        graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        mine = graph.mailbox.add(private, "b", MORNING, MORNING + HOUR)

        assert changed(await listing(account, private)).keys() == {mine}

    @pytest.mark.parametrize(
        "lost", [(410, "syncStateNotFound"), (400, "SyncStateNotFound"), (410, "resyncRequired"), (410, "")]
    )
    async def test_c052_a_token_that_is_not_known_any_more_is_gone(
        self, account: GraphAccount, graph: Graph, work: str, lost: tuple[int, str]
    ):
        (page,) = await listing(account, work)
        graph.forget_tokens()
        graph.lost_tokens = lost

        with pytest.raises(TokenGone):
            await account.changes(work, page.token, WINDOW)

    @pytest.mark.parametrize(
        "token", ["", "x", "first a b c", "first 20261101T000000Z 20270101T000000Z ", "sync:1 2 3 4"]
    )
    async def test_c052_a_token_that_is_none_is_gone(self, account: GraphAccount, work: str, token: str):
        with pytest.raises(TokenGone):
            await account.changes(work, token, WINDOW)

    async def test_c052_a_token_of_another_place_is_not_used_there(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        (page,) = await listing(account, work)
        assert page.token is not None
        asked = len(graph.asked)

        with pytest.raises(TokenGone):
            await account.changes(work, page.token.replace(HERE, "http://evil.example"), WINDOW)

        assert len(graph.asked) == asked

    @pytest.mark.parametrize(
        ("days_at_begin", "days_at_end", "covered"),
        [(0, 0, True), (10, 10, True), (29, 29, True), (0, 31, False), (-2, 0, False), (5, -20, True)],
    )
    async def test_a_window_that_is_not_what_the_token_is_about_is_listed_anew(
        self, account: GraphAccount, work: str, days_at_begin: int, days_at_end: int, covered: bool
    ):
        (page,) = await listing(account, work)
        later = (WINDOW[0] + days_at_begin * DAY, WINDOW[1] + days_at_end * DAY)

        if covered:
            assert not (await account.changes(work, page.token, later)).complete
        else:
            with pytest.raises(TokenGone):
                await account.changes(work, page.token, later)

    async def test_a_window_that_moves_a_little_hides_nothing(self, account: GraphAccount, graph: Graph, work: str):
        beyond = WINDOW[1] + 20 * DAY
        href = graph.mailbox.add(work, "beyond", beyond, beyond + HOUR)

        assert href in changed(await listing(account, work))

    async def test_what_leaves_the_window_is_named_as_gone_and_is_not(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        href = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        (page,) = await listing(account, work)
        graph.mailbox.move(href, MORNING + 900 * DAY, MORNING + 900 * DAY + HOUR)

        (page,) = await listing(account, work, page.token)

        assert list(page.gone) == [href]
        assert not await account.is_gone(work, href)
        (found,) = await account.read(work, [href])
        assert starts(found) == [MORNING + 900 * DAY]

    async def test_f61_a_calendar_that_is_gone_is_missing(self, account: GraphAccount, graph: Graph, work: str):
        (page,) = await listing(account, work)
        graph.mailbox.remove_calendar(work)

        with pytest.raises(Missing):
            await account.changes(work, page.token, WINDOW)

    async def test_the_last_mention_of_an_event_counts(self, account: GraphAccount, graph: Graph, work: str):
        path = f"/me/calendars/{work}/calendarView/delta"
        times = {name: {"dateTime": "2026-11-24T09:00:00", "timeZone": "UTC"} for name in ("start", "end")}
        item = {"id": "x", "subject": "s", **times}
        items = [{**item, "subject": "old"}, {"id": "y", "@removed": {"reason": "deleted"}}, item, {**item, "id": "y"}]
        graph.answers[path] = _json({"value": items, "@odata.deltaLink": f"{HERE}/v1.0/me/x?$deltatoken=1"})

        (page,) = await listing(account, work)

        assert [each["SUMMARY"] for each in events(changed([page])["x"])] == ["s"]
        assert (changed([page]).keys(), list(page.gone)) == ({"x", "y"}, [])

    @pytest.mark.parametrize(
        "answer",
        [
            b"<html>log in</html>",
            b"",
            b"[]",
            b"null",
            b"[" * 100_000,
            b'{"value": []}',
            b'{"value": {}, "@odata.deltaLink": "http://graph.example/v1.0/x"}',
            b'{"value": [7], "@odata.deltaLink": "http://graph.example/v1.0/x"}',
            b'{"value": [{}], "@odata.deltaLink": "http://graph.example/v1.0/x"}',
            b'{"value": [{"id": ""}], "@odata.deltaLink": "http://graph.example/v1.0/x"}',
            b'{"value": [], "@odata.deltaLink": "http://evil.example/v1.0/x"}',
            b'{"value": [], "@odata.nextLink": "https://graph.example/v1.0/x"}',
            b'{"value": [], "@odata.nextLink": "//graph.example/v1.0/x"}',
            b'{"value": [], "@odata.nextLink": "http://graph.example@evil.example/v1.0/x"}',
            b'{"value": [], "@odata.deltaLink": "http://graph.example/v1.0/x y"}',
            b'{"value": [], "@odata.deltaLink": 7}',
        ],
    )
    async def test_c067_what_is_no_list_changes_nothing(
        self, account: GraphAccount, graph: Graph, work: str, answer: bytes
    ):
        graph.answers[f"/me/calendars/{work}/calendarView/delta"] = answer

        with pytest.raises(Nonsense):
            await account.changes(work, None, WINDOW)

    async def test_c067_a_list_that_leads_to_itself_ends(self, account: GraphAccount, graph: Graph, work: str):
        path = f"/me/calendars/{work}/calendarView/delta"
        graph.answers[path] = _json({"value": [], "@odata.nextLink": f"{HERE}/v1.0{path}?$skiptoken=1"})
        first = await account.changes(work, None, WINDOW)

        with pytest.raises(Nonsense):
            await account.changes(work, first.token, WINDOW)

    async def test_c067_one_event_that_makes_no_sense_does_not_hide_the_others(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        strange = graph.mailbox.add(work, "strange", MORNING, MORNING + HOUR, showAs=7, sensitivity=None, iCalUId=None)
        usual = graph.mailbox.add(work, "usual", MORNING, MORNING + HOUR)

        found = changed(await listing(account, work))

        assert found.keys() == {strange, usual}
        assert events(found[strange])[0]["TRANSP"] == "OPAQUE"


class TestSeries:
    """What comes more than once."""

    def add(self, graph: Graph, work: str, **properties: Any) -> str:
        return graph.mailbox.add_series(work, "Yoga", MORNING, MORNING + HOUR, every=7 * DAY, count=5, **properties)

    async def test_c068_a_series_is_its_occurrences(self, account: GraphAccount, graph: Graph, work: str):
        master = self.add(graph, work, showAs="oof", sensitivity="private")

        (found,) = changed(await listing(account, work)).values()

        assert found.href == master
        assert starts(found) == [MORNING + week * 7 * DAY for week in range(5)]
        assert {each["X-MICROSOFT-CDO-BUSYSTATUS"] for each in events(found)} == {"OOF"}
        assert {each["CLASS"] for each in events(found)} == {"PRIVATE"}
        assert len({each["UID"] for each in events(found)}) == 1
        assert [each["RECURRENCE-ID"].dt for each in events(found)] == starts(found)
        assert graph.wrong == []

    async def test_c068_an_occurrence_that_was_deleted_is_not_busy_any_more(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = self.add(graph, work)
        (page,) = await listing(account, work)
        graph.mailbox.delete_occurrence(master, 2)

        pages = await listing(account, work, page.token)

        assert starts(changed(pages)[master]) == [MORNING + week * 7 * DAY for week in (0, 1, 3, 4)]
        assert gone(pages) == []

    async def test_c068_an_occurrence_that_was_moved_is_busy_where_it_is(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = self.add(graph, work)
        before = changed(await listing(account, work))[master]
        graph.mailbox.move_occurrence(master, 1, MORNING + 8 * DAY, MORNING + 8 * DAY + HOUR)

        after = changed(await listing(account, work))[master]

        assert starts(after) == [MORNING, MORNING + 8 * DAY, *(MORNING + week * 7 * DAY for week in (2, 3, 4))]
        named = [[each["RECURRENCE-ID"].dt for each in events(one)] for one in (before, after)]
        assert named[0] == named[1]
        assert after.etag != before.etag

    async def test_c068_only_the_occurrences_that_are_busy_block_time(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = self.add(graph, work)
        graph.mailbox.move_occurrence(master, 1, MORNING + 8 * DAY, MORNING + 8 * DAY + HOUR)
        graph.mailbox.delete_occurrence(master, 3)
        found = changed(await listing(account, work))[master]

        window = (int(WINDOW[0].timestamp()), int(WINDOW[1].timestamp()))
        busy = busy_of(found.data or "", window=window, zone=BERLIN, rules=BusyRules())

        assert [datetime.fromtimestamp(start, UTC) for start, _, _ in busy.spans] == [
            MORNING + days * DAY for days in (0, 8, 14, 28)
        ]
        assert [key for _, _, key in busy.spans][1] == f"{MORNING + 7 * DAY:%Y%m%dT%H%M%SZ}"
        assert busy.problems == []

    async def test_c068_a_series_that_is_torn_over_pages_is_whole(self, account: GraphAccount, graph: Graph, work: str):
        for number in range(97):
            graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR)
        master = self.add(graph, work)

        pages = await listing(account, work)

        assert len(pages) == 2
        assert [len(starts(changed([page])[master])) for page in pages] == [5, 5]

    async def test_a_series_with_more_occurrences_than_a_page_has_is_whole(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = graph.mailbox.add_series(
            work, "Pulse", NOW, NOW + timedelta(minutes=5), every=timedelta(minutes=30), count=520
        )

        pages = await listing(account, work)

        assert len(starts(changed(pages)[master])) == 520

    async def test_a_series_that_was_deleted_is_gone(self, account: GraphAccount, graph: Graph, work: str):
        master = self.add(graph, work)
        (page,) = await listing(account, work)
        graph.mailbox.delete(master)

        pages = await listing(account, work, page.token)

        assert (gone(pages), changed(pages)) == ([master], {})

    async def test_the_same_series_in_another_window_is_another_object(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        self.add(graph, work)
        (now,) = (await account.changes(work, None, WINDOW)).changed

        (later,) = (await account.changes(work, None, (WINDOW[0] + 40 * DAY, WINDOW[1] + 40 * DAY))).changed

        assert now.href == later.href
        assert now.etag != later.etag
        assert len(starts(now)) > len(starts(later))

    async def test_a_series_is_read_as_far_as_it_was_listed_and_never_without_a_window(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = self.add(graph, work)
        single = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        before = await account.read(work, [master, single])

        listed = changed(await listing(account, work))
        after = await account.read(work, [master, single])

        assert [each.href for each in before] == [single]
        assert {each.href: each for each in after} == listed

    async def test_many_series_cost_a_few_requests(self, account: GraphAccount, graph: Graph, work: str):
        masters = {self.add(graph, work) for _ in range(15)}

        pages = await listing(account, work)

        assert changed(pages).keys() == masters
        assert len([each for each in graph.asked if each.path == "/$batch"]) == 2

    async def test_a_series_that_vanishes_while_it_is_listed_is_gone(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        master = self.add(graph, work)

        def fail(asked: Asked) -> Refused | None:
            return Refused(404, "ErrorItemNotFound") if "/events/" in asked.path else None

        graph.fail = fail

        pages = await listing(account, work)

        assert (gone(pages), changed(pages)) == ([master], {})

    async def test_c067_a_series_that_may_not_be_read_is_not_thereby_gone(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        self.add(graph, work)

        def fail(asked: Asked) -> Refused | None:
            return Refused(403, "ErrorAccessDenied") if "/events/" in asked.path else None

        graph.fail = fail

        with pytest.raises(Forbidden):
            await account.changes(work, None, WINDOW)

    async def test_c067_a_series_that_cannot_be_told_now_stops_the_page_and_deletes_nothing(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        self.add(graph, work)

        def fail(asked: Asked) -> Refused | None:
            return Refused(429, "ApplicationThrottled", {"Retry-After": "9"}) if "/instances" in asked.path else None

        graph.fail = fail

        with pytest.raises(TryLater) as caught:
            await account.changes(work, None, WINDOW)

        assert caught.value.retry_after_s == 9


class TestOurs:
    """What we have written ourselves."""

    async def test_c062_what_we_made_is_listed_under_our_uid(self, account: GraphAccount, graph: Graph, work: str):
        made = await account.create(work, appointment())
        graph.mailbox.add(work, "somebody else's", MORNING, MORNING + HOUR, transactionId="localevent:1")
        graph.mailbox.add(work, "another app's", MORNING, MORNING + HOUR, transactionId="c0ffee")

        found = changed(await listing(account, work))

        assert [each["UID"] for each in events(found[made.href])] == [appointment().uid]
        assert sum(each["UID"] == appointment().uid for one in found.values() for each in events(one)) == 1
        assert graph.wrong == []

    async def test_c062_only_what_may_be_ours_is_asked_for_once_more(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        for number in range(50):
            graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR, transactionId=f"localevent:{number}")

        await listing(account, work)

        assert len(graph.asked) == 1

    async def test_c060_what_comes_back_is_what_was_written(self, account: GraphAccount, work: str):
        made = await account.create(work, appointment())

        (read,) = await account.read(work, [made.href])
        listed = changed(await listing(account, work))[made.href]

        assert made == read == listed

    async def test_what_we_made_can_be_made_a_series_by_its_owner(self, account: GraphAccount, graph: Graph, work: str):
        made = await account.create(work, appointment())
        graph.mailbox.repeat(made.href, every=7 * DAY, count=3)

        found = changed(await listing(account, work))[made.href]

        assert len(starts(found)) == 3
        assert {each["UID"] for each in events(found)} == {appointment().uid}
        assert view_of(found.data or "", zone=UTC).recurring

    async def test_c063_what_was_made_a_series_can_be_put_back(self, account: GraphAccount, graph: Graph, work: str):
        made = await account.create(work, appointment())
        graph.mailbox.repeat(made.href, every=7 * DAY, count=3)
        known = changed(await listing(account, work))[made.href]

        after = await account.change(work, known, appointment(), frozenset({"times"}))

        assert starts(after) == [appointment().start]
        assert not view_of(after.data or "", zone=UTC).recurring
        assert graph.mailbox.events[made.href].every is None

    async def test_c083_whether_our_texts_are_still_ours_can_be_told(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        event = appointment(description="Bring the photo.\nRing twice; wait.")
        made = await account.create(work, event)
        (untouched,) = await account.read(work, [made.href])
        graph.mailbox.edit(made.href, location={"displayName": "At home"})
        edited = changed(await listing(account, work))[made.href]

        written = texts_of(event)
        later = replace(event, description="Come early.", location="Elsewhere")
        assert fields_to_write(event, written, view_of(untouched.data or "", zone=UTC)) == frozenset()
        assert fields_to_write(later, written, view_of(edited.data or "", zone=UTC)) == {"description"}

    async def test_of_what_is_not_ours_neither_notes_nor_place_are_taken(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        href = graph.mailbox.add(
            work, "a", MORNING, MORNING + HOUR, transactionId="another app", location={"displayName": "At home"}
        )

        listed = changed(await listing(account, work))[href]
        (read,) = await account.read(work, [href])

        assert listed == read
        assert not {"DESCRIPTION", "LOCATION"} & events(read)[0].keys()


class TestReading:
    """Events by name."""

    async def test_c054_many_are_read_in_batches(self, account: GraphAccount, graph: Graph, work: str):
        hrefs = [graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR) for number in range(45)]

        found = await account.read(work, [*hrefs, hrefs[0]])

        assert [each.href for each in found] == hrefs
        assert len([each for each in graph.asked if each.path == "/$batch"]) == 3
        assert graph.wrong == []

    async def test_nothing_is_asked_for_nothing(self, account: GraphAccount, graph: Graph, work: str):
        assert await account.read(work, []) == []
        assert graph.asked == []

    async def test_c055_what_is_missing_is_left_out(self, account: GraphAccount, graph: Graph, work: str):
        href = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)

        assert [each.href for each in await account.read(work, ["no-such-event", href])] == [href]

    @pytest.mark.parametrize(("status", "code"), [(403, "ErrorAccessDenied"), (400, "ErrorInvalidIdMalformed")])
    async def test_c067_one_that_may_not_be_read_does_not_hide_the_others(
        self, account: GraphAccount, graph: Graph, work: str, status: int, code: str
    ):
        hrefs = [
            graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR, transactionId=f"{number}")
            for number in range(3)
        ]

        def fail(asked: Asked) -> Refused | None:
            return Refused(status, code) if asked.path.endswith(hrefs[1].replace("=", "%3D")) else None

        graph.fail = fail

        assert [each.href for each in await account.read(work, hrefs)] == [hrefs[0], hrefs[2]]
        assert changed(await listing(account, work)).keys() == set(hrefs)

    @pytest.mark.parametrize(
        "responses",
        [
            [],
            [{"id": "0", "status": "200", "body": {}}],
            [{"id": "7", "status": 200, "body": {"id": "x"}}],
            [7],
            {"0": {}},
            None,
        ],
    )
    async def test_c067_a_batch_that_answers_half_is_no_answer(
        self, graph: Graph, exchange: HttpExchange, work: str, responses: object
    ):
        account = GraphAccount(_Instead(exchange, {"/$batch": {"responses": responses}}), graph.base_url, "Bearer t")

        with pytest.raises(Nonsense):
            await account.read(work, ["a"])


class TestWriting:
    """Making, changing, deleting."""

    async def test_c084_what_is_made_has_no_attendees(self, account: GraphAccount, graph: Graph, work: str):
        made = await account.create(work, appointment())

        stored = graph.mailbox.events[made.href]
        assert stored.item["attendees"] == []
        assert stored.properties == {UID_PROPERTY: appointment().uid}
        assert (stored.start, stored.end) == (appointment().start, appointment().end)
        assert graph.wrong == []

    async def test_c057_making_it_again_answers_the_first(self, account: GraphAccount, graph: Graph, work: str):
        first = await account.create(work, appointment())

        again = await account.create(work, appointment())

        assert again == first
        assert len(graph.mailbox.events) == 1

    async def test_f62_what_was_made_without_an_answer_is_found_by_making_it_again(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        graph.loses_answers = True
        with pytest.raises(Unanswered):
            await account.create(work, appointment())
        graph.loses_answers = False

        made = await account.create(work, appointment())

        assert graph.mailbox.events.keys() == {made.href}

    async def test_f62_a_conflict_about_what_was_made_is_settled_by_looking_for_it(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        event = appointment(uid="it's ours/1?&+%")
        first = await account.create(work, event)
        graph.mailbox.move(first.href, MORNING + DAY, MORNING + DAY + HOUR)
        graph.fail = failing(409, "ErrorDuplicateTransactionId", method="POST")

        again = await account.create(work, event)

        assert again.href == first.href
        assert starts(again) == [MORNING + DAY]
        assert graph.wrong == []

    async def test_c059_a_conflict_about_something_that_is_not_there_is_a_conflict(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        await account.create(work, appointment(uid=appointment().uid.upper()))
        graph.fail = failing(409, "ErrorDuplicateTransactionId", method="POST")

        with pytest.raises(Changed):
            await account.create(work, appointment())

    @pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"id": 7}'])
    async def test_f62_an_answer_to_a_creation_that_makes_no_sense_is_none(
        self, account: GraphAccount, graph: Graph, work: str, answer: bytes
    ):
        graph.answers[f"/me/calendars/{work}/events"] = answer

        with pytest.raises(Unanswered):
            await account.create(work, appointment())

    async def test_c083_a_change_leaves_what_it_does_not_name(self, account: GraphAccount, graph: Graph, work: str):
        made = await account.create(work, appointment())
        graph.mailbox.edit(made.href, subject="My own title", categories=["Red"])
        (known,) = await account.read(work, [made.href])
        later = replace(appointment(), start=MORNING + DAY, end=MORNING + DAY + HOUR)

        after = await account.change(work, known, later, frozenset({"times"}))

        stored = graph.mailbox.events[made.href]
        assert (stored.start, stored.item["subject"], stored.item["categories"]) == (
            MORNING + DAY,
            "My own title",
            ["Red"],
        )
        assert starts(after) == [MORNING + DAY]
        assert [each["UID"] for each in events(after)] == [appointment().uid]
        assert after.etag == stored.etag

    async def test_changes_can_follow_one_another(self, account: GraphAccount, graph: Graph, work: str):
        known = await account.create(work, appointment())

        for number in range(3):
            changed_event = replace(appointment(), summary=f"{number}", status=Status.TENTATIVE)
            known = await account.change(work, known, changed_event, ALL_FIELDS)

        assert graph.mailbox.events[known.href].item["subject"] == "2"
        assert graph.mailbox.events[known.href].item["showAs"] == "tentative"
        assert graph.wrong == []

    async def test_c056_what_has_changed_since_is_not_written_over(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        known = await account.create(work, appointment())
        graph.mailbox.move(known.href, MORNING + DAY, MORNING + DAY + HOUR)

        with pytest.raises(Changed):
            await account.change(work, known, appointment(), ALL_FIELDS)
        with pytest.raises(Changed):
            await account.delete(work, known)

        assert graph.mailbox.events[known.href].start == MORNING + DAY

    async def test_c056_every_write_has_a_condition(self, account: GraphAccount, graph: Graph, work: str):
        known = await account.create(work, appointment())
        known = await account.change(work, replace(known, etag=None), appointment(), ALL_FIELDS)
        await account.delete(work, known)

        conditions = [each.headers.get("if-match") for each in [*requests(graph, "PATCH"), *requests(graph, "DELETE")]]
        assert conditions == ["*", known.etag]

    async def test_c056_the_version_of_a_series_is_a_condition_too(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        made = await account.create(work, appointment())
        graph.mailbox.repeat(made.href, every=7 * DAY, count=3)
        known = changed(await listing(account, work))[made.href]

        after = await account.change(work, known, appointment(), frozenset({"summary"}))
        with pytest.raises(Changed):
            await account.delete(work, known)

        assert after == RemoteObject(href=made.href, etag=None, data=None)

    async def test_what_is_gone_cannot_be_changed(self, account: GraphAccount, graph: Graph, work: str):
        known = await account.create(work, appointment())
        graph.mailbox.delete(known.href)

        with pytest.raises(Missing):
            await account.change(work, known, appointment(), ALL_FIELDS)

    async def test_c064_deleting_is_done_once_and_may_be_repeated(self, account: GraphAccount, graph: Graph, work: str):
        known = await account.create(work, appointment())

        await account.delete(work, known)
        await account.delete(work, known)
        await account.delete(work, replace(known, href="never-there"))

        assert graph.mailbox.events == {}

    async def test_what_may_not_be_deleted_is_not_taken_for_deleted(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        known = await account.create(work, appointment())
        graph.fail = failing(403, "ErrorAccessDenied", method="DELETE")

        with pytest.raises(Forbidden):
            await account.delete(work, known)

    @pytest.mark.parametrize("status", [500, 502, 504])
    async def test_f62_trouble_during_a_write_does_not_say_whether_it_happened(
        self, account: GraphAccount, graph: Graph, work: str, status: int
    ):
        known = await account.create(work, appointment())
        graph.fail = failing(status, "InternalServerError")

        for call in (
            account.create(work, appointment()),
            account.change(work, known, appointment(), ALL_FIELDS),
            account.delete(work, known),
        ):
            with pytest.raises(Unanswered):
                await call

    async def test_f62_a_change_without_an_answer_says_so(self, account: GraphAccount, graph: Graph, work: str):
        known = await account.create(work, appointment())
        graph.loses_answers = True

        with pytest.raises(Unanswered):
            await account.change(work, known, appointment(), ALL_FIELDS)
        with pytest.raises(Unanswered):
            await account.delete(work, known)


class TestGone:
    """Whether an event is not there any more."""

    async def test_c064_an_event_is_gone_when_graph_says_so_of_itself(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        href = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        assert not await account.is_gone(work, href)

        graph.mailbox.delete(href)

        assert await account.is_gone(work, href)

    async def test_c066_of_a_calendar_that_is_gone_no_event_is(self, account: GraphAccount, graph: Graph, work: str):
        href = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        graph.mailbox.remove_calendar(work)

        with pytest.raises(Missing):
            await account.is_gone(work, href)

    @pytest.mark.parametrize(
        ("status", "code"),
        [(401, "InvalidAuthenticationToken"), (403, "ErrorAccessDenied"), (404, "MailboxNotEnabledForRESTAPI"),
         (404, ""), (429, "ApplicationThrottled"), (500, "x"), (503, "x"), (400, "ErrorInvalidIdMalformed")],
    )  # fmt: skip
    async def test_c067_no_other_refusal_means_that_it_is_gone(
        self, account: GraphAccount, graph: Graph, work: str, status: int, code: str
    ):
        graph.fail = failing(status, code)

        with pytest.raises(RemoteError):
            await account.is_gone(work, "an-event")

    @pytest.mark.parametrize("answer", [b"<html>log in</html>", b"", b"{}", b"[]"])
    async def test_c067_a_log_in_page_is_not_an_event(
        self, account: GraphAccount, graph: Graph, work: str, answer: bytes
    ):
        graph.answers[f"/me/calendars/{work}/events/an-event"] = answer

        with pytest.raises(Nonsense):
            await account.is_gone(work, "an-event")


class TestRefusals:
    """What each status means."""

    @pytest.mark.parametrize(
        ("status", "code", "headers", "expected"),
        [
            (401, "InvalidAuthenticationToken", {}, SignInNeeded),
            (403, "ErrorAccessDenied", {}, Forbidden),
            (403, "ApplicationThrottled", {}, TryLater),
            (403, "Whatever", {"Retry-After": "5"}, TryLater),
            (404, "ErrorItemNotFound", {}, Missing),
            (409, "Conflict", {}, Changed),
            (412, "ErrorIrresolvableConflict", {}, Changed),
            (410, "resyncRequired", {}, TokenGone),
            (429, "ApplicationThrottled", {"Retry-After": "5"}, TryLater),
            (500, "InternalServerError", {}, TryLater),
            (503, "ErrorServerBusy", {"Retry-After": "5"}, TryLater),
            (504, "Timeout", {}, TryLater),
            (400, "ErrorInvalidRequest", {}, Nonsense),
            (302, "", {}, Nonsense),
        ],
    )
    async def test_c075_a_refusal_is_named_by_what_to_do_about_it(
        self,
        account: GraphAccount,
        graph: Graph,
        work: str,
        *,
        status: int,
        code: str,
        headers: dict[str, str],
        expected: type[RemoteError],
    ):
        graph.fail = failing(status, code, headers=headers)

        with pytest.raises(expected) as caught:
            await account.changes(work, None, WINDOW)

        assert type(caught.value) is expected
        if isinstance(caught.value, TryLater):
            assert caught.value.retry_after_s == (5 if headers else None)

    async def test_f61_one_mailbox_that_is_throttled_is_no_trouble_of_the_service(
        self, account: GraphAccount, graph: Graph
    ):
        graph.fail = failing(429, "ApplicationThrottled", headers={"Retry-After": "5"})
        with pytest.raises(TryLater) as throttled:
            await account.calendars()

        graph.fail = failing(503, "ServiceUnavailable")
        with pytest.raises(TryLater) as down:
            await account.calendars()

        assert (throttled.value.peer_trouble, down.value.peer_trouble) == (False, True)

    @pytest.mark.parametrize("status", [401, 403, 404, 409, 412, 429, 500, 503])
    async def test_f67_no_refusal_repeats_a_secret(self, graph: Graph, exchange: HttpExchange, work: str, status: int):
        account = GraphAccount(exchange, graph.base_url, graph.authorization)
        graph.fail = failing(status, graph.token)

        with pytest.raises(RemoteError) as caught:
            await account.create(work, appointment())

        assert graph.token not in str(caught.value) + repr(caught.value) + repr(account)

    async def test_c082_no_more_than_four_requests_are_under_way_at_once(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        graph.delay_s = 0.005
        hrefs = [graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR) for number in range(30)]

        await asyncio.gather(
            *(account.is_gone(work, href) for href in hrefs),
            *(account.read(work, hrefs[:3]) for _ in range(3)),
        )

        assert graph.most_at_once == 4

    async def test_c082_a_batch_has_the_mailbox_to_itself(self, account: GraphAccount, graph: Graph, work: str):
        graph.delay_s = 0.005
        hrefs = [graph.mailbox.add(work, f"{number}", MORNING, MORNING + HOUR) for number in range(5)]

        await asyncio.gather(*(account.read(work, hrefs) for _ in range(4)))

        assert graph.most_at_once == 1

    async def test_a_batch_that_is_given_up_leaves_the_mailbox_to_others(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        graph.delay_s = 0.05
        href = graph.mailbox.add(work, "a", MORNING, MORNING + HOUR)
        for _ in range(3):
            slow = [asyncio.create_task(account.is_gone(work, href)) for _ in range(3)]
            waiting = asyncio.create_task(account.read(work, [href]))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(*slow)

        graph.most_at_once = 0
        await asyncio.gather(*(account.is_gone(work, href) for _ in range(8)))

        assert graph.most_at_once == 4


class TestNotices:
    """Being called when something changes."""

    @pytest.fixture
    def client(self, graph: Graph, exchange: HttpExchange) -> GraphClient:
        return GraphClient(exchange, graph.base_url, graph.authorization)

    async def make(self, client: GraphClient, work: str, url: str = ADDRESS) -> Subscription:
        return await subscribe(client, work, notification_url=url, client_state="proof", now=NOW)

    async def test_a_subscription_is_made_renewed_and_ended(self, client: GraphClient, graph: Graph, work: str):
        made = await self.make(client, work)
        graph.now += HOUR
        renewed = await renew(client, made, notification_url=ADDRESS, now=NOW + HOUR)
        notice = graph.notice(made.id)["value"][0]
        await unsubscribe(client, renewed)

        assert made.expires_at == NOW + LIFETIME
        assert renewed == replace(made, expires_at=NOW + HOUR + LIFETIME)
        assert (notice["subscriptionId"], notice["clientState"]) == (made.id, "proof")
        assert graph.subscriptions == {}
        assert graph.wrong == []

    async def test_the_address_is_tried_before_a_subscription_is_made(
        self, client: GraphClient, graph: Graph, work: str
    ):
        async def call(url: str, query: Mapping[str, str]) -> str:
            return query["validationToken"] if url.endswith("/inbound/graph") else "something else"

        graph.call = call

        await self.make(client, work)
        with pytest.raises(Nonsense):
            await self.make(client, work, "https://bookable.example/elsewhere")

    async def test_a_subscription_that_has_ended_is_missing_and_may_be_ended(self, client: GraphClient):
        ended = Subscription(id="ended", resource="x", expires_at=NOW)

        with pytest.raises(Missing):
            await renew(client, ended, notification_url=ADDRESS, now=NOW)
        await unsubscribe(client, ended)

    async def test_an_account_renews_what_it_has_and_begins_anew_where_that_is_no_use(
        self, account: GraphAccount, graph: Graph, work: str
    ):
        first = await account.watch(work, address=ADDRESS, secret="proof", known=None, now=NOW)
        second = await account.watch(work, address=ADDRESS, secret="proof", known=first, now=NOW)
        moved = await account.watch(work, address=ADDRESS + "/2", secret="proof", known=second, now=NOW)
        graph.subscriptions.clear()
        third = await account.watch(work, address=ADDRESS, secret="proof", known=second, now=NOW)

        assert first == second
        assert moved.id != second.id
        assert graph.subscriptions.keys() == {third.id}
        assert isinstance(account, Watched)

    async def test_a_subscription_that_is_refused_is_none(self, client: GraphClient, graph: Graph, work: str):
        graph.fail = failing(403, "ExtensionError")

        with pytest.raises(Forbidden):
            await self.make(client, work)
        with pytest.raises(Forbidden):
            await unsubscribe(client, Subscription(id="x", resource="x", expires_at=NOW))

    @pytest.mark.parametrize("end", [None, "", "soon", 7])
    async def test_a_subscription_without_an_end_is_none(
        self, graph: Graph, exchange: HttpExchange, work: str, end: object
    ):
        said = {"id": "a", "resource": "b", "expirationDateTime": end}
        client = GraphClient(_Instead(exchange, {"/subscriptions": said}, 201), graph.base_url, "Bearer t")

        with pytest.raises(Nonsense):
            await self.make(client, work)


class _Instead:
    """An exchange that answers some paths by itself."""

    def __init__(self, inner: Exchange, answers: Mapping[str, object], status: int = 200) -> None:
        self._inner, self._answers, self._status = inner, answers, status

    async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        for path, answer in self._answers.items():
            if url.endswith(path):
                return Reply(status=self._status, headers={}, body=_json(answer), url=url)
        return await self._inner(method, url, headers=headers, body=body)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
