"""
Owns looking at what was sent, sending it again, and stopping it for whoever wants no more.

Leaves sending to the worker.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from server.domain.errors import NotFound
from server.store.delivery_log import (
    Attempt,
    Logged,
    attempts_of,
    dead_ids,
    list_deliveries,
    send_again,
)
from server.store.engine import Session
from server.store.suppressions import suppress
from server.usecases.batches import AT_ONCE
from server.usecases.core import Core


async def page_of_deliveries(
    core: Core, business_id: int, filters: Mapping[str, Any], *, before: int | None, limit: int
) -> tuple[list[Logged], int | None]:
    """Up to *limit* deliveries, the newest first, and the id before which the next page begins."""
    wanted = {"business_id": business_id, **filters, **({"before": before} if before is not None else {})}
    async with core.database.reading() as session:
        found = await list_deliveries(session, wanted, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def show_delivery(core: Core, business_id: int, uid: UUID) -> tuple[Logged, list[Attempt]]:
    """
    One delivery with its attempts.

    Raises:
        NotFound: The business has none with this id.
    """
    async with core.database.reading() as session:
        found = await list_deliveries(session, {"business_id": business_id, "uid": uid}, limit=1)
        if not found:
            raise NotFound(what="delivery")
        return found[0], await attempts_of(session, found[0].id)


async def redeliver(core: Core, business_id: int, uid: UUID) -> Logged:
    """
    Sends one again, whatever became of it; the receiver sees the same id.

    Raises:
        NotFound: The business has none with this id.
    """

    async def work(session: Session) -> None:
        found = await list_deliveries(session, {"business_id": business_id, "uid": uid}, limit=1)
        if not found:
            raise NotFound(what="delivery")
        await send_again(session, [found[0].id])

    await core.database.transact(work)
    return (await show_delivery(core, business_id, uid))[0]


async def redrive(core: Core, wanted: Mapping[str, Any]) -> int:
    """Sends the dead deliveries that fit *wanted* again, a page at a time; how many."""
    total, before = 0, None
    while True:
        page = {**wanted, "before": before} if before is not None else wanted

        async def work(session: Session, page: Mapping[str, Any] = page) -> tuple[list[int], int]:
            dead = await dead_ids(session, page, limit=AT_ONCE)
            return dead, await send_again(session, dead)

        dead, queued = await core.database.transact(work)
        total += queued
        if len(dead) < AT_ONCE:
            return total
        before = dead[-1]


async def unsubscribe(core: Core, token: str) -> None:
    """
    The address in *token* gets no more reminders of its business.

    Raises:
        NotFound: We made no such token.
    """
    who = core.vault.unsubscribing(token)
    if who is None:
        raise NotFound(what="address")
    business_id, email = who

    async def work(session: Session) -> None:
        await suppress(session, business_id, channel="mail", target=email, scope="reminders", reason="unsubscribed")

    await core.database.transact(work)
