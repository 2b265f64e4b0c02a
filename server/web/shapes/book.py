"""
Owns what the booking page's address says.

Leaves what its form says to `shapes/appointments`.
"""

from typing import Literal

from pydantic import model_validator

from server.web.shapes.availability import Day
from server.web.shapes.base import AnyQuery, Instant, Slug


class BookQuery(AnyQuery):
    """How far somebody without JavaScript has come, or what is chosen beforehand. Empty is not chosen."""

    service: Slug | None = None
    provider: Slug | None = None
    location: Slug | None = None
    day: Day | None = None
    start: Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _chosen(cls, values: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in values.items() if value}


class ManageLinkQuery(AnyQuery):
    """Where somebody who opens an appointment comes from."""

    done: Literal["booked", "moved"] | None = None
    """A form that worked: the page says so."""


class ManageQuery(ManageLinkQuery):
    """How far somebody without JavaScript has come with an appointment. Empty is not chosen."""

    day: Day | None = None
    start: Instant | None = None
    """The time to move it to."""
    cancel: bool = False
    """Whether to cancel it is asked."""

    @model_validator(mode="before")
    @classmethod
    def _chosen(cls, values: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in values.items() if value}


class EmbedQuery(AnyQuery):
    """Whose widget the embed guide shows."""

    business: Slug | None = None
