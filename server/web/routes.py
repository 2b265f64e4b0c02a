"""
Owns the URL table: every path on one page, with who may call it.

Leaves what a declaration means to `route`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from server.domain.lifecycle import Step
from server.web import health, inbound_mail, inbound_sms, stream
from server.web.access import Who
from server.web.api import appointments, availability, decisions, holds, places
from server.web.api.api_keys import api_key_routes
from server.web.api.bursts import burst_routes
from server.web.api.business import business_routes
from server.web.api.calendars import calendar_routes
from server.web.api.catalogue import catalogue_routes
from server.web.api.challenges import challenge_routes
from server.web.api.deliveries import delivery_routes
from server.web.api.feeds import feed_management_routes
from server.web.api.managed_appointments import appointment_routes
from server.web.api.payments import payment_routes
from server.web.api.suppressions import suppression_routes
from server.web.api.waitlist import waitlist_routes
from server.web.api.webhooks import webhook_routes
from server.web.cors import preflight
from server.web.feeds import feed_routes
from server.web.inbound_calendars import receive_notice
from server.web.keys import SETTINGS
from server.web.openapi import API_DOCUMENT, ApiDocument, get_openapi
from server.web.operator import KEPT, for_operators, in_brief
from server.web.pages.book import get_book
from server.web.pages.confirm import get_confirm, post_confirm
from server.web.pages.docs import DOCS, get_docs
from server.web.pages.embed import get_embed, get_embed_script
from server.web.pages.html import get_favicon
from server.web.pages.manage import get_manage, get_manage_link, post_manage
from server.web.pages.paid import get_paid, get_paid_script
from server.web.pages.plain_form import post_book
from server.web.pages.problem_page import get_problem
from server.web.pages.request_answer import get_request_page, post_request_page
from server.web.pages.sign_in import get_sign_in, post_sign_in
from server.web.pages.unsubscribe import get_unsubscribe, post_unsubscribe
from server.web.pages.waitlist import get_waitlist_page, post_waitlist_page
from server.web.route import SIGNED, Route, as_handler
from server.web.shapes.appointments import (
    AppointmentAnswer,
    AppointmentOrder,
    CancelAnswer,
    CancelOrder,
    DecisionOrder,
    HoldAnswer,
    HoldOrder,
    MoveAnswer,
    OwnMoveOrder,
    PlaceAnswer,
    StaffCancelOrder,
    StaffRescheduleOrder,
)
from server.web.shapes.availability import AvailabilityAnswer, AvailabilityQuery, ExplainAnswer, ExplainQuery, MoveQuery
from server.web.shapes.base import AnyQuery
from server.web.shapes.book import BookQuery, EmbedQuery, ManageLinkQuery, ManageQuery
from server.web.shapes.calendars import NoticeQuery, SignInQuery
from server.web.shapes.health import Readiness
from server.web.widget import widget_routes

BUSINESS = "/v1/businesses/{business}"

APPOINTMENT = f"{BUSINESS}/appointments/{{id}}"
PLACE = "/v1/appointments/{manage_token}"

DECISION: Mapping[str, Any] = {
    "body": DecisionOrder,
    "body_optional": True,
    "answers": {200: MoveAnswer},
    "idempotent": True,
}

# fmt: off
ROUTES: Sequence[Route] = (
    Route("GET", f"{BUSINESS}/availability", Who.PUBLIC, availability.get_availability,
          "Availability", "Free slots by day",
          query=AvailabilityQuery, answers={200: AvailabilityAnswer, 304: None},
          ready=availability.ready_availability),
    Route("GET", f"{BUSINESS}/availability/stream", Who.PUBLIC, stream.stream_availability,
          "Availability", "The same, whenever it changes (server-sent events)",
          query=AvailabilityQuery, answers={200: None, 204: None}, media_type="text/event-stream"),
    Route("GET", f"{BUSINESS}/availability/explain", Who.MANAGE, availability.explain_availability,
          "Availability", "Which rule refuses a start, and why", query=ExplainQuery, answers={200: ExplainAnswer}),
    Route("POST", f"{BUSINESS}/holds", Who.PUBLIC, holds.create_hold,
          "Booking", "Keep a time for a few minutes", body=HoldOrder, answers={201: HoldAnswer}, idempotent=True,
          guarded=True),
    Route("DELETE", "/v1/holds/{hold}", Who.TOKEN, holds.delete_hold,
          "Booking", "Let go of a hold", answers={204: None}),
    Route("POST", f"{BUSINESS}/appointments", Who.PUBLIC, appointments.create_appointment,
          "Booking", "Book a time", body=AppointmentOrder, answers={201: AppointmentAnswer}, idempotent=True,
          guarded=True),
    Route("GET", PLACE, Who.TOKEN, places.get_place,
          "Booking", "The customer's view of an appointment", answers={200: PlaceAnswer}),
    Route("GET", f"{PLACE}/availability", Who.TOKEN, places.get_move_availability,
          "Booking", "Free slots that it could be moved to: it does not stand in its own way",
          query=MoveQuery, answers={200: AvailabilityAnswer}),
    Route("POST", f"{PLACE}/cancel", Who.TOKEN, places.cancel_place,
          "Booking", "Cancel, by policy",
          body=CancelOrder, body_optional=True, answers={200: CancelAnswer}, idempotent=True),
    Route("POST", f"{PLACE}/reschedule", Who.TOKEN, places.reschedule_place,
          "Booking", "Move to another time, by policy",
          body=OwnMoveOrder, answers={200: MoveAnswer}, idempotent=True),
    Route("GET", f"{PLACE}/invite.ics", Who.TOKEN, places.get_invite,
          "Booking", "The appointment as a calendar file", answers={200: None}, media_type="text/calendar"),
    Route("POST", f"{APPOINTMENT}/approve", Who.MANAGE, decisions.decision(Step.APPROVE),
          "Appointments", "Approve a request", **DECISION),
    Route("POST", f"{APPOINTMENT}/decline", Who.MANAGE, decisions.decision(Step.DECLINE),
          "Appointments", "Decline a request", **DECISION),
    Route("POST", f"{APPOINTMENT}/complete", Who.MANAGE, decisions.decision(Step.COMPLETE),
          "Appointments", "It took place", **DECISION),
    Route("POST", f"{APPOINTMENT}/no-show", Who.MANAGE, decisions.decision(Step.MISS),
          "Appointments", "The customer did not come", **DECISION),
    Route("POST", f"{APPOINTMENT}/cancel", Who.MANAGE, decisions.cancel_appointment,
          "Appointments", "Cancel for everybody",
          body=StaffCancelOrder, body_optional=True, answers={200: CancelAnswer}, idempotent=True),
    Route("POST", f"{APPOINTMENT}/reschedule", Who.MANAGE, decisions.reschedule_appointment,
          "Appointments", "Move for everybody", body=StaffRescheduleOrder, answers={200: MoveAnswer}, idempotent=True),
    *business_routes(BUSINESS),
    *catalogue_routes(BUSINESS),
    *appointment_routes(BUSINESS),
    *burst_routes(BUSINESS),
    *api_key_routes(BUSINESS),
    *challenge_routes(BUSINESS),
    *waitlist_routes(BUSINESS),
    *payment_routes(BUSINESS),
    *webhook_routes(BUSINESS),
    *delivery_routes(BUSINESS),
    *suppression_routes(BUSINESS),
    *calendar_routes(BUSINESS),
    *feed_management_routes(BUSINESS, PLACE),
    *feed_routes(),
    *widget_routes(),
    Route("GET", "/book/{business}", Who.PUBLIC, get_book,
          "Pages", "The booking page", query=BookQuery, answers={200: None}, media_type="text/html"),
    Route("POST", "/book/{business}", Who.PUBLIC, post_book,
          "Pages", "Its form, for browsers without JavaScript", query=BookQuery, answers={303: None},
          media_type="text/html"),
    Route("GET", "/book/{business}/paid/{payment}", Who.TOKEN, get_paid,
          "Pages", "Where a customer comes back to from paying", query=AnyQuery,
          answers={200: None}, media_type="text/html"),
    Route("GET", "/manage/{manage_token}", Who.TOKEN, get_manage_link,
          "Pages", "The link in mails: goes on to a page whose address is no secret", query=ManageLinkQuery,
          answers={303: None},
          media_type="text/html"),
    Route("GET", "/manage/at/{id}", Who.PUBLIC, get_manage,
          "Pages", "An appointment, for its customer", query=ManageQuery, answers={200: None}, media_type="text/html"),
    Route("POST", "/manage/at/{id}", Who.PUBLIC, post_manage,
          "Pages", "Its form, for browsers without JavaScript", query=ManageQuery,
          answers={303: None}, media_type="text/html"),
    Route("GET", "/embed", Who.PUBLIC, get_embed,
          "Pages", "How to put the widget on a site", query=EmbedQuery, answers={200: None}, media_type="text/html"),
    Route("GET", "/favicon.ico", Who.PUBLIC, get_favicon,
          "Pages", "The picture in a browser's tab", answers={200: None}, media_type="image/svg+xml"),
    Route("GET", "/embed.js", Who.PUBLIC, get_embed_script,
          "Pages", "The script of that page", answers={200: None}, media_type="text/javascript"),
    Route("GET", "/paid.js", Who.PUBLIC, get_paid_script,
          "Pages", "The script of the page after paying", answers={200: None}, media_type="text/javascript"),
    Route("GET", "/confirm/{token}", Who.TOKEN, get_confirm,
          "Pages", "The page behind the link that confirms an address; changes nothing", query=AnyQuery,
          answers={200: None, 303: None}, media_type="text/html"),
    Route("POST", "/confirm/{token}", Who.TOKEN, post_confirm,
          "Pages", "Its button, which books", query=AnyQuery, answers={303: None}, media_type="text/html"),
    Route("GET", "/requests/{token}", Who.TOKEN, get_request_page,
          "Pages", "Where a provider answers a request from their mail", query=AnyQuery,
          answers={200: None}, media_type="text/html"),
    Route("POST", "/requests/{token}", Who.TOKEN, post_request_page,
          "Pages", "Its buttons", query=AnyQuery, answers={303: None}, media_type="text/html"),
    Route("GET", "/waitlist/{token}", Who.TOKEN, get_waitlist_page,
          "Waitlist", "The page behind the link of an offer", query=AnyQuery,
          answers={200: None}, media_type="text/html"),
    Route("POST", "/waitlist/{token}", Who.TOKEN, post_waitlist_page,
          "Waitlist", "Its button", query=AnyQuery, answers={303: None}, media_type="text/html"),
    Route("GET", "/v1/unsubscribe/{token}", Who.TOKEN, get_unsubscribe,
          "Inbound", "Asks whether to stop reminders", query=AnyQuery, answers={200: None}, media_type="text/html"),
    Route("POST", "/v1/unsubscribe/{token}", Who.TOKEN, post_unsubscribe,
          "Inbound", "Stops reminders (RFC 8058)", query=AnyQuery, answers={200: None}, media_type="text/html",
          checks_sender=True),
    Route("POST", "/v1/inbound/sms/{id}", Who.PUBLIC, inbound_sms.receive_sms_status,
          "Inbound", "What became of a text message (Twilio)", answers={204: None}, refuses=SIGNED),
    Route("POST", "/v1/inbound/sms", Who.PUBLIC, inbound_sms.receive_sms,
          "Inbound", "Somebody has answered a text message (Twilio): START lifts what STOP did", answers={204: None},
          refuses=SIGNED),
    Route("GET", "/v1/oauth/callback", Who.PUBLIC, get_sign_in,
          "Inbound", "Where a calendar service sends its user back to", query=SignInQuery,
          answers={200: None}, media_type="text/html"),
    Route("POST", "/v1/oauth/callback", Who.PUBLIC, post_sign_in,
          "Inbound", "Its button", query=SignInQuery, answers={200: None}, media_type="text/html"),
    Route("POST", "/v1/inbound/calendars/{token}", Who.TOKEN, receive_notice,
          "Inbound", "Something has changed in a calendar (Google, Microsoft, WebDAV-Push)", query=NoticeQuery,
          answers={200: None, 201: None}, media_type="text/plain"),
    Route("POST", "/v1/inbound/mail", Who.PUBLIC, inbound_mail.receive_inbound_mail,
          "Inbound", "Hand over a mail that answers an invitation", answers={204: None}, refuses=SIGNED),
    Route("GET", "/v1/openapi.json", Who.PUBLIC, get_openapi,
          "Operation", "This description (OpenAPI 3.1)", answers={200: None, 304: None}),
    Route("GET", "/docs", Who.PUBLIC, get_docs,
          "Operation", "This description, for people", answers={200: None}, media_type="text/html"),
    Route("GET", "/problems/{slug}", Who.PUBLIC, get_problem,
          "Operation", "What a type of problem means", answers={200: None}, media_type="text/html"),
    Route("GET", "/healthz", Who.PUBLIC, health.healthz,
          "Operation", "The process answers", answers={200: None}, media_type="text/plain", limited=False),
    Route("GET", "/readyz", Who.OPERATOR, in_brief(health.readyz),
          "Operation", "Bookings can be taken", answers={200: Readiness, 503: Readiness}, limited=False),
    Route("GET", "/metrics", Who.OPERATOR, for_operators(health.metrics),
          "Operation", "For Prometheus", answers={200: None}, media_type="text/plain", limited=False),
)
# fmt: on


def add_routes(app: web.Application) -> None:
    """Puts the table into *app*."""
    app[API_DOCUMENT] = ApiDocument(ROUTES, app[SETTINGS].http.base_url)
    app[DOCS] = {}
    app[KEPT] = {}
    for route in ROUTES:
        handler = as_handler(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET" and route.media_type != "text/event-stream":
            app.router.add_route("HEAD", route.path, handler)
    for path in sorted({route.path for route in ROUTES if route.path.startswith("/v1/")}):
        app.router.add_route("OPTIONS", path, preflight)
