"""
Owns the memory of requests that were answered: by business, caller and key.

Leaves when to look it up to `usecases/once`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from server.store.engine import Session
from server.store.locks import key_of
from server.store.set_aside import Key, columns_of, delete_keys, not_set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request that carries an Idempotency-Key: who sends it, the key, and a hash of what it asks."""

    caller: str
    key: str
    request_hash: bytes

    @property
    def key_hash(self) -> bytes:
        """What is stored instead of the key."""
        return sha256(self.key.encode()).digest()

    @property
    def lock(self) -> int:
        """Advisory key that is held while this very request is being answered; it names the business, too."""
        return key_of("once", self.caller, self.key, self.request_hash.hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """An answer to be stored with the effects of its request."""

    request: KeyedRequest
    status: int
    sealed_body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An answer that was stored."""

    request_hash: bytes
    status: int
    sealed_body: bytes


_RECALL = """
SELECT request_hash, status, sealed_body FROM idempotency_records
 WHERE business_id = $1 AND caller = $2 AND key_hash = $3
"""


async def recall(session: Session, business_id: int, request: KeyedRequest) -> Remembered | None:
    """The answer that *request*, or another one under its key, got before."""
    row = await session.first(_RECALL, business_id, request.caller, request.key_hash)
    return Remembered(**dict(row)) if row else None


_REMEMBER = """
INSERT INTO idempotency_records (business_id, caller, key_hash, request_hash, status, sealed_body)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
"""


async def remember(session: Session, business_id: int, memo: Memo | None) -> int:
    """Stores *memo* in the transaction of what it answers; how many were stored."""
    if memo is None:
        return 0
    request = memo.request
    return await session.execute(
        _REMEMBER, business_id, request.caller, request.key_hash, request.request_hash, memo.status, memo.sealed_body
    )


_OLD = f"""
SELECT business_id, id FROM idempotency_records r
 WHERE created_at < clock_timestamp() - make_interval(hours => $1) AND {not_set_aside("answers", "r")}
 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def old_answers(session: Session, limit: int, *, hours: int) -> list[Key]:
    """The oldest answers that are past *hours*, locked."""
    return [Key(*row) for row in await session.fetch(_OLD, hours, limit)]


async def forget_answers(session: Session, answers: Sequence[Key]) -> None:
    """Deletes them."""
    await session.execute(delete_keys("idempotency_records"), *columns_of(answers))
