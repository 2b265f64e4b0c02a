"""
Owns connecting and managing providers' own calendars over HTTP, and the conflict inbox.

Leaves signing in at a service to `pages/sign_in`, and calls of services to `inbound_calendars`.
"""

from uuid import UUID

from aiohttp import hdrs, web

from server.domain.errors import NotFound
from server.store.calendar_conflicts import CalendarConflict, dismiss_conflict, list_conflicts
from server.usecases import connecting, connections
from server.usecases.core import Core
from server.web.access import Who
from server.web.answers import json_answer
from server.web.api.listing import listed
from server.web.api.managed import editor_of
from server.web.keys import ACCOUNTS, CALLER, CORE
from server.web.route import Route, body_of, query_of
from server.web.shapes.calendars import (
    CalendarChoice,
    ConflictPage,
    ConnectionDraft,
    ConnectionItem,
    ConnectionOptions,
    ConnectionPage,
    ConnectionPatch,
    DisconnectQuery,
    LogQuery,
    ResumeOrder,
    SyncLog,
    conflict_item,
    connection_item,
    log_item,
)
from server.web.shapes.drafts import PageQuery


async def get_connections(request: web.Request) -> web.Response:
    """Connected accounts, the oldest first."""
    return await listed(request, connections.page_of_connections, ConnectionPage, connection_item)


async def post_connection(request: web.Request) -> web.Response:
    """Connects an account; the server is asked for its calendars before anything is kept."""
    body = body_of(request, ConnectionDraft)
    draft = connecting.Draft(
        provider=body.provider,
        service=body.service,
        name=body.name,
        url=body.url,
        user=body.user,
        password=body.password or "",
        options=body.model_dump(include=set(ConnectionOptions.model_fields)),
    )
    app = request.app
    shown = await connecting.connect(app[CORE], app[ACCOUNTS], editor_of(request), draft)
    answer = _answer(shown, status=201)
    answer.headers[hdrs.LOCATION] = f"{request.path}/{shown.connection.uid}"
    return answer


async def get_connection(request: web.Request) -> web.Response:
    """One connection."""
    return _answer(await connections.show(request.app[CORE], request[CALLER].business_id, _uid(request)))


async def patch_connection(request: web.Request) -> web.Response:
    """Changes a connection, or its password."""
    values = body_of(request, ConnectionPatch).model_dump(exclude_none=True)
    app = request.app
    return _answer(await connections.edit(app[CORE], app[ACCOUNTS], editor_of(request), _uid(request), values))


async def delete_connection(request: web.Request) -> web.Response:
    """Ends a connection; appointments stay."""
    remove = query_of(request, DisconnectQuery).remove_events == "true"
    app = request.app
    await connections.disconnect(app[CORE], app[ACCOUNTS], editor_of(request), _uid(request), remove_events=remove)
    return web.Response(status=204)


async def post_authorize(request: web.Request) -> web.Response:
    """Where the provider signs in (again)."""
    app = request.app
    return _answer(await connecting.begin_sign_in(app[CORE], app[ACCOUNTS], editor_of(request), _uid(request)))


async def post_refresh(request: web.Request) -> web.Response:
    """Asks the server which calendars there are now."""
    app = request.app
    return _answer(await connections.refresh_calendars(app[CORE], app[ACCOUNTS], editor_of(request), _uid(request)))


async def patch_calendar(request: web.Request) -> web.Response:
    """What to use a calendar for."""
    body = body_of(request, CalendarChoice)
    shown = await connections.choose_calendar(
        request.app[CORE],
        editor_of(request),
        _uid(request),
        _uid(request, "calendar"),
        blocks=body.blocks,
        receives=body.receives,
    )
    return _answer(shown)


async def post_sync(request: web.Request) -> web.Response:
    """Its turn is now."""
    await connections.sync_now(request.app[CORE], editor_of(request), _uid(request))
    return web.Response(status=202)


async def post_resync(request: web.Request) -> web.Response:
    """Reads everything anew; what is known counts until that is done."""
    await connections.sync_now(request.app[CORE], editor_of(request), _uid(request), from_scratch=True)
    return web.Response(status=202)


async def post_pause(request: web.Request) -> web.Response:
    """Nothing is read or written."""
    return _answer(await connections.pause(request.app[CORE], editor_of(request), _uid(request)))


