"""
Owns the figure of booking while everything after the commit is going on: a worker that mails each booking out.

Leaves booking by itself to `booking`.
"""

import signal
import subprocess
import sys

from bench.booking import CONNECTIONS, booking_load
from bench.measure import Bench, Row, Stopwatch, by_turns
from bench.questions import Bookings
from bench.reminders import worker
from bench.seed import Seeded
from bench.services import free_port

GOAL = 0.90


def measure_after_commit(bench: Bench, seeded: Seeded) -> Row:
    """One row: the same bookings by turns with the worker stopped (SIGSTOP) and at work."""
    bookings = Bookings(seeded)
    port, file = free_port(), bench.services.folder / "booked.tsv"
    sink = subprocess.Popen([sys.executable, "-m", "bench.smtp_sink", str(port), str(file)])
    try:
        with bench.services.web(seeded.url) as webs, worker(seeded.url, bench.services.redis.url, port) as mailing:
            pids = {"web": [web.pid for web in webs], "worker": [mailing.pid]}
            alone, together = Stopwatch(bench, pids), Stopwatch(bench, pids)
            bench.client.run(booking_load(bench, webs, bookings))

            def with_worker() -> None:
                mailing.send_signal(signal.SIGCONT)
                together.round(booking_load(bench, webs, bookings))

            def without() -> None:
                mailing.send_signal(signal.SIGSTOP)
                alone.round(booking_load(bench, webs, bookings))

            by_turns(bench.pace.rounds, without, with_worker)
    finally:
        sink.kill()
        sink.wait()
    ratio = together.per_second / alone.per_second
    return Row(
        name="after-commit",
        figure=f"Booking while a worker mails every booking, 1 web process, c={CONNECTIONS}",
        measured=f"{together.per_second:,.0f}/s, p95 {together.latency_ms(0.95):.1f} ms",
        reference=f"{alone.per_second:,.0f}/s, p95 {alone.latency_ms(0.95):.1f} ms: the worker stopped",
        ratio=f"{ratio:.1%}",
        goal=f"{GOAL:.0%}",
        reached=ratio >= GOAL,
        details={"ratio": round(ratio, 4), "together": together.details(), "alone": alone.details()},
    )
