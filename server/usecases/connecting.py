"""
Owns connecting a provider's own calendar: with a password, an address, or by signing in at its service.

Leaves what can be changed afterwards to `connections`. Calendar servers are asked before a transaction begins, never
within one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from ics.remote.oauth import build_authorize_url, exchange_code, make_verifier
from ics.remote.protocol import RemoteCalendar
from ics.remote.service_lookup import server_of
from server.calendars.presets import PRESETS, Preset, address_of
from server.domain.errors import CalendarRefused, NotFound
from server.store.connections import (
    Connection,
    calendars_of,
    change_connection,
    find_awaited,
    insert_connection,
    make_due,
)
from server.store.engine import Session
from server.tokens import Purpose, new_token, token_hash
from server.usecases.book import new_uid
from server.usecases.calendar_accounts import Accounts, Credentials, list_calendars, oauth_client, refusals
from server.usecases.catalogue import Editor
from server.usecases.connections import Shown, connection_of, keep_listed, let_in, note, show
from server.usecases.core import Core

_SIGN_IN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wants to connect."""

    provider: str
    service: str
    name: str
    url: str
    user: str
    password: str
    options: Mapping[str, Any]


async def connect(core: Core, accounts: Accounts, editor: Editor, draft: Draft) -> Shown:
    """
    A new connection, with the calendars that were found. Nothing is synced before one is chosen.

    Raises:
        NotFound: The provider.
        CalendarRefused: The server, in its own words, or ours.
        Conflict: The provider has too many.
        Unavailable: The server does not answer.
    """
    preset = PRESETS[draft.service]
    uid = new_uid()
    found: Sequence[RemoteCalendar] = ()
    credentials = None
    url = await _address(accounts, draft)
    if preset.signs_in:
        with refusals():  # before anything is kept
            oauth_client(draft.service, accounts.settings, redirect_uri=accounts.redirect_uri)
    else:
        is_file = preset.kind == "ics"
        credentials = Credentials(password=draft.password, url=url if is_file else "")
        found = await list_calendars(accounts.account(draft.service, url, draft.user, credentials))
    values = {
        "uid": uid,
        "kind": preset.kind,
        "preset": draft.service,
        "name": draft.name or draft.user or _host(url),
        # The address of a published file is its password.
        "url": _origin(url) if preset.kind == "ics" else url,
        "account": draft.user,
        "secret_sealed": credentials.seal(accounts.vault, str(uid)) if credentials else None,
        "state": "active" if credentials else "needs_reauth",
        "peer": _host(url),
        **draft.options,
    }
    if "@" in draft.user and not values.get("addresses"):
        values["addresses"] = [draft.user.lower()]

    async def work(session: Session) -> None:
        if not await insert_connection(session, editor.business_id, draft.provider, values):
            raise NotFound(what="provider")
        connection = await connection_of(session, editor.business_id, uid)
        await keep_listed(session, connection, found, is_new=True)
        await note(session, editor, connection, "connected", {"service": draft.service, "url": values["url"]})

    await core.database.transact(work)
    if preset.signs_in:
        return await begin_sign_in(core, accounts, editor, uid)
    return await show(core, editor.business_id, uid)


async def begin_sign_in(core: Core, accounts: Accounts, editor: Editor, uid: UUID) -> Shown:
    """
    Where the owner of the calendar consents; the link holds for a quarter of an hour.

    Raises:
        NotFound: The connection.
        CalendarRefused: It needs no sign-in, or this installation is not registered there.
    """
    state, verifier = new_token(), make_verifier()

    async def work(session: Session) -> str:
        connection = await connection_of(session, editor.business_id, uid, lock=True)
        if not PRESETS[connection.preset].signs_in:
            raise CalendarRefused("This connection uses a password; change that instead.")
        with refusals():
            client = oauth_client(connection.preset, accounts.settings, redirect_uri=accounts.redirect_uri)
        await change_connection(
            session,
            connection,
            {
                "oauth_state_hash": token_hash(state),
                "oauth_sealed": accounts.vault.seal(f"{connection.uid} {verifier}".encode(), Purpose.SIGN_IN),
                "oauth_until": datetime.now(UTC) + _SIGN_IN,
            },
        )
        return build_authorize_url(client, state=state, verifier=verifier, login_hint=connection.account or None)

    authorize_url = await core.database.transact(work)
    return replace(await show(core, editor.business_id, uid), authorize_url=authorize_url)


async def awaited(core: Core, state: str) -> Connection:
    """
    The connection that a sign-in was begun for.

    Raises:
        NotFound: There is none, or it was begun too long ago.
    """
    connection = await core.database.transact(lambda session: find_awaited(session, token_hash(state)))
    if connection is None:
        raise NotFound(what="sign-in")
    return connection


async def finish_sign_in(core: Core, accounts: Accounts, state: str, code: str) -> Shown:
    """
    Redeems *code*, which came back with *state*; each can be used once.

    Raises:
        NotFound: Nobody waits for it.
        CalendarRefused: The service does not accept it.
        Unavailable: The service does not answer.
    """

    async def claim(session: Session) -> Connection:
        connection = await find_awaited(session, token_hash(state))
        if connection is None:
            raise NotFound(what="sign-in")
        await change_connection(session, connection, {"oauth_state_hash": None, "oauth_sealed": None})
        return connection

    connection = await core.database.transact(claim)
    plain = accounts.vault.unseal(connection.oauth_sealed or b"", Purpose.SIGN_IN) or b""
    bound_to, _, verifier = plain.decode().partition(" ")
    if bound_to != str(connection.uid):
        raise NotFound(what="sign-in")
    with refusals():
        client = oauth_client(connection.preset, accounts.settings, redirect_uri=accounts.redirect_uri)
        tokens = await exchange_code(accounts.exchange, client, code=code, verifier=verifier, now=datetime.now(UTC))
    credentials = Credentials.of_tokens(tokens)
    found = await list_calendars(accounts.account(connection.preset, connection.url, connection.account, credentials))

    async def work(session: Session) -> None:
        current = await connection_of(session, connection.business_id, connection.uid, lock=True)
        await change_connection(
            session,
            current,
            {
                "secret_sealed": credentials.seal(accounts.vault, str(connection.uid)),
                **let_in(current),
            },
        )
        await keep_listed(session, current, found, is_new=not await calendars_of(session, current))
        await make_due(session, current.business_id, current.id)

    await core.database.transact(work)
    return await show(core, connection.business_id, connection.uid)


async def _address(accounts: Accounts, draft: Draft) -> str:
    typed = address_of(draft.service, draft.url, draft.user, accounts.settings)
    preset: Preset = PRESETS[draft.service]
    if not typed:
        raise CalendarRefused(f"Where is it? {preset.hint}")
    if preset.kind == "caldav" and not preset.signs_in:
        typed = await server_of(typed)
    try:
        _ = urlsplit(typed).port
    except ValueError:
        raise CalendarRefused("This address cannot be read.") from None
    return typed


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "")[:255]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"
