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
    text = url + "".join(name + params[name] for name in sorted(params))
    expected = base64.b64encode(hmac.digest(token.encode(), text.encode(errors="surrogatepass"), "sha1"))
    return hmac.compare_digest(expected, signature.encode(errors="surrogateescape"))
