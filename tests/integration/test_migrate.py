"""
Proves rows of section B that are about migrations: together, killed, on an old Postgres, equal to the models.

Leaves the rest of that section to `tests/faults`.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from server.store.locks import key_of
from server.store.migrate import (
    PAUSE_S,
    DatabaseUnreachable,
    UnknownRevision,
    current_revision,
    head_revision,
    migrate,
    script_config,
)
from server.store.schema import metadata
from server.store.urls import UnusableUrl, async_url
from tests.services import PostgresServer

HEAD = head_revision()

MIGRATING = f"""
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE datname = current_database() AND locktype = 'advisory' AND granted
    AND (classid::bigint << 32) + objid::bigint = {key_of("migrations")}
"""


CONSTRAINTS = """
    SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      AND conrelid <> coalesce(to_regclass('alembic_version'), 0)
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    ORDER BY 1, 2, 3
"""


@pytest.fixture
def postgres_16(own_folder: Path) -> Iterator[PostgresServer]:
    """The oldest Postgres at hand."""
    server = PostgresServer(own_folder, version=16)
    server.start()
    server.embedded.create_database()
    yield server
    server.stop()


@pytest.fixture
async def connections(empty_database_url: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Two connections to the database that is being migrated."""
    found = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    yield found
    for connection in found:
        await connection.close()


async def test_B25_of_two_at_once_one_migrates_and_the_other_waits(empty_database_url: str) -> None:
    results = await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url))

    assert sorted(results, key=str) == sorted([(None, HEAD), (HEAD, HEAD)], key=str)
    assert await current_revision(empty_database_url) == HEAD


async def test_B25_killed_midway_leaves_the_old_schema(
    empty_database_url: str, connections: list[asyncpg.Connection]
) -> None:
    """A table of ours that is not committed yet makes the migration wait when it comes to its own of that name."""
    onlooker, other = connections
    in_the_way = other.transaction()
    await in_the_way.start()
    await other.execute(f"CREATE TABLE {metadata.sorted_tables[-1].name} ()")

    migrating = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "server.cli.main", "migrate",
        env={**os.environ, "BOOKABLE_DATABASE_URL": empty_database_url},
    )  # fmt: skip
    await _until(onlooker, f"SELECT EXISTS (SELECT {MIGRATING} AND wait_event_type = 'Lock')")
    migrating.kill()
    await migrating.wait()
    await in_the_way.rollback()
    await _until(onlooker, f"SELECT NOT EXISTS (SELECT {MIGRATING})")

    assert await onlooker.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert await current_revision(empty_database_url) is None
    assert await migrate(empty_database_url) == (None, HEAD)


async def test_a_second_migration_has_nothing_to_do(empty_database_url: str) -> None:
    await migrate(empty_database_url)

    assert await migrate(empty_database_url) == (HEAD, HEAD)


async def test_the_migrations_make_what_the_models_say(own_database_url: str) -> None:
    engine = create_async_engine(async_url(own_database_url))
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()

    assert differences == []


async def test_the_migrations_make_the_constraints_that_the_models_say(
    own_database_url: str, empty_database_url: str
) -> None:
    """Alembic compares neither checks nor exclusions; Postgres tells them all."""
    engine = create_async_engine(async_url(empty_database_url))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()

    assert await _constraints(own_database_url) == await _constraints(empty_database_url)


async def test_the_oldest_postgres_gets_the_same_schema(postgres_16: PostgresServer) -> None:
    assert await migrate(postgres_16.url) == (None, HEAD)

    engine = create_async_engine(async_url(postgres_16.url))
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()
    assert differences == []


async def test_a_database_that_is_still_starting_is_waited_for(own_folder: Path) -> None:
    server = PostgresServer(own_folder)
    server.start()
    server.embedded.create_database()
    server.stop()
    migrating = asyncio.create_task(migrate(server.url, wait_s=20))

    await asyncio.sleep(2 * PAUSE_S)  # it has tried, and found nobody
    await asyncio.to_thread(server.start)

    assert await migrating == (None, HEAD)
    server.stop()


async def test_a_database_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(DatabaseUnreachable, match=r"^the database cannot be reached: .*Connect call failed"):
        await migrate("postgresql://postgres@127.0.0.1:1/bookable", wait_s=0)


async def test_a_wrong_database_name_is_not_waited_for(empty_database_url: str) -> None:
    wrong = empty_database_url.replace("/empty_", "/nowhere_", 1)

    with pytest.raises(DatabaseUnreachable, match="does not exist"):
        await asyncio.wait_for(migrate(wrong, wait_s=60), timeout=10)


