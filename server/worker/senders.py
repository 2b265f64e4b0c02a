"""
Owns which senders this worker has, by the settings: what is not set up stays in the queue.

Leaves what each does to its module.
"""

import contextlib
from collections.abc import AsyncIterator

from server.channels.mail import open_transport
from server.channels.sms import ConsoleSms, SmsChannel, TwilioSms
from server.channels.webhook import WebhookChannel
from server.outbound import ANYWHERE, Outbound
from server.payments import open_methods
from server.settings import Settings
from server.usecases.core import Core
from server.worker.deeds import OfferFreedTime, ReturnMoney
from server.worker.mails import MailSender
from server.worker.pump import Lane, Send
from server.worker.texts import TextSender
from server.worker.webhooks import WebhookSender

_CALLS_PER_ENDPOINT = 2


@contextlib.asynccontextmanager
async def open_lanes(settings: Settings, core: Core) -> AsyncIterator[list[Lane]]:
    """The lanes of a pump: one for what people wait for, one for the endpoints of businesses, one for our own work."""
    async with contextlib.AsyncExitStack() as stack:
        people: dict[str, Send] = {}
        transport = open_transport(settings.mail)
        if transport is not None:
            await stack.enter_async_context(transport)
            people["mail"] = MailSender(transport, core.vault, settings)
        sms = await _sms(settings, stack)
        if sms is not None:
            people["sms"] = TextSender(sms, core, settings)
        guarded = await stack.enter_async_context(Outbound(allowed_networks=settings.webhook.allowed_networks))
        webhook = WebhookSender(core, WebhookChannel(guarded, settings.webhook))
        deeds: dict[str, Send] = {
            "waitlist": OfferFreedTime(core),
            "refund": ReturnMoney(core, open_methods(settings.payment)),
        }
        places = settings.worker.sending
        yield [
            Lane(people, places, per_peer=places),
            Lane({"webhook": webhook}, places, per_peer=_CALLS_PER_ENDPOINT),
            Lane(deeds, 4, per_peer=2),
        ]


async def _sms(settings: Settings, stack: contextlib.AsyncExitStack) -> SmsChannel | None:
    if settings.sms.channel == "console":
        return ConsoleSms(settings.sms)
    if settings.sms.channel == "twilio":
        # The operator chose the address, so it may be anywhere.
        outbound = await stack.enter_async_context(Outbound(allowed_networks=ANYWHERE))
        return TwilioSms(settings.sms, outbound, status_url=f"{settings.http.base_url}/v1/inbound/sms")
    return None
