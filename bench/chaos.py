"""
Owns `make chaos`: reminders that fall due while Redis and workers are flushed, killed and stopped at random.

    python -m bench.chaos [--appointments N] [--over SECONDS] [--seed NUMBER]

Leaves measuring speed to `run`. Postgres stays up: what happens when it does not is a test (rows B18 to B20).
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from redis import Redis
from redis.exceptions import RedisError

from bench.seed import Size, seed
from bench.services import SETTINGS, Services, free_port, services
from bench.smtp_sink import received
from server.embedded.child import Child, start
from server.embedded.redis import EmbeddedRedis

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos -->", "<!-- end of chaos -->"

WORKERS = 3
LEAD_S = 12.0
"""From the start of the workers to the first reminder."""

PATIENCE_S = 60.0
ON_TIME_S = 10.0

_DUE = """
WITH chosen AS (
    SELECT r.business_id, r.id, row_number() OVER (ORDER BY r.id) - 1 AS n
      FROM reminders r
     WHERE r.status = 'planned' AND r.recipient = 'customer' AND r.offset_min = 60
     ORDER BY r.id LIMIT $1)
UPDATE reminders r SET due_at = clock_timestamp() + make_interval(secs => $2 + $3 * chosen.n / $1::float)
  FROM chosen WHERE r.business_id = chosen.business_id AND r.id = chosen.id
"""

_STATES = "SELECT state, count(*) FROM deliveries GROUP BY state"

# What Message-ID belongs to which reminder, when it was due, and how many of its attempts were written down.
_LEDGER = """
SELECT replace(d.uid::text, '-', '') AS uid, d.due_at, d.state, d.attempt, d.lost,
       (SELECT count(*) FROM delivery_attempts a
         WHERE a.business_id = d.business_id AND a.delivery_id = d.id AND a.verdict = 'sent') AS sent
  FROM deliveries d
"""


@dataclass
class Cast:
    """Everything that is killed, and what was done to it."""

    running: Services
    database_url: str
    mail_port: int
    chance: random.Random
    redis_folder: Path
    redis: Child | None = None
    redis_url: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Redis first."""
        self.start_redis()
        for _ in range(WORKERS):
            self.workers.append(self.new_worker())

    def start_redis(self) -> None:
        """A Redis of its own, so that the measurements' one is left alone."""
        redis = EmbeddedRedis(self.redis_folder)
        self.redis, self.redis_url = start(redis.part()), redis.url

    def new_worker(self) -> subprocess.Popen[bytes]:
        """A worker process as it is deployed."""
        environment = {
            **os.environ,
            **SETTINGS,
            "BOOKABLE_DATABASE_URL": self.database_url,
            "BOOKABLE_REDIS_URL": self.redis_url,
            "BOOKABLE_MAIL_HOST": "127.0.0.1",
            "BOOKABLE_MAIL_PORT": str(self.mail_port),
            "BOOKABLE_MAIL_TLS": "none",
            "BOOKABLE_MAIL_SENDER": "bookings@bench.example",
            "BOOKABLE_MAIL_PER_ADDRESS_DAY": "100000",
        }
        log = (self.redis_folder.parent / "workers.log").open("ab")
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "server.cli.main", "worker"], env=environment, stdout=log, stderr=log
        )

    def stop(self) -> None:
        """All of it."""
        for worker in self.workers:
            worker.kill()
            worker.wait()
        if self.redis is not None:
            self.redis.stop()

    async def misfortune(self) -> None:
        """One of them, chosen at random."""
        what = self.chance.choice([self.flush, self.kill_redis, self.kill_worker, self.pause_worker])
        self.done[what.__name__.replace("_", " ")] += 1
        await what()

    async def flush(self) -> None:
        """Redis forgets everything."""
        with contextlib.suppress(RedisError, OSError):
            Redis.from_url(self.redis_url, socket_timeout=2).flushall()

    async def kill_redis(self) -> None:
        """SIGKILL; it comes back empty-handed a moment later."""
        assert self.redis is not None
        self.redis.send(signal.SIGKILL)
        self.redis.close()
        await asyncio.sleep(self.chance.uniform(0.5, 4))
        self.start_redis()

    async def kill_worker(self) -> None:
        """SIGKILL; a supervisor starts another one."""
        victim = self.chance.randrange(WORKERS)
        self.workers[victim].kill()
        self.workers[victim].wait()
        await asyncio.sleep(0.5)
        self.workers[victim] = self.new_worker()

    async def pause_worker(self) -> None:
        """SIGSTOP for longer than its lease, then SIGCONT: it wakes up in the belief that nothing happened."""
        victim = self.workers[self.chance.randrange(WORKERS)]
        victim.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(5, 10))
        victim.send_signal(signal.SIGCONT)