async def post_resume(request: web.Request) -> web.Response:
    """Goes on."""
    deletions = body_of(request, ResumeOrder).deletions
    return _answer(await connections.resume(request.app[CORE], editor_of(request), _uid(request), deletions=deletions))


async def get_log(request: web.Request) -> web.Response:
    """What happened, the newest first."""
    asked = query_of(request, LogQuery)
    entries = await connections.log_of(
        request.app[CORE], request[CALLER].business_id, _uid(request), before=asked.before, limit=asked.limit
    )
    return json_answer(SyncLog.model_validate({"items": [log_item(entry) for entry in entries]}))


async def get_conflicts(request: web.Request) -> web.Response:
    """Open conflicts, the oldest first."""
    return await listed(request, _page_of_conflicts, ConflictPage, conflict_item)


async def post_dismissal(request: web.Request) -> web.Response:
    """Lets both be."""

    core, business_id, uid = request.app[CORE], request[CALLER].business_id, _uid(request)
    if not await core.database.transact(lambda session: dismiss_conflict(session, business_id, uid)):
        raise NotFound(what="conflict")
    return web.Response(status=204)


async def _page_of_conflicts(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[CalendarConflict], int | None]:
    async with core.database.reading() as session:
        found = list(await list_conflicts(session, business_id, after=after, limit=limit + 1))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _answer(shown: connections.Shown, *, status: int = 200) -> web.Response:
    answer = json_answer(ConnectionItem.model_validate(connection_item(shown)))
    answer.set_status(status)
    return answer


def _uid(request: web.Request, name: str = "id") -> UUID:
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFound(what="calendar connection") from None


def calendar_routes(base: str) -> list[Route]:
    """Connect, manage, choose, look into the log; conflicts."""
    all_, one, tag = f"{base}/calendars", f"{base}/calendars/{{id}}", "Calendars"
    shown = {200: ConnectionItem}
    return [
        Route("GET", all_, Who.MANAGE, get_connections, tag, "List connected calendars",
              query=PageQuery, answers={200: ConnectionPage}),
        Route("POST", all_, Who.MANAGE, post_connection, tag, "Connect a provider's own calendar",
              body=ConnectionDraft, answers={201: ConnectionItem}),
        Route("GET", one, Who.MANAGE, get_connection, tag, "Read a connection", answers=shown),
        Route("PATCH", one, Who.MANAGE, patch_connection, tag, "Change a connection, or its password",
              body=ConnectionPatch, answers=shown),
        Route("DELETE", one, Who.MANAGE, delete_connection, tag, "Disconnect", query=DisconnectQuery,
              answers={204: None}),
        Route("POST", f"{one}/authorize", Who.MANAGE, post_authorize, tag, "Begin to sign in (Google, Outlook)",
              answers=shown),
        Route("POST", f"{one}/refresh", Who.MANAGE, post_refresh, tag, "Ask which calendars the account has now",
              answers=shown),
        Route("PATCH", f"{one}/calendars/{{calendar}}", Who.MANAGE, patch_calendar, tag,
              "Which calendars block time, and which one receives appointments", body=CalendarChoice, answers=shown),
        Route("POST", f"{one}/sync", Who.MANAGE, post_sync, tag, "Sync now", answers={202: None}),
        Route("POST", f"{one}/resync", Who.MANAGE, post_resync, tag, "Read everything anew", answers={202: None}),
        Route("POST", f"{one}/pause", Who.MANAGE, post_pause, tag, "Pause", answers=shown),
        Route("POST", f"{one}/resume", Who.MANAGE, post_resume, tag, "Go on",
              body=ResumeOrder, body_optional=True, answers=shown),
        Route("GET", f"{one}/log", Who.MANAGE, get_log, tag, "What happened", query=LogQuery, answers={200: SyncLog}),
        Route("GET", f"{base}/calendar-conflicts", Who.MANAGE, get_conflicts, tag,
              "Events of providers that lie over appointments", query=PageQuery, answers={200: ConflictPage}),
        Route("POST", f"{base}/calendar-conflicts/{{id}}/dismiss", Who.MANAGE, post_dismissal, tag,
              "Let both be", answers={204: None}),
    ]  # fmt: skip
