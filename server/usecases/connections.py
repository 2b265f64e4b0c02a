"""
Owns what can be seen and changed of a connection with a provider's own calendars.

Leaves making one to `connecting`, bringing the two sides together to `sync`. Calendar servers are asked before a
transaction begins, never within one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ics.remote.protocol import RemoteCalendar
from server.calendars.presets import PRESETS
from server.domain.errors import CalendarRefused, Conflict, NotFound
from server.store.audit import note_change
from server.store.connections import (
    Calendar,
    Connection,
    calendars_of,
    change_connection,
    delete_connection,
    find_connection,
    forget_calendar_state,
    keep_calendars,
    list_connections,
    make_due,
    use_calendar,
)
from server.store.engine import Session
from server.store.outbox import tell_of_freed_time
from server.store.pushed_events import give_up_others, want_again, want_all
from server.store.sync_turns import LogEntry, peer_fine, read_log
from server.usecases.book import new_uid
from server.usecases.calendar_accounts import Accounts, Credentials, end_sign_in, list_calendars, refusals
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.sync.turn import DELETIONS_MEANT, DELETIONS_UNDONE

LEAVING = "leaving"
"""The reason of a connection that takes our events away before it ends."""

ASKED = "asked"
"""The reason of a pause that somebody wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A connection as it is managed; *authorize_url* where its owner has to sign in now."""

    connection: Connection
    calendars: Sequence[Calendar]
    authorize_url: str | None = None


async def page_of_connections(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[Shown], int | None]:
    """Up to *limit* connections, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_connections(session, business_id, after=after, limit=limit + 1)
        shown = [Shown(connection=each, calendars=await calendars_of(session, each)) for each in found[:limit]]
    return shown, found[limit - 1].id if len(found) > limit else None


async def show(core: Core, business_id: int, uid: UUID) -> Shown:
    """
    One connection.

    Raises:
        NotFound: The business has none with this id.
    """
    async with core.database.reading() as session:
        connection = await connection_of(session, business_id, uid)
        return Shown(connection=connection, calendars=await calendars_of(session, connection))


async def edit(core: Core, accounts: Accounts, editor: Editor, uid: UUID, values: Mapping[str, Any]) -> Shown:
    """
    Other settings, or another password, which is tried first.

    Raises:
        NotFound: The connection.
        CalendarRefused: The password does not fit.
        Unavailable: The server does not answer.
    """
    changes = dict(values)
    password = changes.pop("password", None)
    if password is not None:
        connection = (await show(core, editor.business_id, uid)).connection
        if PRESETS[connection.preset].signs_in or connection.kind == "ics":
            raise CalendarRefused("This connection has no password.")
        credentials = Credentials(password=password)
        await list_calendars(accounts.account(connection.preset, connection.url, connection.account, credentials))
        changes |= {"secret_sealed": credentials.seal(accounts.vault, str(uid)), **let_in(connection)}

    async def work(session: Session) -> None:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        await change_connection(session, connection, changes)
        if changes.keys() & {"shows_buffers", "names_people"}:
            await want_again(session, connection.business_id, connection.id)
        if changes.keys() & {"all_day_blocks", "tentative_blocks", "addresses"}:
            await forget_calendar_state(session, connection)
        await make_due(session, connection.business_id, connection.id)
        await note(
            session, editor, connection, "changed", {name: values[name] for name in values if name != "password"}
        )

    await core.database.transact(work)
    await _wake(core, editor)
    return await show(core, editor.business_id, uid)


async def refresh_calendars(core: Core, accounts: Accounts, editor: Editor, uid: UUID) -> Shown:
    """
    Asks the server once more which calendars there are.

    Raises:
        NotFound: The connection.
        CalendarRefused, Unavailable: The server.
    """
    connection = (await show(core, editor.business_id, uid)).connection

    async def keep(sealed: bytes) -> None:
        await core.database.transact(lambda s: change_connection(s, connection, {"secret_sealed": sealed}))

    with refusals():
        account = await accounts.open(connection, keep=keep)
    found = await list_calendars(account)
    await core.database.transact(lambda session: keep_listed(session, connection, found, is_new=False))
    return await show(core, editor.business_id, uid)


async def choose_calendar(
    core: Core, editor: Editor, uid: UUID, calendar_uid: UUID, *, blocks: bool | None, receives: bool | None
) -> Shown:
    """
    Whether the events of a calendar take time, and whether appointments are written into it.

    Raises:
        NotFound: The connection or the calendar.
        Conflict: The calendar cannot be written.
    """

    async def work(session: Session) -> Connection:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        calendar = next((c for c in await calendars_of(session, connection) if c.uid == calendar_uid), None)
        if calendar is None:
            raise NotFound(what="calendar")
        wanted_blocks = calendar.blocks if blocks is None else blocks
        wanted_receives = calendar.receives if receives is None else receives
        if wanted_receives and not calendar.writable:
            raise Conflict("This calendar can only be read.")
        await use_calendar(session, connection, calendar, blocks=wanted_blocks, receives=wanted_receives)
        if wanted_receives and not calendar.receives:
            await give_up_others(session, calendar, connection.provider_id)
            await want_all(session, calendar)
        elif calendar.receives and not wanted_receives:
            await want_again(session, connection.business_id, connection.id)
        await make_due(session, connection.business_id, connection.id)
        changes = {"calendar": calendar.name, "blocks": wanted_blocks, "receives": wanted_receives}
        await note(session, editor, connection, "chose", changes)
        await tell_of_freed_time(session, [editor.business_id])
        return connection

    connection = await core.database.transact(work)
    await core.changes.announce(editor.business, [connection.provider])
    return await show(core, editor.business_id, uid)


