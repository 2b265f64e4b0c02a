"""
Owns opening a provider's account: which adapter it takes, with which credentials, and renewing a sign-in that runs out.

Leaves what is kept where to `store/connections`, and speaking with the account to `ics/remote`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ics.errors import IcsError
from ics.remote.caldav_account import CalDavAccount, Habits, basic
from ics.remote.errors import Forbidden, RemoteError, SignInNeeded, TryLater
from ics.remote.google_account import GoogleAccount
from ics.remote.graph import GraphAccount
from ics.remote.http import Exchange
from ics.remote.ics_subscription import IcsSubscription
from ics.remote.oauth import GOOGLE, MICROSOFT, OAuthClient, Tokens, refresh, revoke
from ics.remote.protocol import Account, RemoteCalendar
from server.calendars.presets import PRESETS
from server.domain.errors import CalendarRefused, Unavailable
from server.settings import CalendarSettings
from server.store.connections import Connection
from server.tokens import Purpose, Vault

_EARLY = timedelta(minutes=5)
"""A token that ends so soon is renewed before a round, not in the middle of it."""

_PATIENCE_S = 25.0
"""So long somebody waits for a calendar server to list its calendars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens an account: a password, a sign-in, or an address that is a secret itself. Never leaves this
    process."""

    password: str = ""
    url: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"

    @classmethod
    def of_tokens(cls, tokens: Tokens) -> "Credentials":
        """Those of a sign-in."""
        return cls(access_token=tokens.access_token, refresh_token=tokens.refresh_token, expires_at=tokens.expires_at)

    def seal(self, vault: Vault, bound_to: str) -> bytes:
        """For the database: of no use to any other connection than the one with the uid *bound_to* (row F67)."""
        values = {
            "for": bound_to,
            "password": self.password,
            "url": self.url,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }
        return vault.seal(orjson.dumps(values), Purpose.CREDENTIALS)

    @classmethod
    def unseal(cls, vault: Vault, sealed: bytes | None, bound_to: str) -> "Credentials":
        """
        What `seal` made.

        Raises:
            SignInNeeded: None of the secrets of this installation opens it, or it belongs to another connection.
        """
        plain = vault.unseal(sealed, Purpose.CREDENTIALS) if sealed is not None else None
        values: Mapping[str, Any] = orjson.loads(plain) if plain is not None else {}
        if values.get("for") != bound_to:
            raise SignInNeeded("the stored credentials cannot be read any more: connect the calendar anew")
        ends = values["expires_at"]
        return cls(
            password=values["password"],
            url=values["url"],
            access_token=values["access_token"],
            refresh_token=values["refresh_token"],
            expires_at=datetime.fromisoformat(ends) if ends else None,
        )


def oauth_client(preset: str, settings: CalendarSettings, *, redirect_uri: str) -> OAuthClient:
    """
    This installation, as Google or Microsoft know it.

    Raises:
        Forbidden: The operator has not registered it there.
    """
    if preset == "google":
        provider, client_id, secret = GOOGLE, settings.google_client_id, settings.google_client_secret
        base = settings.google_oauth_url
    else:
        provider, client_id, secret = MICROSOFT, settings.microsoft_client_id, settings.microsoft_client_secret
        base = settings.microsoft_oauth_url
    if not client_id or secret is None:
        raise Forbidden(f"this installation is not registered at {preset.capitalize()}: see docs/calendars.md")
    return OAuthClient(
        provider=provider.at(base) if base else provider,
        client_id=client_id,
        client_secret=secret.get_secret_value(),
        redirect_uri=redirect_uri,
    )


class Accounts:
    """Opens accounts."""

    def __init__(self, exchange: Exchange, vault: Vault, settings: CalendarSettings, *, base_url: str) -> None:
        self.exchange = exchange
        self.vault = vault
        self.settings = settings
        self.base_url = base_url
        self.redirect_uri = f"{base_url}/v1/oauth/callback"

    async def open(self, connection: Connection, *, keep: Callable[[bytes], Awaitable[None]]) -> Account:
        """
        The account of *connection*.

        Args:
            keep: Stores the sealed credentials where the sign-in had to be renewed.

        Raises:
            SignInNeeded: Its credentials cannot be read, or the sign-in has ended.
            TryLater: The sign-in cannot be renewed now.
        """
        credentials = Credentials.unseal(self.vault, connection.secret_sealed, str(connection.uid))
        if PRESETS[connection.preset].signs_in:
            credentials = await self.renewed(connection, credentials, keep)
        return self.account(connection.preset, connection.url, connection.account, credentials)

    def account(self, preset: str, url: str, user: str, credentials: Credentials) -> Account:
        """The account at *url* that *credentials* open."""
        settings = self.settings
        if preset == "google":
            return GoogleAccount(
                self.exchange,
                access_token=credentials.access_token,
                caldav_url=settings.google_caldav_url,
                api_url=settings.google_api_url,
            )
        if preset == "outlook":
            return GraphAccount(self.exchange, settings.microsoft_graph_url, f"Bearer {credentials.access_token}")
        if preset == "ics":
            return IcsSubscription(self.exchange, credentials.url)
        habits = Habits(hosts=PRESETS[preset].hosts)
        return CalDavAccount(self.exchange, url, authorization=basic(user, credentials.password), habits=habits)

    async def renewed(
        self, connection: Connection, credentials: Credentials, keep: Callable[[bytes], Awaitable[None]]
    ) -> Credentials:
        """*credentials* with an access token that lasts for a while."""
        now = datetime.now(UTC)
        if credentials.expires_at is not None and credentials.expires_at > now + _EARLY:
            return credentials
        client = oauth_client(connection.preset, self.settings, redirect_uri=self.redirect_uri)
        tokens = await refresh(self.exchange, client, credentials.refresh_token, now=now)
        fresh = Credentials.of_tokens(tokens)
        await keep(fresh.seal(self.vault, str(connection.uid)))
        return fresh


async def list_calendars(account: Account) -> Sequence[RemoteCalendar]:
    """
    The calendars that there are, while somebody waits.

    Raises:
        CalendarRefused, Unavailable: The server.
    """
    with refusals():
        async with asyncio.timeout(_PATIENCE_S):
            return await account.calendars()


async def end_sign_in(accounts: Accounts, connection: Connection) -> None:
    """Tells the service that we need no access any more; the connection ends whether it listens or not."""
    if not PRESETS[connection.preset].signs_in or connection.secret_sealed is None:
        return
    with contextlib.suppress(RemoteError, TimeoutError):
        credentials = Credentials.unseal(accounts.vault, connection.secret_sealed, str(connection.uid))
        client = oauth_client(connection.preset, accounts.settings, redirect_uri=accounts.redirect_uri)
        async with asyncio.timeout(_PATIENCE_S):
            await revoke(accounts.exchange, client, credentials.refresh_token)


class refusals:  # noqa: N801  # reads as a phrase: with refusals():
    """Turns what calendar servers do to us into what callers of the API can be told."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (TryLater, TimeoutError)):
            raise Unavailable("calendar server", retry_after_s=30) from error
        if isinstance(error, (RemoteError, IcsError)):
            words = str(error)
            raise CalendarRefused(words[:1].upper() + words[1:].rstrip(".") + ".") from error
