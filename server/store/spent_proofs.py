"""
Owns which proofs of work have been spent, in the transaction of what they were spent on: a refusal spends nothing.

Leaves whether one is needed to `domain/proofs`.
"""

from collections.abc import Sequence

from server.domain.errors import ProofRequired
from server.domain.proofs import Flaw, Proof
from server.store.engine import Session
from server.store.set_aside import Key, columns_of, delete_keys, not_set_aside

_SPEND = """
INSERT INTO spent_proofs (business_id, digest, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""


async def spend(session: Session, business_id: int, proof: Proof) -> None:
    """
    Spends *proof*. Of two transactions that try at once the second waits for the first, and finds it spent.

    Raises:
        ProofRequired: It was spent before.
    """
    if not await session.execute(_SPEND, business_id, proof.digest, proof.expires_at):
        raise ProofRequired(reason=Flaw.SPENT)


_OLD = f"""
SELECT business_id, id FROM spent_proofs s
 WHERE expires_at < clock_timestamp() - interval '1 hour' AND {not_set_aside("proofs", "s")}
 ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""


async def old_proofs(session: Session, limit: int) -> list[Key]:
    """The oldest that would not count any more, spent or not, whatever the clocks of web processes say; locked."""
    return [Key(*row) for row in await session.fetch(_OLD, limit)]


async def forget_proofs(session: Session, proofs: Sequence[Key]) -> None:
    """Deletes them."""
    await session.execute(delete_keys("spent_proofs"), *columns_of(proofs))
