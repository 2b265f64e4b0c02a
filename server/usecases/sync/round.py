"""
Owns one round with one connection: read, follow, write, and what comes of it for the connection.

Leaves whose turn it is to `store/sync_turns`, and running rounds to the worker.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ics.errors import IcsError
from ics.remote.errors import Forbidden, Missing, Nonsense, RemoteError, SignInNeeded, TryLater
from server.domain.errors import Unavailable
from server.domain.events import Kind
from server.domain.zones import date_in, zone
from server.store.calendar_conflicts import CalendarConflict, note_conflicts
from server.store.connections import Connection, calendars_of, delete_connection, reseal
from server.store.engine import Session
from server.store.hearers import mail_of_provider
from server.store.outbox import add_fact
from server.store.sync_turns import LostLease, Round, finish_round, peer_fine, peer_in_trouble
from server.usecases.calendar_accounts import end_sign_in
from server.usecases.connections import LEAVING
from server.usecases.sync.follow import follow
from server.usecases.sync.notices import keep_notices
from server.usecases.sync.pull import pull
from server.usecases.sync.push import push, withdraw_all
from server.usecases.sync.turn import Suspicious, Tools, Turn

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 30.0, 6 * 3600.0
_AGAIN_AT_ONCE_S = 1.0
_PATIENCE = 5
"""Rounds in which a server may keep a connection from taking its events away before it ends all the same."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a round ended, in the words of a connection's state."""

    state: str
    reason: str = ""
    error: str = ""
    retry_after_s: int | None = None
    peer_trouble: bool = False


async def run_round(tools: Tools, connection: Connection) -> None:
    """
    One round. Whatever the peer does, it ends in time and is written down; what it did not get to is for the next.

    Raises:
        Unavailable: Postgres is away: the lease runs out by itself.
    """
    begun = time.monotonic()
    turn: Turn | None = None
    try:
        async with asyncio.timeout(tools.settings.round_s):
            turn = await _open(tools, connection)
            ended = await (_leave(turn) if connection.reason == LEAVING else _work(turn))
    except LostLease:
        log.info("connection %s was taken over, or is gone", connection.uid)
        return
    except TimeoutError:
        # A large calendar takes several rounds, each of which comes further; a peer that hangs gets nowhere.
        if turn is not None and turn.counts.total():
            turn.look_again(_AGAIN_AT_ONCE_S)
            ended = _Ended("degraded", error="the calendar is large or slow; the next round goes on")
        else:
            ended = _Ended("degraded", error="the calendar server is too slow", peer_trouble=True)
    except Suspicious as stop:
        ended = _Ended("paused", reason=stop.reason, error=str(stop))
    except RemoteError as error:
        ended = _failed(error)
    except IcsError as error:
        ended = _Ended("degraded", error=f"the calendar cannot be understood: {error}")
    except Unavailable:
        raise
    except Exception:
        log.exception("the round with connection %s failed in our own code", connection.uid)
        ended = _Ended("degraded", error="an error of our own, which is in the log of the worker")
    await _finish(tools, connection, turn, ended, took_ms=int((time.monotonic() - begun) * 1000))


async def _open(tools: Tools, connection: Connection) -> Turn:
    async def keep(sealed: bytes) -> None:
        await tools.core.database.transact(lambda session: reseal(session, connection, sealed))

    account = await tools.accounts.open(connection, keep=keep)
    return Turn(tools=tools, connection=connection, account=account)


async def _leave(turn: Turn) -> _Ended:
    """Takes our events out of its calendars; when none is left, so is the connection."""
    connection = turn.connection
    async with turn.core.database.reading() as session:
        calendars = await calendars_of(session, connection)
    for calendar in calendars:
        await withdraw_all(turn, calendar)
    await turn.write(lambda session: delete_connection(session, connection))
    await end_sign_in(turn.tools.accounts, connection)
    raise LostLease


async def _work(turn: Turn) -> _Ended:
    """Calendars one after the other: one that fails does not keep the others from being read."""
    async with turn.core.database.reading() as session:
        calendars = [each for each in await calendars_of(session, turn.connection) if each.is_used]
    failure: RemoteError | IcsError | None = None
    for calendar in calendars:
        try:
            await pull(turn, calendar)
        except (SignInNeeded, TryLater):
            raise
        except (RemoteError, IcsError) as error:
            turn.problems.append(f"{calendar.name}: {error}")
            failure = failure or error
    for calendar in calendars:
        await follow(turn, calendar)
    await _note_conflicts(turn)
    for calendar in calendars:
        if calendar.writable:
            await push(turn, calendar)
    if failure is not None:
        raise failure
    await keep_notices(turn, calendars)
    return _Ended("active")


