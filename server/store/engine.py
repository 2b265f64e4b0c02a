"""
Owns connections and transactions: isolation, time limits, retries, and saying "try again later".

Leaves the statements to its neighbours, and which errors those are to `outage`. SQLAlchemy Core writes statements
that vary; asyncpg runs everything
(`docs/decisions/0002-asyncpg-runs-what-sqlalchemy-writes.md`).
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from server.domain.errors import InFlight, Unavailable
from server.settings import DatabaseSettings
from server.store.outage import Outage, OutageLog, outage_of

T = TypeVar("T")
Row: TypeAlias = asyncpg.Record

_outages = OutageLog()
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_ATTEMPTS = 4
_BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"

_WORTH_ANOTHER_TRY = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,  # a migration ran while we did
)


class WrongIsolation(RuntimeError):
    """The transaction is not READ COMMITTED: the check after the lock would read the past."""


@dataclass(slots=True)
class Session:
    """One connection for the time of one read or one transaction."""

    driver: "asyncpg.pool.PoolConnectionProxy[Row]"
    now: datetime
    """The database's clock, once a statement has read it; this process's until then."""

    async def fetch(self, query: str | Executable, *values: object) -> list[Row]:
        """All rows of *query*: SQL text with `$1`, or a SQLAlchemy statement that carries its values."""
        text, bound = _compiled(query, values)
        rows: list[Row] = await self.driver.fetch(text, *bound)
        return rows

    async def first(self, query: str | Executable, *values: object) -> Row | None:
        """The first row of *query*, if any."""
        text, bound = _compiled(query, values)
        return await self.driver.fetchrow(text, *bound)

    async def value(self, query: str | Executable, *values: object) -> Any:
        """The first column of the first row."""
        text, bound = _compiled(query, values)
        return await self.driver.fetchval(text, *bound)

    async def execute(self, query: str | Executable, *values: object) -> int:
        """How many rows *query* changed."""
        text, bound = _compiled(query, values)
        status = await self.driver.execute(text, *bound)
        words = status.split()
        return int(words[-1]) if words and words[-1].isdigit() else 0


class Database:
    """A pool of connections to one Postgres."""

    def __init__(self, pool: "asyncpg.Pool[Row]", settings: DatabaseSettings) -> None:
        self._pool = pool
        self._acquire_timeout = settings.pool_timeout_ms / 1000
        self._full_at = -math.inf
        self._begin = (
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;"
            f"SET LOCAL statement_timeout = {settings.statement_timeout_ms};"
            f"SET LOCAL lock_timeout = {settings.lock_timeout_ms};"
            f"SET LOCAL idle_in_transaction_session_timeout = {settings.statement_timeout_ms * 2};"
        )

    @classmethod
    async def open(cls, settings: DatabaseSettings) -> "Database":
        """Makes the pool without connecting yet: the web process starts even while Postgres is down."""
        if settings.url is None:
            raise ValueError("BOOKABLE_DATABASE_URL is not set")
        pool = asyncpg.create_pool(
            settings.url,
            min_size=0,
            max_size=settings.pool_size,
            timeout=3,
            command_timeout=settings.statement_timeout_ms / 1000 + 1,
            max_inactive_connection_lifetime=300,
            # Planning our statements anew for each value costs more than running them, and every plan is the same.
            server_settings={"plan_cache_mode": "force_generic_plan"} if settings.prepared_statements else {},
            statement_cache_size=256 if settings.prepared_statements else 0,
            init=_prepare_connection,
            reset=_leave_as_it_is,
        )
        await pool
        return cls(pool, settings)

    async def close(self) -> None:
        """Lets running statements end, a second at most."""
        try:
            async with asyncio.timeout(1):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """
        A session for single statements, each its own snapshot.

        Raises:
            Unavailable: Postgres, or a free connection, could not be had in time.
        """
        with _translated():
            connection = await self._connection()
            try:
                yield Session(connection, datetime.now(UTC))
            except asyncpg.ReadOnlySQLTransactionError:
                _discard(connection)  # the next one may lead to the primary
                raise
            finally:
                await self._pool.release(connection)

    async def transact(
        self,
        work: Callable[[Session], Awaitable[T]],
        *,
        locks: Sequence[int] = (),
        only_one: int | None = None,
        by_index: bool = False,
    ) -> T:
        """
        What *work* returns, committed; nothing if it raises.

        After a deadlock or serialization failure *work* runs again, so it must do nothing but SQL.

        Args:
            locks: Advisory keys to take first (`locks.keys_for`), in the round trip that begins the transaction.
            only_one: Advisory key that must be free; it is not waited for.
            by_index: Read through indexes whatever the statistics say: those of a queue are of another hour, and a
                plan made while it was empty would read all of it.

        Raises:
            InFlight: Another transaction has *only_one*.
            Unavailable: No connection, lock or answer in time, or the fourth deadlock. After an Unavailable the
                commit may have happened: only the idempotency key can tell.
        """
        begin = self._begin + (_BY_INDEX if by_index else "") + lock_statements(locks, only_one)
        try:
            with _translated():
                return await self._transact(work, begin)
        except Unavailable as error:
            if outage_of(error.__cause__) is Outage.FULL:
                self._full_at = time.monotonic()
            raise

    def was_full(self, within_s: float) -> bool:
        """Whether a transaction was refused for want of room in the last *within_s*: reading does not show that."""
        return time.monotonic() - self._full_at < within_s

    async def _transact(self, work: Callable[[Session], Awaitable[T]], begin: str) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._transact_once(work, begin)
            except _WORTH_ANOTHER_TRY:
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.03) * attempt)  # noqa: S311  # jitter
        raise AssertionError("unreachable")

    async def _connection(self) -> "asyncpg.pool.PoolConnectionProxy[Row]":
        """A connection; one that is idle is had without the price of a timer."""
        if self._pool.get_idle_size():
            return await self._pool.acquire()
        return await self._pool.acquire(timeout=self._acquire_timeout)

    async def _transact_once(self, work: Callable[[Session], Awaitable[T]], begin: str) -> T:
        connection = await self._connection()
        try:
            # One message, but each statement in it has its own snapshot: what follows sees all that was committed
            # before the locks were granted.
            await _begin(connection, begin)
            result = await work(Session(connection, datetime.now(UTC)))
            await connection.execute("COMMIT")
        except BaseException as error:
            await _roll_back(connection, error)
            if isinstance(error, asyncpg.DivisionByZeroError):  # see lock_statements
                raise InFlight from None
            raise
        finally:
            await self._pool.release(connection)
        return result


def lock_statements(keys: Sequence[int], only_one: int | None = None) -> str:
    """
    One statement per advisory key, in the order given; keys are integers, so nothing needs quoting.

    A script answers with no rows, so that *only_one* is not free has to be an error: a division by zero.
    """
    first = "" if only_one is None else f"SELECT 1 / pg_try_advisory_xact_lock({only_one:d})::int;"
    return first + "".join(f"SELECT pg_advisory_xact_lock({key:d});" for key in keys)


@asynccontextmanager
async def standalone(url: str) -> AsyncIterator[Session]:
    """A session on a connection of its own, for commands that run once."""
    with _translated():
        connection = await asyncpg.connect(url, timeout=5)
        try:
            await _prepare_connection(connection)
            yield Session(connection, datetime.now(UTC))
        finally:
            await connection.close(timeout=2)


class _translated:  # noqa: N801  # reads as a phrase: with _translated():
    """Turns "cannot be reached" and "too slow" of the driver into Unavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        outage = outage_of(error)
        if error is not None and outage is not None:
            _outages.note(outage, error)
            raise Unavailable("database") from error


