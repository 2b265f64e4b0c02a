"""
Owns a worker's pump in the test's own process, with senders that the test can read, break and hold up.

Leaves real workers to `processes` and real peers to `peers`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from server.channels.outcome import Outcome, Verdict
from server.settings import WorkerSettings
from server.store.deliveries import Delivery
from server.store.letters import Letter
from server.usecases.core import Core
from server.worker.pump import Lane, Pump

SENT = Outcome(verdict=Verdict.SENT)


@dataclass
class PostOffice:
    """Takes every delivery, and remembers it; answers what it is told to, the last answer again and again."""

    answers: list[Outcome] = field(default_factory=lambda: [SENT])
    sent: list[tuple[Delivery, Letter]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """Where set, a sender waits here, between taking the message and the moment of no return."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, delivery: Delivery, letter: Letter, may_send: Callable[[], bool]) -> Outcome:
        """A sender."""
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if not may_send():
            return Outcome(verdict=Verdict.RETRY, detail="lease lost")
        self.sent.append((delivery, letter))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        """`(message, recipient, target)` of everything sent, in order."""
        return [(delivery.message, delivery.recipient, delivery.target) for delivery, _ in self.sent]


def pump_for(
    core: Core, office: PostOffice, *, channels: Sequence[str] = ("mail", "sms"), lease_s: float = 5, places: int = 20
) -> Pump:
    """A pump whose channels all lead to *office*."""
    lanes = [Lane(dict.fromkeys(channels, office), places, per_peer=places)]
    return Pump(core, lanes, WorkerSettings(lease_s=lease_s, poll_s=0.05))


@asynccontextmanager
async def running(pump: Pump) -> AsyncIterator[Pump]:
    """*pump*, at work in the background."""
    task = asyncio.create_task(pump.run())
    try:
        yield pump
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
