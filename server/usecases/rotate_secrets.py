"""
Owns sealing everything that lasts with the first of the secrets, so that the others can be taken out of the settings.

Leaves where sealed values are to `store/secrets_kept`.
"""

from dataclasses import dataclass

from server.store.engine import Session
from server.store.key_checks import read_key_check, reseal_key_check
from server.store.secrets_kept import KEPT, Kept, kept_secrets, reseal
from server.tokens import Purpose
from server.usecases.core import Core

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many values were sealed anew, and how many none of the secrets opens."""

    sealed: int
    lost: int


async def rotate_secrets(core: Core) -> Rotated:
    """Goes through all of them, a batch at a time; may be stopped and begun again, and run beside everything else."""
    sealed = lost = 0
    for table, column, purpose in KEPT:
        after = (0, 0)
        while batch := await _batch(core, table, column, after):
            after = (batch[-1].business_id, batch[-1].id)
            fresh = [(each, core.vault.reseal(each.sealed, purpose)) for each in batch]
            opened = [(each, new) for each, new in fresh if new is not None]
            lost += len(batch) - len(opened)

            async def work(
                session: Session,
                table: str = table,
                column: str = column,
                opened: list[tuple[Kept, bytes]] = opened,
            ) -> int:
                return await reseal(session, table, column, opened)

            sealed += await core.database.transact(work)
    if not await _reseal_key_check(core):
        lost += 1
    return Rotated(sealed, lost)


async def _reseal_key_check(core: Core) -> bool:
    """The word by which processes know their secrets; False if none of them opens it."""

    async def work(session: Session) -> bool:
        sealed = await read_key_check(session)
        fresh = core.vault.reseal(sealed, Purpose.KEY_CHECK) if sealed is not None else None
        if sealed is not None and fresh is not None:
            await reseal_key_check(session, sealed, fresh)
        return sealed is None or fresh is not None

    return await core.database.transact(work)


async def _batch(core: Core, table: str, column: str, after: tuple[int, int]) -> list[Kept]:
    async with core.database.reading() as session:
        return await kept_secrets(session, table, column, after=after, limit=_BATCH)
