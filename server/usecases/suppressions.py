"""
Owns looking at the addresses that a business leaves alone, and lifting that.

Leaves why they are left alone to whoever found out.
"""

from server.domain.errors import NotFound
from server.store.audit import note_change
from server.store.engine import Session
from server.store.suppressions import Suppression, lift, list_suppressions
from server.usecases.catalogue import Editor
from server.usecases.core import Core


async def page_of_suppressions(
    core: Core, business_id: int, *, after: int | None, limit: int
) -> tuple[list[Suppression], int | None]:
    """Up to *limit* of them, and the id after which the next page begins; None on the last one."""
    async with core.database.reading() as session:
        found = await list_suppressions(session, business_id, after=after, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def lift_suppression(core: Core, editor: Editor, suppression_id: int) -> Suppression:
    """
    Messages go to the address again.

    Raises:
        NotFound: The business has none with this id.
    """

    async def work(session: Session) -> Suppression:
        lifted = await lift(session, editor.business_id, suppression_id)
        if lifted is None:
            raise NotFound(what="suppression")
        await note_change(
            session,
            editor.business_id,
            actor=editor.name,
            action="deleted",
            subject="suppression",
            subject_key=f"{lifted.channel} {lifted.scope}",
            changes={"reason": lifted.reason},
        )
        return lifted

    return await core.database.transact(work)
