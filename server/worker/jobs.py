"""
Owns tidying up: what time has made void, and what somebody has waited for in vain.

Leaves what that means to the use-cases.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from server.domain.errors import Unavailable
from server.payments.protocol import PaymentMethod
from server.store.set_aside import Key
from server.usecases.core import Core
from server.usecases.offer_freed import offer_everywhere
from server.usecases.settle_payments import settle_due
from server.usecases.sweep import all_of, sweep
from server.usecases.waitlist import lapse_offers
from server.usecases.watch_pace import watch_pace

log = logging.getLogger(__name__)

_OVERDUE_S = 90.0


class Tidying:
    """Tidies up every minute: when arq's clock says so, or by itself when it was not heard of for too long."""

    def __init__(self, core: Core, methods: Mapping[str, PaymentMethod]) -> None:
        self._core = core
        self._methods = methods
        self._last = time.monotonic() - _OVERDUE_S
        self._offered_to: Key | None = None

    async def tidy(self) -> None:
        """What could not be done now is done the next time, and keeps nothing else from being done."""
        await all_of(self._sweep, self._lapse, self._offer, self._settle, self._watch)
        self._last = time.monotonic()

    async def _sweep(self) -> None:
        swept = await sweep(self._core)
        if swept.holds or swept.requests or swept.rows:
            log.info(
                "ended %d expired holds and %d unanswered requests, forgot %d old rows",
                swept.holds,
                swept.requests,
                swept.rows,
            )

    async def _lapse(self) -> None:
        await lapse_offers(self._core)

    async def _offer(self) -> None:
        """What no event told of: time that an edit opened, or the clock."""
        self._offered_to = await offer_everywhere(self._core, after=self._offered_to)

    async def _settle(self) -> None:
        await settle_due(self._core, self._methods)

    async def _watch(self) -> None:
        await watch_pace(self._core)

    async def keep_tidy(self) -> None:
        """Until it was tidied once more: by arq's clock or, while that stands still with Redis, from here."""
        last = self._last
        while self._last == last:
            await asyncio.sleep(_OVERDUE_S / 3)
            if time.monotonic() - self._last > _OVERDUE_S:
                await self.tidy()


async def sweep_job(ctx: dict[str, Any]) -> None:
    """A minute has passed."""
    tidying: Tidying = ctx["tidying"]
    try:
        await tidying.tidy()
    except Unavailable as error:
        log.warning("%s is away; tidying up again in a minute", error.what)
    except Exception:
        log.exception("not everything could be tidied up; trying again in a minute")
