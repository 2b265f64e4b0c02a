"""
Owns what is Google's own way: calendars are listed by its Calendar API, everything else is CalDAV.

Leaves CalDAV to `caldav_account`, signing in to `oauth`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit
from uuid import uuid4

from ics.remote.caldav_account import CalDavAccount, Habits, bearer
from ics.remote.google_channels import watch
from ics.remote.http import Exchange
from ics.remote.json_answers import read_json, refusal
from ics.remote.notice import Subscription
from ics.remote.protocol import RemoteCalendar

_WRITERS = frozenset({"owner", "writer"})
_MOST_PAGES = 20
_CHANNEL = timedelta(days=7)


class GoogleAccount(CalDavAccount):
    """Implements `Account` for Google Calendar."""

    def __init__(self, exchange: Exchange, *, access_token: str, caldav_url: str, api_url: str) -> None:
        super().__init__(
            exchange, f"{caldav_url}/", authorization=bearer(access_token), habits=Habits(if_none_match=False)
        )
        self._exchange = exchange
        self._headers = {"Authorization": bearer(access_token), "Accept": "application/json"}
        self._caldav_url = caldav_url
        self._api_url = api_url

    async def calendars(self) -> list[RemoteCalendar]:
        found: list[RemoteCalendar] = []
        page: str | None = None
        for _ in range(_MOST_PAGES):
            query = urlencode({"maxResults": 250, **({"pageToken": page} if page else {})})
            reply = await self._exchange("GET", f"{self._api_url}/users/me/calendarList?{query}", headers=self._headers)
            if reply.status != 200:
                raise refusal(reply)
            answer = read_json(reply)
            found += [self._calendar(each) for each in answer.get("items", []) if isinstance(each, dict)]
            page = answer.get("nextPageToken")
            if not page:
                break
        return found

    async def watch(
        self,
        calendar: str,
        *,
        address: str,
        secret: str,
        known: Subscription | None,  # noqa: ARG002  # a channel cannot be renewed: the old one ends by itself
        now: datetime,
    ) -> Subscription:
        return await watch(
            self._exchange,
            unquote(urlsplit(calendar).path.rstrip("/").split("/")[-2]),
            authorization=self._headers["Authorization"],
            channel_id=str(uuid4()),
            token=secret,
            address=address,
            expires_at=now + _CHANNEL,
            base_url=self._api_url,
        )

    def _calendar(self, each: Mapping[str, Any]) -> RemoteCalendar:
        colour = str(each.get("backgroundColor", ""))
        return RemoteCalendar(
            href=f"{self._caldav_url}/{quote(str(each['id']), safe='@')}/events/",
            name=str(each.get("summaryOverride") or each.get("summary") or each["id"]),
            colour=colour if len(colour) == 7 and colour.startswith("#") else None,
            timezone=str(each["timeZone"]) if "timeZone" in each else None,
            writable=each.get("accessRole") in _WRITERS,
        )
