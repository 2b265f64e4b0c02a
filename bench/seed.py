"""
Owns filling a database: so many providers and appointments, the same ones each time.

Leaves what is asked about them to `questions`. Ten providers make a business; each is open Monday to Saturday from 9
to 13 and from 14 to 18, in half hours. Each has the same number of appointments in the thirty days that are asked
about; all others are history.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from bench.services import SETTINGS
from server.settings import DatabaseSettings
from server.store.engine import Database
from server.tokens import Vault
from server.usecases.check_secret import adopt_secret

TEAM = 10
ZONE = "Europe/Berlin"
DAYS = 30
START_MINUTES = [*range(9 * 60, 13 * 60, 30), *range(14 * 60, 18 * 60, 30)]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is."""

    providers: int
    appointments: int
    upcoming: int
    """Appointments per provider within the thirty days from `Seeded.first` on."""

    @property
    def businesses(self) -> int:
        """Of ten providers each."""
        return self.providers // TEAM

    def __str__(self) -> str:
        return f"{self.appointments:,} appointments, {self.providers:,} providers"


@dataclass(frozen=True)
class Seeded:
    """A database with its contents."""

    url: str
    size: Size
    first: date
    """The first of the thirty days."""

    def business_of(self, provider: int) -> str:
        """Slug of the business that *provider* (counted from 0) works for."""
        return f"b-{provider // TEAM + 1}"

    def slug_of(self, provider: int) -> str:
        """Slug of *provider*."""
        return f"p-{provider + 1}"


def seed(url: str, size: Size) -> Seeded:
    """Fill the migrated, empty database of *url*."""
    first = datetime.now(UTC).date() + timedelta(days=8)
    asyncio.run(_fill(url, size, first))
    asyncio.run(_settle_secret(url))
    return Seeded(url, size, first)


async def _settle_secret(url: str) -> None:
    """None of these bookings has a link that our secret made: without this no process would start."""
    database = await Database.open(DatabaseSettings(url=url))
    await adopt_secret(database, Vault([SETTINGS["BOOKABLE_SECRET_KEYS"]]))
    await database.close()


