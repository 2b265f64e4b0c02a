"""
Owns how the terms of a booking read: until when it can be changed free of charge, and what follows.

Leaves the sentences' languages to `voice`. Pages, mails and the widget (`views/details.js`) say the same.
"""

from datetime import datetime

from server.domain.terms import Terms
from server.voice import Voice


def say_terms(voice: Voice, terms: Terms, start: datetime, *, now: datetime) -> str:
    """What changing an appointment at *start* costs; empty where it is free until it begins."""
    if terms.change_window_min == 0:
        return ""
    fee = voice.money(terms.cancel_fee_minor, terms.currency) if terms.cancel_fee_minor else ""
    until = terms.closes_at(start)
    if until <= now:
        return voice.say("Cancelling now costs {fee}.", fee=fee) if fee else voice.say(NOT_ONLINE)
    then = voice.say("Then it costs {fee}.", fee=fee) if fee else voice.say("Then only by phone.")
    return f"{voice.say('Free to cancel until {time}.', time=voice.moment(until))} {then}"


NOT_ONLINE = "It cannot be changed or cancelled online."