async def _note_conflicts(turn: Turn) -> None:
    connection = turn.connection

    async def work(session: Session) -> Sequence[CalendarConflict]:
        found = await note_conflicts(session, connection.business_id, connection.provider_id, connection.id)
        for each in found:
            payload = {
                "v": 1,
                "conflict": str(each.uid),
                "appointment": str(each.appointment),
                "sequence": each.sequence,
                "actor": "calendar",
                "start": each.appointment_start.isoformat(),
                "previous_start": None,
                "attendee": None,
                "reason": f"{each.calendar}: busy {_between(each, connection.provider_zone)}",
                "busy_start": each.busy_start.isoformat(),
                "busy_end": each.busy_end.isoformat(),
            }
            await add_fact(
                session,
                connection.business_id,
                Kind.CALENDAR_CONFLICT,
                payload,
                appointment_id=each.appointment_id,
            )
        return found

    turn.counts["conflicts"] += len(await turn.write(work))


def _between(conflict: CalendarConflict, zone_name: str) -> str:
    where = zone(zone_name)
    begin, end = (moment.astimezone(where) for moment in (conflict.busy_start, conflict.busy_end))
    same_day = date_in(where, begin) == date_in(where, end)
    return f"from {begin:%d %B %Y, %H:%M} to {end:%H:%M}" + ("" if same_day else f" on {end:%d %B}")


def _failed(error: RemoteError) -> _Ended:
    if isinstance(error, SignInNeeded):
        return _Ended("needs_reauth", error=str(error))
    if isinstance(error, TryLater):
        return _Ended("degraded", error=str(error), retry_after_s=error.retry_after_s, peer_trouble=error.peer_trouble)
    if isinstance(error, Missing):
        return _Ended("paused", reason="calendar_gone", error="The calendar is not there any more.")
    return _Ended(
        "degraded", error=str(error), peer_trouble=isinstance(error, Nonsense) and not isinstance(error, Forbidden)
    )


async def _finish(tools: Tools, connection: Connection, turn: Turn | None, ended: _Ended, *, took_ms: int) -> None:
    counts = {name: count for name, count in turn.counts.items() if count} if turn is not None else {}
    interval = _interval(tools, connection, lively=bool(counts))
    done = Round(
        state=ended.state,
        # What a person has decided holds until a round has come through.
        reason=ended.reason or (connection.reason if ended.error else ""),
        error=ended.error,
        wait_s=_wait(connection, ended, turn, interval),
        interval_s=interval,
        took_ms=took_ms,
        counts=counts,
        problems=turn.problems if turn is not None else (),
    )

    async def work(session: Session) -> None:
        hopeless = ended.state in {"needs_reauth", "paused"} or connection.failures >= _PATIENCE
        if connection.reason == LEAVING and hopeless:
            await delete_connection(session, connection)
            return
        await finish_round(session, connection, done)
        if ended.peer_trouble:
            await peer_in_trouble(session, connection.peer)
        elif not ended.error:
            await peer_fine(session, connection.peer)
        if ended.state in {"paused", "needs_reauth"} and connection.state != ended.state:
            await _tell(session, connection, ended)

    try:
        await tools.core.database.transact(work)
    except LostLease:
        log.info("connection %s was changed while it was synced", connection.uid)


async def _tell(session: Session, connection: Connection, ended: _Ended) -> None:
    """Somebody has to do something."""
    email, locale = await mail_of_provider(session, connection.business_id, connection.provider_id)
    payload = {
        "v": 1,
        "sequence": 0,
        "email": email,
        "locale": locale,
        "connection": str(connection.uid),
        "provider": connection.provider,
        "name": connection.name,
        "state": ended.state,
        "reason": ended.reason,
        "detail": ended.error,
    }
    await add_fact(session, connection.business_id, Kind.CALENDAR_TROUBLE, payload)


def _interval(tools: Tools, connection: Connection, *, lively: bool) -> int:
    """Where something happens more is to come; where nothing does, half as often again, and again."""
    least, most = tools.settings.min_interval_s, tools.settings.max_interval_s
    return least if lively else max(least, min(most, connection.interval_s * 3 // 2))


def _wait(connection: Connection, ended: _Ended, turn: Turn | None, interval_s: int) -> float:
    """Until the next turn. Jitter, so that those which began together do not stay together."""
    soon = turn.again_in_s if turn is not None else None
    # What the peer wants to be left alone for comes before what waits to be looked at.
    if ended.error and (soon is None or ended.peer_trouble or ended.retry_after_s is not None):
        backoff: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(connection.failures, 10))
        wait = backoff * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
        return max(wait, float(ended.retry_after_s or 0))
    wait = interval_s * random.uniform(0.9, 1.1)  # noqa: S311  # jitter
    return wait if soon is None else min(wait, soon)
