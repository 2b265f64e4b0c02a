"""
Owns the table of what can be managed, and so the routes of management.

Leaves the handlers to `managed`, what does not fit into the table to `business`, `api_keys` and so on.
"""

from collections.abc import Sequence

from server.store import catalogue as store
from server.web.access import Who
from server.web.api.managed import Managed, list_route, managed_routes
from server.web.route import Route
from server.web.shapes import blocks, catalogue, hours, people, services

MANAGED: Sequence[Managed] = (
    Managed(
        path="locations",
        tag="Places",
        noun="a location",
        collection=store.LOCATIONS,
        draft=catalogue.LocationDraft,
        item=catalogue.LocationItem,
        query=catalogue.ActiveQuery,
        lasting=("slug",),
    ),
    Managed(
        path="resources",
        tag="Places",
        noun="a room or device",
        collection=store.RESOURCES,
        draft=catalogue.ResourceDraft,
        item=catalogue.ResourceItem,
        query=catalogue.ResourceQuery,
        lasting=("slug",),
    ),
    Managed(
        path="providers",
        tag="People",
        noun="a provider",
        collection=store.PROVIDERS,
        draft=people.ProviderDraft,
        item=people.ProviderItem,
        query=catalogue.ActiveQuery,
        lasting=("slug",),
    ),
    Managed(
        path="services",
        tag="Services",
        noun="a service",
        collection=store.SERVICES,
        draft=services.ServiceDraft,
        item=services.ServiceItem,
        query=catalogue.ActiveQuery,
        lasting=("slug",),
    ),
    Managed(
        path="provider-services",
        tag="Services",
        noun="who offers a service",
        collection=store.PROVIDER_SERVICES,
        draft=catalogue.ProviderServiceDraft,
        item=catalogue.ProviderServiceItem,
        query=catalogue.ProviderServiceQuery,
        lasting=("provider", "service"),
    ),
    Managed(
        path="service-resources",
        tag="Services",
        noun="what a service needs",
        collection=store.SERVICE_RESOURCES,
        draft=catalogue.ServiceResourceDraft,
        item=catalogue.ServiceResourceItem,
        query=catalogue.ServiceResourceQuery,
        lasting=("service", "resource"),
    ),
    Managed(
        path="hours",
        tag="Hours",
        noun="working hours",
        collection=store.HOURS,
        draft=hours.HoursDraft,
        item=hours.HoursItem,
        query=hours.HoursQuery,
        lasting=("provider",),
    ),
    Managed(
        path="service-hours",
        tag="Hours",
        noun="hours of a service",
        collection=store.SERVICE_HOURS,
        draft=hours.ServiceHoursDraft,
        item=hours.ServiceHoursItem,
        query=hours.ServiceHoursQuery,
        lasting=("service",),
    ),
    Managed(
        path="exceptions",
        tag="Hours",
        noun="an exception",
        collection=store.EXCEPTIONS,
        draft=hours.ExceptionDraft,
        item=hours.ExceptionItem,
        query=hours.ExceptionQuery,
        lasting=("provider", "location"),
    ),
    Managed(
        path="time-off",
        tag="Hours",
        noun="time off",
        collection=store.TIME_OFF,
        draft=hours.TimeOffDraft,
        item=hours.TimeOffItem,
        query=hours.TimeOffQuery,
        lasting=("provider",),
    ),
    Managed(
        path="blocks",
        tag="Access",
        noun="a block",
        collection=store.BLOCKS,
        draft=blocks.BlockDraft,
        item=blocks.BlockItem,
        query=blocks.BlockQuery,
        lasting=("kind", "value"),
    ),
)

LISTED: Sequence[Managed] = (
    Managed(
        path="customers",
        tag="People",
        noun="customers",
        collection=store.CUSTOMERS,
        item=people.CustomerItem,
        query=people.CustomerQuery,
    ),
    Managed(
        path="audit",
        tag="Access",
        noun="who changed what",
        collection=store.AUDIT,
        item=catalogue.AuditItem,
        query=catalogue.AuditQuery,
        readers=Who.MANAGE,
    ),
)
"""What only the server writes."""


def catalogue_routes(base: str) -> list[Route]:
    """All routes of the tables."""
    return [
        *(route for managed in MANAGED for route in managed_routes(base, managed)),
        *(list_route(base, managed) for managed in LISTED),
    ]