async def sync_now(core: Core, editor: Editor, uid: UUID, *, from_scratch: bool = False) -> None:
    """
    Its turn is now. *from_scratch*: everything is listed and read anew, and counts as before until that is done.

    Raises:
        NotFound: The connection.
    """

    async def work(session: Session) -> None:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        if from_scratch:
            await forget_calendar_state(session, connection)
            await want_again(session, connection.business_id, connection.id)
        await peer_fine(session, connection.peer)
        await make_due(session, connection.business_id, connection.id)

    await core.database.transact(work)
    await _wake(core, editor)


async def pause(core: Core, editor: Editor, uid: UUID) -> Shown:
    """
    Nothing is read or written until somebody resumes it. What was known counts until it is too old.

    Raises:
        NotFound: The connection.
    """

    async def work(session: Session) -> None:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        await change_connection(session, connection, {"state": "paused", "reason": ASKED})
        await note(session, editor, connection, "paused", {})

    await core.database.transact(work)
    return await show(core, editor.business_id, uid)


async def resume(core: Core, editor: Editor, uid: UUID, *, deletions: str | None) -> Shown:
    """
    Goes on.

    Args:
        deletions: After it was stopped because too much was gone at once: `meant` lets the deletions count, `undone`
            puts the appointments back.

    Raises:
        NotFound: The connection.
        Conflict: It has to be said what is to come of the deletions; or somebody has to sign in.
    """

    async def work(session: Session) -> None:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        if connection.secret_sealed is None or connection.state == "needs_reauth":
            raise Conflict("The calendar's owner has to sign in first.")
        guarded = connection.reason in {"mass_deletion", "emptied"}
        if guarded and deletions is None:
            raise Conflict("Say what is to come of the deletions: meant, or undone.")
        decided = {"meant": DELETIONS_MEANT, "undone": DELETIONS_UNDONE}.get(deletions or "", "")
        await change_connection(session, connection, {**_awake(connection), "reason": decided if guarded else ""})
        await make_due(session, connection.business_id, connection.id)
        await note(session, editor, connection, "resumed", {"deletions": deletions})

    await core.database.transact(work)
    await _wake(core, editor)
    return await show(core, editor.business_id, uid)


async def disconnect(core: Core, accounts: Accounts, editor: Editor, uid: UUID, *, remove_events: bool) -> None:
    """
    Ends a connection; no appointment is cancelled by it.

    Args:
        remove_events: Takes our events out of the calendar first, which a worker does.

    Raises:
        NotFound: The connection.
    """

    async def work(session: Session) -> Connection:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        if remove_events and connection.secret_sealed is not None:
            await change_connection(session, connection, {**_awake(connection), "reason": LEAVING})
            await make_due(session, connection.business_id, connection.id)
        else:
            await delete_connection(session, connection)
        await note(session, editor, connection, "disconnected", {"remove_events": remove_events})
        await tell_of_freed_time(session, [editor.business_id])
        return connection

    connection = await core.database.transact(work)
    if not remove_events:
        await end_sign_in(accounts, connection)
    await core.changes.announce(editor.business, [connection.provider])


async def log_of(core: Core, business_id: int, uid: UUID, *, before: int | None, limit: int) -> list[LogEntry]:
    """
    The last rounds in which something happened, the newest first.

    Raises:
        NotFound: The connection.
    """
    async with core.database.reading() as session:
        connection = await connection_of(session, business_id, uid)
        return await read_log(session, connection, before=before, limit=limit)


async def wake(core: Core, token: str) -> None:
    """
    A calendar service says that something has changed: a hint to look, and nothing more.

    Raises:
        NotFound: It is nobody's token.
    """
    key = core.vault.waking(token)
    if key is None:
        raise NotFound(what="connection")
    await core.database.transact(lambda session: make_due(session, *key))


async def keep_listed(
    session: Session, connection: Connection, found: Sequence[RemoteCalendar], *, is_new: bool
) -> None:
    """Keeps the calendars that an account was *found* to have."""
    rows = [
        {
            "uid": new_uid(),
            "href": each.href,
            "name": each.name[:500],
            "colour": each.colour,
            "timezone": each.timezone,
            "writable": each.writable,
        }
        for each in found
    ]
    await keep_calendars(session, connection, rows)
    if is_new and len(rows) == 1:  # where there is nothing to choose, it is chosen
        only = (await calendars_of(session, connection))[0]
        await use_calendar(session, connection, only, blocks=True, receives=False)


async def connection_of(session: Session, business_id: int, uid: UUID, *, lock: bool = False) -> Connection:
    """
    The connection with this id.

    Raises:
        NotFound: The business has none.
    """
    connection = await find_connection(session, business_id, uid, lock=lock)
    if connection is None:
        raise NotFound(what="calendar connection")
    return connection


async def _wake(core: Core, editor: Editor) -> None:
    """Workers hear of it at once, instead of within a second."""
    await core.changes.announce(editor.business, [])


def _awake(connection: Connection) -> dict[str, Any]:
    """The columns of a connection that may go on."""
    return {"state": "active", "reason": connection.reason, "last_error": "", "failures": 0}


def let_in(connection: Connection) -> dict[str, Any]:
    """The columns of a connection whose credentials were renewed: what somebody paused stays so."""
    return {} if connection.reason == ASKED else _awake(connection)


async def note(
    session: Session, editor: Editor, connection: Connection, action: str, changes: Mapping[str, Any]
) -> None:
    """Writes down who did what with a connection."""
    await note_change(
        session,
        editor.business_id,
        actor=editor.name,
        action=action,
        subject="calendar",
        subject_key=str(connection.uid),
        changes=changes,
    )
