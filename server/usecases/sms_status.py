"""
Owns what follows when the service says what became of a text message, and when somebody answers one with START.

Leaves sending to the worker, and what codes mean to `domain/sms_status`.
"""

import logging
from uuid import UUID

from server.domain.errors import NotFound
from server.domain.events import Kind
from server.domain.sms_status import (
    LEFT_ALONE,
    LOST,
    MOST_IN_A_ROW,
    ONCE_MORE_AFTER,
    Concern,
    comes_after,
    concern_of,
    meaning_of,
)
from server.store.engine import Session
from server.store.outbox import add_fact
from server.store.sms_status import (
    Text,
    fall_back_to_mail,
    find_text,
    lost_in_a_row,
    note_status,
    send_once_more,
)
from server.store.suppressions import lift_of_number, suppress
from server.usecases.core import Core

log = logging.getLogger(__name__)

_START = frozenset({"START", "YES", "UNSTOP"})
"""What Twilio takes for it, in any case (help.twilio.com/articles/223134027)."""


async def hear_of_sms(core: Core, uid: UUID, remote_id: str, status: str, code: str) -> None:
    """
    What a service says about a text message: early, late, in any order, again and again.

    Raises:
        NotFound: We sent none with this id.
    """

    async def work(session: Session) -> None:
        text = await find_text(session, uid)
        if text is None:
            raise NotFound(what="message")
        if not _is_news(text, remote_id, status):
            return
        lost = status in LOST
        await note_status(session, text, remote_id, status, detail=meaning_of(status, code), lost=lost)
        if lost:
            await _after_loss(session, text, code)

    await core.database.transact(work)


def _is_news(text: Text, remote_id: str, status: str) -> bool:
    """A callback about an earlier sending of the same message is none; one before our own answer may be."""
    if remote_id == text.remote_id:
        return comes_after(status, text.remote_status)
    return text.state == "sending" or text.remote_id is None


async def _after_loss(session: Session, text: Text, code: str) -> None:
    concern = concern_of(code)
    if concern is Concern.PASSING and text.state == "sent" and text.tries < 2:
        await send_once_more(session, text, ONCE_MORE_AFTER)
        return
    await fall_back_to_mail(session, text.business_id, text.id)
    if concern is Concern.SENDER:
        await tell_of_sender(session, text.business_id, text.business_email, text.business_locale, code)
    elif concern is Concern.ASKED:
        await _leave_alone(session, text, reason="asked for no more text messages", days=False)
    elif concern is Concern.NUMBER:
        lost = await lost_in_a_row(session, text.business_id, text.target, most=MOST_IN_A_ROW)
        if lost >= MOST_IN_A_ROW:
            await _leave_alone(session, text, reason=meaning_of("not delivered", code), days=True)


async def _leave_alone(session: Session, text: Text, *, reason: str, days: bool) -> None:
    await suppress(
        session,
        text.business_id,
        channel="sms",
        target=text.target,
        scope="all",
        reason=reason[:200],
        for_=LEFT_ALONE if days else None,
    )


async def tell_of_sender(session: Session, business_id: int, email: str, locale: str, code: str) -> None:
    """No text message arrives: the owner is told once a day, the operator in the log."""
    detail = meaning_of("not delivered", code)
    log.error("text messages of business %d do not arrive: %s", business_id, detail)
    payload = {"v": 1, "email": email, "locale": locale, "code": code, "detail": detail}
    await add_fact(session, business_id, Kind.SMS_TROUBLE, payload)


async def hear_from_number(core: Core, number: str, words: str, opt_out_type: str) -> None:
    """Somebody wrote to the sender: START ends every "no more" of their number. STOP is kept by the service itself."""
    if opt_out_type.upper() != "START" and words.strip().upper() not in _START:
        return

    async def work(session: Session) -> int:
        return await lift_of_number(session, number)

    await core.database.transact(work)
