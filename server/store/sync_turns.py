"""
Owns whose turn it is to be synced: due times, leases, what a round came to, and servers that are left alone for a
while.

Leaves the round to `usecases/sync`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from server.store.connections import COLUMNS, TABLES, Connection, connection_of
from server.store.engine import Session

KEPT_ENTRIES = 200
"""Log entries per connection."""


class LostLease(Exception):
    """Somebody else has taken the connection over, or it is gone: nothing more may be written for this round."""


_IS_DUE = """k.state IN ('active', 'degraded') AND k.secret_sealed IS NOT NULL AND k.due_at <= clock_timestamp()
              AND (k.leased_until IS NULL OR k.leased_until < clock_timestamp())"""

_IS_SHUT = "EXISTS (SELECT FROM calendar_peers w WHERE w.host = k.peer AND w.shut_until > clock_timestamp())"

# Which place each would take at its server is counted first; what is locked has to be due still.
_CLAIM = f"""
WITH due AS (
    SELECT k.business_id, k.id,
           row_number() OVER (PARTITION BY k.peer ORDER BY k.due_at) + coalesce(t.there, 0) AS place
      FROM connections k
      LEFT JOIN unnest($3::text[], $4::int[]) t (peer, there) ON t.peer = k.peer
     WHERE {_IS_DUE} AND NOT {_IS_SHUT}
), mine AS (
    UPDATE connections SET lease = lease + 1, leased_until = clock_timestamp() + $1::interval
     WHERE (business_id, id) IN (
           SELECT k.business_id, k.id FROM connections k
             JOIN due d ON d.business_id = k.business_id AND d.id = k.id
            WHERE d.place <= $5 AND {_IS_DUE}
            ORDER BY k.due_at LIMIT $2
              FOR UPDATE OF k SKIP LOCKED)
    RETURNING *)
SELECT {COLUMNS} FROM {TABLES.replace(" connections c", " mine c", 1)} ORDER BY c.due_at
"""

_CLAIM_ONE = f"""
WITH mine AS (
    UPDATE connections SET lease = lease + 1, leased_until = clock_timestamp() + $1::interval
     WHERE (business_id, id) IN (
           SELECT k.business_id, k.id FROM connections k
            WHERE k.business_id = $2 AND k.id = $3 AND {_IS_DUE} AND NOT {_IS_SHUT} AND k.peer <> ALL($4::text[])
              FOR UPDATE OF k SKIP LOCKED)
    RETURNING *)
SELECT {COLUMNS} FROM {TABLES.replace(" connections c", " mine c", 1)}
"""


async def claim_due(
    session: Session, limit: int, *, lease: timedelta, at_peers: Mapping[str, int], per_peer: int
) -> list[Connection]:
    """
    Connections whose turn it is, ours for so long; others' are skipped, and so are servers that are left alone.

    Args:
        at_peers: How many of ours are at which server already.
        per_peer: How many there may be at one.
    """
    there = list(at_peers), list(at_peers.values())
    return [connection_of(row) for row in await session.fetch(_CLAIM, lease, limit, *there, per_peer)]


async def claim_one(
    session: Session, key: tuple[int, int], *, lease: timedelta, busy_peers: Sequence[str] = ()
) -> Connection | None:
    """This connection, if it is due, nobody has it, and its server is neither left alone nor one of *busy_peers*."""
    row = await session.first(_CLAIM_ONE, lease, *key, list(busy_peers))
    return connection_of(row) if row else None


async def upcoming_turns(session: Session, horizon_s: float, *, limit: int) -> list[tuple[int, int, Any]]:
    """`(business id, id, due at)` of what falls due within *horizon_s*."""
    rows = await session.fetch(
        "SELECT business_id, id, due_at FROM connections WHERE state IN ('active', 'degraded')"
        " AND due_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + make_interval(secs => $1)"
        " ORDER BY due_at LIMIT $2",
        horizon_s,
        limit,
    )
    return [(row["business_id"], row["id"], row["due_at"]) for row in rows]


async def still_ours(session: Session, connection: Connection) -> None:
    """
    Keeps others from taking *connection* over until the transaction ends.

    Raises:
        LostLease: They have.
    """
    row = await session.first(
        "SELECT 1 FROM connections WHERE business_id = $1 AND id = $2 AND lease = $3"
        " AND state IN ('active', 'degraded')"
        " FOR NO KEY UPDATE",
        connection.business_id,
        connection.id,
        connection.lease,
    )
    if row is None:
        raise LostLease


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round came to."""

    state: str
    reason: str = ""
    error: str = ""
    """In plain words; empty where all went well."""
    wait_s: float
    """Until its next turn."""
    interval_s: int
    took_ms: int
    counts: Mapping[str, int]
    problems: Sequence[str] = ()


