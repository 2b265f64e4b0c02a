"""
Owns what the parts of a round share: the connection, its account, the tools, and what the round came to so far.

Leaves the parts to their modules.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from ics.read.busy_spans import BusyRules
from ics.read.expander import Expander
from ics.remote.graph_words import OWNER_ADDRESS
from ics.remote.protocol import Account
from server.domain.zones import zone
from server.settings import CalendarSettings
from server.store.connections import Calendar, Connection
from server.store.engine import Session
from server.store.sync_turns import still_ours
from server.usecases.calendar_accounts import Accounts
from server.usecases.core import Core

T = TypeVar("T")


DELETIONS_MEANT, DELETIONS_UNDONE = "deletions_meant", "deletions_undone"
"""Why a connection goes on after it was stopped because too much was gone at once."""


class Suspicious(Exception):
    """So much is gone at once that a person has to be asked before anything follows from it."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tools:
    """What every round works with."""

    core: Core
    accounts: Accounts
    expander: Expander
    settings: CalendarSettings


@dataclass(slots=True, kw_only=True)
class Turn:
    """
    One round with one connection.

    Attributes:
        again_in_s: When something has to be looked at again, sooner than the connection's own interval says.
    """

    tools: Tools
    connection: Connection
    account: Account
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    again_in_s: float | None = None

    @property
    def core(self) -> Core:
        return self.tools.core

    @property
    def rules(self) -> BusyRules:
        """What counts as busy, as the provider wants it."""
        return BusyRules(
            tentative=self.connection.tentative_blocks,
            all_day=self.connection.all_day_blocks,
            addresses=frozenset(address.lower() for address in self.connection.addresses) | {OWNER_ADDRESS},
        )

    @property
    def is_reviewed(self) -> bool:
        """Whether a person has seen how much is gone, and said what is to come of it."""
        return self.connection.reason in {DELETIONS_MEANT, DELETIONS_UNDONE}

    @property
    def puts_back(self) -> bool:
        """Whether events of ours that were deleted are put back."""
        return self.connection.on_delete == "put_back" or self.connection.reason == DELETIONS_UNDONE

    def zone_of(self, calendar: Calendar) -> ZoneInfo:
        """In which whole days and floating times of *calendar* are."""
        return zone(calendar.timezone or self.connection.provider_zone)

    def look_again(self, seconds: float) -> None:
        """Something will be due so soon."""
        self.again_in_s = seconds if self.again_in_s is None else min(self.again_in_s, seconds)

    async def write(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """
        What *work* returns, committed, provided that the connection is still ours.

        Raises:
            LostLease: It is not.
            Unavailable: Postgres is away.
        """

        async def guarded(session: Session) -> T:
            await still_ours(session, self.connection)
            return await work(session)

        return await self.core.database.transact(guarded)
