"""
Owns Microsoft Graph's change notifications for the events of one calendar: asking for them, renewing, ending.

Leaves calls that arrive, the validation of our address among them, to whoever listens.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ics.remote.errors import Missing, Nonsense
from ics.remote.graph_client import GraphClient
from ics.remote.http import Reply
from ics.remote.json_answers import read_json, refusal
from ics.remote.notice import Subscription

LIFETIME = timedelta(days=2.9)
"""Graph ends a subscription to events after 4,230 minutes at the latest, and refuses to promise more."""


async def subscribe(
    client: GraphClient, calendar: str, *, notification_url: str, client_state: str, now: datetime
) -> Subscription:
    """
    Asks to be called. Graph calls *notification_url* before it answers: the token that it sends has to be sent back.

    Args:
        notification_url: https; answers in ten seconds, or Graph loses its patience.
        client_state: Comes back in each call, at most 128 characters: proves that it is Graph's.
    """
    body = {
        "changeType": "created,updated,deleted",
        "notificationUrl": notification_url,
        "resource": f"me/calendars/{quote(calendar, safe='')}/events",
        "expirationDateTime": _iso(now + LIFETIME),
        "clientState": client_state,
    }
    return _subscription(await client.write("POST", "/subscriptions", body), {201})


async def renew(
    client: GraphClient, subscription: Subscription, *, notification_url: str, now: datetime
) -> Subscription:
    """
    Prolongs a subscription.

    Raises:
        Missing: It has ended, or calls another address than *notification_url*: subscribe anew.
    """
    reply = await client.write("PATCH", _path(subscription), {"expirationDateTime": _iso(now + LIFETIME)})
    renewed = _subscription(reply, {200})
    if read_json(reply).get("notificationUrl") != notification_url:
        raise Missing("the calendar provider's notices go to another address")
    return renewed


async def unsubscribe(client: GraphClient, subscription: Subscription) -> None:
    """Ends a subscription; that it has ended already is fine."""
    reply = await client.write("DELETE", _path(subscription))
    if reply.status not in {200, 204} and not isinstance(error := refusal(reply), Missing):
        raise error


def _subscription(reply: Reply, expected: set[int]) -> Subscription:
    if reply.status not in expected:
        raise refusal(reply)
    answer = read_json(reply)
    return Subscription(id=_string(answer, "id"), resource=_string(answer, "resource"), expires_at=_end(answer))


def _end(answer: Mapping[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(_string(answer, "expirationDateTime"))
    except ValueError:
        raise Nonsense("the calendar provider does not say when its notices end") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _string(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise Nonsense("the calendar provider's answer lacks something")
    return value


def _path(subscription: Subscription) -> str:
    return f"/subscriptions/{quote(subscription.id, safe='')}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
