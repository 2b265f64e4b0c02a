"""
Owns the shape of readiness.

Leaves finding out to `web/health`.
"""

from typing import Literal, TypeAlias

from server.web.shapes.base import Shape

DatabaseState: TypeAlias = Literal["up", "down", "busy", "read-only", "full", "refused", "schema"]
WorkerState: TypeAlias = Literal["up", "stalled", "down", "unknown"]


class Readiness(Shape):
    """What a load balancer asks, and what an operator wants to know."""

    ready: bool
    database: DatabaseState
    """`read-only`: a standby. `full`: a write was refused for want of room a moment ago. `refused`: user, password or
    database are wrong. `schema`: `bookable migrate` has not run."""
    redis: Literal["up", "down"]
    worker: WorkerState
    """`stalled`: there is one, and it does not get on; `stalled_loops` says with what."""
    stalled_loops: tuple[str, ...] = ()
    facts_open: int | None = None
    """What happened and nobody was told of yet."""
    oldest_fact_s: float | None = None
    """How long ago the oldest of that happened: minutes mean that no worker gets through."""
    queue_age_s: float | None = None
    """How long the oldest message has been due: minutes mean that no worker gets through."""
