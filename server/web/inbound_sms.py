"""
Owns hearing from the SMS service: what became of a text message, and what people answer.

Leaves the signature to `sms_signature`.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.sms_signature import verify_twilio_signature
from server.usecases.sms_status import hear_from_number, hear_of_sms
from server.web.bodies import read_signed
from server.web.keys import CORE, SETTINGS

_MOST_FIELDS = 100


async def receive_sms_status(request: web.Request) -> web.Response:
    """A status callback: believed only with the signature of the account's token, over our own address."""
    form = await _signed_form(request)
    try:
        uid = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what="message") from None
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus", "")
    await hear_of_sms(request.app[CORE], uid, sid, status, form.get("ErrorCode", ""))
    return web.Response(status=204)


async def receive_sms(request: web.Request) -> web.Response:
    """Somebody has written to the sender."""
    form = await _signed_form(request)
    await hear_from_number(request.app[CORE], form.get("From", ""), form.get("Body", ""), form.get("OptOutType", ""))
    return web.Response(status=204)


async def _signed_form(request: web.Request) -> Mapping[str, str]:
    """
    The fields, once their signature is right.

    Raises:
        NotFound: No service is set up.
        aiohttp.web.HTTPException: See `read_signed`.
    """
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
    return _form_in(body)


def _form_in(body: bytes) -> Mapping[str, str]:
    """The fields; none where there are more than anybody sends."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
