"""
Proves that both sides agree in the end, whatever people do: random edits in a real calendar, random bookings here,
and a wire between that fails now and then (C080).

Leaves what one edit does to `test_sync`, and one fault to `tests/faults/test_f_calendars`. What is to be busy is worked
out from what the person wrote, by arithmetic of this file.
"""

import asyncio
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import urljoin, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from server.domain.errors import BookingError
from server.settings import Settings
from server.usecases.cancel import cancel
from server.usecases.connections import choose_calendar, edit, resume
from server.usecases.core import Core
from server.usecases.places import Target, target_of_staff, target_of_token
from server.usecases.reschedule import reschedule
from server.usecases.sync.turn import Tools
from server.worker.calendar_tools import open_tools
from server.worker.syncing import Syncing
from tests.calendar_desk import Desk, calendar_settings
from tests.peers import dav_proxy as faults
from tests.peers.calendar_servers import PROGRAMS, CalendarProgram, CalendarServer, Rejected
from tests.peers.dav_proxy import CALDAV, DAV, ICS, MULTIGET, SYNC, DavProxy, dav_proxy
from tests.world import World, no_key, open_core

pytest_plugins = ("tests.peers.calendar_fixtures",)

ASKED_FOR = os.environ.get("BOOKABLE_TEST_EXAMPLES")
"""How many walks per server somebody wants (`make soak`): these are new ones every time."""
WALKS = int(ASKED_FOR or 8)
STEPS = 90
ROUNDS = 8
"""So many rounds at most until nothing changes any more."""

HOLD = timedelta(hours=1)
DAYS = 3

WORK, PRIVATE = "work", "private"
STAMP = "%Y%m%dT%H%M%SZ"
LOCAL = "%Y%m%dT%H%M%S"

Span = tuple[datetime, datetime]

_QUERY = (
    '<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/><c:calendar-data/>'
    '</d:prop><c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>'
)


@dataclass(frozen=True, kw_only=True)
class Own:
    """An event of the person's own, as they made it. *start* is local time."""

    uid: str
    start: datetime
    minutes: int
    whole_days: int = 0
    floating: bool = False
    daily: int = 0
    """How often it repeats, a day apart; 0: not at all."""
    left_out: int = 0
    """Which of its repetitions does not take place; 0: none."""
    shifted: int = 0
    """Which of its repetitions takes place an hour later; 0: none."""
    free: bool = False
    cancelled: bool = False
    title: str = "Dentist"

    def text(self) -> str:
        """As a calendar app writes it."""
        series = []
        if self.daily:
            series.append(f"RRULE:FREQ=DAILY;COUNT={self.daily}")
            if self._is_left_out:
                series.append("EXDATE" + self._moment(self._nth(self.left_out)))
        series += [f"TRANSP:{'TRANSPARENT' if self.free else 'OPAQUE'}"]
        series += ["STATUS:CANCELLED"] if self.cancelled else []
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Somebody//Their App 1.0//EN", "BEGIN:VEVENT"]
        lines += [f"UID:{self.uid}", "DTSTAMP:20260101T000000Z", *self._times(self.start), f"SUMMARY:{self.title}"]
        lines += [*series, "END:VEVENT"]
        if self._is_shifted:
            place = self._nth(self.shifted)
            lines += ["BEGIN:VEVENT", f"UID:{self.uid}", "DTSTAMP:20260101T000000Z"]
            lines += [f"RECURRENCE-ID{self._moment(place)}", *self._times(place + timedelta(hours=1))]
            lines += [f"SUMMARY:{self.title}", *series[-2 if self.cancelled else -1 :], "END:VEVENT"]
        return "".join(f"{line}\r\n" for line in [*lines, "END:VCALENDAR"])

    def spans(self) -> list[Span]:
        """The time that it takes."""
        if self.free or self.cancelled:
            return []
        if self.whole_days:
            first = self.start.date()
            ends = (datetime.combine(day, time(), self._zone) for day in (first, first + timedelta(self.whole_days)))
            begin, end = ends
            return [(begin.astimezone(UTC), end.astimezone(UTC))]
        found = []
        for number in range(max(self.daily, 1)):
            if number and self._is_left_out and number == self.left_out:
                continue
            later = timedelta(hours=1 if number and self._is_shifted and number == self.shifted else 0)
            begin = self._nth(number).astimezone(UTC) + later
            found.append((begin, begin + timedelta(minutes=self.minutes)))
        return found

    @property
    def _zone(self) -> ZoneInfo:
        assert isinstance(self.start.tzinfo, ZoneInfo)
        return self.start.tzinfo

    @property
    def _is_left_out(self) -> bool:
        return 0 < self.left_out < self.daily

    @property
    def _is_shifted(self) -> bool:
        return 0 < self.shifted < self.daily and self.shifted != self.left_out

    def _nth(self, number: int) -> datetime:
        """A day later is the same time on the clock where there is a clock to look at, else 24 hours."""
        if self.floating:
            return self.start + timedelta(days=number)
        return (self.start.astimezone(UTC) + timedelta(days=number)).astimezone(self._zone)

    def _moment(self, moment: datetime) -> str:
        if self.floating:
            return f":{moment.strftime(LOCAL)}"
        return f":{moment.astimezone(UTC).strftime(STAMP)}"

    def _times(self, start: datetime) -> list[str]:
        if self.whole_days:
            end = start.date() + timedelta(days=self.whole_days)
            return [f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}"]
        end = start + timedelta(minutes=self.minutes)
        return [f"DTSTART{self._moment(start)}", f"DTEND{self._moment(end)}"]


