"""
Owns telling a business when strangers take its times much faster than usual, and asking more of them if it wants that.

Leaves what follows to the business: the block list, and cancelling a burst.
"""

from functools import partial

from server.domain.events import Kind
from server.domain.surges import is_surge
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.set_aside import Key
from server.store.surges import busy_businesses, mark_told, watch
from server.usecases.batches import each
from server.usecases.core import Core


async def watch_pace(core: Core) -> int:
    """
    Looks at every business of which strangers took many times within the last hour; how many were looked at.

    Raises:
        Unavailable: The database is away.
    """
    async with core.database.reading() as session:
        busy = await busy_businesses(session, least=core.booking.surge_least)
    return await each(core, "surges", busy, partial(_look_at, core))


async def _look_at(core: Core, key: Key) -> None:
    slug = await core.database.transact(partial(_tell, core, key.business_id))
    if slug is not None:
        await core.changes.announce(slug, None)


async def _tell(core: Core, business_id: int, session: Session) -> str | None:
    """The business that was told, by its slug; at most once an hour, however many workers look."""
    settings = core.booking
    found = await watch(session, business_id)
    if found is None or not is_surge(found.pace, least=settings.surge_least, factor=settings.surge_factor):
        return None
    until = await mark_told(session, business_id, guard_min=settings.surge_guard_min if found.confirms else None)
    payload = {
        "v": 1,
        "email": found.email,
        "locale": found.locale,
        "taken": found.pace.taken,
        "usual": found.pace.usual,
        "guarded_until": until.isoformat() if until is not None else None,
    }
    await add_fact(session, business_id, Kind.BOOKING_SURGE, payload)
    return found.slug
