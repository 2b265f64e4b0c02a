"""
Owns mail that a provider hands over by a signed call instead of SMTP.

Leaves what the mail means to `usecases/receive_mail`.
"""

import logging

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from server.domain.errors import NotFound
from server.usecases.receive_mail import receive_mail
from server.web.answers import PRIVATE
from server.web.bodies import read_signed
from server.web.keys import CORE, SETTINGS

log = logging.getLogger(__name__)


async def receive_inbound_mail(request: web.Request) -> web.Response:
    """
    Takes one mail, raw (`message/rfc822`), signed as Standard Webhooks has it.

    Answers as the listener does: 204 when there is nothing left to do, 404 for an address that we never gave out, 503
    while the database is away. The mail must be UTF-8 or ASCII as it stands, or its signature cannot be checked.
    """
    settings = request.app[SETTINGS]
    secret, domain = settings.inbound.webhook_secret, settings.mail.reply_domain
    if secret is None or domain is None:
        raise NotFound(what="page")
    raw = await read_signed(
        request,
        lambda body: _is_signed(request, body, secret.get_secret_value()),
        most=settings.inbound.max_bytes,
    )
    received = await receive_mail(request.app[CORE], raw, domain=domain, limit=settings.inbound.max_bytes)
    log.info("an answer by mail: %s", received)
    return web.Response(status=204, headers=PRIVATE)


def _is_signed(request: web.Request, body: bytes, secret: str) -> bool:
    try:
        Webhook(secret).verify(body, dict(request.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: not the shape of a signature, or not UTF-8
        return False
    return True
