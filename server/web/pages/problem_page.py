"""
Owns the page behind each problem's `type`: what happened, and what to do.

Leaves when a problem is answered to `web/problems`.
"""

from collections.abc import Mapping

from aiohttp import web

from server.domain.errors import NotFound
from server.web.pages.html import page_answer, render_page
from server.web.problems import INTERNAL, KINDS, OF_STATUS, ProblemKind

_STYLE = "tokens.css base.css docs.css"

EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "invalid-request": (
        "A part of the request cannot be understood, is out of bounds, or is not known here.",
        "Read errors: each has a pointer to the place and a sentence. Repeating the same request changes nothing.",
    ),
    "unauthenticated": (
        "There is no API key in the request, or it is unknown or revoked.",
        "Send Authorization: Bearer and the key. A key that was lost cannot be shown again: make a new one.",
    ),
    "forbidden": (
        "The API key is valid, but does not have the scope that this needs.",
        "Use a key with the scope named in the answer.",
    ),
    "cross-site": (
        "A page of another site sent this form. Forms of our pages are taken from our pages only.",
        "Open the page here and send its form. To book from a site of your own, embed the widget or call the API.",
    ),
    "local-only": (
        "The demo has no limits and shows all mails, so it answers nothing that a proxy passes on.",
        "Run `bookable up`, and set BOOKABLE_HTTP_BASE_URL and BOOKABLE_HTTP_TRUSTED_PROXIES.",
    ),
    "proof-required": (
        "The business asks strangers for a proof of work, and the request brought none that counts, as `reason` says.",
        "Solve `challenge` and send the same request again with the header Booking-Proof. The widget does so itself.",
    ),
    "too-many-requests": (
        "More requests came from this network or key than are allowed in a minute.",
        "Wait as many seconds as Retry-After says.",
    ),
    "not-found": (
        "There is nothing at this address, or it belongs to somebody else; the two look the same on purpose.",
        "Check the slug, id or token. what names the part that was not found.",
    ),
    "payment-required": (
        "The service is paid before it is booked.",
        "Hold the time, then POST to the business's payments; the appointment is made when the payment has arrived.",
    ),
    "payment-refused": (
        "The payment service says no to the payment: its account, the currency or the amount stands in the way.",
        "Ask the business how to pay otherwise. For the business: the payment has the reason as its trouble.",
    ),
    "price-not-chargeable": (
        "A price that is paid online is one that the payment service cannot charge.",
        "Raise or round the price as the detail says, or let customers pay on site.",
    ),
    "gone": (
        "The address of a feed was replaced by a new one, or taken back.",
        "Remove the subscription, and ask whoever gave you the address for the new one.",
    ),
    "slot-not-offered": (
        "This start is not one that availability offers: outside the hours, too soon, too far ahead, or off the grid.",
        "Take a start from availability. reasons says which rules refused; with can_override, staff may override them.",
    ),
    "terms-changed": (
        "The price, the length or the conditions were changed after they were shown, or another provider has others.",
        "Show the terms in the answer, and send the request again with them if the customer agrees.",
    ),
    "no-longer-offered": (
        "The service, provider or location of this appointment was taken out of what can be booked.",
        "Cancel it, and book something else. Staff can move it to another provider who offers the service.",
    ),
    "slot-unavailable": (
        "The time was free when it was shown, and somebody else has taken it since.",
        "Offer one of the alternatives in the answer.",
    ),
    "times-free": (
        "Somebody wants to join the waitlist although a time that suits them is free.",
        "Offer one of the alternatives in the answer.",
    ),
    "policy-window-closed": (
        "The business takes changes only up to some time before the start, and that time has passed.",
        "If the answer has a fee, cancelling is possible with accept_fee. Otherwise ask the business.",
    ),
    "illegal-transition": (
        "The appointment is in a state from which this step does not exist: it is cancelled already, for example.",
        "Read the appointment again.",
    ),
    "quota-reached": (
        "This network holds, has booked without confirming an address, or waits for as much as it may.",
        "Open the link in one of the mails: what is confirmed does not count. Or wait as long as Retry-After says.",
    ),
    "awaiting-confirmation": (
        "The hold waits for its address to be confirmed, and this is another address: one hold is confirmed by one.",
        "Open the link in the mail. Where the address was mistyped, release the hold, and hold the time again.",
    ),
    "not-bookable-online": (
        "The business takes no online bookings from whoever asks.",
        "Contact the business.",
    ),
    "too-early": (
        "Whether an appointment took place, or the customer did not come, can be said once it has begun.",
        "Ask again after begins_at. To end it before, cancel it.",
    ),
    "nothing-to-charge": (
        "The terms that the customer agreed to have no fee, or cancelling is still free at this time.",
        "Cancel it without charge_fee.",
    ),
    "customer-limit-reached": (
        "This customer has as many upcoming appointments of this service as it allows.",
        "Cancel one, or wait until one has taken place.",
    ),
    "idempotency-key-reused": (
        "The Idempotency-Key came before with another request.",
        "Use a new key for each thing that you want to happen, and the same key only to repeat it.",
    ),
    "request-in-flight": (
        "The first request with this Idempotency-Key is still being answered.",
        "Send it again in a second; then it gets the answer of the first.",
    ),
    "stale-version": (
        "Somebody has changed the thing since you read the version in If-Match.",
        "Read it again, and decide again.",
    ),
    "calendar-refused": (
        "The calendar server was asked, and does not let us in; or nothing at this address is a calendar.",
        "Read detail. Most services want an app password instead of the usual one.",
    ),
    "conflict": (
        "The request is fine by itself, but does not fit with what is there: a slug is taken, or others depend on it.",
        "Read detail. What cannot be deleted can be retired with active set to false.",
    ),
    "temporarily-unavailable": (
        "A part of the service did not answer in time.",
        "Send the same request again after Retry-After, with the same Idempotency-Key: it counts once.",
    ),
    "bad-request": ("This is not HTTP as this server reads it.", "Check how the request is put together."),
    "method-not-allowed": ("This address has other methods.", "Use one that the header Allow names."),
    "too-slow": ("The request's body did not arrive in time.", "Send it again."),
    "too-large": ("The request's body is larger than this server takes.", "Send less."),
    "unsupported-media-type": ("Bodies are JSON here.", "Send Content-Type: application/json."),
    "internal-error": (
        "Something broke that should not have. It is logged under the request id of the answer.",
        "Send the request again, with the same Idempotency-Key. If it goes on, tell us the request id.",
    ),
}

PROBLEMS: Mapping[str, ProblemKind] = {kind.slug: kind for kind in (*OF_STATUS.values(), *KINDS.values(), INTERNAL)}


async def get_problem(request: web.Request) -> web.Response:
    """
    The page of one type.

    Raises:
        NotFound: There is no such type.
    """
    kind = PROBLEMS.get(request.match_info["slug"])
    if kind is None:
        raise NotFound(what="problem")
    meaning, remedy = EXPLANATIONS.get(kind.slug, (kind.title + ".", ""))
    html = render_page("problem.html", _STYLE, kind=kind, meaning=meaning, remedy=remedy)
    return page_answer(html, _STYLE)
