"""
Owns the signature of SMS status callbacks, as Twilio makes it.

Leaves sending to `channels/sms`, which `web` may not import, and what a callback says to `web/inbound`.
"""

import base64
import hmac
from collections.abc import Mapping


def verify_twilio_signature(token: str, url: str, params: Mapping[str, str], signature: str) -> bool:
    """
    Whether *signature* (`X-Twilio-Signature`) was made with *token*.

    HMAC-SHA1 over the URL and the form's names and values, in the order of the names; compared in constant time.

    Args:
        url: As it was given to the service, with its query: built from our base URL, not from the Host header.
        params: The fields of the form.
    """
    if not token:
        return False
    fields = "".join(name + params[name] for name in sorted(params))
    given = signature.encode(errors="surrogateescape")
    return any(hmac.compare_digest(_signed(token, each + fields), given) for each in _with_and_without_port(url))


def _signed(token: str, text: str) -> bytes:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(errors="surrogatepass"), "sha1"))


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Twilio signs addresses with a port sometimes with it and sometimes without (twilio/twilio-python 392)."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, colon, port = host.rpartition(":")
    has_port = bool(colon) and port.isdecimal()
    usual = "443" if scheme == "https" else "80"
    return f"{scheme}://{name if has_port else host}{slash}{path}", (
        url if has_port else f"{scheme}://{host}:{usual}{slash}{path}"
    )
