"""
Owns Google's push notifications: a channel over which the Calendar API (v3) says that a calendar's events have changed.

Leaves the events to CalDAV, and calls that arrive to whoever listens.
"""

import json
from datetime import UTC, datetime
from urllib.parse import quote

from ics.remote.errors import Missing, Nonsense
from ics.remote.http import Exchange, Reply
from ics.remote.json_answers import Json, read_json, refusal
from ics.remote.notice import Subscription

GOOGLE_CALENDAR_URL = "https://www.googleapis.com/calendar/v3"


async def watch(
    exchange: Exchange,
    calendar: str,
    *,
    authorization: str,
    channel_id: str,
    token: str,
    address: str,
    expires_at: datetime,
    base_url: str = GOOGLE_CALENDAR_URL,
) -> Subscription:
    """
    Opens a channel. It cannot be renewed: open the next one, under another id, before this one ends.

    Args:
        calendar: Google's id of the calendar, which looks like a mail address.
        channel_id: New, at most 64 characters; comes back as `X-Goog-Channel-ID`.
        token: Comes back as `X-Goog-Channel-Token`, at most 256 characters: proves that a call is Google's.
        address: Where to call: https, with a certificate that is valid in public.
        expires_at: When to end at the latest; Google may choose to end earlier.
    """
    asked = {
        "id": channel_id,
        "type": "web_hook",
        "address": address,
        "token": token,
        "expiration": int(expires_at.timestamp() * 1000),
    }
    path = f"/calendars/{quote(calendar, safe='')}/events/watch"
    reply = await _post(exchange, base_url + path, authorization, asked)
    if reply.status != 200:
        raise refusal(reply)
    channel = read_json(reply)
    resource = channel.get("resourceId")
    if channel.get("id") != channel_id or not isinstance(resource, str) or not resource:
        raise Nonsense("the calendar provider opened another channel than was asked for")
    return Subscription(id=channel_id, resource=resource, expires_at=_end(channel, expires_at))


async def stop(
    exchange: Exchange, subscription: Subscription, *, authorization: str, base_url: str = GOOGLE_CALENDAR_URL
) -> None:
    """Closes a channel; that it is closed already is fine."""
    known = {"id": subscription.id, "resourceId": subscription.resource}
    reply = await _post(exchange, base_url + "/channels/stop", authorization, known)
    if reply.status not in {200, 204} and not isinstance(error := refusal(reply), Missing):
        raise error


async def _post(exchange: Exchange, url: str, authorization: str, body: Json) -> Reply:
    headers = {"Authorization": authorization, "Content-Type": "application/json", "Accept": "application/json"}
    return await exchange("POST", url, headers=headers, body=json.dumps(body).encode())


def _end(channel: Json, asked: datetime) -> datetime:
    """The end that Google gives, in milliseconds as a string or a number, if it is earlier than the one *asked* for."""
    text = str(channel.get("expiration", ""))
    if not (text.isascii() and text.isdigit()):
        return asked
    return datetime.fromtimestamp(min(int(text[:16]) / 1000, asked.timestamp()), UTC)