def main() -> None:
    """Runs it once; exit code 1 if a reminder was lost, or came twice for no reason."""
    arguments = _parse()
    with services() as running, _mail_server(running.folder) as (mail_port, file):
        seeded = seed(running.migrated("chaos"), Size(providers=100, appointments=20_000, upcoming=100))
        folder = running.folder / "chaos"
        folder.mkdir(mode=0o711)
        cast = Cast(running, seeded.url, mail_port, random.Random(arguments.seed), folder / "redis")
        try:
            verdict = asyncio.run(_act(cast, arguments, file))
        finally:
            cast.stop()
        if not verdict:
            print((folder / "workers.log").read_text()[-3000:], file=sys.stderr)
    sys.exit(0 if verdict else 1)


async def _act(cast: Cast, arguments: argparse.Namespace, file: Path) -> bool:
    connection = await asyncpg.connect(cast.database_url)
    cast.start()
    await connection.execute(_DUE, arguments.appointments, LEAD_S, float(arguments.over))
    began = time.monotonic()
    await asyncio.sleep(LEAD_S - 4)
    while time.monotonic() - began < LEAD_S + arguments.over:
        await cast.misfortune()
        await asyncio.sleep(cast.chance.uniform(0.5, 2.5))
    last_fault = time.monotonic()
    while time.monotonic() - last_fault < PATIENCE_S:
        states = dict(await connection.fetch(_STATES))
        if states.get("sent", 0) + states.get("dead", 0) >= arguments.appointments:
            break
        await asyncio.sleep(0.2)
    drained_s = time.monotonic() - last_fault
    ledger = {row["uid"]: row for row in await connection.fetch(_LEDGER)}
    await connection.close()
    return _judge(arguments.appointments, ledger, received(file), cast.done, drained_s)


def _judge(
    expected: int,
    ledger: dict[str, asyncpg.Record],
    came: list[tuple[float, str, str]],
    faults: Counter[str],
    drained_s: float,
) -> bool:
    first: dict[str, float] = {}
    times: Counter[str] = Counter()
    for at, _, message_id in came:
        uid = message_id.strip("<>").partition("@")[0]
        first.setdefault(uid, at)
        times[uid] += 1
    late = sorted(
        datetime.fromtimestamp(at, UTC).timestamp() - ledger[uid]["due_at"].timestamp() for uid, at in first.items()
    )
    twice = [uid for uid, number in times.items() if number > 1]
    # A second copy is explained where the ledger never heard of the first: its worker was killed or stopped between
    # the mail server's 250 and our commit.
    unexplained = [uid for uid in twice if ledger[uid]["sent"] != 1 or ledger[uid]["lost"] + ledger[uid]["attempt"] < 2]
    on_time = sum(1 for seconds in late if seconds <= ON_TIME_S) / max(expected, 1)
    rows = [
        ("faults", ", ".join(f"{number} x {name}" for name, number in sorted(faults.items()))),
        ("reminders due", f"{expected:,}"),
        ("delivered", f"{len(first):,} ({len(first) / expected:.1%})"),
        ("delivered twice", f"{len(twice)}, of which {len(twice) - len(unexplained)} killed between 250 and commit"),
        ("within 10 s of due", f"{on_time:.1%}"),
        ("lateness", _quantiles(late)),
        ("last one after the last fault", f"{drained_s:.1f} s"),
    ]
    table = "\n".join(["| what | measured |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])
    print(f"\n{table}\n")
    _save(table)
    return len(first) == expected and not unexplained and on_time >= 0.99


def _save(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


def _quantiles(late: list[float]) -> str:
    if not late:
        return "nothing came"
    at = {share: late[min(int(len(late) * share), len(late) - 1)] for share in (0.5, 0.95, 0.99)}
    return (
        ", ".join(f"p{share * 100:.0f} {seconds:.1f} s" for share, seconds in at.items()) + f", most {late[-1]:.1f} s"
    )


@contextlib.contextmanager
def _mail_server(folder: Path) -> Iterator[tuple[int, Path]]:
    port, file = free_port(), folder / "mail.tsv"
    process = subprocess.Popen([sys.executable, "-m", "bench.smtp_sink", str(port), str(file)])
    try:
        yield port, file
    finally:
        process.kill()
        process.wait()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Reminders under random faults.")
    parser.add_argument("--appointments", type=int, default=1_000)
    parser.add_argument("--over", type=int, default=60, help="seconds in which they fall due")
    parser.add_argument("--seed", type=int, default=None, help="of the faults")
    return parser.parse_args()


if __name__ == "__main__":
    main()
