"""
Owns what a CalDAV server's refusal means: whom to ask, whether to wait, whether to look again.

Leaves answers that are no refusal to `multistatus`. A 403 has at least three meanings, told apart by its body: a quota
(Google), a sync token that is not known any more (RFC 6578, 3.2), and a real refusal.
"""

from caldav.response import DAVResponse

from ics.remote.errors import (
    Changed,
    Forbidden,
    Missing,
    Nonsense,
    RemoteError,
    SignInNeeded,
    TokenGone,
    TryLater,
)
from ics.remote.http import Reply
from ics.remote.json_answers import retry_after
from ics.remote.multistatus import CALDAV, DAV, has_error

_QUOTA_WORDS = (b"ratelimitexceeded", b"dailylimitexceeded", b"usagelimits", b"quotaexceeded")
_READ_BYTES = 16_384


def refusal(reply: Reply, response: DAVResponse | None = None) -> RemoteError:
    """What *reply*, whose status is not a success, means."""
    if response is not None and reply.status in {403, 409, 412} and has_error(response, f"{DAV}valid-sync-token"):
        return TokenGone("the calendar server has forgotten what we knew")
    if response is not None and reply.status == 403 and has_error(response, f"{CALDAV}no-uid-conflict"):
        return Changed("the calendar has another event of the same name")
    if reply.status == 403:
        return _forbidden(reply)
    known = _BY_STATUS.get(reply.status)
    return known[0](known[1]) if known is not None else _not_now(reply)


def _not_now(reply: Reply) -> RemoteError:
    if reply.status == 423:
        return TryLater("the calendar is locked", retry_after(reply), peer_trouble=False)
    if reply.status == 429:
        return TryLater("the calendar server asks us to slow down", retry_after(reply))
    if reply.status >= 500:
        return TryLater(f"the calendar server is in trouble (status {reply.status})", retry_after(reply))
    return Nonsense(f"the calendar server answered with status {reply.status}")


_BY_STATUS: dict[int, tuple[type[RemoteError], str]] = {
    401: (SignInNeeded, "the calendar server does not accept the user name and password, or the sign-in has ended"),
    404: (Missing, "the calendar server does not have it"),
    405: (Forbidden, "the calendar server does not allow this"),
    409: (Changed, "the calendar server says that it contradicts what is there"),
    410: (Missing, "the calendar server says that it is gone"),
    412: (Changed, "it was changed in the calendar meanwhile"),
    413: (Forbidden, "the calendar server finds it too large"),
    501: (Forbidden, "the calendar server cannot do this"),
}


def _forbidden(reply: Reply) -> RemoteError:
    body = reply.body[:_READ_BYTES].lower()
    if any(word in body for word in _QUOTA_WORDS):
        return TryLater("the calendar server's quota is used up", retry_after(reply))
    if b"<d:error/>" in body.replace(b" ", b""):  # Google's, now and then, for nothing
        return TryLater("the calendar server refused without a reason", retry_after(reply), peer_trouble=False)
    return Forbidden("the calendar server does not allow this")
