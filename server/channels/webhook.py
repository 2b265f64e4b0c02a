"""
Owns calling the endpoints of businesses: signed as Standard Webhooks 1.0.0, and what their answers mean.

Leaves the body to `webhook_body`, where calls may go to `outbound`, and when to try again to `domain/backoff`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from server.channels.outcome import Outcome, Verdict
from server.outbound import Answer, Outbound, OutboundError, Refused
from server.settings import WebhookSettings

KEPT_CHARACTERS = 2_000
"""How much of an answer is shown to the business."""

_LARGEST_ANSWER = 4 * KEPT_CHARACTERS
"""What we need for that, in bytes. A receiver that says more has said its status already, and that counts."""


class WebhookChannel:
    """Sends webhooks."""

    def __init__(self, outbound: Outbound, settings: WebhookSettings) -> None:
        """
        Args:
            outbound: Must have been made with `settings.allowed_networks`.
        """
        self._outbound = outbound
        self._settings = settings

    async def send(
        self,
        *,
        url: str,
        secrets: Sequence[str],
        message_id: str,
        timestamp: datetime,
        body: bytes,
        may_send: Callable[[], bool],
    ) -> Outcome:
        """
        Call *url* once.

        Args:
            secrets: At least one `whsec_...`; each signs, so that a receiver may know the old or the new one.
            message_id: The same on every attempt: receivers drop repetitions by it.
            timestamp: Of this attempt, not of the event: receivers reject what is older than minutes, as a replay.
            body: UTF-8, the same on every attempt.
            may_send: Asked at the last moment: False when the delivery is no longer ours.
        """
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(timestamp.timestamp())),
            "webhook-signature": sign(secrets, message_id=message_id, timestamp=timestamp, body=body),
        }
        if not may_send():
            return Outcome(verdict=Verdict.RETRY, detail="no longer ours to send")
        try:
            answer = await self._outbound.request(
                "POST",
                url,
                headers=headers,
                body=body,
                timeout_s=self._settings.timeout_s,
                max_bytes=_LARGEST_ANSWER,
                plain_inside_only=True,
            )
        except Refused as error:
            return Outcome(verdict=Verdict.REFUSED, detail=str(error))
        except OutboundError as error:
            if error.begun is None:
                return Outcome(verdict=Verdict.RETRY, detail=str(error), peer_trouble=True)
            answer = error.begun
        return _outcome(answer, now=timestamp)


def sign(secrets: Sequence[str], *, message_id: str, timestamp: datetime, body: bytes) -> str:
    """The `webhook-signature` header: one signature per secret, separated by blanks."""
    if not secrets:
        raise ValueError("a webhook needs a secret")
    text, moment = body.decode(), timestamp.astimezone(UTC)  # the library takes any wall time for UTC
    return " ".join(Webhook(secret).sign(message_id, moment, text) for secret in secrets)


def _outcome(answer: Answer, *, now: datetime) -> Outcome:
    """
    What the status means.

    Standard Webhooks: 2xx is received, 410 is "never again", everything else a failure; also redirects, because
    following one would hand the message to somebody whom nobody has registered.
    """
    verdict = Verdict.SENT if answer.is_success else Verdict.GONE if answer.status == 410 else Verdict.RETRY
    return Outcome(
        verdict=verdict,
        detail=f"HTTP {answer.status}",
        status=answer.status,
        response=answer.beginning(KEPT_CHARACTERS),
        retry_after_s=answer.retry_after_s(now=now) if verdict is Verdict.RETRY else None,
        peer_trouble=answer.status >= 500 or answer.status == 429,
    )
