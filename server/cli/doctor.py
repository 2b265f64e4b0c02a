"""
Owns `bookable doctor`: every setting checked against the real services, each finding with its remedy.

Leaves the looking to `server.store.facts` and `server.redis.facts`, and mail and its kind to `doctor_channels`.
"""

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from server.cli.workshop import data_dir_option, installed_settings

if TYPE_CHECKING:
    from server.settings import Settings
    from server.store.facts import DatabaseFacts

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)
MOST_SKEW_S = 2.0
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, and what to do about it if it is not well."""

    what: str
    remedy: str | None = None
    is_advice: bool = False
    """It works, but a business has to put something right, or it is not ready for everybody who could reach it."""

    @property
    def is_wrong(self) -> bool:
        """Whether the server is not as it should be."""
        return self.remedy is not None and not self.is_advice

    def __str__(self) -> str:
        if self.remedy is None:
            return f"✓ {self.what}"
        return f"{'✗' if self.is_wrong else '•'} {self.what}\n    → {self.remedy}"


@click.command()
@data_dir_option
def doctor(data_dir: Path) -> None:
    """Check all settings, and each business's configuration, against the real services.

    \b
    With the same environment as the web process and the worker:
      BOOKABLE_DATABASE_URL=postgresql://bookable:secret@db/bookable bookable doctor

    \b
    Of a `bookable up` that runs on this machine:
      bookable doctor --data-dir /var/lib/bookable

    Each line begins with ✓ or ✗; below a ✗ stands what to do. Exit code 1 when anything is wrong. A • is advice:
    what a business has to put right itself, or what is not ready for the public.
    """
    source = click.get_current_context().get_parameter_source("data_dir")
    named = source is not click.core.ParameterSource.DEFAULT
    findings = asyncio.run(_examine(data_dir, named=named))
    for finding in findings:
        click.echo(str(finding))
    wrong = sum(finding.is_wrong for finding in findings)
    click.echo(f"\n{wrong} to put right." if wrong else "\nAll well.")
    if wrong:
        raise click.exceptions.Exit(1)


async def _examine(data_dir: Path, *, named: bool) -> list[Finding]:
    """Everything; *named*: somebody said that it is this data folder."""
    from server.cli.doctor_calendars import examine_calendars
    from server.cli.doctor_channels import examine_channels
    from server.cli.doctor_setup import examine_setup
    from server.cli.environment import read_settings
    from server.cli.exposure import exposure

    try:
        settings = read_settings()
    except click.ClickException as error:
        return [Finding("settings", error.message)]
    findings = [Finding("settings are valid")]
    if settings.database.url is None and (data_dir / "postgres").is_dir():
        findings.append(_running(data_dir))
        try:
            settings = installed_settings(settings, data_dir)
        except click.ClickException as error:
            return [*findings, Finding("secret keys", error.message)]
    elif settings.database.url is None and named:
        return [Finding(f"there is no Bookable in {data_dir}", "Name the folder that `bookable up` was started with.")]
    findings += _secrets(settings)
    findings += [finding async for finding in _database(settings)]
    findings += [finding async for finding in _redis(settings)]
    findings += [finding async for finding in examine_channels(settings)]
    findings += [finding async for finding in examine_calendars(settings)]
    findings += [finding async for finding in examine_setup(settings)]
    findings += await asyncio.to_thread(lambda: list(_base_url(settings)))
    findings += [Finding(what, remedy, is_advice=True) for what, remedy in exposure(settings)]
    return [*findings, *await _proxies(settings)]


def _judge(good: bool, what: str, remedy: str) -> Finding:
    return Finding(what, None if good else remedy)


def _running(data_dir: Path) -> Finding:
    from server.embedded.data_folder import holder

    process = holder(data_dir)
    return _judge(
        process is not None,
        f"{data_dir} is used by process {process}" if process else f"nobody uses {data_dir}",
        f"Start `bookable up --data-dir {data_dir}` to look at the whole of it.",
    )


def _secrets(settings: "Settings") -> Iterator[Finding]:
    yield _judge(
        bool(settings.secret.keys),
        f"secret keys: {len(settings.secret.keys)}",
        "Set BOOKABLE_SECRET_KEYS, the same in every process: `openssl rand -hex 32` makes one.",
    )


async def _database(settings: "Settings") -> AsyncIterator[Finding]:
    from server.domain.errors import Unavailable
    from server.store.facts import NotLetIn, database_facts
    from server.store.urls import UnusableUrl, async_url

    url = settings.database.url
    if url is None:
        yield Finding("database", "Set BOOKABLE_DATABASE_URL. (`up` and `demo` bring a Postgres of their own.)")
        return
    try:
        where = async_url(url).set(drivername="postgresql").render_as_string(hide_password=True)
    except UnusableUrl as error:
        yield Finding("database", f"Correct BOOKABLE_DATABASE_URL: {error}.")
        return
    try:
        facts = await database_facts(url)
    except NotLetIn as error:
        yield Finding(f"database {where}", f"Correct BOOKABLE_DATABASE_URL: {error}.")
        return
    except Unavailable as error:
        reason = str(error.__cause__ or error) or "no answer in time"
        yield Finding(f"database {where}", f"Start it, or correct BOOKABLE_DATABASE_URL: {reason}.")
        return
    yield Finding(f"database {where} answers")
    for finding in _judge_database(facts):
        yield finding
    revision = await _revision(url)
    yield revision
    if not revision.is_wrong and settings.secret.keys:
        yield await _fits(settings, url)


def _judge_database(facts: "DatabaseFacts") -> Iterator[Finding]:
    yield _judge(
        facts.version >= OLDEST_POSTGRES,
        f"Postgres {facts.version}",
        f"Upgrade Postgres to {OLDEST_POSTGRES} or newer.",
    )
    yield _judge(
        facts.isolation == "read committed",
        f"default isolation: {facts.isolation}",
        "ALTER DATABASE ... SET default_transaction_isolation = 'read committed': at another level the check after "
        "the lock would see the past.",
    )
    yield _judge(
        not facts.read_only,
        f"writable: {'no' if facts.read_only else 'yes'}",
        "Point BOOKABLE_DATABASE_URL at the primary, not at a read-only replica.",
    )
    skew_s = facts.skew.total_seconds()
    yield _judge(
        abs(skew_s) <= MOST_SKEW_S,
        f"clocks differ by {skew_s:+.2f} s",
        "Synchronise the clocks of this machine and the database's (NTP, chrony).",
    )


async def _revision(url: str) -> Finding:
    from server.store.migrate import current_revision, head_revision

    current, head = await current_revision(url, wait_s=0), head_revision()
    return _judge(
        current == head,
        f"schema at {current or 'nothing'}" + ("" if current == head else f", this version expects {head}"),
        "Run `bookable migrate` (or, if the database is newer, update this Bookable).",
    )


async def _fits(settings: "Settings", url: str) -> Finding:
    from server.store.engine import standalone
    from server.store.key_checks import read_key_check
    from server.tokens import Vault
    from server.usecases.check_secret import WrongSecret, opens

    async with standalone(url) as session:
        sealed = await read_key_check(session)
    vault = Vault([key.get_secret_value() for key in settings.secret.keys])
    fits = sealed is None or opens(vault, sealed)
    return _judge(fits, "secret keys fit the database" if fits else "secret keys", str(WrongSecret()))


async def _redis(settings: "Settings") -> AsyncIterator[Finding]:
    from server.redis.facts import RedisSilent, redis_facts

    url = settings.redis.url
    if url is None:
        yield Finding("Redis", "Set BOOKABLE_REDIS_URL. (`up` and `demo` bring a Redis of their own.)")
        return
    try:
        facts = await redis_facts(url)
    except RedisSilent as error:
        yield Finding("Redis", f"Start it, or correct BOOKABLE_REDIS_URL: {error}.")
        return
    version = ".".join(map(str, facts.version))
    yield _judge(facts.version >= OLDEST_REDIS, f"{facts.program} {version} answers", "Upgrade Redis to 6.2 or newer.")
    yield _judge(
        facts.eviction == "noeviction",
        f"Redis eviction: {facts.eviction}",
        "Set `maxmemory-policy noeviction` in redis.conf: wake-ups would be evicted, and messages leave late.",
    )
    yield _judge(
        bool(facts.workers),
        f"workers with a heartbeat: {len(facts.workers)}",
        "Start `bookable worker`: bookings are taken without one, but nothing is sent.",
    )
    for worker in facts.workers:
        yield _judge(
            not worker.stalled,
            f"worker {worker.worker}: " + (f"stalled ({', '.join(worker.stalled)})" if worker.stalled else "gets on"),
            "Look into its log: a loop of it fails each time, or is stuck. Restart it if the log does not help.",
        )


def _base_url(settings: "Settings") -> Iterator[Finding]:
    base_url = settings.http.base_url
    parts = urlsplit(base_url)
    yield _judge(
        parts.scheme == "https" or parts.hostname in LOOPBACK,
        f"base_url {base_url}",
        "Use https:// in BOOKABLE_HTTP_BASE_URL: manage links and keys would travel in the clear.",
    )
    answer = _ask(parts.scheme, parts.netloc, f"{parts.path}/healthz")
    yield _judge(
        answer == "200",
        f"{base_url}/healthz answers {answer}",
        "Start `bookable web`, or correct BOOKABLE_HTTP_BASE_URL or the proxy before it.",
    )


async def _proxies(settings: "Settings") -> list[Finding]:
    """What web processes have noticed, the call through the base URL of a moment ago included."""
    from server.redis.facts import RedisSilent, redis_proxies
    from server.settings import within

    if settings.redis.url is None:
        return []
    try:
        noted = await redis_proxies(settings.redis.url)
    except RedisSilent:
        return []  # said already
    return [
        Finding(
            f"{peer} forwards requests and is not trusted",
            f"If it is your proxy, set BOOKABLE_HTTP_TRUSTED_PROXIES={peer}: all its visitors share one rate limit.",
        )
        for peer in noted
        if not within(peer, settings.http.trusted_proxies)
    ]


def _ask(scheme: str, host: str, path: str) -> str:
    """Status of a GET, or why there is none."""
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(host, timeout=3)
        try:
            connection.request("GET", path)
            return str(connection.getresponse().status)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
