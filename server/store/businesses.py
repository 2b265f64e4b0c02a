"""
Owns making a business row by row, what its pages wear, and deleting it with everything that belongs to it.

Leaves what is in it to whoever makes it: the demo, `bookable business`, `bookable prove`.
"""

from typing import Any

from sqlalchemy import Table, func, insert, select, text

from server.store import schema
from server.store.engine import Session


async def business_id_of(session: Session, slug: str) -> int | None:
    """The business called *slug*, if there is one."""
    found: int | None = await session.value(select(schema.businesses.c.id).where(schema.businesses.c.slug == slug))
    return found


async def accent_of_business(session: Session, business: str) -> str | None:
    """The colour that a business, by its slug, has chosen; None if it has not, or is not there."""
    found = await session.value("SELECT theme->>'accent' FROM businesses WHERE slug = $1", business)
    return str(found) if found else None


async def has_key(session: Session, business_id: int, key_hash: bytes) -> bool:
    """Whether the business has this key, and it is in force."""
    keys = schema.api_keys.c
    condition = (keys.business_id == business_id) & (keys.key_hash == key_hash) & keys.revoked_at.is_(None)
    return await session.value(select(keys.id).where(condition)) is not None


async def add(session: Session, table: Table, **values: Any) -> int:
    """A new row of *table*; its id."""
    return int(await session.value(insert(table).values(**values).returning(table.c.id)))


_TAKE_PLACE = """
WITH past AS (
    UPDATE appointments
       SET status = CASE WHEN id % 17 = 0 THEN 'no_show' ELSE 'completed' END, version = version + 1
     WHERE business_id = $1 AND ends_at < clock_timestamp() AND status = 'confirmed'
    RETURNING business_id, id, status, sequence, starts_at, ends_at
)
INSERT INTO transitions (business_id, appointment_id, from_status, to_status, actor, sequence, starts_at, at)
SELECT business_id, id, 'confirmed', status, 'provider', sequence, starts_at, ends_at FROM past
"""


async def let_the_past_take_place(session: Session, business_id: int) -> None:
    """What should be over is: completed, and now and then nobody came."""
    await session.execute(_TAKE_PLACE, business_id)


async def delete_business(session: Session, business_id: int) -> None:
    """Deletes a business with everything that belongs to it."""
    for table in reversed(schema.metadata.sorted_tables):  # those that point before those that are pointed at
        if table in {schema.calendar_peers, schema.key_checks}:  # are nobody's
            continue
        owner = table.c.id if table is schema.businesses else table.c.business_id
        await session.execute(table.delete().where(owner == business_id))


async def delete_leftovers(session: Session, prefix: str) -> None:
    """Deletes the businesses whose slug begins with *prefix* and that are older than an hour."""
    b = schema.businesses.c
    old = (b.slug.startswith(prefix, autoescape=True)) & (b.created_at < func.now() - text("interval '1 hour'"))
    for row in await session.fetch(select(b.id).where(old)):
        await delete_business(session, row["id"])


_DOUBLES = """
WITH taken AS (
    SELECT a.id, a.provider_id,
           tstzrange(a.starts_at - s.buffer_before_min * interval '1 min',
                     a.ends_at + s.buffer_after_min * interval '1 min') AS during
      FROM appointments a
      JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
     WHERE a.business_id = $1 AND a.status IN ('pending', 'confirmed'))
SELECT count(*) FROM taken x JOIN taken y ON x.provider_id = y.provider_id AND x.id < y.id AND x.during && y.during
"""


async def count_doubles(session: Session, business_id: int) -> int:
    """
    Pairs of appointments of one provider that overlap, buffers included.

    Asked of the appointments: their claims cannot overlap, but an appointment could have lost its claim.
    """
    return int(await session.value(_DOUBLES, business_id))


async def count_active(session: Session, business_id: int) -> int:
    """Appointments of this business that own time."""
    a = schema.appointments.c
    active = (a.business_id == business_id) & a.status.in_(["pending", "confirmed"])
    return int(await session.value(select(func.count()).select_from(schema.appointments).where(active)))
