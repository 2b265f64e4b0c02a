"""
Owns the figure of draining reminders: a hundred thousand that are due at once, through one worker to a mail server.

Leaves faults to `chaos`.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil

from bench.measure import Bench, Row
from bench.seed import Seeded
from bench.services import SETTINGS, cpu_seconds, free_port
from bench.smtp_sink import received

MANY, QUICK_MANY = 100_000, 3_000
_FLAT = 1.3
"""Memory at the end, beside that after a tenth."""

_DUE = """
UPDATE reminders SET due_at = clock_timestamp() - interval '1 s'
 WHERE (business_id, id) IN (SELECT business_id, id FROM reminders
                              WHERE status = 'planned' AND recipient = 'customer' ORDER BY id LIMIT $1)
"""


def measure_reminders(bench: Bench, seeded: Seeded) -> Row:
    """One row."""
    number = QUICK_MANY if bench.quick else MANY
    port, file = free_port(), bench.services.folder / "drained.tsv"
    sink = subprocess.Popen([sys.executable, "-m", "bench.smtp_sink", str(port), str(file)])
    try:
        asyncio.run(_make_due(seeded.url, number))
        with worker(seeded.url, bench.services.redis.url, port) as mailing:
            seconds, cpu, early, late = _drained(mailing, file, number)
    finally:
        sink.kill()
        sink.wait()
    came = received(file)
    twice = len(came) - len({message_id for _, _, message_id in came})
    growth = late / early
    return Row(
        name="reminders",
        figure=f"{number:,} due reminders, mailed by one worker",
        measured=f"{number / seconds:,.0f}/s, {number / cpu:,.0f} per second of a core; {twice} twice",
        reference=f"memory after a tenth {early / 2**20:.0f} MiB, at the end {late / 2**20:.0f} MiB",
        ratio=f"{growth:.2f}x",
        goal=f"memory under {_FLAT}x, none twice",
        reached=growth < _FLAT and twice == 0,
        details={"seconds": round(seconds, 1), "worker_cpu_s": round(cpu, 1), "memory": [early, late]},
    )


async def _make_due(url: str, number: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_DUE, number)
        await connection.execute("VACUUM (ANALYZE) reminders")
    finally:
        await connection.close()


def _drained(worker: subprocess.Popen[bytes], file: Path, number: int) -> tuple[float, float, int, int]:
    """Seconds, processor seconds of the worker, and its memory after a tenth and at the end, in bytes."""
    process = psutil.Process(worker.pid)
    while not _lines(file):
        time.sleep(0.05)
    begun, cpu, early, last, moved = time.monotonic(), cpu_seconds([worker.pid]), 0, 0, time.monotonic()
    while (done := _lines(file)) < number:
        if done >= number // 10 and not early:
            early = process.memory_info().rss
        if done != last:
            last, moved = done, time.monotonic()
        if time.monotonic() - moved > 30:
            raise RuntimeError(f"the worker stopped at {done}")
        time.sleep(0.05)
    return time.monotonic() - begun, cpu_seconds([worker.pid]) - cpu, early, process.memory_info().rss


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


@contextlib.contextmanager
def worker(database_url: str, redis_url: str, mail_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that mails to *mail_port*."""
    environment = {
        **os.environ,
        **SETTINGS,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_MAIL_HOST": "127.0.0.1",
        "BOOKABLE_MAIL_PORT": str(mail_port),
        "BOOKABLE_MAIL_TLS": "none",
        "BOOKABLE_MAIL_SENDER": "bookings@bench.example",
        "BOOKABLE_MAIL_PER_ADDRESS_DAY": "100000",
    }
    command = [sys.executable, "-P", "-m", "server.cli.main", "worker"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
