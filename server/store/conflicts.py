"""
Owns turning what a constraint refuses into a Conflict with a sentence.

Leaves constraints to `schema/`, and what can be refused before a statement runs to the shapes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg

from server.domain.errors import Conflict

_IN_USE: Mapping[str, str] = {
    "appointments": "There are appointments with it",
    "claims": "Its time is booked or held",
    "resources": "There are rooms or devices in it",
}
"""Table that still points at what is to be deleted."""

_CHECKS: Mapping[str, str] = {
    "ck_services_class_approval": "A service for several customers at once cannot ask for approval.",
    "ck_locations_both_coordinates": "Latitude and longitude are given together or not at all.",
    "ck_locations_holidays": "A subdivision needs its country.",
}


@contextmanager
def as_conflicts(subject: str) -> Iterator[None]:
    """
    Around statements that write a *subject* ("provider").

    Raises:
        Conflict: Its name is taken, others depend on it, or what it names has just gone.
    """
    try:
        yield
    except asyncpg.UniqueViolationError:
        raise Conflict(f"There is already a {subject} like this.") from None
    except asyncpg.StringDataRightTruncationError:
        raise Conflict(f"A text of this {subject} is too long once it is in its canonical form.") from None
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict(_foreign_key(subject, error)) from None
    except asyncpg.CheckViolationError as error:
        sentence = f"These values of a {subject} do not fit together."
        raise Conflict(_CHECKS.get(error.constraint_name or "", sentence)) from None


def _foreign_key(subject: str, error: asyncpg.ForeignKeyViolationError) -> str:
    if "still referenced" not in (error.detail or ""):
        return f"What this {subject} refers to is no longer there."
    return still_needed(subject, _IN_USE.get(error.table_name or "", "Others still refer to it"))


def still_needed(subject: str, why: str) -> str:
    """Why a *subject* stays."""
    return f"{why}, so this {subject} cannot be deleted. Where it can be inactive, set active to false instead."
