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
    raise_feed_versions,
    stale_texts,
)
from server.store.engine import Session

_BATCH = 200


async def render_changed(session: Session, appointments: Sequence[tuple[int, int]]) -> None:
    """Renders the texts of those of *appointments*, `(business id, id)`, that have changed since."""
    await _keep(session, await stale_texts(session, appointments))


async def render_renamed(session: Session, business_id: int, table: str, row_id: int) -> None:
    """Renders all texts that show the name of this business, service, provider or location."""
    showing = await appointments_showing(session, business_id, table, row_id)
    for start in range(0, len(showing), _BATCH):
        batch = [(business_id, appointment) for appointment in showing[start : start + _BATCH]]
        await _keep(session, await stale_texts(session, batch, even_if_current=True))


async def _keep(session: Session, stale: Sequence[Shown]) -> None:
    if stale:
        await keep_texts(session, [NewText(shown, full_text(shown), initials_text(shown)) for shown in stale])
        await raise_feed_versions(session, [scope for shown in stale for scope in _scopes(shown)])


def _scopes(shown: Shown) -> list[tuple[int, str, int]]:
    a = shown.appointment
    scopes = [("business", 0), ("service", shown.service_id), ("provider", a.provider_id)]
    scopes.append(("location", shown.location_id))
    if shown.earlier is not None:
        scopes += [("provider", shown.earlier[0]), ("location", shown.earlier[1])]
    return [(a.business_id, scope, scope_id) for scope, scope_id in scopes]
