"""What an operator is told, and what nobody else is: proxies, exposure, metrics, the mailbox of the demo."""

import stat
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.app import build_app
from server.channels.mail import open_transport
from server.cli.exposure import exposure
from server.redis.facts import redis_proxies
from server.settings import HttpSettings, MailSettings, Settings
from server.web.keys import PROXIES
from tests.world import settings_for

Client = TestClient[Any, Any]
OpenClient = Callable[..., Awaitable[Client]]
FORWARDED = [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}]


@pytest.mark.parametrize("headers", FORWARDED, ids=str)
async def test_M123_a_proxy_that_nobody_trusts_is_noticed_once_and_shown_to_doctor(
    headers: dict[str, str],
    database_url: str,
    redis_url: str,
    aiohttp_client: OpenClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await aiohttp_client(build_app(settings_for(database_url, redis_url)))

    for _ in range(3):
        await client.get("/healthz", headers=headers)
    await client.app[PROXIES].close()

    assert caplog.text.count("BOOKABLE_HTTP_TRUSTED_PROXIES=127.0.0.1") == 1
    assert await redis_proxies(redis_url) == ["127.0.0.1"]


async def test_a_trusted_proxy_and_direct_visitors_are_no_news(
    database_url: str, aiohttp_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(database_url, http=HttpSettings(trusted_proxies="127.0.0.0/8"))
    client = await aiohttp_client(build_app(settings))
    await client.get("/healthz", headers=FORWARDED[0])
    other = await aiohttp_client(build_app(settings_for(database_url)))
    await other.get("/healthz")

    assert "TRUSTED_PROXIES" not in caplog.text


@pytest.mark.parametrize(
    ("http", "seen"),
    [
        ({}, []),
        ({"host": "0.0.0.0"}, ["links lead to", "/metrics"]),
        ({"host": "::", "base_url": "http://localhost:8080"}, ["links lead to", "/metrics"]),
        ({"host": "0.0.0.0", "base_url": "https://book.example.com"}, ["no proxy is trusted", "/metrics"]),
        ({"base_url": "https://book.example.com"}, ["no proxy is trusted"]),
        (
            {
                "host": "0.0.0.0",
                "base_url": "https://book.example.com",
                "trusted_proxies": "10.0.0.1",
                "operator_token": "x" * 32,
            },
            [],
        ),
    ],
)
def test_what_is_not_ready_for_the_public_is_said(http: dict[str, Any], seen: list[str]) -> None:
    found = list(exposure(Settings(http=HttpSettings(**http))))

    assert len(found) == len(seen)
    assert all(text in advice.what for text, advice in zip(seen, found, strict=True))
    assert all("BOOKABLE_HTTP_" in advice.remedy for advice in found)


async def test_metrics_and_details_of_readiness_are_for_whoever_has_the_token(
    database_url: str, aiohttp_client: OpenClient
) -> None:
    settings = settings_for(database_url, http=HttpSettings(operator_token="let-me-in"))
    client = await aiohttp_client(build_app(settings))
    right, wrong = {"Authorization": "Bearer let-me-in"}, {"Authorization": "Bearer l\u00e9t"}

    assert [(await client.get("/metrics", headers=h)).status for h in ({}, wrong, right)] == [401, 401, 200]
    brief = await client.get("/readyz")
    whole = await client.get("/readyz", headers=right)
    assert (brief.status, await brief.json()) == (200, {"ready": True})
    assert (await whole.json())["database"] == "up"
    assert (await client.get("/healthz")).status == 200


async def test_https_is_kept_to_by_browsers_and_only_promised_where_it_is_there(
    database_url: str, aiohttp_client: OpenClient
) -> None:
    secure = await aiohttp_client(
        build_app(settings_for(database_url, http=HttpSettings(base_url="https://book.example.com")))
    )
    plain = await aiohttp_client(build_app(settings_for(database_url)))

    for path in ("/docs", "/nowhere", "/healthz", "/v1/businesses/nobody"):
        assert (await secure.get(path)).headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Strict-Transport-Security" not in (await plain.get(path)).headers


async def mailbox(database_url: str, aiohttp_client: OpenClient, folder: Path, **mail: Any) -> Client:
    async with open_transport(MailSettings(folder=str(folder))) as transport:
        message = EmailMessage()
        message["Message-ID"], message["Subject"] = "<1@x>", "A secret link"
        await transport.send(message, may_send=lambda: True)
    settings = settings_for(database_url, mail=MailSettings(folder=str(folder), **mail))
    return await aiohttp_client(build_app(settings))


async def test_a_folder_for_mails_is_no_page(database_url: str, aiohttp_client: OpenClient, tmp_path: Path) -> None:
    client = await mailbox(database_url, aiohttp_client, tmp_path / "mail")

    assert (await client.get("/mailbox")).status == 404


@pytest.mark.parametrize("headers", FORWARDED, ids=str)
async def test_the_mailbox_is_for_browsers_on_this_machine(
    headers: dict[str, str], database_url: str, aiohttp_client: OpenClient, tmp_path: Path
) -> None:
    client = await mailbox(database_url, aiohttp_client, tmp_path / "mail", mailbox=True)
    name = next((tmp_path / "mail").glob("*.eml")).name

    here = await client.get("/mailbox")
    assert "A secret link" in await here.text()
    for path in ("/mailbox", f"/mailbox/{name}", f"/mailbox/{name}/raw.eml"):
        assert (await client.get(path)).status == 200
        assert (await client.get(path, headers=headers)).status == 404


async def test_mails_in_a_folder_are_their_owner_s(
    database_url: str, aiohttp_client: OpenClient, tmp_path: Path
) -> None:
    folder = tmp_path / "mail"
    folder.mkdir(mode=0o755)

    await mailbox(database_url, aiohttp_client, folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("headers", FORWARDED, ids=str)
async def test_the_demo_answers_nothing_that_a_proxy_passes_on(
    headers: dict[str, str], database_url: str, aiohttp_client: OpenClient
) -> None:
    client = await aiohttp_client(build_app(settings_for(database_url, http=HttpSettings(local_only=True))))

    refused = await client.get("/v1/businesses/demo", headers=headers)

    assert (refused.status, (await refused.json())["type"]) == (403, "/problems/local-only")
    assert (await client.get("/healthz")).status == 200


async def test_health_is_looked_at_once_a_second_however_often_it_is_asked(
    database_url: str, aiohttp_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.store.engine import Database

    asked: list[str] = []
    for name in ("reading", "transact"):
        original = getattr(Database, name)

        def counted(self: Database, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            asked.append("query")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Database, name, counted)
    monkeypatch.setattr("server.web.operator._FRESH_S", 3_600.0)
    client = await aiohttp_client(build_app(settings_for(database_url)))
    asked.clear()  # it looks at its keys when it starts

    for _ in range(20):
        assert (await client.get("/readyz")).status == 200

    assert len(asked) == 1
