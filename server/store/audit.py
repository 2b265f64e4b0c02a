"""
Owns writing down who changed what.

Leaves reading it to `catalogue`.
"""

from collections.abc import Mapping

from sqlalchemy import insert

from server.store.engine import Session
from server.store.schema import audit_entries


async def note_change(
    session: Session,
    business_id: int,
    *,
    actor: str,
    action: str,
    subject: str,
    subject_key: str,
    changes: Mapping[str, object],
) -> None:
    """One entry, in the transaction of the change."""
    await session.execute(
        insert(audit_entries).values(
            business_id=business_id,
            actor=actor,
            action=action,
            subject=subject,
            subject_key=subject_key,
            changes=dict(changes),
        )
    )
