"""
Owns the work after the commit: facts become deliveries, reminders fall due, deliveries are sent, each while it is ours.

Leaves what sending means to `senders`, and being woken to `main`. Postgres is the ledger: this loop needs nothing else,
and another worker may do any part of it at the same time.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from server.channels.outcome import Outcome, Verdict
from server.domain.backoff import next_try
from server.domain.errors import Unavailable
from server.domain.reminders import STALE_AFTER_MIN
from server.settings import WorkerSettings
from server.store.deliveries import (
    Delivery,
    Report,
    claim_deliveries,
    due_reminders,
    finish_deliveries,
    queue_due_reminders,
    reclaim_lost,
    renew_leases,
)
from server.store.engine import Session
from server.store.letters import Letter, load_letters
from server.store.set_aside import Key
from server.supervision import Loops, run_forever
from server.usecases.batches import through
from server.usecases.core import Core
from server.usecases.dispatch import dispatch
from server.worker.circuit import Circuits

log = logging.getLogger(__name__)

_REMINDERS = 500
_STALLED_AFTER_S = 60.0
_GATHER_S = 0.05
"""After being woken: in a rush the next look finds dozens of bookings instead of one, for the same four queries."""

_CLOCK_S = 0.25
"""How often a busy worker looks for what only the clock makes due: reminders, and leases that ran out."""


class NotSent(Exception):
    """A delivery need not be sent any more; the message says why."""


Send = Callable[[Delivery, Letter, Callable[[], bool]], Awaitable[Outcome]]
"""Sends one delivery, asking the last argument right before the point of no return; may raise `NotSent`."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Channels that share a number of places in the air, so that slow receivers of one kind cannot starve another."""

    senders: Mapping[str, Send]
    places: int
    per_peer: int


@dataclass(slots=True)
class _Flight:
    """A delivery on its way; *ours_until* is on this process's monotonic clock."""

    delivery: Delivery
    ours_until: float
    letter: Letter | None = None
    """What it is about; None where its business is gone."""
    unreadable: str = ""
    """Why that cannot be read."""

    def is_ours(self) -> bool:
        return time.monotonic() < self.ours_until


