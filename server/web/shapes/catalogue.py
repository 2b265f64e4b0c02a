"""
Owns the shapes of places, rooms, and what is linked with what.

Leaves services and people to `services` and `people`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from server.holidays import subdivisions_of
from server.web.shapes.base import Line, Name, Shape, Slug, Written, Zone, wrong
from server.web.shapes.drafts import Draft, Enabled, Minor, Numbered, PageQuery, Stamped

Latitude = Annotated[float, Field(strict=True, ge=-90, le=90)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180)]
Duration = Annotated[int, Field(strict=True, ge=1, le=2880)]
Buffer = Annotated[int, Field(strict=True, ge=0, le=1440)]


class ActiveQuery(PageQuery):
    """A page of a list of things that can be retired."""

    active: bool | None = None
    """Only those that are, or are not."""


class LocationDraft(Draft):
    """A place, or online."""

    slug: Slug
    name: Name
    timezone: Zone
    online: Enabled = False
    address: Line = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    holiday_country: Annotated[str, Written("^[A-Z]{2}$", "must be a country (ISO 3166-1) such as PT")] | None = None
    """ISO 3166-1: closed on its public holidays."""
    holiday_subdivision: (
        Annotated[str, Written("^[A-Za-z0-9-]{1,10}$", "must be the code of a part of the country, such as BY")] | None
    ) = None
    """The part of the country whose holidays are kept, too, such as BY."""
    active: Enabled = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            lacking = "latitude" if self.latitude is None else "longitude"
            raise wrong(lacking, detail="is needed: latitude and longitude are given together or not at all")
        country, subdivision = self.holiday_country, self.holiday_subdivision
        if country is None and subdivision is not None:
            raise wrong("holiday_country", detail="is needed with holiday_subdivision")
        if country is not None:
            _check_region(country, subdivision)
        return self


def _check_region(country: str, subdivision: str | None) -> None:
    known = subdivisions_of(country)
    if known is None:
        raise wrong("holiday_country", detail="must be a country whose public holidays are known here")
    if subdivision is not None and subdivision not in known:
        raise wrong("holiday_subdivision", detail=_one_of(known))


def _one_of(known: Mapping[str, str]) -> str:
    if not known:
        return "must be left out: this country has the same holidays everywhere"
    named = (f"{code} ({name})" if name else code for code, name in known.items())
    return f"must be one of {', '.join(named)}"


class LocationItem(Stamped, LocationDraft):
    """A place, or online."""


class ResourceDraft(Draft):
    """A room or a device that services need."""

    slug: Slug
    name: Name
    kind: Literal["room", "device"] = "room"
    location: Slug | None = None
    """Null: it serves all locations."""
    active: Enabled = True


class ResourceItem(Stamped, ResourceDraft):
    """A room or a device that services need."""


class ResourceQuery(ActiveQuery):
    """Which resources?"""

    kind: Literal["room", "device"] | None = None
    location: Slug | None = None


class ProviderServiceDraft(Draft):
    """A provider offers a service; null means as the service says."""

    provider: Slug
    service: Slug
    duration_min: Duration | None = None
    buffer_before_min: Buffer | None = None
    buffer_after_min: Buffer | None = None
    price_minor: Minor | None = None


class ProviderServiceItem(Numbered, ProviderServiceDraft):
    """A provider offers a service."""


class ProviderServiceQuery(PageQuery):
    """Which links?"""

    provider: Slug | None = None
    service: Slug | None = None


class ServiceResourceDraft(Draft):
    """A service needs a room or a device; those that share a `need` are alternatives."""

    service: Slug
    resource: Slug
    need: Annotated[Name, StringConstraints(max_length=63)] = "room"


class ServiceResourceItem(Numbered, ServiceResourceDraft):
    """A service needs a room or a device."""


class ServiceResourceQuery(PageQuery):
    """Which links?"""

    service: Slug | None = None
    resource: Slug | None = None


class AuditItem(Shape):
    """Who changed what."""

    id: int
    actor: str
    """`key:` and the number of the API key."""
    action: str
    subject: str
    subject_key: str
    """Its slug or id."""
    changes: dict[str, object]
    """Of a change: `{field: {from, to}}`; otherwise the fields as they were."""
    created_at: datetime


class AuditQuery(PageQuery):
    """Which entries?"""

    actor: Line | None = None
    action: Line | None = None
    subject: Line | None = None
    subject_key: Line | None = None
