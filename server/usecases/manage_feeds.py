"""
Owns making feeds, giving them a new address, and taking them back.

Leaves reading them to `read_feed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.domain.errors import NotFound
from server.domain.events import Kind
from server.store.audit import note_change
from server.store.engine import Session
from server.store.feeds import (
    FeedRow,
    add_token,
    change_feed,
    customer_feed,
    find_feed_row,
    insert_feed,
    list_feeds,
    lock_customer_of,
    renew_token,
    retire_tokens,
    revoke_feed,
)
from server.store.idempotency import remember
from server.store.outbox import add_fact
from server.tokens import new_token, token_hash
from server.usecases.book import new_uid
from server.usecases.catalogue import Editor
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.places import target_of_token

_HINT = 4


@dataclass(frozen=True, slots=True)
class Issued:
    """A feed, and the token that opens it from now on: this is the only time that anybody sees it."""

    feed: FeedRow
    token: str


async def page_of_feeds(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[FeedRow], int | None]:
    """Up to *limit* feeds, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_feeds(session, business_id, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def create_feed(
    core: Core, editor: Editor, values: Mapping[str, Any], subject: str | None, once: Once[Issued]
) -> Issued | Replay:
    """
    A new feed of the business, or of the provider, service or location called *subject*.

    Raises:
        NotFound: There is none.
        InFlight, IdempotencyMismatch: See `once`.
    """

    async def work(session: Session) -> Issued:
        uid, token = new_uid(), new_token()
        feed_id = await insert_feed(session, editor.business_id, {**values, "uid": uid}, subject)
        if feed_id is None:
            raise NotFound(what=str(values["scope"]))
        await renew_token(session, editor.business_id, feed_id, token_hash(token), token[-_HINT:])
        row = await _row(session, editor.business_id, uid)
        await _note(session, editor, row, "created", {"scope": row.scope, "privacy": row.privacy})
        issued = Issued(row, token)
        once.check(await remember(session, editor.business_id, once.memo(core.vault, issued)))
        return issued

    return await once.run(core.database, core.vault, editor.business_id, work)


async def rotate_feed(core: Core, editor: Editor, uid: UUID) -> Issued:
    """
    The feed under a new token; the old one answers 410 from now on.

    Raises:
        NotFound: There is no such feed, or it was revoked.
    """

    async def work(session: Session) -> Issued:
        row = await _living(session, editor.business_id, uid)
        token = new_token()
        await renew_token(session, editor.business_id, row.id, token_hash(token), token[-_HINT:])
        await _note(session, editor, row, "rotated", {})
        return Issued(await _row(session, editor.business_id, uid), token)

    issued = await core.database.transact(work)
    await _tell(core, editor)
    return issued


async def edit_feed(core: Core, editor: Editor, uid: UUID, values: Mapping[str, str]) -> FeedRow:
    """
    The feed with another name, privacy or colour.

    Raises:
        NotFound: There is no such feed, or it was revoked.
    """

    async def work(session: Session) -> FeedRow:
        row = await _living(session, editor.business_id, uid)
        now = {"name": row.name, "privacy": row.privacy, "colour": row.colour}
        new = {**now, **values}
        if new != now:
            await change_feed(session, editor.business_id, row.id, [new["name"], new["privacy"], new["colour"]])
            await _note(session, editor, row, "changed", dict(values))
        return await _row(session, editor.business_id, uid)

    row = await core.database.transact(work)
    await _tell(core, editor)
    return row


async def end_feed(core: Core, editor: Editor, uid: UUID) -> None:
    """
    Takes a feed back: its address answers 410.

    Raises:
        NotFound: There is no such feed, or it was revoked before.
    """

    async def work(session: Session) -> None:
        row = await _living(session, editor.business_id, uid)
        await revoke_feed(session, editor.business_id, row.id)
        await retire_tokens(session, editor.business_id, row.id)
        await _note(session, editor, row, "revoked", {})

    await core.database.transact(work)
    await _tell(core, editor)


async def mail_feed_of_customer(core: Core, manage_token: str) -> None:
    """
    Mails the address of the feed of a customer's appointments to the address that *manage_token* was booked with.

    Whoever holds the token typed that address, which proves nothing: only who reads its mail gets to know the feed. The
    address is the same each time, and those given out before stay as they are.

    Raises:
        NotFound: There is no such manage token.
    """
    target = await target_of_token(core, manage_token)
    attendee, appointment = target.attendee, target.appointment
    assert attendee is not None, "a manage token is an attendee's"

    async def work(session: Session) -> None:
        customer = await lock_customer_of(session, appointment.business_id, attendee.id)
        found = await customer_feed(session, appointment.business_id, customer)
        uid = found.uid if found is not None else new_uid()
        if found is None:
            values = {
                "uid": uid,
                "name": appointment.business_name,
                "scope": "customer",
                "privacy": "full",
                "colour": "",
                "customer_id": customer,
            }
            feed_id = await insert_feed(session, appointment.business_id, values, None)
        else:
            feed_id = found.id
        assert feed_id is not None
        token = core.vault.new_feed_token(str(uid))
        await add_token(session, appointment.business_id, feed_id, token_hash(token), token[-_HINT:])
        fact = {
            "v": 1,
            "attendee": attendee.id,
            "start": appointment.start.isoformat(),
            "feed": str(uid),
            "token_hash": token_hash(token).hex(),
        }
        await add_fact(session, appointment.business_id, Kind.FEED_REQUESTED, fact, appointment_id=appointment.id)

    await core.database.transact(work)


async def _tell(core: Core, editor: Editor) -> None:
    """Processes remember for a second what a feed was like; they are told to look again."""
    await core.changes.announce(editor.business, None)


async def _living(session: Session, business_id: int, uid: UUID) -> FeedRow:
    row = await find_feed_row(session, business_id, uid, lock=True)
    if row is None or row.revoked_at is not None:
        raise NotFound(what="feed")
    return row


async def _row(session: Session, business_id: int, uid: UUID) -> FeedRow:
    row = await find_feed_row(session, business_id, uid)
    assert row is not None
    return row


async def _note(session: Session, editor: Editor, row: FeedRow, action: str, changes: Mapping[str, object]) -> None:
    await note_change(
        session,
        editor.business_id,
        actor=editor.name,
        action=action,
        subject="feed",
        subject_key=str(row.uid),
        changes=changes,
    )