@dataclass(frozen=True, kw_only=True)
class There:
    """Where an event of ours is, as far as this side knows."""

    appointment: UUID
    calendar: str
    path: str
    put_back: int


def unfolded(text: str) -> list[str]:
    """The lines of an object."""
    return re.sub(r"\r?\n[ \t]", "", text.replace("\r\n", "\n")).split("\n")


def amended(text: str, *added: str, without: Sequence[str] = ()) -> str:
    """*text* with other properties in its event: *added* in place of what has their names, or is in *without*."""
    names = {re.split("[:;]", line)[0] for line in added} | set(without)
    kept = [line for line in unfolded(text) if line and re.split("[:;]", line)[0] not in names]
    end = kept.index("END:VEVENT")
    return "".join(f"{line}\r\n" for line in [*kept[:end], *added, *kept[end:]])


def value(text: str, name: str) -> str:
    """The first value of the property *name*, with its parameters."""
    return next((line[len(name) :] for line in unfolded(text) if re.match(rf"{name}[:;]", line)), "")


def shows(text: str, span: Span) -> bool:
    """Whether the event takes exactly *span*, once."""
    once = not any(value(text, name) for name in ("RRULE", "RDATE", "RECURRENCE-ID", "DURATION"))
    wanted = [f":{moment.astimezone(UTC).strftime(STAMP)}" for moment in span]
    alive = value(text, "STATUS") != ":CANCELLED"
    return once and alive and [value(text, "DTSTART"), value(text, "DTEND")] == wanted


