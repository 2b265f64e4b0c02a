"""
Owns what a page shows of a time that its button books: when, with whom, where, what it costs, and what changing it
costs.

Leaves the sentence about changing it to `voice_terms`, which forms and mails say, too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from server.domain.confirmations import Confirmation
from server.domain.terms import Approval, Terms
from server.domain.waitlist import WaitlistOffer
from server.voice_terms import say_terms
from server.web.pages.language import PageVoice

Held = Confirmation | WaitlistOffer


def say_cost(voice: PageVoice, terms: Terms, start: datetime, end: datetime) -> str:
    """How long it is, and its price."""
    price = voice.money(terms.price_minor, terms.currency) if terms.price_minor else voice.say("Free")
    return f"{voice.length(int((end - start).total_seconds()) // 60)} · {price}"


def promised(voice: PageVoice, held: Held) -> Mapping[str, object]:
    """What `promised.html` says of *held*: by the terms that are kept with it, whatever has been edited since."""
    terms = held.terms
    return {
        "held": held,
        "cost": say_cost(voice, terms, held.start, held.end),
        "conditions": say_terms(voice, terms, held.start, now=datetime.now(UTC)),
        "is_request": terms.approval is Approval.MANUAL,
    }
