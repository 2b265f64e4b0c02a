"""
Owns editing what a business is and offers: each edit is one transaction with its audit entry.

Leaves the fields of a collection to `store/catalogue`, and what their values may be to the shapes.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from server.domain.configuration import Capabilities
from server.domain.errors import StaleVersion
from server.domain.setup_checks import Finding
from server.store.audit import note_change
from server.store.collection import (
    Collection,
    Record,
    Values,
    check_references,
    delete_record,
    find_record,
    insert_record,
    page_of,
    update_record,
)
from server.store.engine import Session
from server.store.idempotency import remember
from server.store.outbox import tell_of_freed_time
from server.usecases.chargeable import check_charges
from server.usecases.core import Core
from server.usecases.once import Once, Replay
from server.usecases.setup import findings_about

_NOT_A_CHANGE = frozenset({"id", "version", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """Who edits which business."""

    name: str
    business: str
    business_id: int


async def list_page(
    core: Core, business_id: int, collection: Collection, filters: Values, *, after: int | None, limit: int
) -> tuple[list[Record], int | None]:
    """
    Up to *limit* records, and the id after which the next page begins; None on the last one.

    Raises:
        UnknownReference: A filter names what the business does not have; an empty list would hide the slip.
    """
    async with core.database.reading() as session:
        records = await page_of(session, collection, business_id, filters, after=after, limit=limit + 1)
        if not records:
            await check_references(session, collection.references, business_id, filters)
    more = len(records) > limit
    return records[:limit], records[limit - 1].id if more else None


async def read(core: Core, business_id: int, collection: Collection, key: str | int) -> Record:
    """
    One record.

    Raises:
        NotFound: The business has none with this key.
    """
    async with core.database.reading() as session:
        return await find_record(session, collection, business_id, key)


@dataclass(frozen=True, slots=True)
class Saved:
    """A record as it is now, and what in the configuration cannot work because of it."""

    record: Record
    warnings: Sequence[Finding] = ()


async def create(
    core: Core,
    editor: Editor,
    collection: Collection,
    values: Values,
    once: Once[Saved],
    *,
    capabilities: Capabilities,
) -> Saved | Replay:
    """
    A new record.

    Raises:
        NotFound: What it refers to.
        Conflict: Its name is taken.
        NotChargeable, PaymentNotSetUp: See `check_charges`.
        InFlight, IdempotencyMismatch: See `once`.
    """

    async def work(session: Session) -> Saved:
        record = await insert_record(session, collection, editor.business_id, values)
        saved = await _checked(session, editor, collection, record, values.keys(), capabilities=capabilities)
        await _note(session, editor, collection, record, action="created", changes=_facts(record))
        # Whatever an edit opens is offered to those who wait: hours, an exception or time off that goes, more places.
        await tell_of_freed_time(session, [editor.business_id])
        once.check(await remember(session, editor.business_id, once.memo(core.vault, saved)))
        return saved

    result = await once.run(core.database, core.vault, editor.business_id, work)
    if isinstance(result, Saved):
        await core.changes.announce(editor.business, None)
    return result


async def change(
    core: Core,
    editor: Editor,
    collection: Collection,
    key: str | int,
    rewrite: Callable[[Values], Values],
    *,
    versions: AbstractSet[int] | None,
    capabilities: Capabilities,
) -> Saved:
    """
    The record after *rewrite*; one that changes nothing leaves no trace.

    Args:
        rewrite: New values from old ones; may raise.
        versions: One of which the record must have; None for any.

    Raises:
        NotFound: The record, or what it would refer to.
        StaleVersion: It was changed meanwhile.
        Conflict: See `store/conflicts`.
        NotChargeable, PaymentNotSetUp: See `check_charges`.
    """

    async def work(session: Session) -> tuple[Saved, bool]:
        before = await find_record(session, collection, editor.business_id, key, lock=True)
        _check_version(before, versions)
        values = rewrite(before.values)
        changes = {
            name: {"from": before.values[name], "to": value}
            for name, value in values.items()
            if before.values[name] != value
        }
        if not changes:
            return Saved(before), False
        after = await update_record(session, collection, editor.business_id, before, values)
        saved = await _checked(session, editor, collection, after, changes.keys(), capabilities=capabilities)
        await _note(session, editor, collection, after, action="changed", changes=changes)
        await tell_of_freed_time(session, [editor.business_id])
        return saved, True

    saved, changed = await core.database.transact(work)
    if changed:
        await core.changes.announce(editor.business, None)
    return saved


async def _checked(
    session: Session,
    editor: Editor,
    collection: Collection,
    record: Record,
    changed: AbstractSet[str],
    *,
    capabilities: Capabilities,
) -> Saved:
    """*record* with what does not work because of it; what cannot be at all is refused."""
    business_id, values = editor.business_id, record.values
    await check_charges(session, business_id, collection, values, changed=changed, capabilities=capabilities)
    return Saved(record, await findings_about(session, business_id, collection, values, capabilities))


async def remove(
    core: Core, editor: Editor, collection: Collection, key: str | int, *, versions: AbstractSet[int] | None
) -> None:
    """
    Deletes a record.

    Raises:
        NotFound, StaleVersion: As for `change`.
        Conflict: Others depend on it.
    """

    async def work(session: Session) -> None:
        record = await find_record(session, collection, editor.business_id, key, lock=True)
        _check_version(record, versions)
        await delete_record(session, collection, editor.business_id, record)
        await _note(session, editor, collection, record, action="deleted", changes=_facts(record))
        await tell_of_freed_time(session, [editor.business_id])

    await core.database.transact(work)
    await core.changes.announce(editor.business, None)


def _check_version(record: Record, versions: AbstractSet[int] | None) -> None:
    if versions is not None and record.version not in versions:
        raise StaleVersion(record.version)


def _facts(record: Record) -> Values:
    return {name: value for name, value in record.values.items() if name not in _NOT_A_CHANGE}


async def _note(
    session: Session,
    editor: Editor,
    collection: Collection,
    record: Record,
    *,
    action: str,
    changes: Mapping[str, object],
) -> None:
    await note_change(
        session,
        editor.business_id,
        actor=editor.name,
        action=action,
        subject=collection.subject,
        subject_key=str(record.values[collection.key]),
        changes=changes,
    )