async def test_a_database_of_a_newer_bookable_is_left_alone(own_database_url: str) -> None:
    engine = create_async_engine(async_url(own_database_url))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'fromthefuture'"))
    await engine.dispose()

    with pytest.raises(UnknownRevision, match="newer Bookable"):
        await migrate(own_database_url)

    assert await current_revision(own_database_url) == "fromthefuture"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@host/name",
        "postgresql://root:hunter2@host",
        "postgresql://root:hunter2@host/name?options=-csearch_path%3Dx",
        "hunter2",
        "postgresql://root:hunter2@host:port/name",
    ],
)
def test_an_unusable_address_is_told_without_its_password(url: str) -> None:
    with pytest.raises(UnusableUrl) as refusal:
        async_url(url)

    assert "hunter2" not in str(refusal.value)


def test_libpq_words_become_those_of_asyncpg() -> None:
    url = async_url("postgres://bookable@/name?host=/run/postgres&sslmode=require")

    assert url.drivername == "postgresql+asyncpg"
    assert url.query == {"host": "/run/postgres", "ssl": "require"}


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def _constraints(url: str) -> list[tuple[str, str, str]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(CONSTRAINTS)
    await connection.close()
    return [tuple(row) for row in rows]


async def _until(connection: asyncpg.Connection, fact: str) -> None:
    async with asyncio.timeout(20):
        while not await connection.fetchval(fact):  # it is in another process
            await asyncio.sleep(0.02)


async def test_text_messages_to_mail_addresses_become_mails(empty_database_url: str) -> None:
    """Once a provider could be promised an SMS, and it was addressed to their mail address."""
    await migrate(empty_database_url, target="0004")
    connection = await asyncpg.connect(empty_database_url)
    sms, mail = '{"channel": "sms", "recipient": "provider", "offset_min": 60}', '"channel": "mail"'
    own = '{"channel": "sms", "recipient": "customer", "offset_min": 60}'
    await connection.execute(
        f"""
        INSERT INTO businesses (slug, name) VALUES ('b', 'B');
        INSERT INTO locations (business_id, slug, name, timezone) VALUES (1, 'l', 'L', 'UTC');
        INSERT INTO resources (business_id, slug, name, kind) VALUES (1, 'p', 'P', 'provider');
        INSERT INTO providers (business_id, slug, name, resource_id) VALUES (1, 'p', 'P', 1);
        INSERT INTO services (business_id, slug, name, duration_min, reminders) VALUES
            (1, 's', 'S', 30, '[{sms}, {own}, {sms.replace('"channel": "sms"', mail)}]');
        INSERT INTO appointments (business_id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                                  timezone, local_day, price_minor, currency)
        VALUES (1, gen_random_uuid(), 1, 1, 1, 'confirmed', now() + interval '1 day', now() + interval '25 hours',
                'UTC', current_date, 0, 'EUR');
        INSERT INTO reminders (business_id, appointment_id, recipient, channel, offset_min, due_at) VALUES
            (1, 1, 'provider', 'sms', 60, '2030-01-01'), (1, 1, 'provider', 'sms', 5, '2030-01-01'),
            (1, 1, 'provider', 'mail', 60, '2030-01-01'), (1, 1, 'customer', 'sms', 60, '2030-01-01');
        INSERT INTO deliveries (business_id, dedupe_key, channel, message, recipient, target, peer, payload) VALUES
            (1, 'one', 'sms', 'reminder', 'provider', 'p@example.com', 'sms', '{{}}'),
            (1, 'two', 'sms', 'reminder', 'customer', '+4915228817386', 'sms', '{{}}');
        """
    )

    await migrate(empty_database_url)

    reminders = json.loads(await connection.fetchval("SELECT reminders FROM services"))
    planned = await connection.fetch(
        "SELECT recipient, channel, offset_min FROM reminders WHERE status = 'planned' ORDER BY 1, 2, 3"
    )
    states = await connection.fetch("SELECT dedupe_key, state FROM deliveries ORDER BY id")
    await connection.close()
    assert [(each["channel"], each["recipient"]) for each in reminders] == [("mail", "provider"), ("sms", "customer")]
    assert [tuple(row) for row in planned] == [
        ("customer", "sms", 60),
        ("provider", "mail", 5),
        ("provider", "mail", 60),
    ]
    assert [tuple(row) for row in states] == [("one", "skipped"), ("two", "queued")]


async def test_bookings_and_holds_of_before_get_the_terms_that_they_had(empty_database_url: str) -> None:
    """Once only the price was kept, and on the way back it is again."""
    await migrate(empty_database_url, target="0008")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(
        """
        INSERT INTO businesses (slug, name, currency) VALUES ('b', 'B', 'CHF');
        INSERT INTO locations (business_id, slug, name, timezone) VALUES (1, 'l', 'L', 'UTC');
        INSERT INTO resources (business_id, slug, name, kind) VALUES (1, 'p', 'P', 'provider'),
            (1, 'q', 'Q', 'provider');
        INSERT INTO providers (business_id, slug, name, resource_id) VALUES (1, 'p', 'P', 1), (1, 'q', 'Q', 2);
        INSERT INTO services (business_id, slug, name, duration_min, price_minor, change_window_min, cancel_fee_minor,
                              approval) VALUES (1, 's', 'S', 30, 5000, 90, 700, 'manual');
        INSERT INTO provider_services (business_id, provider_id, service_id, duration_min, price_minor)
        VALUES (1, 1, 1, 45, 6000);
        INSERT INTO appointments (business_id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                                  timezone, local_day, seats_taken, price_minor, currency)
        VALUES (1, gen_random_uuid(), 1, 1, 1, 'confirmed', now() + interval '1 day', now() + interval '25 hours',
                'UTC', current_date, 1, 4000, 'EUR');
        INSERT INTO customers (business_id, uid, email, name, timezone)
        VALUES (1, gen_random_uuid(), 'ada@example.com', 'Ada', 'UTC');
        INSERT INTO attendees (business_id, appointment_id, customer_id, name, email, timezone, token_salt, token_hash)
        VALUES (1, 1, 1, 'Ada', 'ada@example.com', 'UTC', 'x', 'y');
        INSERT INTO holds (business_id, service_id, provider_id, location_id, starts_at, expires_at, token_hash)
        VALUES (1, 1, 1, 1, now(), now() + interval '5 min', 'a'), (1, 1, 2, 1, now(), now(), 'b');
        """
    )
    terms = "price_minor, currency, change_window_min, cancel_fee_minor, approval"

    await migrate(empty_database_url)

    places = await connection.fetch(f"SELECT {terms} FROM attendees")
    holds = await connection.fetch(f"SELECT {terms}, duration_s FROM holds ORDER BY id")
    await _back_to(empty_database_url, "0008")
    before = await connection.fetchrow("SELECT price_minor, currency FROM appointments")
    await connection.close()
    assert [tuple(row) for row in places] == [(4000, "EUR", 90, 700, "manual")]
    assert [tuple(row) for row in holds] == [
        (6000, "CHF", 90, 700, "manual", 2700),
        (5000, "CHF", 90, 700, "manual", 1800),
    ]
    assert tuple(before) == (4000, "EUR")


async def test_classes_of_before_stay_classes(empty_database_url: str) -> None:
    """Once an appointment had the seats of its first booking."""
    await migrate(empty_database_url, target="0012")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(
        """
        INSERT INTO businesses (slug, name) VALUES ('b', 'B');
        INSERT INTO locations (business_id, slug, name, timezone) VALUES (1, 'l', 'L', 'UTC');
        INSERT INTO resources (business_id, slug, name, kind) VALUES (1, 'p', 'P', 'provider');
        INSERT INTO providers (business_id, slug, name, resource_id) VALUES (1, 'p', 'P', 1);
        INSERT INTO services (business_id, slug, name, duration_min, capacity) VALUES (1, 's', 'S', 30, 4);
        INSERT INTO appointments (business_id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                                  timezone, local_day, capacity, seats_taken)
        SELECT 1, gen_random_uuid(), 1, 1, 1, 'confirmed', now(), now() + interval '1 hour', 'UTC', current_date, c, t
          FROM (VALUES (1, 1), (6, 5)) seats (c, t);
        """
    )

    await migrate(empty_database_url, target="0013")

    after = await connection.fetch("SELECT shared FROM appointments ORDER BY id")
    await _back_to(empty_database_url, "0012")
    before = await connection.fetch("SELECT capacity FROM appointments ORDER BY id")
    await connection.close()
    assert [row["shared"] for row in after] == [False, True]
    assert [row["capacity"] for row in before] == [1, 5]


async def _back_to(database_url: str, revision: str) -> None:
    def downgrade(connection: Connection) -> None:
        config = script_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    engine = create_async_engine(async_url(database_url))
    async with engine.begin() as connection:
        await connection.run_sync(downgrade)
    await engine.dispose()