async def _begin(connection: "asyncpg.pool.PoolConnectionProxy[Row]", begin: str) -> None:
    try:
        await connection.execute(begin)
    except asyncpg.FeatureNotSupportedError as error:  # what a standby says to BEGIN ... READ WRITE
        raise asyncpg.ReadOnlySQLTransactionError(str(error)) from error


async def _roll_back(connection: "asyncpg.pool.PoolConnectionProxy[Row]", error: BaseException) -> None:
    """
    Leaves no transaction open, whatever happens meanwhile.

    Raises:
        CancelledError: Somebody wants this task to end; *error*, which it was about to raise, says less.
    """
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        _discard(connection)  # the next one may lead to the primary
        return
    try:
        await asyncio.shield(connection.execute("ROLLBACK", timeout=2))
    except asyncio.CancelledError:
        _discard(connection)
        raise
    except Exception:  # noqa: BLE001  # why is of no interest: *error* was there first
        _discard(connection)  # Postgres rolls back when the connection is gone


def _discard(connection: "asyncpg.pool.PoolConnectionProxy[Row]") -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool has noticed already that it is gone
        connection.terminate()


async def _prepare_connection(connection: Any) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=_to_json, decoder=orjson.loads, format="text"
        )


async def _leave_as_it_is(_: object) -> None:
    """Nothing here uses session state, so asyncpg's reset (a round trip per release) has nothing to do."""


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def _compiled(query: str | Executable, values: Sequence[object]) -> tuple[str, Sequence[object]]:
    if isinstance(query, str):
        return query, values
    assert isinstance(query, ClauseElement)
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    assert isinstance(compiled, SQLCompiler)
    parameters = compiled.params
    return _sql_of(compiled.string), [parameters[name] for name in compiled.positiontup or ()]


@lru_cache(maxsize=512)
def _sql_of(text: str) -> str:
    """One string object per statement, which asyncpg's statement cache compares by identity first."""
    return text
