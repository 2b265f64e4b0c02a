"""
Owns which errors of the driver mean that the database cannot be used now, by the class of their SQLSTATE.

Leaves everything else to the caller: a value that Postgres refuses (class 22, 23) or a statement that is wrong (42601)
is our own fault, and trying it again would not help.
"""

import logging
import time
from collections import Counter
from enum import StrEnum

import asyncpg

log = logging.getLogger(__name__)


class Outage(StrEnum):
    """Why the database cannot be used now."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    READ_ONLY = "read-only"
    FULL = "full"
    REFUSED = "refused"
    SCHEMA = "schema"


# https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest prefix counts.
_BY_SQLSTATE: dict[str, Outage] = {
    "08": Outage.UNREACHABLE,  # connection exception
    "25006": Outage.READ_ONLY,  # read_only_sql_transaction
    "25P03": Outage.BUSY,  # idle_in_transaction_session_timeout
    "25P04": Outage.BUSY,  # transaction_timeout
    "28": Outage.REFUSED,  # invalid authorization: the password, pg_hba.conf
    "3D": Outage.REFUSED,  # the database does not exist
    "3F": Outage.SCHEMA,
    "40": Outage.BUSY,  # deadlock, serialization failure
    "42501": Outage.REFUSED,  # insufficient_privilege
    "42703": Outage.SCHEMA,  # undefined_column: before `migrate`, or while it runs
    "42704": Outage.SCHEMA,  # undefined_object
    "42883": Outage.SCHEMA,  # undefined_function
    "42P01": Outage.SCHEMA,  # undefined_table
    "53": Outage.FULL,  # insufficient resources: disk, memory
    "53300": Outage.BUSY,  # too_many_connections
    "55": Outage.BUSY,  # object in use, lock_not_available
    "57": Outage.UNREACHABLE,  # operator intervention: shutdown, crash recovery
    "57014": Outage.BUSY,  # query_canceled: statement_timeout
    "58": Outage.FULL,  # system error: I/O, a missing file
}

_CLIENT_SIDE = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

_MESSAGES: dict[Outage, str] = {
    Outage.UNREACHABLE: "the database cannot be reached",
    Outage.BUSY: "the database did not get to it in time",
    Outage.READ_ONLY: "the database is read-only: a standby, or set so",
    Outage.FULL: "the database has no room left, or its disk fails",
    Outage.REFUSED: "the database refuses us: check the user, the password and the database of BOOKABLE_DATABASE_URL",
    Outage.SCHEMA: "the schema is not what this version expects: run `bookable migrate`",
}


def outage_of(error: BaseException | None) -> Outage | None:
    """Why *error* means that the database cannot be used now; None where it means something else."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):  # 0A000: a migration ran while we did
        return Outage.SCHEMA
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return next((_BY_SQLSTATE[state[:size]] for size in (5, 2) if state[:size] in _BY_SQLSTATE), None)
    if isinstance(error, TimeoutError):  # no free connection in time, or no answer
        return Outage.BUSY
    # A ValueError among them is a value that we should have refused: our fault, not the database's.
    if isinstance(error, _CLIENT_SIDE) and not isinstance(error, ValueError):
        return Outage.UNREACHABLE
    return None


def describe(error: BaseException) -> str:
    """What an operator needs to know of *error*: the night it is, the driver's words and the SQLSTATE."""
    outage = outage_of(error)
    state = getattr(error, "sqlstate", None)
    detail = f"{type(error).__name__}{f' {state}' if state else ''}: {error}".rstrip(": ")
    return f"{_MESSAGES[outage]} ({detail})" if outage is not None else detail


class OutageLog:
    """One line a second at most and kind of outage, with the number of those since the last."""

    def __init__(self) -> None:
        self._since: Counter[Outage] = Counter()
        self._next: dict[Outage, float] = {}

    def note(self, outage: Outage, error: BaseException) -> None:
        """*error* made a request, or a turn of a loop, fail."""
        self._since[outage] += 1
        now = time.monotonic()
        if now < self._next.get(outage, 0.0):
            return
        self._next[outage] = now + 1
        # Only a statement that does not fit the schema may be a mistake of ours, so its place is of interest.
        trace = error if outage is Outage.SCHEMA else None
        log.warning("%s; %d times since the last line", describe(error), self._since.pop(outage), exc_info=trace)
