"""
Owns managing the endpoints that a business wants to be called.

Leaves calling them to the worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from server.domain.errors import InsecureEndpoint, NotFound
from server.domain.events import Kind
from server.settings import WebhookSettings, is_address, within
from server.store.audit import note_change
from server.store.engine import Session
from server.store.idempotency import remember
from server.store.outbox import add_fact
from server.store.webhook_endpoints import (
    Endpoint,
    EndpointRow,
    change_endpoint,
    delete_endpoint,
    disable,
    find_endpoint_row,
    insert_endpoint,
    list_endpoints,
    rotate_secret,
)
from server.tokens import Purpose, new_webhook_secret
from server.usecases.book import new_uid
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.once import Once, Replay


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint, and the secret that signs from now on: this is the only time that anybody sees it."""

    endpoint: EndpointRow
    secret: str


async def page_of_endpoints(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[EndpointRow], int | None]:
    """Up to *limit* endpoints, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_endpoints(session, business_id, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def read_endpoint(core: Core, business_id: int, uid: UUID) -> EndpointRow:
    """
    One endpoint.

    Raises:
        NotFound: The business has none with this id.
    """
    async with core.database.reading() as session:
        return await _found(session, business_id, uid)


async def add_endpoint(
    core: Core, settings: WebhookSettings, editor: Editor, values: Mapping[str, Any], once: Once[WithSecret]
) -> WithSecret | Replay:
    """
    A new endpoint.

    Raises:
        InsecureEndpoint: It is called without TLS, and lies outside of allowed networks.
        Conflict: There are too many.
        InFlight, IdempotencyMismatch: See `once`.
    """
    _check_plain(settings, values["url"])

    async def work(session: Session) -> WithSecret:
        uid, secret = new_uid(), new_webhook_secret()
        sealed = core.vault.seal(secret.encode(), Purpose.WEBHOOK_SECRET)
        await insert_endpoint(session, editor.business_id, {**values, "uid": uid}, sealed)
        result = WithSecret(await _found(session, editor.business_id, uid), secret)
        await _note(session, editor, result.endpoint, "created", {"url": values["url"]})
        once.check(await remember(session, editor.business_id, once.memo(core.vault, result)))
        return result

    return await once.run(core.database, core.vault, editor.business_id, work)


async def edit_endpoint(
    core: Core, settings: WebhookSettings, editor: Editor, uid: UUID, values: Mapping[str, Any]
) -> EndpointRow:
    """
    The endpoint with what *values* change of it.

    Raises:
        NotFound: The business has none with this id.
        InsecureEndpoint: As for `add_endpoint`.
    """
    if "url" in values:
        _check_plain(settings, values["url"])

    async def work(session: Session) -> EndpointRow:
        row = await _found(session, editor.business_id, uid)
        now = {"url": row.url, "description": row.description, "kinds": row.kinds, "active": row.active}
        if (new := {**now, **values}) != now:
            await change_endpoint(session, editor.business_id, row.id, new)
            await _note(session, editor, row, "changed", dict(values))
        return await _found(session, editor.business_id, uid)

    return await core.database.transact(work)


async def rotate_endpoint(core: Core, settings: WebhookSettings, editor: Editor, uid: UUID) -> WithSecret:
    """
    A new secret, beside which the old one goes on signing for a while.

    Raises:
        NotFound: The business has none with this id.
    """

    async def work(session: Session) -> WithSecret:
        row = await _found(session, editor.business_id, uid)
        secret = new_webhook_secret()
        await rotate_secret(
            session,
            editor.business_id,
            row.id,
            core.vault.seal(secret.encode(), Purpose.WEBHOOK_SECRET),
            settings.rotation_h,
        )
        await _note(session, editor, row, "rotated", {})
        return WithSecret(await _found(session, editor.business_id, uid), secret)

    return await core.database.transact(work)


async def remove_endpoint(core: Core, editor: Editor, uid: UUID) -> None:
    """
    Calls it no more.

    Raises:
        NotFound: The business has none with this id.
    """

    async def work(session: Session) -> None:
        row = await _found(session, editor.business_id, uid)
        await delete_endpoint(session, editor.business_id, row.id)
        await _note(session, editor, row, "deleted", {"url": row.url})

    await core.database.transact(work)


async def test_endpoint(core: Core, editor: Editor, uid: UUID) -> None:
    """
    Sends it a `webhook.test` as if something had happened.

    Raises:
        NotFound: The business has none with this id.
    """

    async def work(session: Session) -> None:
        row = await _found(session, editor.business_id, uid)
        await add_fact(session, editor.business_id, Kind.WEBHOOK_TEST, {"v": 1, "endpoint": row.id, "sequence": 0})

    await core.database.transact(work)


def _check_plain(settings: WebhookSettings, url: str) -> None:
    """Names are looked up when they are called, and checked again then."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    inside = within(host, settings.allowed_networks) if is_address(host) else bool(settings.allowed_networks)
    if parts.scheme == "http" and not inside:
        raise InsecureEndpoint


async def _found(session: Session, business_id: int, uid: UUID) -> EndpointRow:
    row = await find_endpoint_row(session, business_id, uid)
    if row is None:
        raise NotFound(what="webhook")
    return row


async def _note(session: Session, editor: Editor, row: EndpointRow, action: str, changes: Mapping[str, Any]) -> None:
    await note_change(
        session,
        editor.business_id,
        actor=editor.name,
        action=action,
        subject="webhook",
        subject_key=str(row.uid),
        changes=changes,
    )


async def switch_off(session: Session, business_id: int, endpoint_id: int, endpoint: Endpoint, reason: str) -> None:
    """Calls *endpoint* no more, and tells its owner another way."""
    owner = await disable(session, business_id, endpoint_id, reason)
    if owner is None:
        return
    told = {"email": owner["email"], "locale": owner["locale"], "webhook": str(endpoint.uid), "url": endpoint.url}
    await add_fact(session, business_id, Kind.ENDPOINT_DISABLED, {"v": 1, **told, "detail": reason})
