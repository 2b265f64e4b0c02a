"""
Owns calling calendar servers: `ics`'s idea of HTTP over the guarded client.

Leaves where calls may go to `server/outbound`.
"""

from collections.abc import Mapping

from ics.remote.errors import Forbidden, Nonsense, RemoteError, TryLater
from ics.remote.http import Reply
from server.outbound import Failed, Outbound, OutboundError, Refused, TooLarge, TooSlow, Trouble
from server.settings import CalendarSettings

_REDIRECTS = 4
_HOPELESS = {Trouble.ENCODING, Trouble.REDIRECTS}


class GuardedExchange:
    """Implements `ics.remote.http.Exchange`."""

    def __init__(self, outbound: Outbound, settings: CalendarSettings) -> None:
        self._outbound = outbound
        self._settings = settings

    async def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        try:
            answer = await self._outbound.request(
                method,
                url,
                headers=headers,
                body=body,
                timeout_s=self._settings.timeout_s,
                max_bytes=self._settings.max_bytes,
                follow_redirects=_REDIRECTS,
            )
        except OutboundError as error:
            raise _translated(error) from error
        return Reply(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=answer.body,
            url=answer.url,
        )


def _translated(error: OutboundError) -> RemoteError:
    if isinstance(error, Refused):
        return Forbidden("this address must not be called")
    if isinstance(error, TooLarge):
        return Nonsense("the calendar server's answer is too large")
    if isinstance(error, TooSlow):
        return TryLater("the calendar server did not answer in time")
    assert isinstance(error, Failed)
    if error.trouble in _HOPELESS:
        return Nonsense(f"the calendar server cannot be understood: {error.trouble}")
    return TryLater(f"the calendar server cannot be reached: {error.trouble}")