async def _fill(url: str, size: Size, first: date) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in (*_CATALOGUE, *_PLAN, *_BOOKED):
            for name, value in _values(size, first).items():
                statement = statement.replace(f":{name}", value)  # noqa: PLW2901  # numbers and a date of ours
            await connection.execute(statement)
        for table in _NUMBERED:
            await connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT coalesce(max(id), 1) FROM {table}))"
            )
        # What autovacuum and the checkpointer would do later happens now, not while something is measured.
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _values(size: Size, first: date) -> dict[str, str]:
    return {
        "businesses": str(size.businesses),
        "providers": str(size.providers),
        "per_provider": str(size.appointments // size.providers),
        "upcoming": str(size.upcoming),
        "minutes": f"ARRAY{START_MINUTES}",
        "days": str(DAYS),
        "first": f"date '{first.isoformat()}'",
    }


_CATALOGUE = (
    "SET synchronous_commit = off",
    "SET session_replication_role = replica",  # foreign keys hold by construction
    """
    INSERT INTO businesses (id, slug, name)
    SELECT b, 'b-' || b, 'Business ' || b FROM generate_series(1, :businesses) b
    """,
    f"""
    INSERT INTO locations (business_id, id, slug, name, timezone)
    SELECT b, b, 'main', 'Main street', '{ZONE}' FROM generate_series(1, :businesses) b
    """,
    """
    INSERT INTO services (business_id, id, slug, name, duration_min, slot_step_min, min_notice_min, horizon_days)
    SELECT b, b, 'cut', 'Cut', 30, 30, 60, 730 FROM generate_series(1, :businesses) b
    """,
    f"""
    INSERT INTO resources (business_id, id, slug, name, kind)
    SELECT (p - 1) / {TEAM} + 1, p, 'p-' || p, 'Provider ' || p, 'provider' FROM generate_series(1, :providers) p
    """,
    f"""
    INSERT INTO providers (business_id, id, slug, name, resource_id)
    SELECT (p - 1) / {TEAM} + 1, p, 'p-' || p, 'Provider ' || p, p FROM generate_series(1, :providers) p
    """,
    """
    INSERT INTO provider_services (business_id, provider_id, service_id)
    SELECT business_id, id, business_id FROM providers
    """,
    """
    INSERT INTO working_hours (business_id, provider_id, location_id, weekday, start_min, end_min)
    SELECT business_id, id, business_id, weekday, start_min, start_min + 240
      FROM providers, generate_series(0, 5) weekday, unnest(ARRAY[540, 840]) start_min
    """,
)

_PLAN = (
    f"""
    CREATE TEMP TABLE times AS
    SELECT day >= :first AS upcoming,
           row_number() OVER (PARTITION BY day >= :first ORDER BY day, minute) - 1 AS n,
           count(*) OVER (PARTITION BY day >= :first) AS all_n,
           day::date AS local_day, (day::date + make_interval(mins => minute)) AT TIME ZONE '{ZONE}' AS starts_at
      FROM generate_series(:first - 900, :first + :days - 1, interval '1 day') day, unnest(:minutes) minute
     WHERE (day >= :first OR day < :first - 8) AND extract(isodow FROM day) < 7
    """,
    # Spread over the days, and not at the same times for everybody.
    """
    CREATE TEMP TABLE plan AS
    SELECT p.business_id, p.id AS provider_id, (p.id - 1) * :per_provider + i + 1 AS id, i < :upcoming AS upcoming,
           t.local_day, t.starts_at
      FROM providers p, generate_series(0, :per_provider - 1) i
      JOIN (SELECT DISTINCT upcoming, all_n FROM times) many ON many.upcoming = (i < :upcoming)
      JOIN times t ON t.upcoming = many.upcoming
     WHERE t.n = CASE WHEN i < :upcoming THEN (i * many.all_n / :upcoming + p.id) % many.all_n
                      ELSE many.all_n - 1 - (i - :upcoming) END
    """,
    "CREATE INDEX ON plan (business_id, id)",
    "ANALYZE plan",
)

_BOOKED = (
    """
    INSERT INTO customers (business_id, id, uid, email, name, timezone)
    SELECT business_id, id, lpad(to_hex(id), 32, '0')::uuid, 'customer-' || id || '@example.org', 'Customer ' || id,
           'Europe/Berlin'
      FROM plan WHERE id % 10 = 0
    """,
    """
    INSERT INTO appointments (business_id, id, uid, service_id, provider_id, location_id, status, starts_at, ends_at,
                              timezone, local_day, seats_taken)
    SELECT business_id, id, lpad(to_hex(id), 32, '0')::uuid, business_id, provider_id, business_id,
           CASE WHEN upcoming THEN 'confirmed' ELSE 'completed' END, starts_at, starts_at + interval '30 minutes',
           'Europe/Berlin', local_day, 1
      FROM plan ORDER BY id
    """,
    """
    INSERT INTO claims (business_id, resource_id, during, appointment_id)
    SELECT business_id, provider_id, tstzrange(starts_at, starts_at + interval '30 minutes'), id FROM plan ORDER BY id
    """,
    """
    INSERT INTO attendees (business_id, id, appointment_id, customer_id, name, email, timezone, token_salt, token_hash,
                           price_minor, currency, change_window_min, cancel_fee_minor, approval)
    SELECT business_id, id, id, (id + 9) / 10 * 10, 'Customer ' || (id + 9) / 10 * 10,
           'customer-' || (id + 9) / 10 * 10 || '@example.org', 'Europe/Berlin', decode(md5(id::text), 'hex'),
           sha256(id::text::bytea), 3900, 'EUR', 1440, 0, 'automatic'
      FROM plan ORDER BY id
    """,
    """
    INSERT INTO transitions (business_id, appointment_id, to_status, actor, sequence, starts_at, at)
    SELECT business_id, id, 'confirmed', 'customer', 0, starts_at, starts_at - interval '20 days' FROM plan ORDER BY id
    """,
    """
    INSERT INTO reminders (business_id, appointment_id, attendee_id, recipient, channel, offset_min, due_at, status)
    SELECT business_id, id, id, recipient, 'mail', before_min, starts_at - make_interval(mins => before_min),
           CASE WHEN upcoming THEN 'planned' ELSE 'queued' END
      FROM plan, (VALUES ('customer', 1440), ('customer', 60), ('provider', 60)) wanted (recipient, before_min)
     ORDER BY id
    """,
    """
    INSERT INTO outbox (business_id, kind, appointment_id, payload, done_at)
    SELECT business_id, 'appointment.booked', id, '{}', clock_timestamp() FROM plan ORDER BY id
    """,
    "DROP TABLE plan, times",
)

_NUMBERED = (
    *("businesses", "locations", "services", "resources", "providers"),
    *("customers", "appointments", "attendees"),
)
