"""
Owns hearing from the SMS service what became of a text message.

Leaves the signature to `sms_signature`.
"""

from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.sms_signature import verify_twilio_signature
from server.usecases.deliveries import hear_of_sms
from server.web.keys import CORE, SETTINGS

_MOST_FIELDS = 100


async def receive_sms_status(request: web.Request) -> web.Response:
    """A status callback: believed only with the signature of the account's token, over our own address."""
    settings = request.app[SETTINGS]
    token = settings.sms.token.get_secret_value() if settings.sms.token else ""
    body = (await request.read()).decode("utf-8", "replace")
    form = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    url = f"{settings.http.base_url}{request.rel_url.raw_path_qs}"
    if not token or not verify_twilio_signature(token, url, form, request.headers.get("X-Twilio-Signature", "")):
        raise web.HTTPForbidden
    try:
        uid = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="message") from None
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    await hear_of_sms(request.app[CORE], uid, sid, status, form.get("ErrorCode", ""))
    return web.Response(status=204)
