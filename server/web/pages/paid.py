"""
Owns the page to which a customer comes back from paying: whether it is booked, and what else became of it.

Leaves the payment to `usecases/payments`. Looking changes nothing; while nothing is known the page looks again.
"""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from server.domain.errors import NotFound
from server.domain.lifecycle import Status
from server.domain.payments import UNPAID, PaymentStatus
from server.store.payments import Payment
from server.usecases.payments import view_payment
from server.web.keys import CORE, METHODS, SETTINGS
from server.web.pages.brand import brand_of
from server.web.pages.html import STYLE, page_answer, render_page, static_answer
from server.web.pages.language import voice_of
from server.web.pages.manage import HEADINGS


def paid_page(request: web.Request) -> str:
    """The address of the pages of a business's payments; the payment's id follows."""
    return f"{request.app[SETTINGS].http.base_url}/book/{request.match_info['business']}/paid/"


async def get_paid(request: web.Request) -> web.Response:
    """
    What became of a payment.

    Raises:
        NotFound: This business has none with this id.
    """
    try:
        uid = UUID(request.match_info["payment"])
    except ValueError:
        raise NotFound(what="payment") from None
    seen = await view_payment(request.app[CORE], request.app[METHODS], uid)
    if seen.payment.business != request.match_info["business"]:
        raise NotFound(what="payment")
    voice = voice_of(request).at(seen.zone)
    page = f"/book/{seen.payment.business}"
    heading = HEADINGS.get(seen.payment.appointment_status or "", HEADINGS[Status.CANCELLED])
    brand = await brand_of(request, seen.payment.business)
    html = render_page(
        "paid.html", STYLE, voice, brand=brand, seen=seen, state=_state(seen.payment), heading=heading, page=page
    )
    return page_answer(html, STYLE, widget=True, private=True, brand=brand)


_STATES: Mapping[PaymentStatus, str] = {
    PaymentStatus.OPEN: "waits",
    PaymentStatus.PROCESSING: "processing",
    PaymentStatus.BOOKED: "booked",
    PaymentStatus.CONTESTED: "contested",
    PaymentStatus.RETURNING: "returning",
    PaymentStatus.REFUND_PENDING: "returning",
    PaymentStatus.REFUND_FAILED: "refund_failed",
    PaymentStatus.RETURNED: "returned",
    PaymentStatus.EXPIRED: "over",
    PaymentStatus.FAILED: "over",
}


def _state(payment: Payment) -> str:
    """Whoever has cancelled an appointment wants to read that first."""
    goes_back = payment.status not in UNPAID | {PaymentStatus.BOOKED, PaymentStatus.CONTESTED}
    return "cancelled" if goes_back and payment.appointment else _STATES[payment.status]


async def get_paid_script(_: web.Request) -> web.Response:
    """What makes the page look again."""
    return static_answer("paid.js", "text/javascript")
