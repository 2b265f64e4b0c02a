"""
Owns the shape of readiness.

Leaves finding out to `web/health`.
"""

from typing import Literal

from server.web.shapes.base import Shape


class Readiness(Shape):
    """What a load balancer asks, and what an operator wants to know."""

    ready: bool
    database: Literal["up", "down"]
    redis: Literal["up", "down"]
    worker: Literal["up", "down", "unknown"]
    queue_age_s: float | None = None
    """How long the oldest message has been due: minutes mean that no worker gets through."""
