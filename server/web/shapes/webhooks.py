"""
Owns the shapes of webhook endpoints.

Leaves what is sent to them to `docs/webhooks.md`.
"""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from server.domain.events import Kind
from server.domain.telling import INTERNAL
from server.store.webhook_endpoints import EndpointRow
from server.web.shapes.base import Line, Shape, Written
from server.web.shapes.drafts import page_shape

_TOLD = sorted(kind for kind in Kind if kind not in INTERNAL)


def _told(kind: str) -> str:
    if kind not in _TOLD:
        raise ValueError(f"must be one of {', '.join(_TOLD)}")
    return kind


FactKind = Annotated[str, StringConstraints(max_length=40), AfterValidator(_told)]
"""A kind of event."""


def _callable_url(url: str) -> str:
    """Its address is looked at when it is called; here only whether it could be one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL that begins with https:// or http://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must have neither a user name nor a fragment")
    return url


Url = Annotated[
    str,
    StringConstraints(max_length=2_000),
    Written(r"^[\x21-\x7e]+$", "must be a URL, written in ASCII and without spaces"),
    AfterValidator(_callable_url),
]
"""Where to call."""


class WebhookDraft(Shape):
    """An endpoint to be called."""

    url: Url
    description: Line = ""
    kinds: list[FactKind] = Field(default_factory=list, max_length=40)
    """What to call it for; nothing named means everything."""


class WebhookPatch(Shape):
    """What to change of an endpoint."""

    url: Url | None = None
    description: Line | None = None
    kinds: list[FactKind] | None = Field(default=None, max_length=40)
    active: bool | None = None
    """True after it was switched off: calls it again."""


class WebhookItem(Shape):
    """An endpoint, without its secret."""

    id: str
    url: str
    description: str
    kinds: list[str]
    active: bool
    disabled_reason: str
    """Why it was switched off, where that was not you."""
    previous_secret_until: datetime | None
    """Until when the secret before the last rotation signs, too."""
    created_at: datetime


class WebhookWithSecret(WebhookItem):
    """An endpoint with its secret, which is shown this once."""

    secret: str
    """`whsec_...`, for the libraries of Standard Webhooks."""


WebhookPage = page_shape(WebhookItem)


def item_of(row: EndpointRow) -> dict[str, object]:
    """An endpoint as the list shows it."""
    return {
        "id": str(row.uid),
        "url": row.url,
        "description": row.description,
        "kinds": row.kinds,
        "active": row.active,
        "disabled_reason": row.disabled_reason,
        "previous_secret_until": row.previous_until,
        "created_at": row.created_at,
    }
