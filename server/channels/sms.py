"""
Owns sending text messages: through a service with Twilio's Messages API, or into the log.

Leaves which numbers may be texted to `phone`, how many a day to the worker, status callbacks to `web`, and
their signature to `sms_signature`.
"""

import base64
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import orjson

from server.channels.outcome import Outcome, Verdict
from server.channels.phone import masked, why_not_texted
from server.domain.sms_segments import segments
from server.domain.sms_status import ERRORS, Concern
from server.outbound import Answer, Outbound, OutboundError, Refused
from server.settings import SmsSettings

log = logging.getLogger(__name__)

_LARGEST_ANSWER = 64 * 1024

_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
"""Of a messaging service; anything else that begins like it is the name of a sender."""

_NEVER = frozenset({Concern.MESSAGE, Concern.ASKED})
"""With these trying again is no use. A sender that is not set up may be mended."""

_NOT_OURS = Outcome(verdict=Verdict.RETRY, detail="no longer ours to send")


class SmsChannel(Protocol):
    """A way for text messages to leave."""

    async def send(self, *, to: str, text: str, message_id: str, may_send: Callable[[], bool]) -> Outcome:
        """
        Send *text* once.

        Args:
            to: E.164.
            message_id: Ours; comes back with status callbacks.
            may_send: Asked at the last moment: False when the message is no longer ours to send.
        """


class ConsoleSms:
    """Writes text messages into the log: for `demo`, and for trying things out."""

    def __init__(self, settings: SmsSettings) -> None:
        self._countries = settings.countries

    async def send(self, *, to: str, text: str, message_id: str, may_send: Callable[[], bool]) -> Outcome:
        """Log it, with all but the last three digits of the number masked."""
        if reason := why_not_texted(to, countries=self._countries):
            return Outcome(verdict=Verdict.REFUSED, detail=reason)
        if not may_send():
            return _NOT_OURS
        log.info("SMS to %s: %s", masked(to), text)
        return Outcome(verdict=Verdict.SENT, detail="logged", remote_id=message_id)


class TwilioSms:
    """
    Sends through Twilio's Messages API (2010-04-01).

    The API has no idempotency key: when its answer is lost, the message may already be on its way, and goes again.
    """

    def __init__(self, settings: SmsSettings, outbound: Outbound, *, status_url: str) -> None:
        """
        Args:
            outbound: May be made with `outbound.ANYWHERE`: `settings.url` is the operator's.
            status_url: Is called with what became of a message; the message's id is added to the path.
        """
        self._settings = settings
        self._outbound = outbound
        self._status_url = status_url
        token = settings.token.get_secret_value() if settings.token else ""
        account = quote(settings.account, safe="")
        self._messages_url = f"{settings.url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{settings.account}:{token}".encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }

    async def send(self, *, to: str, text: str, message_id: str, may_send: Callable[[], bool]) -> Outcome:
        """Hand it to the service; `remote_id` is its SID there."""
        if reason := why_not_texted(to, countries=self._settings.countries):
            return Outcome(verdict=Verdict.REFUSED, detail=reason)
        if not may_send():
            return _NOT_OURS
        try:
            answer = await self._outbound.request(
                "POST",
                self._messages_url,
                headers=self._headers,
                body=urlencode(self._form(to=to, text=text, message_id=message_id)).encode(),
                timeout_s=self._settings.timeout_s,
                max_bytes=_LARGEST_ANSWER,
            )
        except OutboundError as error:
            return Outcome(
                verdict=Verdict.RETRY,
                detail=str(error),
                status=error.begun.status if error.begun else None,
                peer_trouble=not isinstance(error, Refused),
            )
        return _outcome(answer, parts=segments(text), now=datetime.now(UTC))

    def _form(self, *, to: str, text: str, message_id: str) -> dict[str, str]:
        sender = self._settings.sender
        sender_field = "MessagingServiceSid" if _SERVICE_SID.fullmatch(sender) else "From"
        callback = f"{self._status_url}/{quote(message_id, safe='')}"
        return {"To": to, sender_field: sender, "Body": text, "StatusCallback": callback}


def _outcome(answer: Answer, *, parts: int, now: datetime) -> Outcome:
    said = _json_object(answer.body)
    if answer.is_success:
        return Outcome(
            verdict=Verdict.SENT,
            detail=f"HTTP {answer.status}, {parts} part{'s' if parts > 1 else ''}",
            status=answer.status,
            remote_id=str(said.get("sid", "")),
        )
    code = said.get("code")
    error = ERRORS.get(code) if isinstance(code, int) and answer.status == 400 else None
    never = error is not None and error.concern in _NEVER
    of_sender = error is not None and error.concern is Concern.SENDER
    known = error.says if error is not None else f"HTTP {answer.status}"
    return Outcome(
        verdict=Verdict.REFUSED if never else Verdict.RETRY,
        detail=known + (f", code {code}" if isinstance(code, int) and not never else ""),
        status=answer.status,
        retry_after_s=None if never else answer.retry_after_s(now=now),
        peer_trouble=answer.status >= 500 or answer.status in {401, 403, 429} or of_sender,
        sender_code=code if of_sender else None,
    )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
