"""
Owns reading JSON that a peer sent, and what its refusals mean: Microsoft Graph's, Google's and those of OAuth servers.

Leaves what a success says to each of them. No error repeats anything of a body: it may name people, or hold secrets.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

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

Json = Mapping[str, Any]

_LONGEST_WAIT_S = 6 * 3600

_STATE_LOST = {"syncstatenotfound", "resyncrequired", "syncstateinvalid"}
"""Graph's codes, in lower case, for a delta token that it does not know any more; it has several statuses for them."""

_SLOW_DOWN = {
    "applicationthrottled",
    "errortoomanyrequests",
    "toomanyrequests",
    "errorserverbusy",
    "dailylimitexceeded",
    "quotaexceeded",
    "ratelimitexceeded",
    "userratelimitexceeded",
}
"""Codes, in lower case, that make a 403 a matter of waiting; Google counts its quotas so."""


def read_json(reply: Reply) -> Json:
    """
    The object in the body of *reply*.

    Raises:
        Nonsense: It is not one.
    """
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise Nonsense("the calendar provider's answer is not JSON") from None
    if not isinstance(value, dict):
        raise Nonsense("the calendar provider's answer is not a JSON object")
    return value


def codes_in(reply: Reply) -> set[str]:
    """The error codes in the body of *reply*, in lower case: `error.code`, and the reasons that Google lists there."""
    try:
        error = read_json(reply).get("error")
    except Nonsense:
        return set()
    if not isinstance(error, dict):
        return set()
    listed = error.get("errors")
    reasons = [each.get("reason") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {code.lower() for code in [error.get("code"), *reasons] if isinstance(code, str)}


def refusal(reply: Reply) -> RemoteError:
    """What *reply*, whose status is not a success, means."""
    codes = codes_in(reply)
    if reply.status == 410 or (400 <= reply.status < 500 and codes & _STATE_LOST):
        return TokenGone("the calendar provider has forgotten what we knew")
    if reply.status == 429 or (reply.status == 403 and (codes & _SLOW_DOWN or "retry-after" in reply.headers)):
        # Counted per app and mailbox, or per project: other calendars there are not worse off for it.
        return TryLater("the calendar provider asks us to slow down", retry_after(reply), peer_trouble=False)
    if reply.status >= 500:
        return TryLater(f"the calendar provider is in trouble (status {reply.status})", retry_after(reply))
    known = _BY_STATUS.get(reply.status)
    return known[0](known[1]) if known else Nonsense(f"the calendar provider answered with status {reply.status}")


_BY_STATUS: dict[int, tuple[type[RemoteError], str]] = {
    401: (SignInNeeded, "the calendar provider does not accept the sign-in any more"),
    403: (Forbidden, "the calendar provider does not allow this"),
    404: (Missing, "the calendar provider does not have it"),
    409: (Changed, "the calendar provider says that it contradicts what is there"),
    412: (Changed, "it was changed in the calendar meanwhile"),
}


def retry_after(reply: Reply) -> int | None:
    """Seconds that the peer asks us to wait (RFC 9110, 10.2.3), six hours at most; None where it does not say."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), _LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, min(round((moment - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT_S))