_FINISH = """
UPDATE connections
   SET state = $4, reason = $5, last_error = $6::varchar, interval_s = $8, leased_until = NULL,
       due_at = CASE WHEN due_at > $9 THEN due_at ELSE clock_timestamp() + make_interval(secs => $7) END,
       failures = CASE WHEN $6::varchar = '' THEN 0 ELSE failures + 1 END,
       synced_at = CASE WHEN $6::varchar = '' THEN clock_timestamp() ELSE synced_at END, updated_at = clock_timestamp()
 WHERE business_id = $1 AND id = $2 AND lease = $3
RETURNING 1
"""

_LOG = """
INSERT INTO sync_log (business_id, connection_id, outcome, took_ms, counts, detail, problems)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_FORGET_LOG = """
DELETE FROM sync_log WHERE business_id = $1 AND connection_id = $2 AND id <= (
    SELECT id FROM sync_log WHERE business_id = $1 AND connection_id = $2 ORDER BY id DESC OFFSET $3 LIMIT 1)
"""


async def finish_round(session: Session, connection: Connection, done: Round) -> None:
    """
    Writes down what a round came to, and when the next one is.

    A turn that somebody asked for while this round ran is not lost: *due_at* was set anew, and stays.

    Raises:
        LostLease: Somebody else has the connection.
    """
    found = await session.value(
        _FINISH,
        connection.business_id,
        connection.id,
        connection.lease,
        done.state,
        done.reason,
        done.error[:500],
        done.wait_s,
        done.interval_s,
        connection.due_at,
    )
    if found is None:
        raise LostLease
    if any(done.counts.values()) or done.error or done.problems or done.state != connection.state:
        key = connection.business_id, connection.id
        outcome = "ok" if not done.error else done.state
        await session.execute(
            _LOG, *key, outcome, done.took_ms, dict(done.counts), done.error[:500], list(done.problems)[:50]
        )
        await session.execute(_FORGET_LOG, *key, KEPT_ENTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One round in the log."""

    id: int
    at: Any
    outcome: str
    took_ms: int
    counts: Mapping[str, int]
    detail: str
    problems: Sequence[str]


async def read_log(session: Session, connection: Connection, *, before: int | None, limit: int) -> list[LogEntry]:
    """The last rounds in which something happened, the newest first."""
    rows = await session.fetch(
        "SELECT id, at, outcome, took_ms, counts, detail, problems FROM sync_log"
        " WHERE business_id = $1 AND connection_id = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        connection.business_id,
        connection.id,
        before,
        limit,
    )
    return [LogEntry(**dict(row)) for row in rows]


OPENS_AFTER = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15, 600

_TROUBLE = """
INSERT INTO calendar_peers AS known (host, troubles, changed_at) VALUES ($1, 1, clock_timestamp())
    ON CONFLICT (host) DO UPDATE
   SET troubles = known.troubles + 1, changed_at = clock_timestamp(),
       pause_s = CASE WHEN known.shut_until > clock_timestamp() OR known.troubles + 1 < $2 THEN known.pause_s
                      ELSE least(greatest(known.pause_s * 2, $3), $4) END,
       shut_until = CASE WHEN known.shut_until > clock_timestamp() OR known.troubles + 1 < $2 THEN known.shut_until
                         ELSE clock_timestamp()
                              + make_interval(secs => least(greatest(known.pause_s * 2, $3), $4)) END
"""


async def peer_in_trouble(session: Session, host: str) -> None:
    """*host* did not answer, or said that it cannot: after some of these in a row all workers leave it alone."""
    await session.execute(_TROUBLE, host, OPENS_AFTER, FIRST_PAUSE_S, LONGEST_PAUSE_S)


async def peer_fine(session: Session, host: str) -> None:
    """*host* answered."""
    await session.execute("DELETE FROM calendar_peers WHERE host = $1", host)


async def overdue_turns(session: Session) -> tuple[int, float]:
    """How many connections wait for their turn, and how long the first has waited, in seconds."""
    row = await session.first(
        "SELECT count(*) AS waiting, coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 AS age"
        " FROM connections WHERE state IN ('active', 'degraded') AND due_at < clock_timestamp()"
    )
    assert row is not None
    return row["waiting"], row["age"]


async def connections_by_state(session: Session) -> dict[str, int]:
    """How many connections are in which state."""
    rows = await session.fetch("SELECT state, count(*) AS there FROM connections GROUP BY state ORDER BY state")
    return {row["state"]: row["there"] for row in rows}


async def troubled_connections(session: Session, *, limit: int) -> list[Connection]:
    """Connections that are not synced as they should be, those that wait for a person first."""
    rows = await session.fetch(
        f"SELECT {COLUMNS} FROM {TABLES} WHERE c.state <> 'active'"
        " ORDER BY c.state = 'degraded', c.updated_at LIMIT $1",
        limit,
    )
    return [connection_of(row) for row in rows]
