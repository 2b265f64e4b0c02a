"""Section M of the matrix: a business that asks strangers for a proof of work."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.proof_of_work import ProofOfWork
from server.settings import HttpSettings, ProofSettings, Settings
from server.store.engine import Session
from server.usecases.sweep import sweep
from server.web.keys import CORE
from server.web.proofs import Challenges
from tests.solver import solved
from tests.world import World, settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
CHEAP = ProofSettings(cost=100, guesses=4)


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """With challenges that are solved at once, and proxies that tests may speak for."""
    return settings_for(database_url, redis_url, proof=CHEAP, http=HttpSettings(trusted_proxies="127.0.0.0/8"))


@pytest.fixture
async def guarded(world: World) -> World:
    """A business that asks for proofs."""
    await world.sql("UPDATE businesses SET guard = 'proof' WHERE id = $1", world.business_id)
    return world


def holding(world: World, hour: int = 10) -> tuple[str, dict[str, Any]]:
    return f"/v1/businesses/{world.slug}/holds", {"service": "cut", "start": world.at(hour).isoformat()}


def booking(world: World, hour: int = 10) -> tuple[str, dict[str, Any]]:
    return f"/v1/businesses/{world.slug}/appointments", world.order_json(world.at(hour))


def waiting(world: World, hour: int = 10) -> tuple[str, dict[str, Any]]:
    del hour
    day = world.at(10).date().isoformat()
    customer = world.order_json(world.at(10))["customer"]
    return f"/v1/businesses/{world.slug}/waitlist", {"service": "cut", "from": day, "to": day, "customer": customer}


CALLS = (holding, booking, waiting)


async def prepare(call: Any, world: World) -> None:
    """One waits only while nothing is free."""
    if call is waiting:
        await world.sql("DELETE FROM working_hours WHERE business_id = $1", world.business_id)


async def challenge_of(client: Client, world: World) -> dict[str, Any]:
    answer = await client.get(f"/v1/businesses/{world.slug}/challenge")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    return await answer.json()


async def send(client: Client, call: tuple[str, Any], proof: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    shown = {"Booking-Proof": proof} if proof else {}
    async with client.post(call[0], json=call[1], headers={**shown, **headers}) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("call", CALLS)
async def test_M_a_stranger_without_a_proof_is_told_what_to_solve(call: Any, client: Client, guarded: World) -> None:
    await prepare(call, guarded)

    status, problem = await send(client, call(guarded))

    assert (status, problem["type"], problem["reason"]) == (403, "/problems/proof-required", "missing")
    status, _ = await send(client, call(guarded), solved(problem["challenge"]))
    assert status == 201


@pytest.mark.parametrize("call", CALLS)
async def test_M_a_challenge_can_be_asked_for_beforehand(call: Any, client: Client, guarded: World) -> None:
    await prepare(call, guarded)
    proof = solved(await challenge_of(client, guarded))

    assert (await send(client, call(guarded), proof))[0] == 201


@pytest.mark.parametrize("call", CALLS)
async def test_M_a_proof_counts_once_whatever_it_was_spent_on(call: Any, client: Client, guarded: World) -> None:
    proof = solved(await challenge_of(client, guarded))
    assert (await send(client, holding(guarded, 9), proof))[0] == 201
    await prepare(call, guarded)

    status, problem = await send(client, call(guarded, 12), proof)

    assert (status, problem["reason"]) == (403, "spent")


async def test_M_of_many_at_once_one_proof_serves_one(client: Client, guarded: World) -> None:
    proof = solved(await challenge_of(client, guarded))

    answers = await asyncio.gather(*(send(client, holding(guarded, hour), proof) for hour in range(9, 17)))

    assert sorted(status for status, _ in answers) == [201] + [403] * 7


async def test_M_a_proof_that_was_spent_in_one_process_is_spent_in_all(
    settings: Settings, aiohttp_client: OpenClient, guarded: World
) -> None:
    """Also without Redis: what decides is in the transaction."""
    one = await aiohttp_client(build_app(settings))
    two = await aiohttp_client(build_app(settings_for(str(settings.database.url), proof=CHEAP)))
    proof = solved(await challenge_of(one, guarded))

    first = await send(one, holding(guarded, 9), proof)
    second = await send(two, holding(guarded, 12), proof)

    assert (first[0], second[0], second[1]["reason"]) == (201, 403, "spent")


async def test_M_a_refused_booking_spends_nothing(client: Client, guarded: World) -> None:
    await guarded.book(guarded.at(10))
    proof = solved(await challenge_of(client, guarded))

    taken, _ = await send(client, booking(guarded, 10), proof)
    other, _ = await send(client, booking(guarded, 12), proof)

    assert (taken, other) == (409, 201)


async def test_M_a_retry_with_its_key_is_answered_again_though_its_proof_is_spent(
    client: Client, guarded: World
) -> None:
    proof = solved(await challenge_of(client, guarded))
    key = {"Idempotency-Key": "0b4f7a7e-5b5e-4a54-9f3b-2f6a4d1c9e11"}

    order = booking(guarded)

    first = await send(client, order, proof, **key)
    again = await send(client, order, proof, **key)

    assert first == again
    assert first[0] == 201


async def test_M_a_held_time_is_booked_without_another_proof(client: Client, guarded: World) -> None:
    _, held = await send(client, holding(guarded), solved(await challenge_of(client, guarded)))
    path, order = booking(guarded)

    status, _ = await send(client, (path, {**order, "hold": held["hold"]}))

    assert status == 201


@pytest.mark.parametrize("hold", ["x" * 32, "let go", "of another time"])
async def test_M_a_hold_that_is_none_saves_no_proof(hold: str, client: Client, guarded: World) -> None:
    _, held = await send(client, holding(guarded, 9), solved(await challenge_of(client, guarded)))
    path, order = booking(guarded, 12 if hold == "of another time" else 9)
    if hold == "let go":
        await client.delete(f"/v1/holds/{held['hold']}")

    status, problem = await send(client, (path, {**order, "hold": hold if hold == "x" * 32 else held["hold"]}))

    if hold == "x" * 32:
        assert status in {403, 409}  # the time is held by somebody else; in no case is it booked
    else:
        assert (status, problem["reason"]) == (403, "missing")
    rows = await guarded.sql("SELECT count(*) AS n FROM appointments WHERE business_id = $1", guarded.business_id)
    assert rows[0]["n"] == 0


async def test_M_wrong_expired_and_foreign_proofs_are_named(client: Client, guarded: World) -> None:
    keys = client.app[CORE].vault.proof_keys()
    early = ProofOfWork(CHEAP, keys, lambda: datetime.now(UTC) - timedelta(hours=1))
    foreign = ProofOfWork(CHEAP, keys, lambda: datetime.now(UTC))

    reasons = []
    for proof in (
        "nonsense",
        solved(await challenge_of(client, guarded), cost=1),
        solved(early.challenge(guarded.slug)),
        solved(foreign.challenge("another-business")),
    ):
        status, problem = await send(client, holding(guarded), proof)
        assert status == 403
        reasons.append(problem["reason"])

    assert reasons == ["wrong", "wrong", "expired", "wrong"]


async def test_M_whoever_has_a_key_is_not_asked(client: Client, guarded: World) -> None:
    for call in CALLS:
        await prepare(call, guarded)
        assert (await send(client, call(guarded, 9 + CALLS.index(call)), **guarded.auth))[0] == 201


async def test_M_an_open_business_asks_nobody_and_pays_no_statement_for_it(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[int] = []
    for name in ("fetch", "first", "value", "execute"):
        original = getattr(Session, name)

        def counted(self: Session, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            statements[-1] += 1
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Session, name, counted)
    counts = {}
    for guard, hour in (("open", 9), ("open", 10), ("proof", 12), ("open", 14)):
        statements.append(0)
        await world.sql("UPDATE businesses SET guard = $2 WHERE id = $1", world.business_id, guard)
        proof = solved(await challenge_of(client, world)) if guard == "proof" else ""
        statements.append(0)
        assert (await send(client, holding(world, hour), proof))[0] == 201
        counts[guard, hour] = statements[-1]

    assert counts["open", 10] == counts["open", 14]
    assert counts["proof", 12] == counts["open", 10] + 1


async def test_M_a_page_without_javascript_is_no_way_around(client: Client, guarded: World) -> None:
    query = f"service=cut&start={guarded.at(10).isoformat()}".replace("+", "%2B")
    form = {"name": "Robin", "email": "robin@example.com", "timezone": "Europe/Berlin", "key": "k" * 24}

    answer = await client.post(f"/book/{guarded.slug}?{query}", data=form, allow_redirects=False)

    assert (answer.status, "Look into your mail" in await answer.text()) == (200, True)
    rows = await guarded.sql(
        "SELECT count(*) AS n FROM appointments WHERE business_id = $1 AND status = 'confirmed'", guarded.business_id
    )
    assert rows[0]["n"] == 0


async def test_M_a_network_that_keeps_asking_gets_harder_challenges_up_to_a_bound() -> None:
    work = ProofOfWork(ProofSettings(cost=100, guesses=2, hardest=4), [b"k" * 32], lambda: datetime.now(UTC))
    asked: list[int] = []
    make = work.challenge

    def noted(business: str, *, factor: int = 1) -> dict[str, Any]:
        asked.append(factor)
        return make(business, factor=factor)

    work.challenge = noted  # type: ignore[method-assign]
    challenges = Challenges(work)
    for _ in range(25):
        await challenges.make("salon", "203.0.113.1/32")
    await challenges.make("salon", "203.0.113.2/32")

    assert asked[:5] == [1] * 5
    assert asked[5:20] == [2] * 15
    assert min(asked[20:25]) >= 4
    assert asked[25] == 1


async def test_M_spent_proofs_are_forgotten_once_they_could_not_count_any_more(own_world: World) -> None:
    await own_world.sql(
        "INSERT INTO spent_proofs (business_id, digest, expires_at)"
        " SELECT $1, sha256(n::text::bytea), now() - n * interval '40 minutes' FROM generate_series(0, 4) n",
        own_world.business_id,
    )

    await sweep(own_world.core)

    rows = await own_world.sql("SELECT count(*) AS n FROM spent_proofs")
    assert rows[0]["n"] == 2


async def test_L112_a_listed_site_may_show_a_proof(client: Client, guarded: World) -> None:
    await guarded.sql(
        "UPDATE businesses SET allowed_origins = '{https://shop.example.com}' WHERE id = $1", guarded.business_id
    )
    site = {"Origin": "https://shop.example.com", "Access-Control-Request-Headers": "booking-proof"}

    asked = await client.options(f"/v1/businesses/{guarded.slug}/holds", headers=site)
    refused = await client.post(holding(guarded)[0], json=holding(guarded)[1], headers=site)

    assert "Booking-Proof" in asked.headers["Access-Control-Allow-Headers"]
    assert refused.status == 403
    assert refused.headers["Access-Control-Allow-Origin"] == site["Origin"]