class Pump:
    """One worker's loop over the ledger."""

    def __init__(self, core: Core, lanes: Sequence[Lane], settings: WorkerSettings, loops: Loops | None = None) -> None:
        self._core = core
        self._loops = loops or Loops()
        self._lanes = lanes
        self._settings = settings
        self._circuits = Circuits()
        self._flights: dict[tuple[int, int], _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._reports: list[tuple[Delivery, Report, asyncio.Future[bool]]] = []
        self._writing = asyncio.Lock()
        self._looked = 0.0

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Works until cancelled; then what is in the air has landed, or is left to its lease."""
        async with asyncio.TaskGroup() as group:
            leases = self._loops.add("leases", stalled_after_s=_STALLED_AFTER_S)
            renewing = group.create_task(run_forever(leases, self._renew))
            try:
                await run_forever(self._loops.add("pump", stalled_after_s=_STALLED_AFTER_S), self._look)
            finally:
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=self._settings.lease_s)
                renewing.cancel()

    async def _look(self) -> None:
        """One turn, and waiting until there may be more to do."""
        self._woken.clear()
        by_clock = time.monotonic() - self._looked >= _CLOCK_S
        self._looked = time.monotonic() if by_clock else self._looked
        if await self.turn(by_clock=by_clock):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_s):
                await self._woken.wait()
            await asyncio.sleep(_GATHER_S)

    async def turn(self, *, by_clock: bool = True) -> bool:
        """One look at everything, or without what only the clock makes due; whether there may be more right now."""
        told = await dispatch(self._core)
        reminded = 0
        if by_clock:
            reminded = await self.remind()
            await self._core.database.transact(reclaim_lost, by_index=True)
        launched = 0
        for lane in self._lanes:
            launched += await self._launch(lane)
        return bool(told or reminded or launched)

    async def remind(self, appointment: tuple[int, int] | None = None) -> int:
        """Hands over what is due, of one appointment or of all; how many reminders were looked at."""

        async def work(session: Session) -> tuple[int, int]:
            return await queue_due_reminders(
                session, _REMINDERS, stale_after_min=STALE_AFTER_MIN, appointment=appointment
            )

        try:
            looked, late = await self._core.database.transact(work, by_index=True)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # which of them it is, is found out below
            log.warning("reminders cannot be handed over together (%s); one at a time", type(error).__name__)
            await self._remind_one_by_one()
            return 0
        if late:
            log.warning("%d reminders were too late to be worth sending", late)
        return looked

    async def _remind_one_by_one(self) -> None:
        """Sets aside the reminder that makes all of them fail."""

        async def step(key: Key) -> None:
            await self._core.database.transact(
                lambda session: queue_due_reminders(session, 1, stale_after_min=STALE_AFTER_MIN, only=key),
                by_index=True,
            )

        await through(self._core, "reminders", due_reminders, step, at_once=_REMINDERS)

    async def drain(self) -> None:
        """Works until nothing is due and nothing is in the air: for tests and measurements."""
        while await self.turn() or self._tasks:
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _launch(self, lane: Lane) -> int:
        aloft = Counter(f.delivery.peer for f in self._flights.values() if f.delivery.channel in lane.senders)
        room = lane.places - aloft.total()
        if room < max(1, lane.places // 4) or not lane.senders:  # few round trips with much in each
            return 0
        full = [peer for peer, number in aloft.items() if number >= lane.per_peer]
        until = time.monotonic() + self._settings.lease_s

        async def claim(session: Session) -> list[Delivery]:
            return await claim_deliveries(
                session,
                list(lane.senders),
                room,
                lease_s=self._settings.lease_s,
                without=[*full, *self._circuits.blocked(now=datetime.now(UTC))],
                per_peer=lane.per_peer,
            )

        # In one transaction: while the database is away, what cannot be read is not claimed either.
        async def work(session: Session) -> list[_Flight]:
            claimed = await claim(session)
            letters = await load_letters(session, claimed) if claimed else {}
            return [_Flight(delivery, until, letters.get(delivery.id)) for delivery in claimed]

        try:
            flights = await self._core.database.transact(work, by_index=True)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # which of them it is, is found out below
            log.warning("letters cannot be read together (%s); one at a time", type(error).__name__)
            claimed = await self._core.database.transact(claim, by_index=True)
            flights = [await self._read_letter(delivery, until) for delivery in claimed]
        self._flights |= {(f.delivery.id, f.delivery.attempt): f for f in flights}
        for flight in flights:
            task = asyncio.create_task(self._fly(flight, lane))
            self._tasks.add(task)
            task.add_done_callback(self._landed)
        return len(flights)

    async def _read_letter(self, delivery: Delivery, until: float) -> _Flight:
        """A delivery whose letter cannot be read waits for its next attempt, and keeps none of the others."""
        try:
            async with self._core.database.reading() as session:
                letters = await load_letters(session, [delivery])
        except Unavailable:
            raise
        except Exception as error:
            log.exception("what delivery %s is about cannot be read", delivery.uid)
            return _Flight(delivery, until, unreadable=f"our own error: {type(error).__name__}")
        return _Flight(delivery, until, letters.get(delivery.id))

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery ended in an error; its lease runs out by itself", exc_info=error)
        self.wake()

    async def _fly(self, flight: _Flight, lane: Lane) -> None:
        delivery = flight.delivery
        begun = time.monotonic()
        try:
            report = await self._attempt(flight, lane.senders[delivery.channel])
            report = replace(report, duration_ms=int((time.monotonic() - begun) * 1000))
            if not await self._write(delivery, report):
                log.warning("delivery %s was taken over by another worker", delivery.uid)
        finally:
            self._flights.pop((delivery.id, delivery.attempt), None)

    async def _attempt(self, flight: _Flight, send: Send) -> Report:
        delivery, letter, now = flight.delivery, flight.letter, datetime.now(UTC)
        if flight.unreadable:
            return _report(delivery, Outcome(verdict=Verdict.RETRY, detail=flight.unreadable))
        if letter is None:
            return Report(state="skipped", verdict="skipped", detail="the business is gone")
        if not self._circuits.admits(delivery.peer, now=now):
            return Report(state="retrying", verdict="skipped", detail="its receiver is in trouble", retry_in_s=1)
        try:
            outcome = await send(delivery, letter, flight.is_ours)
        except NotSent as reason:
            self._circuits.fine(delivery.peer)
            return Report(state="skipped", verdict="skipped", detail=str(reason))
        except Unavailable as error:
            return Report(state="retrying", verdict="skipped", detail=f"{error.what} was away", retry_in_s=1)
        except Exception as error:
            log.exception("delivery %s failed in our own code", delivery.uid)
            outcome = Outcome(verdict=Verdict.RETRY, detail=f"our own error: {type(error).__name__}")
        if outcome.peer_trouble:
            self._circuits.trouble(delivery.peer, now=datetime.now(UTC))
        else:
            self._circuits.fine(delivery.peer)
        return _report(delivery, outcome)

    async def _write(self, delivery: Delivery, report: Report) -> bool:
        """Whether the ledger took *report*; written with all others that wait to be written, in one transaction."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._reports.append((delivery, report, written))
        if not self._writing.locked():
            async with self._writing:
                while self._reports:
                    await self._write_all()
        return await written

    async def _write_all(self) -> None:
        """
        Empties the list of reports into the ledger.

        What was sent must not be forgotten because the database restarts: this is tried for as long as a lease lasts.
        """
        reports, self._reports = self._reports, []
        done: set[int] = set()
        try:
            done = await self._insist([(delivery, report) for delivery, report, _ in reports])
        except Unavailable:
            log.error("the database went away while reports were written one by one")
        finally:  # whatever happened, nobody waits for ever
            for delivery, _, written in reports:
                if not written.done():
                    written.set_result(delivery.id in done)

    async def _insist(self, reports: Sequence[tuple[Delivery, Report]]) -> set[int]:
        for patience in (0.1, 0.3, 1.0, 2.0):
            try:
                return await self._core.database.transact(
                    lambda session: finish_deliveries(session, reports), by_index=True
                )
            except Unavailable:
                await asyncio.sleep(patience)
            except Exception:
                log.exception("what became of %d deliveries cannot be written together", len(reports))
                return await self._write_one_by_one(reports)
        log.error("could not write down what became of %d deliveries", len(reports))
        return set()

    async def _write_one_by_one(self, reports: Sequence[tuple[Delivery, Report]]) -> set[int]:
        """Each by itself; of one that cannot be written as it is, without the words of others, what it came to."""
        done: set[int] = set()
        for delivery, report in reports:
            plain = replace(report, detail="its report could not be kept", response="", remote_id=None)
            for attempt in (report, plain):
                try:
                    done |= await self._core.database.transact(
                        partial(finish_deliveries, reports=[(delivery, attempt)]), by_index=True
                    )
                except Unavailable:
                    raise
                except Exception:
                    log.exception("the report on delivery %s cannot be written", delivery.uid)
                else:
                    break
        return done

    async def _renew(self) -> None:
        """Says every third of a lease that this worker is still at it; without an answer the leases run out."""
        await asyncio.sleep(self._settings.lease_s / 3)
        mine = list(self._flights.values())
        if not mine:
            return
        asked = time.monotonic()
        async with self._core.database.reading() as session:
            still = await renew_leases(session, [flight.delivery for flight in mine], lease_s=self._settings.lease_s)
        for flight in mine:
            if flight.delivery.id in still:
                flight.ours_until = asked + self._settings.lease_s


def _report(delivery: Delivery, outcome: Outcome) -> Report:
    state, wait = "sent", None
    if outcome.verdict is Verdict.RETRY:
        asked = timedelta(seconds=outcome.retry_after_s) if outcome.retry_after_s else None
        wait = next_try(delivery.tries + 1, key=str(delivery.uid), retry_after=asked)
        state = "retrying" if wait is not None else "dead"
    elif outcome.verdict is not Verdict.SENT:
        state = "dead"
    return Report(
        state=state,
        verdict=outcome.verdict,
        retry_in_s=wait.total_seconds() if wait is not None else 0,
        status=outcome.status,
        detail=outcome.detail,
        response=outcome.response,
        remote_id=outcome.remote_id or None,
    )
