"""The commands that work on a running installation, as an operator types them."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from server.embedded.demo import seed_demo
from server.store.engine import standalone
from server.tokens import Vault
from tests.processes import web_processes
from tests.world import SECRET, World

Bookable = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bookable(database_url: str, redis_url: str) -> Bookable:
    """Runs the command on this process's database."""
    environment = {
        **os.environ,
        "BOOKABLE_DATABASE_URL": database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_SECRET_KEYS": SECRET,
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "server.cli.main", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)

    return run


async def test_prove_counts_and_leaves_nothing_behind(
    bookable: Bookable, database_url: str, redis_url: str, world: World
) -> None:
    with web_processes(2, database_url=database_url, redis_url=redis_url) as url:
        done = bookable("prove", "--clients", "12", "--rounds", "8", "--url", url)

    assert done.returncode == 0, done.stderr
    assert "winners     8  (one for each of 8 times: True)" in done.stdout
    assert "doubles     0" in done.stdout
    assert await world.sql("SELECT slug FROM businesses WHERE slug LIKE 'prove-%'") == []


async def test_prove_says_how_to_lift_the_rate_limit(bookable: Bookable, database_url: str, world: World) -> None:
    with web_processes(1, database_url=database_url, BOOKABLE_LIMIT_EXEMPT="") as url:
        done = bookable("prove", "--clients", "50", "--rounds", "5", "--url", url)

    assert done.returncode == 1
    assert "BOOKABLE_LIMIT_EXEMPT" in done.stderr
    assert "Traceback" not in done.stderr
    assert await world.sql("SELECT slug FROM businesses WHERE slug LIKE 'prove-%'") == []


def test_prove_says_so_when_nobody_answers(bookable: Bookable) -> None:
    done = bookable("prove", "--rounds", "1", "--url", "http://127.0.0.1:1")

    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


async def test_explain_names_the_rule_in_words(bookable: Bookable, world: World) -> None:
    await world.book(world.at(10))

    taken = bookable("explain", world.slug, "cut", world.at(10).isoformat())
    free = bookable("explain", world.slug, "cut", world.at(11).isoformat())
    nobody = bookable("explain", "nobody", "cut", world.at(11).isoformat())
    no_time = bookable("explain", world.slug, "cut", "tomorrow")

    assert "✗ claims" in taken.stdout
    assert "✓ free" in free.stdout
    assert [done.returncode for done in (taken, free, nobody, no_time)] == [0, 0, 1, 1]
    assert "Error: business" in nobody.stderr
    assert "not a time with its offset" in no_time.stderr


async def test_keys_are_made_listed_and_revoked(bookable: Bookable, world: World) -> None:
    made = bookable("api-key", "create", "--business", world.slug, "--name", "front desk", "--scope", "book")
    prefix = made.stdout[:11]
    listed = bookable("api-key", "list", "--business", world.slug)
    revoked = bookable("api-key", "revoke", "--business", world.slug, prefix)
    again = bookable("api-key", "revoke", "--business", world.slug, prefix)

    assert made.stdout.startswith("bk_")
    assert f"{prefix}  never used" in listed.stdout
    assert [revoked.returncode, again.returncode] == [0, 1]


async def test_a_business_is_founded_once(bookable: Bookable, world: World) -> None:
    slug = f"corner-{world.slug}"
    words = ("business", "create", slug, "--name", "Corner", "--timezone")

    no_zone = bookable(*words, "Mars/Olympus")
    made, again = bookable(*words, "Europe/Berlin"), bookable(*words, "Europe/Berlin")

    assert [no_zone.returncode, made.returncode, again.returncode] == [1, 0, 1]
    assert "bk_" in made.stdout
    assert f"There is a business {slug} already." in again.stderr


async def test_a_business_is_founded_with_the_language_of_its_people(bookable: Bookable, world: World) -> None:
    slug = f"ecke-{world.slug}"
    words = ("business", "create", slug, "--name", "Ecke", "--timezone", "Europe/Berlin", "--locale")

    odd, made = bookable(*words, "de_DE.UTF-8"), bookable(*words, "de-AT")

    assert [odd.returncode, made.returncode] == [1, 0]
    assert (await world.sql("SELECT locale FROM businesses WHERE slug = $1", slug))[0]["locale"] == "de-AT"


async def test_the_demo_has_no_request_that_is_over_before_anybody_could_answer_it(own_database_url: str) -> None:
    """Its first mails would say that somebody was not answered in time."""
    await seed_demo(own_database_url, Vault([SECRET]), None)

    async with standalone(own_database_url) as session:
        early = await session.fetch(
            "SELECT a.status, a.starts_at FROM appointments a JOIN services s ON s.id = a.service_id"
            " WHERE s.approval = 'manual' AND a.starts_at < clock_timestamp() + interval '1 day'"
        )
    assert early, "a week lies behind it"
    assert "pending" not in {row["status"] for row in early}


async def test_the_demo_business_is_the_same_however_often_it_is_seeded(own_database_url: str) -> None:
    first = await seed_demo(own_database_url, Vault([SECRET]), None)
    async with standalone(own_database_url) as session:
        before = await session.value("SELECT count(*) FROM appointments")
    second = await seed_demo(own_database_url, Vault([SECRET]), first.api_key, first.providers)

    async with standalone(own_database_url) as session:
        facts = await session.first(
            """
            SELECT (SELECT count(*) FROM appointments) AS appointments,
                   (SELECT count(DISTINCT timezone) FROM locations) AS zones,
                   (SELECT count(*) FROM claims a JOIN claims b
                        ON a.resource_id = b.resource_id AND a.id < b.id AND a.during && b.during) AS doubles,
                   (SELECT count(*) FROM appointments a WHERE NOT EXISTS (
                        SELECT FROM claims c WHERE c.appointment_id = a.id)) AS without_claims,
                   (SELECT count(DISTINCT status) FROM appointments) AS states,
                   (SELECT min(starts_at) FROM appointments) AS first,
                   (SELECT max(starts_at) FROM appointments) AS last
            """
        )
    assert facts is not None
    assert first == second
    assert (len(first.providers), len(first.services), facts["zones"]) == (5, 8, 2)
    assert facts["appointments"] == before > 100
    assert (facts["doubles"], facts["without_claims"]) == (0, 0)
    assert facts["states"] >= 3
    now = datetime.now(UTC)
    assert facts["first"] < now - timedelta(days=4)
    assert facts["last"] > now + timedelta(days=10)
