"""
Owns answering a repeated request with its first answer.

Leaves the record's row to `store/idempotency`; it is written by the statement whose effects it repeats.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.domain.errors import BookingError, IdempotencyMismatch, InFlight
from server.store.engine import Database, Session
from server.store.idempotency import KeyedRequest, Memo, recall
from server.tokens import Purpose, Vault

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored answer to an earlier request with the same key."""

    status: int
    body: bytes


@dataclass(slots=True)
class Once(Generic[T]):
    """
    A request that must take effect once, however often it is sent.

    Attributes:
        request: None where the caller sent no key: then every request counts.
        render: The answer to a result, as it will be sent and, sealed, stored.
    """

    request: KeyedRequest | None
    status: int
    render: Callable[[T], bytes]
    _rendered: tuple[T, bytes] | None = None

    def body(self, result: T) -> bytes:
        """The answer to *result*, rendered once for the record and the caller."""
        if self._rendered is None or self._rendered[0] is not result:
            self._rendered = (result, self.render(result))
        return self._rendered[1]

    def memo(self, vault: Vault, result: T) -> Memo | None:
        """What to store beside the effects of *result*."""
        if self.request is None:
            return None
        return Memo(request=self.request, status=self.status, sealed_body=vault.seal(self.body(result), Purpose.ANSWER))

    def check(self, remembered: int) -> None:
        """
        Whether the record was stored.

        Raises:
            InFlight: Another request with the key was faster, by less than a snapshot.
        """
        if self.request is not None and not remembered:
            raise InFlight

    async def run(
        self,
        database: Database,
        vault: Vault,
        business_id: int,
        work: Callable[[Session], Awaitable[R]],
        *,
        locks: Sequence[int] = (),
    ) -> R | Replay:
        """
        The result of *work*, or the answer that this key got before.

        The record is looked up only when *work* refuses: a repeated booking finds its own time taken. So the
        ordinary request pays no query for its key.

        Raises:
            IdempotencyMismatch: The key was used for something else.
            InFlight: The first request with the key is still being answered.
        """
        if self.request is None:
            return await database.transact(work, locks=locks)
        try:
            return await database.transact(work, locks=locks, only_one=self.request.lock)
        except BookingError:
            async with database.reading() as session:
                replay = await find_replay(session, vault, business_id, self.request)
            if replay is None:
                raise
            return replay


async def find_replay(session: Session, vault: Vault, business_id: int, request: KeyedRequest) -> Replay | None:
    """
    The answer stored under the request's key; None if there is none, or it can no longer be opened.

    Raises:
        IdempotencyMismatch: It answers another request.
    """
    remembered = await recall(session, business_id, request)
    if remembered is None:
        return None
    if remembered.request_hash != request.request_hash:
        raise IdempotencyMismatch
    body = vault.unseal(remembered.sealed_body, Purpose.ANSWER)
    return Replay(remembered.status, body) if body is not None else None
