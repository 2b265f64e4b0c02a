"""
Owns making load: keep-alive HTTP/1.1 connections from one process, cheap enough not to be what is measured.

Leaves what is asked to `questions`. A loop over non-blocking sockets, no event loop: an answer costs the client a
tenth of what it costs the barest server in Python.
"""

import contextlib
import multiprocessing
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

_BUFFER = memoryview(bytearray(1 << 20))
"""Where everything is read into: a body is counted, not kept."""
_LONGEST_HEAD = 4096
_LENGTH = b"content-length: "
_DRAIN_S = 10.0
_WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to ask, how often at once, and for how long."""

    addresses: Sequence[tuple[str, int]]
    """Connections are spread over them evenly."""

    connections: int
    requests: Sequence[bytes]
    once: bool = False
    """Send each request once, and stop when there are no more; otherwise begin again."""

    status: int = 200
    """What a good answer has; the others are counted by status."""

    warm_up_s: float = 0.5
    seconds: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came back while it counted."""

    good: int
    other: dict[int, int]
    seconds: float
    latencies_s: list[float] = field(repr=False)
    """Of the good answers, ascending."""

    body_bytes: int
    sent: int
    """Requests sent, warm-up included."""

    client_cpu_s: float
    """Processor time of the client while it counted."""

    @property
    def per_second(self) -> float:
        """Good answers."""
        return self.good / self.seconds

    def latency_ms(self, share: float) -> float:
        """The latency that *share* of the good answers do not exceed."""
        return self.latencies_s[min(int(len(self.latencies_s) * share), len(self.latencies_s) - 1)] * 1000


class BadAnswer(RuntimeError):
    """The server answered what the client does not understand, or hung up."""


class Client:
    """The process that makes the load."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, load: Load) -> Outcome:
        """Make *load*; blocks."""
        return self._pool.submit(drive, load).result()


@contextlib.contextmanager
def client() -> Iterator[Client]:
    """A process of its own: the one that measures must not slow down the one that asks."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        yield Client(pool)


class _Connection:
    """One keep-alive connection: one request under way at a time."""

    __slots__ = ("body_bytes", "head", "missing", "received", "sent_at", "socket", "status")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.head = b""
        self.received, self.missing = 0, -1
        self.status = self.body_bytes = 0
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        if self.socket.send(request) != len(request):
            raise BadAnswer("the request did not fit into the socket")
        self.head, self.received, self.missing = b"", 0, -1
        self.sent_at = time.perf_counter()

    def receive(self) -> bool:
        """Reads what is there; whether the answer is complete."""
        received = self.socket.recv_into(_BUFFER)
        if not received:
            raise BadAnswer(f"the server hung up after {self.head[:200]!r}")
        if self.missing >= 0:
            self.missing -= received
            return self.missing == 0
        self.received += received
        self.head += _BUFFER[: min(received, _LONGEST_HEAD)]
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            if self.received >= _LONGEST_HEAD:
                raise BadAnswer("the head of the answer is too long")
            return False
        head = self.head[:end].lower()
        self.status = int(head[9:12])
        if self.status in _WITHOUT_BODY:
            self.body_bytes = self.missing = 0
            return True
        at = head.find(_LENGTH)
        if at < 0:
            raise BadAnswer(f"no content-length in {head!r}")
        self.body_bytes = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        self.missing = self.body_bytes - (self.received - end - 4)
        return self.missing == 0


def drive(load: Load) -> Outcome:
    """Make *load* in this process."""
    selector = selectors.DefaultSelector()
    connections = [_Connection(load.addresses[n % len(load.addresses)]) for n in range(load.connections)]
    requests = _endless(load.requests) if not load.once else iter(load.requests)
    good: list[float] = []
    other: Counter[int] = Counter()
    sent = body_bytes = busy = 0
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        if (request := next(requests, None)) is not None:
            connection.send(request)
            sent, busy = sent + 1, busy + 1
    begin = time.perf_counter() + load.warm_up_s
    end = begin + load.seconds
    cpu_before, cpu_spent, last = 0.0, 0.0, begin
    while busy:
        for key, _ in selector.select(_DRAIN_S) or _hung():
            connection = key.data
            if not connection.receive():
                continue
            now = time.perf_counter()
            if begin <= now < end:
                cpu_before = cpu_before or time.process_time()
                last = now
                if connection.status == load.status:
                    good.append(now - connection.sent_at)
                    body_bytes += connection.body_bytes
                else:
                    other[connection.status] += 1
            request = next(requests, None) if now < end else None
            if request is None:
                cpu_spent = cpu_spent or time.process_time() - cpu_before
                busy -= 1
            else:
                connection.send(request)
                sent += 1
    for connection in connections:
        connection.socket.close()
    return Outcome(
        good=len(good),
        other=dict(other),
        seconds=load.seconds if not load.once or sent < len(load.requests) else max(last - begin, 1e-9),
        latencies_s=sorted(good),
        body_bytes=body_bytes // max(len(good), 1),
        sent=sent,
        client_cpu_s=cpu_spent,
    )


def _endless(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _hung() -> list[tuple[selectors.SelectorKey, int]]:
    raise BadAnswer(f"no answer for {_DRAIN_S:.0f} s")
