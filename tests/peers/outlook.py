"""
Owns Microsoft as one origin: signing in and a mailbox that only opens to who has signed in.

Leaves the sign-in to `oauth`, the mailbox to `graph`.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.peers.graph import Graph
from tests.peers.oauth import OAuth
from tests.peers.webhook_receiver import http_server


@dataclass
class Outlook(Graph):
    """Somebody's account, with a calendar named `Calendar`."""

    oauth: OAuth = field(default_factory=OAuth)
    calendar: str = ""
    """Its id."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request to Graph: the token has to be one that was issued here, and not ended since."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.token = given if given in self.oauth.access_tokens else "none that was sent"
        return await super().handle(request)

    def settings(self) -> dict[str, Any]:
        """Of an installation that is registered here."""
        return {
            "microsoft_client_id": self.oauth.client_id,
            "microsoft_client_secret": self.oauth.client_secret,
            "microsoft_oauth_url": self.url,
            "microsoft_graph_url": self.base_url,
        }


@contextlib.asynccontextmanager
async def outlook_account(redirect_uri: str) -> AsyncIterator[Outlook]:
    """An account on loopback, whose owner is sent back to *redirect_uri*."""
    outlook = Outlook(now=datetime.now(UTC))
    outlook.oauth.redirect_uris = {redirect_uri}
    outlook.calendar = outlook.mailbox.add_calendar("Calendar", isDefaultCalendar=True, hexColor="#0078d4")
    async with http_server([*outlook.oauth.routes(), *outlook.routes()]) as url:
        outlook.url = outlook.oauth.url = url
        yield outlook
