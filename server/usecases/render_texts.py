"""
Owns keeping the calendar text of each appointment up to date, and telling the feeds that show it.

Leaves when to the dispatcher, and to whoever reads a feed before the dispatcher came by.
"""

from collections.abc import Sequence

from server.calendars.document import full_text, initials_text
from server.domain.appointment import Shown
from server.store.appointment_texts import (
    NewText,
    appointments_showing,
    keep_texts,
    one_at_a_time,
    raise_feed_versions,
    stale_texts,
)
from server.store.engine import Session

Scope = tuple[int, str, int]
"""Business id, kind of scope, and id of the provider, service or location; 0 for the whole business."""

_BATCH = 200
_SCOPES = {"services": "service", "providers": "provider", "locations": "location"}


async def render_changed(session: Session, appointments: Sequence[tuple[int, int]]) -> None:
    """Renders the texts of those of *appointments*, `(business id, id)`, that have changed since."""
    await one_at_a_time(session, [business_id for business_id, _ in appointments])
    if stale := await stale_texts(session, appointments):
        await raise_feed_versions(session, await _keep(session, stale))


async def render_renamed(session: Session, business_id: int, table: str, row_id: int) -> None:
    """
    Renders all texts that show the name of this business, service, provider or location.

    Args:
        table: Where the name is: `businesses`, `services`, `providers` or `locations`.
    """
    await one_at_a_time(session, [business_id])
    scopes = {(business_id, _SCOPES[table], row_id) if table in _SCOPES else (business_id, "business", 0)}
    showing = await appointments_showing(session, business_id, table, row_id)
    for start in range(0, len(showing), _BATCH):
        batch = [(business_id, appointment) for appointment in showing[start : start + _BATCH]]
        scopes |= await _keep(session, await stale_texts(session, batch, even_if_current=True))
    await raise_feed_versions(session, scopes)


async def _keep(session: Session, stale: Sequence[Shown]) -> set[Scope]:
    """Renders and keeps; the scopes whose feeds show them, or showed them before."""
    await keep_texts(session, [NewText(shown, full_text(shown), initials_text(shown)) for shown in stale])
    return {scope for shown in stale for scope in _scopes(shown)}


def _scopes(shown: Shown) -> list[Scope]:
    a = shown.appointment
    scopes = [("business", 0), ("service", shown.service_id), ("provider", a.provider_id)]
    scopes.append(("location", shown.location_id))
    if shown.earlier is not None:
        scopes += [("provider", shown.earlier[0]), ("location", shown.earlier[1])]
    return [(a.business_id, scope, scope_id) for scope, scope_id in scopes]
