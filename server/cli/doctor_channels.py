"""
Owns what `bookable doctor` says about the ways out and in: mail, text messages, answers to invitations, payment.

Leaves the database, Redis and the web address to `doctor`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from server.cli.doctor import Finding

if TYPE_CHECKING:
    from server.settings import MailSettings, PaymentSettings, Settings

_PATIENCE_S = 5
_STRIPE = "payment through Stripe"


async def examine_channels(settings: "Settings") -> AsyncIterator[Finding]:
    """A finding per way. Nobody can do without mail; what else is not set up is no fault."""
    yield await _mail(settings.mail)
    yield _answers(settings)
    yield _sms(settings)
    yield await _payment(settings)


async def _mail(mail: "MailSettings") -> Finding:
    import aiosmtplib

    if mail.folder is not None:
        return Finding(f"mail is written to {mail.folder} instead of being sent")
    if mail.host is None:
        return Finding("mail is not set up", "Set BOOKABLE_MAIL_HOST: confirmations and reminders wait in the queue.")
    where = f"mail server {mail.host}:{mail.port}"
    client = aiosmtplib.SMTP(
        hostname=mail.host,
        port=mail.port,
        timeout=_PATIENCE_S,
        use_tls=mail.tls == "implicit",
        start_tls=mail.tls == "starttls",
        username=mail.user,
        password=mail.password.get_secret_value() if mail.password else None,
    )
    try:
        async with client:
            await client.noop()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return Finding(where, f"Start it, or correct BOOKABLE_MAIL_*: {error}")
    return Finding(f"{where} answers, {mail.tls} as {mail.user or 'nobody in particular'}")


def _answers(settings: "Settings") -> Finding:
    ways_in = settings.inbound.port is not None or settings.inbound.webhook_secret is not None
    domain = settings.mail.reply_domain
    if domain is None and not ways_in:
        return Finding("answers to invitations do not come back (BOOKABLE_MAIL_REPLY_DOMAIN)")
    if domain is None:
        return Finding("answers to invitations", "Set BOOKABLE_MAIL_REPLY_DOMAIN: no invitation says where to answer.")
    if not ways_in:
        return Finding(
            "answers to invitations",
            f"Set BOOKABLE_INBOUND_PORT or BOOKABLE_INBOUND_WEBHOOK_SECRET: nobody hears what comes to {domain}.",
        )
    return Finding(f"answers to invitations come to {domain}")


def _sms(settings: "Settings") -> Finding:
    sms = settings.sms
    if sms.channel != "twilio":
        return Finding(f"text messages: {sms.channel}")
    missing = [name for name in ("account", "token", "sender") if not getattr(sms, name)]
    if missing:
        names = ", ".join(f"BOOKABLE_SMS_{name.upper()}" for name in missing)
        return Finding("text messages through Twilio", f"Set {names}.")
    return Finding(
        f"text messages through {sms.url}, to {', '.join(sms.countries) or 'the countries of each business'}"
    )


async def _payment(settings: "Settings") -> Finding:
    payment = settings.payment
    if payment.stripe_key is None:
        return Finding("payment online is not set up (BOOKABLE_PAYMENT_STRIPE_KEY)")
    if payment.stripe_webhook_secret is None:
        return Finding(
            _STRIPE,
            "Set BOOKABLE_PAYMENT_STRIPE_WEBHOOK_SECRET: without it no payment is heard of until somebody looks.",
        )
    return await _stripe_endpoints(payment, f"{settings.http.base_url}/v1/inbound/stripe")


async def _stripe_endpoints(payment: "PaymentSettings", url: str) -> Finding:
    from server.payments.errors import ProviderError, ProviderRefused
    from server.payments.stripe_endpoints import missing_events

    try:
        async with asyncio.timeout(_PATIENCE_S):
            missing = await missing_events(payment, url)
    except ProviderRefused as error:
        return Finding(_STRIPE, f"Let the key read webhook endpoints, or look for yourself: {error}", is_advice=True)
    except (ProviderError, TimeoutError) as error:
        return Finding(_STRIPE, f"Stripe cannot be asked: {type(error).__name__}: {error}")
    if missing is None:
        return Finding(_STRIPE, f"Add a webhook endpoint at Stripe that calls {url}.", is_advice=True)
    if missing:
        what = ", ".join(missing)
        return Finding(_STRIPE, f"Add these events to the endpoint at Stripe: {what}.", is_advice=True)
    return Finding(f"{_STRIPE}, which tells us of everything")
