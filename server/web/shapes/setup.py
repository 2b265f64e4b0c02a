"""
Owns the shapes of what a configuration lacks.

Leaves finding it to `domain/setup_checks`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Self

from pydantic import Field, create_model

from server.domain.setup_checks import Finding, Severity, Subject
from server.web.shapes.base import Shape


class FindingItem(Shape):
    """One thing in the configuration that does not work, and what helps."""

    code: str
    """Stable: decide by this."""
    severity: Severity
    """`error`: something cannot be booked, paid or sent. `warning`: it works, and probably not as it is meant."""
    subject: Subject
    """What it is about."""
    key: str
    """Its slug, or the id of hours."""
    pointer: str
    """JSON Pointer (RFC 6901) to the field of it; empty where it is about the whole."""
    detail: str
    """What happens, and what helps; for people."""

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """As the API shows it."""
        return cls(
            code=finding.code,
            severity=finding.severity,
            subject=finding.subject,
            key=finding.key,
            pointer=f"/{finding.field}" if finding.field else "",
            detail=finding.detail,
        )


class SetupAnswer(Shape):
    """What in the configuration of a business does not work as it stands."""

    ready: bool
    """Nothing stands in the way of a booking: there are no errors."""
    findings: list[FindingItem]
    """Errors first."""

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Self:
        """As the API shows them."""
        ready = not any(finding.severity is Severity.ERROR for finding in findings)
        return cls(ready=ready, findings=[FindingItem.of(finding) for finding in findings])


@cache
def saved_shape(item: type[Shape]) -> type[Shape]:
    """*item* as a write answers it: with what does not work because of it."""
    return create_model(
        "Saved" + item.__name__.removesuffix("Item"),
        __base__=item,
        __doc__=item.__doc__,
        warnings=(list[FindingItem], Field(description="What in the configuration does not work because of it.")),
    )
