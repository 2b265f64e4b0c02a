"""
Owns asking a CalDAV server to call us when a calendar changes (draft-bitfire-webdav-push, over Web Push, RFC 8030).

Leaves what a call means to the caller: it is encrypted for a key that we throw away, because that it came says enough.
"""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ics.remote.http import Reply
from ics.remote.multistatus import Resource
from ics.remote.notice import Subscription

PUSH = "{https://bitfire.at/webdav-push}"
LIFETIME = timedelta(days=3)

OFFERED = """<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:p="https://bitfire.at/webdav-push"><d:prop><p:transports/></d:prop></d:propfind>"""

_REGISTER = """<?xml version="1.0" encoding="utf-8"?>
<p:push-register xmlns:p="https://bitfire.at/webdav-push" xmlns:d="DAV:"><p:subscription><p:web-push-subscription>
<p:push-resource>{address}</p:push-resource><p:content-encoding>aes128gcm</p:content-encoding>
<p:subscription-public-key type="p256dh">{key}</p:subscription-public-key><p:auth-secret>{auth}</p:auth-secret>
</p:web-push-subscription></p:subscription><p:trigger><p:content-update><d:depth>1</d:depth></p:content-update></p:trigger>
<p:expires>{expires}</p:expires></p:push-register>"""


def is_offered(calendar: Resource) -> bool:
    """Whether the server says that it can call by Web Push, asked for `OFFERED`."""
    transports = calendar.found.get(f"{PUSH}transports")
    return transports is not None and transports.find(f"{PUSH}web-push") is not None


def registration(address: str, now: datetime) -> str:
    """What to POST to the calendar: call *address*."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return _REGISTER.format(
        address=escape(address),
        key=_urlsafe(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        auth=_urlsafe(secrets.token_bytes(16)),
        expires=format_datetime((now + LIFETIME).astimezone(UTC), usegmt=True),
    )


def subscription_of(reply: Reply, now: datetime) -> Subscription:
    """What the server promised, in its answer to a registration."""
    ends = now + LIFETIME
    try:
        said = parsedate_to_datetime(reply.headers.get("expires", ""))
        ends = min(ends, said if said.tzinfo else said.replace(tzinfo=UTC))
    except ValueError:
        pass
    return Subscription(id=reply.headers.get("location", "")[:500], resource=reply.url[:500], expires_at=ends)


def _urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
