"""
Owns `bookable prove`: racing one's own installation for the same times, over HTTP, and counting.

Leaves the business that is raced for, and the verdict, to `usecases/prove`.
"""

import asyncio
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.workshop import data_dir_option, in_workshop

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from server.settings import Settings
    from server.usecases.core import Core
    from server.usecases.prove import Verdict


@dataclass
class Race:
    """What the clients were told."""

    answers: Counter[int] = field(default_factory=Counter)
    winners: list[int] = field(default_factory=list)
    """Of each round."""
    seconds: list[float] = field(default_factory=list)


@click.command()
@click.option("--clients", type=click.IntRange(2, 200), default=32, show_default=True, help="Racing at once.")
@click.option("--rounds", type=click.IntRange(1, 500), default=50, show_default=True, help="Times to race for.")
@click.option("--url", help="Where the installation answers.  [default: BOOKABLE_HTTP_BASE_URL]")
@data_dir_option
def prove(clients: int, rounds: int, url: str | None, data_dir: Path) -> None:
    """Race this installation for the same times, and count doubles.

    Makes a business that nobody needs, lets CLIENTS book the same or overlapping times at once in each of ROUNDS,
    over HTTP like everybody, and then asks the database. The business is deleted afterwards, whatever happens.
    Exit code 1 if any time was booked twice.

    \b
      bookable prove --clients 50 --rounds 200
    """
    from server.usecases.prove import arena, judge

    async def work(core: "Core", settings: "Settings") -> "tuple[Race, Verdict]":
        async with arena(core) as ring:
            race = await _race(url or settings.http.base_url, ring.slug, clients=clients, rounds=rounds)
            return race, await judge(core, ring.business_id)

    race, verdict = in_workshop(data_dir, work)
    click.echo(_report(race, verdict, clients=clients, rounds=rounds))
    if verdict.doubles or any(winners != 1 for winners in race.winners):
        raise SystemExit(1)


async def _race(url: str, business: str, *, clients: int, rounds: int) -> Race:
    from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

    race = Race()
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    connector = TCPConnector(limit=clients)
    async with ClientSession(url, connector=connector, timeout=ClientTimeout(total=30)) as session:
        with click.progressbar(range(rounds), label=f"Racing {clients} clients") as bar:
            for number in bar:
                start = begin + timedelta(minutes=90 * number)
                try:
                    statuses = await asyncio.gather(
                        *(_book(session, business, start, client, race) for client in range(clients))
                    )
                except (ClientError, TimeoutError) as error:
                    raise click.ClickException(f"{url} does not answer: {error}") from error
                if 429 in statuses:
                    raise click.ClickException(
                        "The rate limit stopped the race. Start the web processes with"
                        " BOOKABLE_LIMIT_EXEMPT=127.0.0.0/8,::1 and race from this machine."
                    )
                race.answers.update(statuses)
                race.winners.append(statuses.count(201))
    return race


async def _book(session: "ClientSession", business: str, start: datetime, client: int, race: Race) -> int:
    """Even clients want half an hour, odd ones three quarters that begin a quarter earlier: only one can have it."""
    odd = client % 2
    order = {
        "service": "three-quarters" if odd else "half-hour",
        "start": (start - timedelta(minutes=15 * odd)).isoformat(),
        "customer": {"name": f"Client {client}", "email": f"client-{client}@example.com", "timezone": "Etc/UTC"},
    }
    began = time.perf_counter()
    async with session.post(
        f"/v1/businesses/{business}/appointments",
        json=order,
        headers={"Idempotency-Key": secrets.token_hex(16)},
    ) as response:
        await response.read()
    race.seconds.append(time.perf_counter() - began)
    return response.status


def _report(race: Race, verdict: "Verdict", *, clients: int, rounds: int) -> str:
    ordered = sorted(race.seconds)
    half, most = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.95))
    others = {status: count for status, count in race.answers.items() if status not in {201, 409}}
    lines = [
        f"  attempts    {clients * rounds}",
        f"  winners     {race.answers[201]}  (one for each of {rounds} times: {race.winners.count(1) == rounds})",
        f"  refused     {race.answers[409]}",
        *([f"  other       {others}"] if others else []),
        f"  in the database {verdict.appointments} appointments",
        f"  doubles     {verdict.doubles}",
        f"  answered in {half:.0f} ms (half), {most:.0f} ms (95 %)",
    ]
    return "\n".join(lines)
