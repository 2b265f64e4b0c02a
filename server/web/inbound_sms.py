"""
Owns hearing from the SMS service what became of a text message.

Leaves the signature to `sms_signature`.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.sms_signature import verify_twilio_signature
from server.usecases.deliveries import hear_of_sms
from server.web.bodies import read_signed
from server.web.keys import CORE, SETTINGS

_MOST_FIELDS = 100


async def receive_sms_status(request: web.Request) -> web.Response:
    """A status callback: believed only with the signature of the account's token, over our own address."""
    settings = request.app[SETTINGS]
    token = settings.sms.token
    if token is None:
        raise NotFound(what="page")
    url = f"{settings.http.base_url}{request.rel_url.raw_path_qs}"
    signature = request.headers.get("X-Twilio-Signature", "")
    body = await read_signed(
        request,
        lambda body: verify_twilio_signature(token.get_secret_value(), url, _form_in(body), signature),
    )
    form = _form_in(body)
    try:
        uid = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="message") from None
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    await hear_of_sms(request.app[CORE], uid, sid, status, form.get("ErrorCode", ""))
    return web.Response(status=204)


def _form_in(body: bytes) -> Mapping[str, str]:
    """The fields; none where there are more than anybody sends."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
