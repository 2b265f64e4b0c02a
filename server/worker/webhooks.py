"""
Owns sending one webhook delivery: its endpoint as it is now, its body as it was at first.

Leaves signing and calling to `channels/webhook`.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from server.channels.outcome import Outcome, Verdict
from server.channels.webhook import WebhookChannel
from server.channels.webhook_body import webhook_body
from server.domain.appointment import Appointment, Attendee
from server.store.appointments import attendees_of, find_appointment
from server.store.deliveries import Delivery, keep_body
from server.store.engine import Session
from server.store.letters import Letter
from server.store.waitlist import waiters_of
from server.store.webhook_endpoints import Endpoint, find_endpoint, note_health
from server.tokens import Purpose
from server.usecases.core import Core
from server.usecases.webhooks import switch_off
from server.worker.pump import NotSent

FAILS_AT_MOST = timedelta(days=5)
"""Without a single call that worked in between: longer than any delivery is tried."""


class WebhookSender:
    """Calls endpoints of businesses."""

    def __init__(self, core: Core, channel: WebhookChannel) -> None:
        self._core = core
        self._channel = channel

    async def __call__(self, delivery: Delivery, _letter: Letter, may_send: Callable[[], bool]) -> Outcome:
        """
        One attempt.

        Raises:
            NotSent: The endpoint is gone or switched off.
        """
        assert delivery.endpoint_id is not None
        async with self._core.database.reading() as session:
            endpoint = await find_endpoint(session, delivery.business_id, delivery.endpoint_id)
            if endpoint is None or not endpoint.active:
                raise NotSent("the endpoint is switched off")
            body = await keep_body(session, delivery, await _body(session, delivery))
        opened = [self._core.vault.unseal(sealed, Purpose.WEBHOOK_SECRET) for sealed in endpoint.secrets_sealed]
        secrets = [secret.decode() for secret in opened if secret is not None]
        if not secrets:
            return Outcome(verdict=Verdict.RETRY, detail="none of our keys opens the endpoint's secret")
        outcome = await self._channel.send(
            url=endpoint.url,
            secrets=secrets,
            message_id=f"msg_{delivery.uid.hex}",
            timestamp=datetime.now(UTC),
            body=body.encode(),
            may_send=may_send,
        )
        await self._note(delivery, delivery.endpoint_id, endpoint, outcome)
        return outcome

    async def _note(self, delivery: Delivery, endpoint_id: int, endpoint: Endpoint, outcome: Outcome) -> None:
        """Standard Webhooks: an endpoint that fails for days, or is gone, is switched off and its owner told."""
        since, well = endpoint.failing_since, outcome.verdict is Verdict.SENT
        reason = ""
        if outcome.verdict is Verdict.GONE:
            reason = "it answered 410 Gone"
        elif not well and since is not None and datetime.now(UTC) - since > FAILS_AT_MOST:
            reason = f"it has failed since {since:%Y-%m-%d}: {outcome.detail}"[:200]

        async def work(session: Session) -> None:
            if reason:
                await switch_off(session, delivery.business_id, endpoint_id, endpoint, reason)
            else:
                await note_health(session, delivery.business_id, endpoint_id, well=well)

        if reason or well is not (since is None):
            await self._core.database.transact(work)


async def _body(session: Session, delivery: Delivery) -> str:
    """The fact, and its appointment as it is at the first attempt: `version` tells which of two is newer."""
    payload: dict[str, Any] = {**delivery.payload}
    at = datetime.fromisoformat(payload.pop("at"))
    about = payload.pop("attendee", None)
    if delivery.appointment_id is not None:
        appointment = await find_appointment(session, delivery.business_id, UUID(payload["appointment"]))
        if appointment is not None:
            there = await attendees_of(session, delivery.business_id, [appointment.id])
            people = [a for a in there[appointment.id] if a.id == about or (about is None and a.cancelled_at is None)]
            payload |= {**_appointment(appointment), "attendees": [_attendee(attendee) for attendee in people]}
    if "entry" in payload:
        payload |= await _waiter(session, delivery.business_id, UUID(payload["entry"]))
    return webhook_body(kind=delivery.message, payload=payload, at=at).decode()


def _appointment(appointment: Appointment) -> dict[str, object]:
    return {
        "status": appointment.status,
        "end": appointment.end.isoformat(),
        "timezone": appointment.timezone,
        "service": appointment.service,
        "provider": appointment.provider,
        "location": appointment.location,
    }


async def _waiter(session: Session, business_id: int, entry: UUID) -> dict[str, object]:
    """Who waits: their address is in no fact."""
    found = await waiters_of(session, [(business_id, entry)])
    return {"customer": asdict(found[entry])} if entry in found else {}


def _attendee(customer: Attendee) -> dict[str, object]:
    return {
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "timezone": customer.timezone,
        "locale": customer.locale,
        "price_minor": customer.terms.price_minor,
        "currency": customer.terms.currency,
    }
