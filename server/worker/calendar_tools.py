"""
Owns opening what rounds with calendars work with: the guarded client, the processes that expand events.

Leaves using them to `usecases/sync`.
"""

import contextlib
from collections.abc import AsyncIterator

from ics.read.expander import Expander
from server.calendars.exchange import GuardedExchange
from server.outbound import Outbound
from server.settings import Settings
from server.usecases.calendar_accounts import Accounts
from server.usecases.core import Core
from server.usecases.sync.turn import Tools


@contextlib.asynccontextmanager
async def open_tools(settings: Settings, core: Core) -> AsyncIterator[Tools]:
    """The tools of one process."""
    async with contextlib.AsyncExitStack() as stack:
        outbound = await stack.enter_async_context(Outbound(allowed_networks=settings.calendar.allowed_networks))
        expander = await stack.enter_async_context(Expander(children=settings.calendar.expanders))
        exchange = GuardedExchange(outbound, settings.calendar)
        accounts = Accounts(exchange, core.vault, settings.calendar, base_url=settings.http.base_url)
        yield Tools(core=core, accounts=accounts, expander=expander, settings=settings.calendar)
