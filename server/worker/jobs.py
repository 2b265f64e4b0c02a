"""
Owns the functions that arq calls.

Leaves what they do to the use-cases.
"""

import logging
from typing import Any

from server.domain.errors import Unavailable
from server.usecases.core import Core
from server.usecases.sweep import sweep

log = logging.getLogger(__name__)


async def sweep_job(ctx: dict[str, Any]) -> None:
    """Tidies up; what could not be done now is done the next time."""
    core: Core = ctx["core"]
    try:
        swept = await sweep(core)
    except Unavailable:
        log.warning("the database is away; sweeping again in a minute")
        return
    if swept.holds or swept.rows:
        log.info("ended %d expired holds, forgot %d old rows", swept.holds, swept.rows)
