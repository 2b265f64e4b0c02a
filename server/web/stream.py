"""
Owns the stream of changed availability: server-sent events that say which days to look at again.

Leaves hearing of changes to `redis/listeners`, and what is free to the availability answer.
"""

import asyncio
import contextlib
import random
from datetime import UTC, date, datetime, timedelta

import orjson
from aiohttp import hdrs, web

from server.domain.zones import date_in, zone
from server.redis.listeners import Change
from server.web.answers import SAFE
from server.web.cors import allow_origin
from server.web.keys import CALLER, LIMITS, LISTENERS, SETTINGS, STREAMS
from server.web.route import query_of
from server.web.shapes.availability import AvailabilityQuery

_HEARTBEAT_S = 20.0
_SETTLE_S = 0.2
"""Changes that come together leave as one event."""
MOST_STREAMS = 2_000
MOST_PER_BUSINESS = 500


async def stream_availability(request: web.Request) -> web.StreamResponse:
    """An event `{version, days}` whenever days of the question change; 204 when too many listen already, or too many
    from there."""
    asked = query_of(request, AvailabilityQuery)
    business = request.match_info["business"]
    open_streams = request.app[STREAMS]
    address, limits = request[CALLER].address, request.app[LIMITS]
    network = limits.networks(address).narrow
    is_greedy = (
        not limits.is_exempt(address) and open_streams.to(network) >= request.app[SETTINGS].limit.streams_per_network
    )
    if is_greedy or len(open_streams.all) >= MOST_STREAMS or open_streams.of(business) >= MOST_PER_BUSINESS:
        return web.Response(status=204)  # EventSource stops at a 204; the client polls instead
    response = web.StreamResponse(
        headers={
            **SAFE,
            hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
            hdrs.CACHE_CONTROL: "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    task = asyncio.current_task()
    open_streams.all[task] = (business, network)
    try:
        with request.app[LISTENERS].waiting(business) as changes:
            await allow_origin(request, response)  # whoever surrounds requests comes too late for a stream
            await response.prepare(request)
            # After a restart of the server not everybody comes back in the same second.
            await response.write(f"retry: {random.randint(2_000, 6_000)}\n\n".encode())  # noqa: S311
            await _pass_on(response, changes, asked)
    except ConnectionResetError:
        pass  # its reader has gone
    except asyncio.CancelledError:
        if task is None or not open_streams.ending or not response.prepared:
            raise
        task.uncancel()
        await response.write_eof()  # a stream that breaks off is an error in its reader's log
    finally:
        open_streams.all.pop(task, None)
    return response


async def _pass_on(response: web.StreamResponse, changes: "asyncio.Queue[Change]", asked: AvailabilityQuery) -> None:
    version = 0
    while True:
        days: set[date] = set()
        try:
            async with asyncio.timeout(_HEARTBEAT_S):
                change = await changes.get()
            days |= _days(change, asked)
        except TimeoutError:
            await response.write(b": still here\n\n")
            continue
        await asyncio.sleep(_SETTLE_S)
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                days |= _days(changes.get_nowait(), asked)
        if days:
            version += 1
            event = {"version": version, "days": sorted(day.isoformat() for day in days)}
            await response.write(b"data: " + orjson.dumps(event) + b"\n\n")


def _days(change: Change, asked: AvailabilityQuery) -> set[date]:
    """The dates of the question that *change* touches; a day more on each side, for zones and long appointments."""
    if change.providers is not None and asked.provider is not None and asked.provider not in change.providers:
        return set()
    where = zone(asked.tz or "Etc/UTC")
    first, last = _first_and_last(asked, date_in(where, datetime.now(UTC)))
    everything = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    if not change.starts:
        return everything
    touched: set[date] = set()
    for start in change.starts:
        day = date_in(where, datetime.fromtimestamp(start, UTC))
        touched |= {day - timedelta(days=1), day, day + timedelta(days=1)} if asked.tz is None else {day}
    return touched & everything


def _first_and_last(asked: AvailabilityQuery, today: date) -> tuple[date, date]:
    """Where no zone was named, the location's date may be the one before *today* in UTC, or the one after."""
    slack = timedelta(days=0 if asked.tz else 1)
    first = asked.first or today - slack
    return first, asked.last or first + timedelta(days=6) + 2 * slack
