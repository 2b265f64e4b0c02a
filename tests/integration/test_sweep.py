"""What the worker tidies up, and that it comes back after Redis was away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from server.usecases.sweep import sweep
from tests.services import RedisServer
from tests.world import SECRET, World


async def test_expired_holds_and_old_answers_go(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=2, duration_min=60)
    await world.hold(world.at(10))
    await world.hold(world.at(12), service="yoga")
    await world.sql("UPDATE holds SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)
    await world.sql("UPDATE claims SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)
    await world.sql(
        "INSERT INTO idempotency_records (business_id, caller, key_hash, request_hash, status, sealed_body, created_at)"
        " VALUES ($1, 'public', '\\x01', '\\x02', 201, '\\x03', now() - interval '25 h')",
        world.business_id,
    )

    await sweep(world.core)

    for table in ("holds", "claims", "idempotency_records"):
        assert await world.sql(f"SELECT 1 FROM {table} WHERE business_id = $1", world.business_id) == []
    states = await world.sql("SELECT status FROM appointments WHERE business_id = $1", world.business_id)
    assert [row["status"] for row in states] == ["cancelled"]


async def test_a_class_with_somebody_in_it_outlives_its_holds(world: World) -> None:
    await world.service("yoga", providers=["anna"], capacity=2, duration_min=60)
    await world.hold(world.at(12), service="yoga")
    await world.book(world.at(12), service="yoga")
    await world.sql("UPDATE holds SET expires_at = now() - interval '1 s' WHERE business_id = $1", world.business_id)

    await sweep(world.core)

    states = await world.sql("SELECT status, seats_taken FROM appointments WHERE business_id = $1", world.business_id)
    assert [tuple(row) for row in states] == [("confirmed", 1)]


def test_the_worker_comes_back_after_redis_was_killed(database_url: str, own_redis: RedisServer) -> None:
    environment = {
        **os.environ,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": own_redis.url,
        "BOOKABLE_SECRET_KEYS": SECRET,
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "server.cli.main", "worker"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stderr is not None
        lines = iter(worker.stderr.readline, "")
        wait_for(lines, lambda line: "Starting worker" in line)

        own_redis.kill()
        wait_for(lines, lambda line: "Redis is away" in line)
        own_redis.start()

        wait_for(lines, lambda line: "Starting worker" in line)
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
        worker.stderr.close()  # type: ignore[union-attr]


def wait_for(lines: object, fits: Callable[[str], bool], *, seconds: float = 20) -> None:
    """Reads on until a line fits."""
    deadline = time.monotonic() + seconds
    for line in lines:  # type: ignore[attr-defined]
        if fits(line):
            return
        assert time.monotonic() < deadline, line
    raise AssertionError("the worker has ended")
