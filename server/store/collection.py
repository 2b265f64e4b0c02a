"""
Owns what all managed collections have in common: reading, listing, inserting, changing, deleting rows of a business.

Leaves which collections there are to `catalogue`, and when they may change to `usecases/catalogue`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, delete, func, insert, select, update

from server.domain.errors import Conflict, NotFound, UnknownReference
from server.store.conflicts import as_conflicts, still_needed
from server.store.engine import Row, Session

Values = Mapping[str, Any]
"""By field; what is referred to is named by slug."""

Columns = dict[str, Any]
"""By column, as Postgres takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of a collection."""

    id: int
    version: int
    values: Values


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that names a row of *table* by its slug; the column is `<field>_id`."""

    table: Table
    only: Sequence[ColumnElement[bool]] = ()

    def id_of(self, tenant: int | ColumnElement[int], slug: str) -> ColumnElement[int]:
        """The row's id, as a subquery."""
        t = self.table
        return select(t.c.id).where(t.c.business_id == tenant, t.c.slug == slug, *self.only).scalar_subquery()


async def _nothing_first(_: Session, __: int, ___: Values) -> Columns:
    return {}


async def _nothing_after(_: Session, __: int, ___: Columns) -> None:
    return None


async def _nothing_to_check(_: Session, __: int) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """
    A table, seen as the API shows it.

    Attributes:
        subject: What a row is called, in the audit log and in sentences.
        key: The field that names a row in URLs: `slug` or `id`.
        fields: Expressions by field.
        to_columns: Fields to columns; what `references` name is already there by id.
        only: Which rows of the table belong to the collection.
        fixed: Columns that all of its rows have in common.
        ended: The column that is stamped where a row is ended instead of deleted.
        first: Done before a row is inserted; gives further columns.
        needed_by: Columns whose rows would silently go with a row, and why it must therefore stay.
        after: Done after a row was changed to the columns given, or deleted, then without any.
        check: Whether the business can keep what it promises, once a row was inserted or changed; raises if not.
    """

    subject: str
    table: Table
    key: str = "id"
    fields: Mapping[str, ColumnElement[Any]]
    references: Mapping[str, Reference] = field(default_factory=dict)
    to_columns: Callable[[Values], Columns] = dict
    only: Sequence[ColumnElement[bool]] = ()
    fixed: Values = field(default_factory=dict)
    filters: Mapping[str, Callable[[Any], ColumnElement[bool]]] = field(default_factory=dict)
    """For what is not equality of a field or a reference."""
    newest_first: bool = False
    ended: Column[Any] | None = None
    needed_by: Mapping[Column[Any], str] = field(default_factory=dict)
    first: Callable[[Session, int, Values], Awaitable[Columns]] = _nothing_first
    after: Callable[[Session, int, Columns], Awaitable[None]] = _nothing_after
    check: Callable[[Session, int], Awaitable[None]] = _nothing_to_check

    @property
    def tenant(self) -> ColumnElement[int]:
        """The business that a row belongs to; a business belongs to itself."""
        columns = self.table.c
        return columns.business_id if "business_id" in columns else columns.id

    @property
    def has_version(self) -> bool:
        """Whether rows change, and count their changes."""
        return "version" in self.table.c

    def rows(self, business_id: int) -> Select[Any]:
        """All rows of a business."""
        shown = [expression.label(name) for name, expression in self.fields.items()]
        named = [self._slug(name, reference).label(name) for name, reference in self.references.items()]
        version = [self.table.c.version] if self.has_version else []
        return select(self.table.c.id, *version, *shown, *named).where(self.tenant == business_id, *self.only)

    def matching(self, name: str, value: object) -> ColumnElement[bool]:
        """The condition that a filter stands for."""
        if name in self.filters:
            return self.filters[name](value)
        if name in self.references:
            return self._column(name) == self.references[name].id_of(self.tenant, str(value))
        return self.fields[name] == value

    def _slug(self, name: str, reference: Reference) -> ColumnElement[str]:
        other = reference.table.alias(f"the_{name}")
        same = (other.c.business_id == self.tenant, other.c.id == self._column(name))
        return select(other.c.slug).where(*same).correlate(self.table).scalar_subquery()

    def _column(self, name: str) -> ColumnElement[Any]:
        return self.table.c[f"{name}_id"]