def union(spans: Sequence[Span]) -> list[Span]:
    """The time that is in any of *spans*."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


class Bench:
    """What all walks share: a loop, the core, the tools of a worker; and how much was done."""

    def __init__(self, settings: Settings, program: CalendarProgram) -> None:
        self.settings = settings.model_copy(
            update={"calendar": calendar_settings(deletion_hold_s=int(HOLD.total_seconds()))}
        )
        self.program = program
        self.runner = asyncio.Runner()
        self.edits = 0
        self._stack = AsyncExitStack()
        self.core: Core
        self.tools: Tools

    def __enter__(self) -> Self:
        self.runner.__enter__()
        self.run(self._open())
        return self

    def __exit__(self, *error: object) -> None:
        self.run(self._stack.aclose())
        self.runner.close()

    def run(self, work: Any) -> Any:
        """Until it is done."""
        return self.runner.run(work)

    async def _open(self) -> None:
        self.core = await self._stack.enter_async_context(open_core(self.settings))
        self.tools = await self._stack.enter_async_context(open_tools(self.settings, self.core))


@dataclass
class Walk:
    """One person, their two calendars, and those who book with them."""

    bench: Bench
    stack: AsyncExitStack
    world: World
    desk: Desk
    person: CalendarServer
    proxy: DavProxy
    connection: UUID
    on_delete: str = "cancel"
    own: dict[tuple[str, str], Own] = field(default_factory=dict)
    tokens: dict[UUID, str] = field(default_factory=dict)
    """Manage tokens of the customers."""
    struck: set[UUID] = field(default_factory=set)
    """Appointments that the person has deleted, or marked as cancelled."""
    may_be_cancelled: set[UUID] = field(default_factory=set)
    bin: list[tuple[UUID, str, str, str]] = field(default_factory=list)
    """What the person deleted: appointment, path, text; and the path of what they made in its place."""
    copies: set[str] = field(default_factory=set)
    """Paths of what the person made of our texts by themselves."""
    titles: dict[UUID, str] = field(default_factory=dict)
    sequences: dict[UUID, int] = field(default_factory=dict)
    made: int = 0

    @classmethod
    async def begin(cls, bench: Bench) -> "Walk":
        """A new business, with a new person who has connected two calendars."""
        stack = AsyncExitStack()
        person = await stack.enter_async_context(bench.program.account(WORK, PRIVATE))
        proxy = await stack.enter_async_context(dav_proxy(person.url))
        world = await World.make(bench.core)
        await world.service()
        desk = Desk(world, bench.tools, Syncing(bench.tools, bench.settings.worker))
        connection = await desk.connect(proxy.url, person.user, person.password, calendar=WORK)
        walk = cls(bench, stack, world, desk, person, proxy, connection)
        shown = await desk.shown(connection)
        private = next(each for each in shown.calendars if each.href.endswith(f"/{PRIVATE}/"))
        await choose_calendar(world.core, desk.editor, connection, private.uid, blocks=True, receives=False)
        for calendar in (WORK, PRIVATE):  # nobody's calendar is ever quite empty, which would be an accident
            for number in range(2):
                await walk.add(calendar, Own(uid=f"old-{number}", start=walk.at(30 + number, 18), minutes=30))
        await desk.round()
        return walk

    async def end(self) -> None:
        """Everything agrees; then it is put away."""
        try:
            await self.settle()
        finally:
            await self.stack.aclose()

    def at(self, half_hour: int, days: int = 0) -> datetime:
        """Local time: so many half hours after nine, so many days after next week begins."""
        day = datetime.now(self.world.zone).date() + timedelta(days=7 + days)
        return datetime.combine(day, time(9), self.world.zone) + timedelta(minutes=30 * half_hour)

    # What the person does with events of their own

    async def add(self, calendar: str, event: Own) -> None:
        with suppress(Rejected):
            await self.person.put(calendar, event.uid, event.text())
            self.own[calendar, event.uid] = event
            self.bench.edits += 1

    async def add_new(self, calendar: str, event: Own) -> None:
        self.made += 1
        await self.add(calendar, replace(event, uid=f"own-{self.made}"))

    async def change(self, which: int, change: Callable[[Own], Own]) -> None:
        mine = [key for key in self.own if not key[1].startswith("old-")]
        if mine:
            calendar, uid = mine[which % len(mine)]
            await self.add(calendar, change(self.own[calendar, uid]))

    async def remove(self, which: int) -> None:
        mine = [key for key in self.own if not key[1].startswith("old-")]
        if mine:
            key = mine[which % len(mine)]
            await self.person.delete(*key)
            del self.own[key]
            self.bench.edits += 1

    # What the person does with events of ours

    async def ours(self) -> list[There]:
        """Our events, in the order in which they were booked. An edit may be undone only so often."""
        rows = await self.world.sql(
            "SELECT a.uid, c.href AS calendar, e.href, e.put_back FROM pushed_events e"
            " JOIN appointments a ON a.business_id = e.business_id AND a.id = e.appointment_id"
            " JOIN calendars c ON c.business_id = e.business_id AND c.id = e.calendar_id"
            " WHERE e.business_id = $1 AND e.href IS NOT NULL ORDER BY a.id",
            self.world.business_id,
        )
        return [
            There(
                appointment=row["uid"],
                calendar=row["calendar"].rstrip("/").rpartition("/")[2],
                path=urlsplit(row["href"]).path,
                put_back=row["put_back"],
            )
            for row in rows
        ]

    async def touch(self, which: int, deed: str, start: datetime, minutes: int) -> None:
        """Does something to one of our events."""
        ours = [each for each in await self.ours() if each.put_back < 4]
        if not ours:
            return
        there = ours[which % len(ours)]
        text = await self.person.get(there.calendar, href=there.path)
        if text is None:
            return
        with suppress(Rejected):
            await getattr(self, f"_{deed}")(there, text, start, minutes)
            self.bench.edits += 1

    async def _drag(self, there: There, text: str, start: datetime, _: int) -> None:
        end = start + timedelta(minutes=30)
        await self._write(there, amended(text, *_span(start, end), without=["DURATION"]))

    async def _drag_and_resize(self, there: There, text: str, start: datetime, minutes: int) -> None:
        await self._write(there, amended(text, *_span(start, start + timedelta(minutes=minutes))))

    async def _resize(self, there: There, text: str, _: datetime, minutes: int) -> None:
        if re.fullmatch(r":\d{8}T\d{6}Z", value(text, "DTSTART")):
            start = datetime.strptime(value(text, "DTSTART")[1:], STAMP).replace(tzinfo=UTC)
            await self._write(there, amended(text, *_span(start, start + timedelta(minutes=minutes))))

    async def _make_all_day(self, there: There, text: str, start: datetime, _: int) -> None:
        days = f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{start + timedelta(days=1):%Y%m%d}"
        await self._write(there, amended(text, *days))

    async def _make_recurring(self, there: There, text: str, _: datetime, minutes: int) -> None:
        self.titles.pop(there.appointment, None)
        await self._write(there, amended(text, f"RRULE:FREQ=DAILY;COUNT={2 + minutes % 3}"))

    async def _make_free(self, there: There, text: str, _: datetime, __: int) -> None:
        await self._write(there, amended(text, "TRANSP:TRANSPARENT"))

    async def _rename(self, there: There, text: str, start: datetime, minutes: int) -> None:
        title = f"Robin! {start:%H%M} {minutes}"
        alarm = "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "DESCRIPTION:Soon", "END:VALARM"
        once = () if "BEGIN:VALARM" in text else alarm
        lines = unfolded(amended(text, f"SUMMARY:{title}", "X-THEIRS:kept"))
        end = lines.index("END:VEVENT")
        await self._write(there, "".join(f"{line}\r\n" for line in [*lines[:end], *once, *lines[end:]] if line))
        self.titles[there.appointment] = title

    async def _strike(self, there: There, text: str, _: datetime, __: int) -> None:
        await self._write(there, amended(text, "STATUS:CANCELLED"))
        self.struck.add(there.appointment)

    async def _delete(self, there: There, text: str, _: datetime, __: int) -> None:
        await self.person.delete(there.calendar, href=there.path)
        self.titles.pop(there.appointment, None)
        self.struck.add(there.appointment)
        self.bin.append((there.appointment, there.path, text, ""))

    async def _copy(self, there: There, text: str, _: datetime, minutes: int) -> None:
        """Radicale and Xandikos take a UID once per calendar; other calendars have a namespace of their own."""
        calendar = PRIVATE if there.calendar == WORK else WORK
        path = urlsplit(self.person.calendar_url(calendar if minutes % 2 else there.calendar)).path
        self.made += 1
        path += f"copy-{self.made}.ics"
        await self.person.put("", "", text, href=path)
        self.copies.add(path)

    async def _carry_over(self, there: There, text: str, start: datetime, minutes: int) -> None:
        """To the other calendar, as apps do it: written there, deleted here; at another time, now and then."""
        calendar = PRIVATE if there.calendar == WORK else WORK
        self.made += 1
        name = there.path.rpartition("/")[2] if minutes % 2 else f"moved-{self.made}.ics"
        path = urlsplit(self.person.calendar_url(calendar)).path + name
        moved = amended(text, *_span(start, start + timedelta(minutes=30))) if minutes % 4 == 0 else text
        await self.person.put("", "", moved, href=path)
        await self.person.delete(there.calendar, href=there.path)
        self.bin.append((there.appointment, there.path, text, path))

    async def undo_deletion(self) -> None:
        """The last thing in the bin is put back as it was."""
        if not self.bin:
            return
        appointment, path, text, instead = self.bin.pop()
        known = {each.path for each in await self.ours()}
        with suppress(Rejected):
            await self.person.put("", "", text, href=path)
            self.bench.edits += 1
            self.copies.add(instead)
            if path not in known:
                self.copies.add(path)
            elif value(text, "STATUS") != ":CANCELLED":
                self.struck.discard(appointment)

    async def _write(self, there: There, text: str) -> None:
        await self.person.put("", "", text, href=there.path)

    # What happens here

    async def book(self, start: datetime) -> None:
        with suppress(BookingError):
            booked = await self.world.book(start)
            self.tokens[booked.appointment.uid] = booked.manage_token
            self.bench.edits += 1

    async def customer(self, which: int, start: datetime | None) -> None:
        """A customer moves, or cancels."""
        if not self.tokens:
            return
        uid, token = list(self.tokens.items())[which % len(self.tokens)]
        target = await target_of_token(self.world.core, token)
        with suppress(BookingError):
            if start is None:
                await cancel(self.world.core, target, no_key(200))
                self.may_be_cancelled.add(uid)
            else:
                await reschedule(self.world.core, target, start, no_key(200))
            self.bench.edits += 1

    async def staff(self, which: int, start: datetime) -> None:
        if not self.tokens:
            return
        uid = list(self.tokens)[which % len(self.tokens)]
        target: Target = await target_of_staff(self.world.core, self.world.business_id, uid)
        with suppress(BookingError):
            await reschedule(self.world.core, target, start, no_key(200))
            self.bench.edits += 1

    async def choose(self, on_move: str, on_delete: str) -> None:
        self.on_delete = on_delete
        options = {"on_move": on_move, "on_delete": on_delete}
        await edit(self.world.core, self.bench.tools.accounts, self.desk.editor, self.connection, options)

    async def round(self) -> None:
        """One round."""
        if self.on_delete == "cancel":
            self.may_be_cancelled |= self.struck
        await self.desk.round()

    async def pass_time(self) -> None:
        """What was deleted has been gone for long enough."""
        await self.world.sql(
            "UPDATE pushed_events SET edit_at = edit_at - $2::interval WHERE business_id = $1",
            self.world.business_id,
            HOLD,
        )

    async def faulty_round(self, fault: str) -> None:
        """A round on a wire that fails."""
        decided = (await self.desk.connection(self.connection)).reason
        if fault == "lie" and decided:
            return  # somebody has just said that what is gone is gone
        FAULTS[fault](self.proxy)
        await self.round()
        self.proxy.rules.clear()

    async def answer(self, deletions: str) -> None:
        """Somebody is asked whether so many deletions are meant."""
        connection = await self.desk.connection(self.connection)
        if connection.state == "paused":
            assert connection.reason in {"mass_deletion", "emptied"}
            await resume(self.world.core, self.desk.editor, self.connection, deletions=deletions)

    # What must hold

    async def contents(self, calendar: str) -> dict[str, tuple[str, str]]:
        """ETag and text of everything in a calendar, by path."""
        url = self.person.calendar_url(calendar)
        answer = await self.person.ask("REPORT", url, _QUERY, {"Depth": "1"})
        return {
            urlsplit(urljoin(url, each.findtext(f"{DAV}href", ""))).path: (
                each.findtext(f".//{DAV}getetag", ""),
                each.findtext(f".//{CALDAV}calendar-data", ""),
            )
            for each in ET.fromstring(answer.text).iter(f"{DAV}response")
        }

    async def appointments(self) -> list[Any]:
        return list(
            await self.world.sql(
                "SELECT uid, status, starts_at, ends_at, sequence FROM appointments"
                " WHERE business_id = $1 AND status <> 'held' ORDER BY id",
                self.world.business_id,
            )
        )

    async def settle(self, deletions: str = "meant") -> None:
        """Rounds until nothing changes any more; then both sides agree."""
        self.proxy.rules.clear()
        before = None
        for _ in range(ROUNDS):
            await self.pass_time()
            await self.answer(deletions)
            await self.round()
            now = await self._all()
            if now == before:
                break
            before = now
        else:
            raise AssertionError(f"it does not come to rest: {await self.desk.log(self.connection)}")
        await self.check()

    async def check(self) -> None:
        """Both sides agree."""
        connection = await self.desk.connection(self.connection)
        assert (connection.state, connection.last_error) == ("active", "")
        assert await self.world.doubles() == 0
        assert await self.world.misclaimed() == []
        contents = {name: await self.contents(name) for name in (WORK, PRIVATE)}
        texts = {path: text for its in contents.values() for path, (_, text) in its.items()}
        known = {each.appointment: each for each in await self.ours()}
        for uid, status, start, end, sequence in await self.appointments():
            assert sequence >= self.sequences.get(uid, 0), "a sequence fell"
            self.sequences[uid] = sequence
            named = {path for path, text in texts.items() if _is_named(text, uid)}
            if status == "cancelled":
                assert uid in self.may_be_cancelled, "cancelled, and nobody wanted that"
                assert named <= self.copies, "cancelled, and in the calendar all the same"
                continue
            assert status == "confirmed"
            assert uid in known, "alive, and not in the calendar"
            path = known[uid].path
            self.copies.discard(path)
            assert path in named, "alive, and not in the calendar"
            assert named - {path} <= self.copies, "twice in the calendar"
            assert shows(texts[path], (start, end)), f"{start} to {end} is shown as {texts[path]}"
            if uid in self.titles:
                assert value(texts[path], "SUMMARY") == f":{self.titles[uid]}"
                assert "X-THEIRS:kept" in texts[path]
                assert texts[path].count("BEGIN:VALARM") == 1
        for calendar, uid in self.own:
            assert urlsplit(self.person.object_url(calendar, uid)).path in contents[calendar]
        assert union(await self.desk.busy()) == union([span for each in self.own.values() for span in each.spans()])

    async def _all(self) -> tuple[Any, ...]:
        return (
            {path: etag for name in (WORK, PRIVATE) for path, (etag, _) in (await self.contents(name)).items()},
            [tuple(each) for each in await self.appointments()],
            [
                tuple(row)
                for row in await self.world.sql(
                    "SELECT appointment_id, calendar_id, wanted_version, pushed_version, href, edit FROM pushed_events"
                    " WHERE business_id = $1 ORDER BY 1, 2",
                    self.world.business_id,
                )
            ],
            (await self.desk.connection(self.connection)).state,
            await self.desk.busy(),
        )


def _span(start: datetime, end: datetime) -> tuple[str, str]:
    return f"DTSTART:{start.astimezone(UTC).strftime(STAMP)}", f"DTEND:{end.astimezone(UTC).strftime(STAMP)}"


def _is_named(text: str, uid: UUID) -> bool:
    return re.search(rf"^UID:{uid}(-\d+)?\r?$", text, re.MULTILINE) is not None


def _lie(proxy: DavProxy) -> None:
    proxy.forget_tokens()
    proxy.when(faults.lists_nothing(), "REPORT", body=SYNC, times=None)


FAULTS: Mapping[str, Callable[[DavProxy], object]] = {
    "the answer to a PUT is lost": lambda proxy: proxy.when(faults.cut_after(), "PUT", times=2),
    "the answer to the second PUT is lost": lambda proxy: proxy.when(faults.cut_after(), "PUT", nth=2, times=2),
    "the answer to a DELETE is lost": lambda proxy: proxy.when(faults.cut_after(), "DELETE", times=2),
    "a PUT is lost": lambda proxy: proxy.when(faults.cut_before(), "PUT", times=2),
    "a PUT is locked out": lambda proxy: proxy.when(faults.says(423), "PUT"),
    "a PUT meets a change that is none": lambda proxy: proxy.when(faults.says(412), "PUT"),
    "the server is in trouble": lambda proxy: proxy.when(faults.says(503), times=None),
    "the server comes into trouble": lambda proxy: proxy.when(faults.says(503), nth=4, times=None),
    "the token is forgotten (403)": lambda proxy: proxy.forget_tokens("403"),
    "the token is forgotten (412)": lambda proxy: proxy.forget_tokens("412", times=2),
    "the token is forgotten, and the listing fails": lambda proxy: (
        proxy.forget_tokens("410"),
        proxy.when(faults.says(503), "REPORT", body=SYNC),
    ),
    "listings are cut": lambda proxy: proxy.when(faults.truncated(), "REPORT", body=SYNC),
    "listings end early": lambda proxy: proxy.when(faults.shortened(), "REPORT", body=SYNC, times=2),
    "what is read is cut": lambda proxy: proxy.when(faults.truncated(0.8), "REPORT", body=MULTIGET),
    "what is listed is not given": lambda proxy: proxy.when(faults.denies(".ics"), "REPORT", body=MULTIGET),
    "no ETags": lambda proxy: proxy.when(faults.without_etag(), "PUT", path=ICS, times=None),
    "weak ETags": lambda proxy: proxy.when(faults.weak_etag(), "PUT", path=ICS, times=None),
    "pages": lambda proxy: (proxy.forget_tokens("403", times=2), proxy.in_pages(2)),
    "lie": _lie,
}

DEEDS = sorted(name[1:] for name in vars(Walk) if name.startswith("_") and not name.startswith("__"))
DEEDS = [name for name in DEEDS if name not in {"all", "write"}]

calendars = st.sampled_from([WORK, PRIVATE])
which = st.integers(0, 30)
slots = st.tuples(st.integers(0, 15), st.integers(0, DAYS - 1))
lengths = st.sampled_from([15, 30, 45, 60, 90, 120, 7])
more = st.fixed_dictionaries(
    {},
    optional={
        "whole_days": st.integers(1, 2),
        "floating": st.booleans(),
        "daily": st.integers(2, 4),
        "left_out": st.integers(1, 3),
        "shifted": st.integers(1, 3),
        "free": st.booleans(),
        "cancelled": st.booleans(),
        "title": st.sampled_from(["Doctor", "Zahnarzt; Mühle, oben", "x" * 100]),
    },
)


class Machine(RuleBasedStateMachine):
    """Draws what happens; `Walk` does it."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.walk: Walk = self.bench.run(Walk.begin(self.bench))

    def teardown(self) -> None:
        self.bench.run(self.walk.end())

    def _do(self, work: Any) -> None:
        self.bench.run(work)

    @initialize(slots=st.lists(slots, min_size=3, max_size=8, unique=True))
    def some_are_booked(self, slots: list[tuple[int, int]]) -> None:
        for slot in slots:
            self._do(self.walk.book(self.walk.at(*slot)))
        self._do(self.walk.round())

    @rule(calendar=calendars, slot=slots, minutes=lengths, more=more)
    def an_event_is_made(self, calendar: str, slot: tuple[int, int], minutes: int, more: dict[str, Any]) -> None:
        event = Own(uid="", start=self.walk.at(*slot), minutes=minutes, **_sane(more))
        self._do(self.walk.add_new(calendar, event))

    @rule(which=which, slot=slots)
    def an_event_is_moved(self, which: int, slot: tuple[int, int]) -> None:
        self._do(self.walk.change(which, lambda event: replace(event, start=self.walk.at(*slot))))

    @rule(which=which, minutes=lengths, more=more)
    def an_event_is_changed(self, which: int, minutes: int, more: dict[str, Any]) -> None:
        self._do(self.walk.change(which, lambda event: replace(event, minutes=minutes, **_sane(more))))

    @rule(which=which)
    def an_event_is_deleted(self, which: int) -> None:
        self._do(self.walk.remove(which))

    @rule(which=which, deed=st.sampled_from(DEEDS), slot=slots, minutes=lengths)
    def an_appointment_is_touched(self, which: int, deed: str, slot: tuple[int, int], minutes: int) -> None:
        self._do(self.walk.touch(which, deed, self.walk.at(*slot), minutes))

    @rule(touches=st.lists(st.tuples(which, st.sampled_from(DEEDS), slots, lengths), min_size=2, max_size=6))
    def many_appointments_are_touched(self, touches: list[tuple[int, str, tuple[int, int], int]]) -> None:
        for which, deed, slot, minutes in touches:
            self._do(self.walk.touch(which, deed, self.walk.at(*slot), minutes))

    @rule(which=which, slot=slots)
    def an_appointment_is_dragged(self, which: int, slot: tuple[int, int]) -> None:
        self._do(self.walk.touch(which, "drag", self.walk.at(*slot), 30))

    @precondition(lambda self: self.walk.bin)
    @rule()
    def a_deletion_is_undone(self) -> None:
        self._do(self.walk.undo_deletion())

    @rule(slots=st.lists(slots, min_size=1, max_size=3))
    def somebody_books(self, slots: list[tuple[int, int]]) -> None:
        for slot in slots:
            self._do(self.walk.book(self.walk.at(*slot)))

    @rule(which=which, slot=slots, cancels=st.integers(0, 4))
    def a_customer_changes(self, which: int, slot: tuple[int, int], cancels: int) -> None:
        self._do(self.walk.customer(which, None if cancels == 0 else self.walk.at(*slot)))

    @rule(which=which, slot=slots)
    def staff_move_one(self, which: int, slot: tuple[int, int]) -> None:
        self._do(self.walk.staff(which, self.walk.at(*slot)))

    @rule(on_move=st.sampled_from(["reschedule", "put_back"]), on_delete=st.sampled_from(["cancel", "put_back"]))
    def settings_change(self, on_move: str, on_delete: str) -> None:
        self._do(self.walk.choose(on_move, on_delete))

    @rule(times=st.sampled_from([1, 1, 2, 3]))
    def a_round(self, times: int) -> None:
        for _ in range(times):
            self._do(self.walk.round())

    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def a_round_with_a_fault(self, fault: str) -> None:
        self._do(self.walk.faulty_round(fault))

    @rule()
    def an_hour_passes(self) -> None:
        self._do(self.walk.pass_time())

    @rule(deletions=st.sampled_from(["meant", "undone"]))
    def somebody_answers(self, deletions: str) -> None:
        self._do(self.walk.answer(deletions))

    @rule(deletions=st.sampled_from(["meant", "undone"]))
    def all_comes_to_rest(self, deletions: str) -> None:
        self._do(self.walk.settle(deletions))


def _sane(more: dict[str, Any]) -> dict[str, Any]:
    """An event lasts whole days or repeats, not both."""
    return {**more, "daily": 0} if more.get("whole_days") else {"whole_days": 0, **more}


@pytest.fixture(params=sorted(PROGRAMS))
def bench(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Bench]:
    """At each of the two servers in turn."""
    with Bench(settings, request.getfixturevalue(f"{request.param}_program")) as bench:
        yield bench


@pytest.mark.timeout(600 + 10 * WALKS)  # where it fails, Hypothesis looks for a shorter walk, for up to five minutes
def test_C080_whatever_people_do_both_sides_agree_in_the_end(bench: Bench) -> None:
    machine = type("Machine", (Machine,), {"bench": bench})

    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            derandomize=ASKED_FOR is None,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
        ),
    )

    print(f"{bench.program.kind}: {WALKS} walks, {bench.edits} edits, and both sides agreed")
