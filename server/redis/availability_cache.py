"""
Owns keeping computed availability in this process: one computation per question, bounded in time, memory and number.

Leaves deciding whether an answer is still true to `versions`.
"""

import asyncio
import gzip
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from server.domain.errors import Unavailable
from server.redis.versions import Subject, Versions
from server.settings import CacheSettings


@dataclass(frozen=True)
class Answer:
    """A computed body and its strong ETag."""

    body: bytes
    etag: str
    subject: Subject
    version: bytes | None
    expires: float

    @cached_property
    def zipped(self) -> bytes:
        """The body as gzip, from when somebody first takes it."""
        return gzip.compress(self.body, 6, mtime=0)


class AvailabilityCache:
    """Answers by question, which is the path as it was asked for."""

    def __init__(self, versions: Versions, settings: CacheSettings) -> None:
        self._versions = versions
        self._ttl = settings.ttl_s
        self._max_bytes = settings.max_bytes
        self._max_computing = settings.max_computing
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0
        self._computing: dict[tuple[str, bytes | None], asyncio.Task[Answer]] = {}

    def ready(self, question: str) -> Answer | None:
        """The answer to *question*, if it is here and known to be true without asking anybody."""
        answer = self._answers.get(question)
        if (
            answer is None
            or answer.version != self._versions.known(answer.subject)
            or answer.expires < time.monotonic()
        ):
            return None
        self._answers.move_to_end(question)
        return answer

    def forget(self, business: str) -> None:
        """Something of *business* has changed: its versions are read anew before its answers are believed."""
        self._versions.forget(business)

    async def get(self, question: str, subject: Subject, compute: Callable[[], Awaitable[bytes]]) -> Answer:
        """
        The answer to *question*, computed at most once at a time.

        Without Redis the version is unknown: nothing is kept, everything is computed, and is right.

        Args:
            subject: Whose availability it is, and so whose version it depends on.

        Raises:
            Unavailable: Too much is being computed already and there is no older answer.
        """
        version = await self._versions.read(subject) if self._ttl else None
        answer = self._answers.get(question)
        if (
            version is not None
            and answer is not None
            and answer.version == version
            and answer.expires > time.monotonic()
        ):
            self._answers.move_to_end(question)
            return answer
        running = self._computing.get((question, version))
        if running is None:
            if len(self._computing) >= self._max_computing:
                if answer is not None:
                    return answer
                raise Unavailable("availability")
            running = asyncio.create_task(self._compute(question, subject, version, compute))
            self._computing[question, version] = running
            running.add_done_callback(lambda task: self._done(question, version, task))
        return await asyncio.shield(running)

    async def _compute(
        self, question: str, subject: Subject, version: bytes | None, compute: Callable[[], Awaitable[bytes]]
    ) -> Answer:
        body = await compute()
        etag = '"' + blake2b(body, digest_size=12).hexdigest() + '"'
        answer = Answer(body, etag, subject, version, time.monotonic() + self._ttl)
        if version is not None:
            self._keep(question, answer)
        return answer

    def _done(self, question: str, version: bytes | None, task: "asyncio.Task[Answer]") -> None:
        self._computing.pop((question, version), None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does any more, it is not worth a warning

    def _keep(self, question: str, answer: Answer) -> None:
        older = self._answers.pop(question, None)
        self._bytes += len(answer.body) - (len(older.body) if older else 0)
        self._answers[question] = answer
        while self._bytes > self._max_bytes:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped.body)