async def page_of(
    session: Session, collection: Collection, business_id: int, filters: Values, *, after: int | None, limit: int
) -> list[Record]:
    """The *limit* rows that follow the one with the id *after*, by id."""
    ident = collection.table.c.id
    query = collection.rows(business_id).where(*(collection.matching(*item) for item in filters.items()))
    if after is not None:
        query = query.where(ident < after if collection.newest_first else ident > after)
    query = query.order_by(ident.desc() if collection.newest_first else ident).limit(limit)
    return [_record(row) for row in await session.fetch(query)]


async def check_references(
    session: Session, references: Mapping[str, Reference], business_id: int, wanted: Values
) -> None:
    """
    Whether the business has everything that *wanted* names by slug.

    Raises:
        UnknownReference: It lacks some.
    """
    named = {name: references[name] for name in wanted if name in references}
    if not named:
        return
    query = select(*(reference.id_of(business_id, wanted[name]).label(name) for name, reference in named.items()))
    row = await session.first(query)
    assert row is not None
    lacking = {name: str(wanted[name]) for name in named if row[name] is None}
    if lacking:
        raise UnknownReference(lacking)


async def find_record(
    session: Session, collection: Collection, business_id: int, key: str | int, *, lock: bool = False
) -> Record:
    """
    The row with this slug or id; locked until the transaction ends, if it is about to change.

    Raises:
        NotFound: The business has none.
    """
    query = collection.rows(business_id).where(collection.table.c[collection.key] == key)
    if lock:
        query = query.with_for_update(of=collection.table)
        if collection.ended is not None:
            query = query.where(collection.ended.is_(None))
    row = await session.first(query)
    if row is None:
        raise NotFound(what=collection.subject)
    return _record(row)


async def insert_record(session: Session, collection: Collection, business_id: int, values: Values) -> Record:
    """
    A new row.

    Raises:
        NotFound: What it refers to is not the business's.
        Conflict: See `as_conflicts`.
    """
    columns = await _columns(session, collection, business_id, values)
    with as_conflicts(collection.subject):
        columns |= await collection.first(session, business_id, values)
        query = insert(collection.table).values(business_id=business_id, **columns, **collection.fixed)
        ident = await session.value(query.returning(collection.table.c.id))
    await collection.check(session, business_id)
    row = await session.first(collection.rows(business_id).where(collection.table.c.id == ident))
    assert row is not None
    return _record(row)


async def update_record(
    session: Session, collection: Collection, business_id: int, record: Record, values: Values
) -> Record:
    """
    *record*, which the transaction has locked, with new *values*.

    Raises:
        NotFound, Conflict: As for `insert_record`.
    """
    columns = await _columns(session, collection, business_id, values)
    table = collection.table
    mine = (collection.tenant == business_id, table.c.id == record.id)
    with as_conflicts(collection.subject):
        await session.execute(
            update(table).where(*mine).values(**columns, version=table.c.version + 1, updated_at=func.clock_timestamp())
        )
        await collection.after(session, business_id, {**columns, "id": record.id})
    await collection.check(session, business_id)
    row = await session.first(collection.rows(business_id).where(table.c.id == record.id))
    assert row is not None
    return _record(row)


async def delete_record(session: Session, collection: Collection, business_id: int, record: Record) -> None:
    """
    Deletes or ends *record*, which the transaction has locked.

    Raises:
        Conflict: Others depend on it.
    """
    table = collection.table
    for column, why in collection.needed_by.items():
        other = column.table.c
        if await session.value(select(other.id).where(other.business_id == business_id, column == record.id).limit(1)):
            raise Conflict(still_needed(collection.subject, why))
    mine = (collection.tenant == business_id, table.c.id == record.id)
    if collection.ended is not None:
        await session.execute(update(table).where(*mine).values({collection.ended: func.clock_timestamp()}))
        return
    with as_conflicts(collection.subject):
        row = await session.first(delete(table).where(*mine).returning(*table.c))
        await collection.after(session, business_id, {"deleted": dict(row or {})})


async def _columns(session: Session, collection: Collection, business_id: int, values: Values) -> Columns:
    own = {name: value for name, value in values.items() if name not in collection.references}
    columns = dict(collection.to_columns(own))
    named = {name: reference for name, reference in collection.references.items() if values.get(name) is not None}
    columns |= {f"{name}_id": None for name in collection.references if name in values}
    if named:
        query = select(*(reference.id_of(business_id, values[name]).label(name) for name, reference in named.items()))
        row = await session.first(query)
        assert row is not None
        for name in named:
            if row[name] is None:
                raise NotFound(what=name)
            columns[f"{name}_id"] = row[name]
    return columns


def _record(row: Row) -> Record:
    values = dict(row)
    return Record(id=values["id"], version=values.get("version", 1), values=values)
