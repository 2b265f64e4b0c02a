"""
Owns asking calendar services to call us when something changes, and asking again before they stop.

Leaves what a call does to `usecases/connections`: it only makes a connection due. Who cannot call is polled.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from ics.remote.errors import RemoteError
from ics.remote.notice import Subscription
from ics.remote.protocol import Watched
from server.store.calendar_objects import note_notice
from server.store.connections import Calendar
from server.usecases.sync.turn import Turn

_EARLY = timedelta(hours=12)
_NOT_AGAIN_FOR = timedelta(hours=6)


async def keep_notices(turn: Turn, calendars: Sequence[Calendar]) -> None:
    """A service that refuses is asked again hours later: calls are a convenience, and no reason to fail a round."""
    account = turn.account
    accounts = turn.tools.accounts
    if not isinstance(account, Watched) or not accounts.base_url.startswith("https://"):
        return
    now = datetime.now(UTC)
    secret = turn.core.vault.wake_token(turn.connection.business_id, turn.connection.id)
    for calendar in calendars:
        if calendar.notice_until is not None and calendar.notice_until > now + _EARLY:
            continue
        known = None
        if calendar.notice_id and calendar.notice_resource and calendar.notice_until:
            known = Subscription(
                id=calendar.notice_id, resource=calendar.notice_resource, expires_at=calendar.notice_until
            )
        address = f"{accounts.base_url}/v1/inbound/calendars/{secret}"
        try:
            got = await account.watch(calendar.href, address=address, secret=secret, known=known, now=now)
        except RemoteError as error:
            turn.problems.append(f"{calendar.name}: no notices of changes: {error}")
            got = None

        kept = got or Subscription(id="", resource="", expires_at=now + _EARLY + _NOT_AGAIN_FOR)
        await turn.write(partial(note_notice, calendar=calendar, notice=kept))
