"""
Section M of the matrix, secrets: after a rotation by the manual links lead where they should, and with a wrong secret
nothing starts and nothing is sent.

Leaves sealing to `unit/test_vault`.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from click.testing import CliRunner

from server.app import build_app
from server.cli.main import main
from server.settings import MailSettings, SecretSettings, Settings, SmsSettings
from server.tokens import SecretMissing, Vault, new_salt, token_hash
from server.usecases.check_secret import WrongSecret, check_secret
from server.worker.main import working
from tests.world import World, open_core, settings_for

Client = TestClient[Any, Any]
Serve = Callable[[Settings], Awaitable[Client]]

OLD, NEW, STRANGE = "the-old-secret-" + "o" * 32, "the-new-secret-" + "n" * 32, "a-strange-secret-" + "s" * 32
BASE = "http://book.example"


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """The folder that mails are written to."""
    return tmp_path / "mails"


@pytest.fixture
def installed(own_database_url: str, redis_url: str, mails: Path) -> Callable[[str], Settings]:
    """Settings of this installation with those secrets."""

    def with_secrets(secrets: str) -> Settings:
        mail = MailSettings(folder=str(mails), sender="us@book.example")
        settings = settings_for(own_database_url, redis_url, secret=SecretSettings(keys=secrets), mail=mail)
        return settings.model_copy(update={"http": settings.http.model_copy(update={"base_url": BASE})})

    return with_secrets


@pytest.fixture
async def shop(installed: Callable[[str], Settings]) -> AsyncIterator[World]:
    """A business of the time when the old secret was the only one."""
    async with open_core(installed(OLD)) as core:
        world = await World.make(core)
        await world.service()
        yield world


@pytest.fixture
async def serve(aiohttp_client: Callable[..., Awaitable[Client]]) -> Serve:
    """A web process with these settings."""

    async def start(settings: Settings) -> Client:
        return await aiohttp_client(build_app(settings))

    return start


async def rotate(settings: Settings) -> None:
    environment = {
        "BOOKABLE_DATABASE_URL": settings.database.url,
        "BOOKABLE_REDIS_URL": settings.redis.url,
        "BOOKABLE_SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret.keys),
    }
    done = await asyncio.to_thread(CliRunner(env=environment).invoke, main, ["rotate-secrets"])
    assert done.exit_code == 0, done.output


async def until_linked(mails: Path, kinds: set[str], *, of: Sequence[dict[str, Any]]) -> set[str]:
    """The links in all mails, once there are some of each of *kinds*, and those to these bookings."""
    for _ in range(1_200):
        parse = BytesParser(_class=EmailMessage, policy=default).parsebytes
        links = {link for file in files_in(mails) for link in links_of(parse(file.read_bytes()))}
        found = {link.split("/")[1] for link in links} == kinds
        if found and {f"/manage/{each['manage_token']}" for each in of} <= links:
            return links
        await asyncio.sleep(0.05)
    raise AssertionError(links)


def files_in(mails: Path) -> list[Path]:
    return sorted(mails.glob("*.eml")) if mails.is_dir() else []


def links_of(mail: EmailMessage) -> set[str]:
    """Every address of ours in any part of *mail*, calendar documents included."""
    texts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    whole = " ".join(text if isinstance(text, str) else text.decode() for text in texts).replace("\r\n ", "")
    return set(re.findall(rf"{BASE}(/(?:manage|waitlist|feeds)/[A-Za-z0-9_/.-]+)", whole))


async def book(client: Client, world: World, hour: int, **more: Any) -> dict[str, Any]:
    order = world.order_json(world.at(hour), **more)
    answer = await client.post(f"/v1/businesses/{world.slug}/appointments", json=order)
    assert answer.status == 201, await answer.text()
    return await answer.json()  # type: ignore[no-any-return]


async def test_M132_after_a_rotation_by_the_manual_links_of_older_bookings_work(
    shop: World, serve: Serve, installed: Callable[[str], Settings], mails: Path
) -> None:
    """docs/operations.md: the new one first, restart, `rotate-secrets`, keep the old one behind it."""
    await shop.provider("ben", windows=((600, 630),))
    await shop.service("colour", providers=("ben",))
    before = await serve(installed(OLD))
    old = await book(before, shop, 10)
    given_up = await book(before, shop, 10, service="colour", provider="ben")
    joined = await before.post(f"/v1/businesses/{shop.slug}/waitlist", json=wish(shop))
    assert joined.status == 201, await joined.text()
    await before.close()

    both = installed(f"{NEW},{OLD}")
    after = await serve(both)
    await rotate(both)
    new = await book(after, shop, 12)
    await shop.sql("UPDATE reminders SET due_at = clock_timestamp()")
    await after.post(f"/v1/appointments/{given_up['manage_token']}/cancel")
    await after.post(f"/v1/appointments/{old['manage_token']}/feed")
    async with working(both):
        links = await until_linked(mails, {"manage", "waitlist", "feeds"}, of=(old, new))

    for link in links:
        answer = await after.get(link, allow_redirects=False)
        assert answer.status in {200, 303}, f"{link}: {answer.status}"


def wish(world: World) -> dict[str, Any]:
    day = world.at(10)
    return {
        "service": "colour",
        "from": day.date().isoformat(),
        "to": day.date().isoformat(),
        "customer": {"name": "Ada Example", "email": "ada@example.org", "timezone": world.zone.key},
    }


async def test_M132_without_the_secret_that_made_a_link_the_mail_does_not_leave_and_says_why(
    shop: World, serve: Serve, installed: Callable[[str], Settings], mails: Path
) -> None:
    """The old one was taken out while its appointments were still to come."""
    before = await serve(installed(OLD))
    await book(before, shop, 10, customer=somebody(shop))
    await before.close()
    await rotate(installed(f"{NEW},{OLD}"))
    await shop.sql("UPDATE reminders SET due_at = clock_timestamp(), channel = 'sms' WHERE offset_min = 60")

    settings = installed(NEW).model_copy(update={"sms": SmsSettings(channel="console")})
    async with working(settings):
        rows = await until_dead(shop)

    assert {row["channel"] for row in rows} == {"mail", "sms"}
    assert {row["detail"] for row in rows} == {
        "none of BOOKABLE_SECRET_KEYS made its link: put the secret that did back, behind the others, and redrive"
    }
    assert files_in(mails) == []


def somebody(world: World) -> dict[str, str]:
    return {"name": "Ada", "email": "ada@example.org", "phone": "+4930123456", "timezone": world.zone.key}


async def until_dead(world: World) -> list[Any]:
    for _ in range(1_200):
        rows = await world.sql(
            "SELECT d.channel, a.detail FROM deliveries d JOIN delivery_attempts a"
            " ON a.business_id = d.business_id AND a.delivery_id = d.id"
            " WHERE d.state = 'dead' AND d.recipient = 'customer'"
        )
        if {row["channel"] for row in rows} == {"mail", "sms"}:
            return list(rows)
        await asyncio.sleep(0.05)
    raise AssertionError(rows)


@pytest.mark.parametrize("command", ["web", "worker"])
async def test_M132_a_process_with_a_wrong_secret_does_not_start_and_says_why(
    shop: World, own_database_url: str, redis_url: str, command: str
) -> None:
    await check_secret(shop.core.database, shop.core.vault)
    environment = {
        "BOOKABLE_DATABASE_URL": own_database_url,
        "BOOKABLE_REDIS_URL": redis_url,
        "BOOKABLE_SECRET_KEYS": STRANGE,
        "BOOKABLE_HTTP_PORT": "0",
    }

    line = [sys.executable, "-m", "server.cli.main", command]
    done = await asyncio.to_thread(subprocess.run, line, env=environment, capture_output=True, timeout=100)

    assert done.returncode == 1
    said = done.stderr.decode()
    assert "Error: BOOKABLE_SECRET_KEYS does not have the secret that this database was set up with" in said
    assert "Traceback" not in said


async def test_M132_a_worker_with_a_wrong_secret_sends_nothing(
    shop: World, installed: Callable[[str], Settings], mails: Path
) -> None:
    await check_secret(shop.core.database, shop.core.vault)
    await shop.book(shop.at(10))

    async def work() -> None:
        async with working(installed(STRANGE)):
            await asyncio.Event().wait()

    with pytest.raises(BaseExceptionGroup) as ended:
        await work()

    assert ended.value.subgroup(WrongSecret) is not None
    assert not await shop.sql("SELECT FROM deliveries")
    assert files_in(mails) == []


async def test_M132_doctor_sees_a_wrong_secret(shop: World, own_database_url: str, redis_url: str) -> None:
    await check_secret(shop.core.database, shop.core.vault)
    found = {}
    for secrets in (f"{NEW},{OLD}", STRANGE):
        environment = {
            "BOOKABLE_DATABASE_URL": own_database_url,
            "BOOKABLE_REDIS_URL": redis_url,
            "BOOKABLE_SECRET_KEYS": secrets,
        }
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, main, ["doctor"])
        found[secrets] = result.output

    assert "✓ secret keys fit the database" in found[f"{NEW},{OLD}"]
    assert "✗ secret keys\n    → BOOKABLE_SECRET_KEYS does not have the secret" in found[STRANGE]


async def test_M132_a_database_of_before_knows_its_secret_by_the_links_that_were_given_out(
    shop: World, installed: Callable[[str], Settings]
) -> None:
    """No word was sealed yet when it was updated: a wrong secret must not settle what the right one is."""
    await shop.book(shop.at(10))

    async with open_core(installed(STRANGE)) as core:
        with pytest.raises(WrongSecret):
            await check_secret(core.database, core.vault)
    async with open_core(installed(f"{NEW},{OLD}")) as core:
        await check_secret(core.database, core.vault)
    async with open_core(installed(NEW)) as core:
        await check_secret(core.database, core.vault)


def test_M132_every_derived_token_is_the_one_whose_hash_is_stored() -> None:
    old, both, other, salt = Vault([OLD]), Vault([NEW, OLD]), Vault([STRANGE]), new_salt()
    cases: list[tuple[str, Callable[[Vault, bytes], str]]] = [
        (old.new_manage_token(salt), lambda vault, stored: vault.manage_token(salt, stored)),
        (old.new_waitlist_token(salt), lambda vault, stored: vault.waitlist_token(salt, stored)),
        (old.new_offer_token(salt, 3), lambda vault, stored: vault.offer_token(salt, 3, stored)),
        (old.new_feed_token("f"), lambda vault, stored: vault.feed_token("f", stored)),
    ]
    for token, again in cases:
        assert again(both, token_hash(token)) == token
        with pytest.raises(SecretMissing):
            again(other, token_hash(token))
    assert both.is_busy_uid(old.busy_uid("f", 1, 2), "f", 1, 2)
    assert not both.is_busy_uid(other.busy_uid("f", 1, 2), "f", 1, 2)
