"""
Owns the URL table: every path on one page, with who may call it.

Leaves what a declaration means to `route`.
"""

from collections.abc import Sequence

from aiohttp import web

from server.web import health
from server.web.access import Who
from server.web.api import appointments, availability, holds
from server.web.cors import preflight
from server.web.route import Route, as_handler
from server.web.shapes.appointments import AppointmentAnswer, AppointmentOrder, HoldAnswer, HoldOrder
from server.web.shapes.availability import AvailabilityAnswer, AvailabilityQuery, ExplainAnswer, ExplainQuery
from server.web.shapes.health import Readiness

BUSINESS = "/v1/businesses/{business}"

ROUTES: Sequence[Route] = (
    Route(
        method="GET",
        path=f"{BUSINESS}/availability",
        handler=availability.get_availability,
        who=Who.PUBLIC,
        tag="Availability",
        summary="Free slots by day",
        query=AvailabilityQuery,
        answers={200: AvailabilityAnswer, 304: None},
    ),
    Route(
        method="GET",
        path=f"{BUSINESS}/availability/explain",
        handler=availability.explain_availability,
        who=Who.MANAGE,
        tag="Availability",
        summary="Which rule refuses a start, and why",
        query=ExplainQuery,
        answers={200: ExplainAnswer},
    ),
    Route(
        method="POST",
        path=f"{BUSINESS}/holds",
        handler=holds.create_hold,
        who=Who.PUBLIC,
        tag="Booking",
        summary="Keep a time for a few minutes",
        body=HoldOrder,
        answers={201: HoldAnswer},
        idempotent=True,
    ),
    Route(
        method="DELETE",
        path="/v1/holds/{hold}",
        handler=holds.delete_hold,
        who=Who.TOKEN,
        tag="Booking",
        summary="Let go of a hold",
        answers={204: None},
    ),
    Route(
        method="POST",
        path=f"{BUSINESS}/appointments",
        handler=appointments.create_appointment,
        who=Who.PUBLIC,
        tag="Booking",
        summary="Book a time",
        body=AppointmentOrder,
        answers={201: AppointmentAnswer},
        idempotent=True,
    ),
    Route(
        method="GET",
        path="/healthz",
        handler=health.healthz,
        who=Who.PUBLIC,
        tag="Operation",
        summary="The process answers",
        answers={200: None},
        media_type="text/plain",
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=health.readyz,
        who=Who.PUBLIC,
        tag="Operation",
        summary="Bookings can be taken",
        answers={200: Readiness, 503: Readiness},
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=health.metrics,
        who=Who.PUBLIC,
        tag="Operation",
        summary="For Prometheus",
        answers={200: None},
        media_type="text/plain",
    ),
)


def add_routes(app: web.Application) -> None:
    """Puts the table into *app*."""
    for route in ROUTES:
        app.router.add_route(route.method, route.path, as_handler(route))
    for path in sorted({route.path for route in ROUTES if route.path.startswith("/v1/")}):
        app.router.add_route("OPTIONS", path, preflight)
