"""
Owns telling a business what in its configuration cannot work.

Leaves the checks to `domain/setup_checks`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from server.domain.configuration import Capabilities
from server.domain.setup_checks import Finding, Subject, check_setup
from server.settings import Settings
from server.store.collection import Collection
from server.store.configuration import load_configuration
from server.store.engine import Session
from server.usecases.core import Core

_SUBJECTS: Mapping[str, Subject] = {
    "business": Subject.BUSINESS,
    "location": Subject.LOCATION,
    "provider": Subject.PROVIDER,
    "service": Subject.SERVICE,
    "working hours": Subject.HOURS,
}
"""By what the audit log calls a record."""


def capabilities_of(settings: Settings) -> Capabilities:
    """What a server with these *settings* can do."""
    return Capabilities(
        mail=settings.mail.host is not None or settings.mail.folder is not None,
        sms=settings.sms.channel != "off",
        online_payment=settings.payment.stripe_key is not None,
    )


async def read_setup(core: Core, business_id: int, capabilities: Capabilities) -> list[Finding]:
    """
    Everything in the configuration of a business that does not work as it stands, errors first.

    Raises:
        NotFound: There is no such business.
    """
    async with core.database.reading() as session:
        return check_setup(await load_configuration(session, business_id), capabilities)


async def findings_about(
    session: Session, business_id: int, collection: Collection, values: Mapping[str, Any], capabilities: Capabilities
) -> list[Finding]:
    """What a record that was just written makes true of itself, or of what it refers to."""
    concerned = set(_concerned(collection, values))
    if not concerned:
        return []
    found = check_setup(await load_configuration(session, business_id), capabilities)
    return [finding for finding in found if (finding.subject, finding.key) in concerned]


def _concerned(collection: Collection, values: Mapping[str, Any]) -> Iterable[tuple[Subject, str]]:
    for name in (collection.subject, *collection.references):
        if name in _SUBJECTS:
            key = values[collection.key] if name == collection.subject else values[name]
            yield _SUBJECTS[name], str(key)
