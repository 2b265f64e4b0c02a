"""
Owns what becomes of a mail to a reply address: an answer in it is taken, everything else is left alone.

Leaves the answer to `receive_reply`, and how the mail got here to the worker's listener and the webhook.
"""

import logging

from ics.errors import IcsError
from ics.itip.incoming import Incoming, read_mail
from ics.read.message import read_message
from server.domain.errors import NotFound
from server.tokens import ReplyAddress
from server.usecases.core import Core
from server.usecases.receive_reply import Received, invited_at, receive_reply

log = logging.getLogger(__name__)


async def receive_mail(
    core: Core,
    raw: bytes,
    *,
    domain: str,
    limit: int,
    to: ReplyAddress | None = None,
    bounce: bool = False,
) -> Received:
    """
    Takes the answer in the mail *raw*, if there is one.

    Auto-replies, bounces and mails without an answer change nothing. No mail is ever written back: who is told what is
    decided by the facts that an answer makes.

    Args:
        domain: Where our reply addresses are.
        limit: Most bytes of a mail.
        to: Recipient in the envelope; None: whoever the mail itself names.
        bounce: The envelope had no sender (RFC 5321, 4.5.5), which the mail itself may not show.

    Raises:
        NotFound: It is to nobody whom we know.
        Unavailable: Postgres is away; send it again.
    """
    try:
        incoming = read_mail(raw, limit=limit)
        address = to or _address_in(incoming, domain)
        await invited_at(core, address)
        if bounce or incoming.is_automatic or incoming.calendar is None:
            log.info("business %d: a mail without an answer that somebody gave", address.business_id)
            return Received.WITHOUT_EFFECT
        message = read_message(incoming.calendar)
    except IcsError as error:
        log.warning("mail refused: %s", error)
        return Received.REFUSED
    return await receive_reply(core, address, incoming.sender, message)


def _address_in(incoming: Incoming, domain: str) -> ReplyAddress:
    for recipient in incoming.recipients:
        address = ReplyAddress.parse(recipient, domain)
        if address is not None:
            return address
    raise NotFound(what="address")
