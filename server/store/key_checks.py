"""
Owns the sealed word by which a process knows that it has the secret that the database was set up with.

Leaves sealing to `tokens`, and what follows from another secret to `usecases/check_secret`.
"""

from server.store.engine import Session


async def read_key_check(session: Session) -> bytes | None:
    """The word as it is sealed; None before the first process started."""
    found: bytes | None = await session.value("SELECT sealed FROM key_checks")
    return found


async def write_key_check(session: Session, sealed: bytes) -> None:
    """The first process to start writes it."""
    await session.execute("INSERT INTO key_checks (sealed) VALUES ($1) ON CONFLICT DO NOTHING", sealed)


async def reseal_key_check(session: Session, sealed: bytes, fresh: bytes) -> int:
    """Puts *fresh* in its place, unless somebody else has; how many."""
    return await session.execute("UPDATE key_checks SET sealed = $2 WHERE sealed = $1", sealed, fresh)


async def newest_tokens(session: Session, limit: int) -> list[tuple[bytes, bytes]]:
    """Salts and hashes of the manage tokens that were given out last: in databases without a sealed word."""
    rows = await session.fetch("SELECT token_salt, token_hash FROM attendees ORDER BY id DESC LIMIT $1", limit)
    return [(row["token_salt"], row["token_hash"]) for row in rows]
