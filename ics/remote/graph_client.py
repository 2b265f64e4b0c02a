"""
Owns calling Microsoft Graph for one account: headers, how many calls at once, batches, and which failure a failure is.

Leaves what is asked for to `graph` and `graph_subscriptions`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from ics.remote.errors import Nonsense, TryLater, Unanswered
from ics.remote.http import Exchange, Reply
from ics.remote.json_answers import Json, read_json, refusal

GRAPH_URL = "https://graph.microsoft.com/v1.0"

MOST_AT_ONCE = 4
"""What Graph allows an app at one mailbox; it is 429 beyond."""

BATCH = 20
"""Most requests in one $batch."""

_PREFER = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text"'
"""Ids that survive a move to another folder, times that need no list of Windows zones, notes that are no HTML."""

_MAYBE_DONE = {500, 502, 504}
"""Answers to a write that do not say whether it happened."""


class GraphClient:
    """One account's calls."""

    def __init__(self, exchange: Exchange, base_url: str, authorization: str) -> None:
        """
        Args:
            base_url: With the version, `GRAPH_URL` or that of a sovereign cloud.
            authorization: The value of the header, `Bearer ...`.
        """
        self._exchange = exchange
        self._base_url = base_url.rstrip("/")
        self._authorization = authorization
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._batching = asyncio.Lock()

    def is_ours(self, url: str) -> bool:
        """Whether *url* is at the origin that we call, so that the token may go there."""
        here, there = urlsplit(self._base_url), urlsplit(url)
        return (there.scheme, there.netloc) == (here.scheme, here.netloc)

    async def get(self, url: str, *, page_size: int | None = None) -> Json:
        """
        What *url*, which is a path or one of our origin, answers.

        Raises:
            RemoteError: It is no success, as `refusal` says.
            Nonsense: It is no JSON object; or *url* leads away.
        """
        reply = await self.ask(url, page_size=page_size)
        if reply.status != 200:
            raise refusal(reply)
        return read_json(reply)

    async def ask(self, url: str, *, page_size: int | None = None) -> Reply:
        """Whatever *url* answers."""
        full = self._base_url + url if url.startswith("/") else url
        if not self.is_ours(full):
            raise Nonsense("the calendar provider sent us to another place")
        prefer = _PREFER if page_size is None else f"{_PREFER}, odata.maxpagesize={page_size}"
        async with self._places:
            return await self._call("GET", full, {"Prefer": prefer}, None)

    async def write(self, method: str, path: str, body: Json | None = None, *, etag: str | None = None) -> Reply:
        """
        Sends a change; the answer is a success, or a refusal by which nothing has happened.

        Raises:
            Unanswered: It may have happened.
        """
        headers = {"Prefer": _PREFER} | ({"If-Match": etag} if etag else {})
        try:
            async with self._places:
                reply = await self._call(method, self._base_url + path, headers, body)
        except TryLater as error:
            raise Unanswered(error.detail, error.retry_after_s, error.peer_trouble) from error
        except Nonsense as error:
            raise Unanswered(error.detail) from error
        if reply.status in _MAYBE_DONE:
            raise Unanswered(f"the calendar provider is in trouble (status {reply.status})")
        return reply

    async def batch(self, paths: Sequence[str]) -> list[Reply]:
        """
        What each of *paths* answers to GET, in order.

        Raises:
            TryLater: One of them cannot be answered now.
            SignInNeeded: Nor can any other.
        """
        replies: list[Reply] = []
        for begin in range(0, len(paths), BATCH):
            replies += await self._one_batch(paths[begin : begin + BATCH])
        return replies

    async def _one_batch(self, paths: Sequence[str]) -> list[Reply]:
        asked = [
            {"id": str(number), "method": "GET", "url": path, "headers": {"Prefer": _PREFER}}
            for number, path in enumerate(paths)
        ]
        async with self._all_places():
            reply = await self._call("POST", self._base_url + "/$batch", {}, {"requests": asked})
        if reply.status != 200:
            raise refusal(reply)
        answers = _by_id(read_json(reply), reply.url)
        found = [answers.get(str(number)) for number in range(len(paths))]
        whole = [each for each in found if each is not None]
        if len(whole) < len(paths):
            raise Nonsense("the calendar provider has answered a part of what was asked")
        for each in whole:
            if each.status in {401, 429} or each.status >= 500:
                raise refusal(each)
        return whole

    @asynccontextmanager
    async def _all_places(self) -> AsyncIterator[None]:
        """Graph works on four requests of a batch at once, which leaves none for others."""
        async with self._batching:
            for taken in range(MOST_AT_ONCE):
                try:
                    await self._places.acquire()
                except BaseException:
                    self._free(taken)
                    raise
        try:
            yield
        finally:
            self._free(MOST_AT_ONCE)

    def _free(self, places: int) -> None:
        for _ in range(places):
            self._places.release()

    async def _call(self, method: str, url: str, headers: Mapping[str, str], body: Json | None) -> Reply:
        sent = {"Authorization": self._authorization, "Accept": "application/json", **headers}
        payload = b""
        if body is not None:
            sent["Content-Type"] = "application/json"
            payload = json.dumps(body).encode()
        return await self._exchange(method, url, headers=sent, body=payload)


def _by_id(answer: Json, url: str) -> dict[str, Reply]:
    """The answers in a batch, as if each had come alone."""
    listed = answer.get("responses")
    if not isinstance(listed, list):
        raise Nonsense("the calendar provider's answer to a batch has no answers")
    replies = {}
    for each in listed:
        status = each.get("status") if isinstance(each, dict) else None
        if not isinstance(status, int):
            raise Nonsense("the calendar provider's answer to a batch cannot be read")
        replies[str(each.get("id"))] = Reply(
            status=status,
            headers=_lower(each.get("headers")),
            body=json.dumps(each.get("body")).encode(),
            url=url,
        )
    return replies


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
