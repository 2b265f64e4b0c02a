"""
Owns a worker's pump in the test's own process, with senders that the test can read, break and hold up.

Leaves real workers to `processes` and real peers to `peers`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from server.channels.mail import FolderMailer
from server.channels.outcome import Outcome, Verdict
from server.settings import Settings, WorkerSettings
from server.store.deliveries import Delivery
from server.store.letters import Letter, load_letters
from server.usecases.core import Core
from server.usecases.dispatch import dispatch
from server.worker.mails import MailSender
from server.worker.pump import Lane, Pump
from tests.world import World

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


async def mail_of(world: World, settings: Settings, message: str) -> EmailMessage:
    """The one mail of this kind that the business has to send, as it would be sent."""
    while await dispatch(world.core):
        pass
    async with world.core.database.reading() as session:
        row = await session.first(
            f"SELECT {', '.join(name for name in Delivery.__dataclass_fields__)} FROM deliveries"
            " WHERE business_id = $1 AND message = $2 AND channel = 'mail'",
            world.business_id,
            message,
        )
        assert row is not None, f"no {message} is to be sent"
        delivery = Delivery(**dict(row))
        letters = await load_letters(session, [delivery])
    sender = MailSender(FolderMailer(Path(os.devnull)), world.core.vault, settings)
    return sender.compose(delivery, letters[delivery.id])
