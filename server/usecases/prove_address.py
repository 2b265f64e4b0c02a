"""
Owns proving an address: a link that only its mailbox was sent was followed.

Leaves what hangs on it (limits, mails, offers) to whoever counts. An address that was typed is a place to send to.
"""

from server.store.attendees import mark_proved
from server.store.engine import Session
from server.usecases.core import Core
from server.usecases.places import target_of_token


async def prove_attendee(core: Core, manage_token: str, proof: str) -> bool:
    """
    Notes that whoever shows *proof* reads the mailbox of this attendee; False where it is not the one that was mailed.

    Raises:
        NotFound: There is no such manage token.
    """
    target = await target_of_token(core, manage_token)
    attendee, business_id = target.attendee, target.appointment.business_id
    assert attendee is not None, "a manage token is an attendee's"
    if not core.vault.is_mail_proof(proof, attendee.token_salt):
        return False

    async def work(session: Session) -> None:
        await mark_proved(session, business_id, attendee.id)

    await core.database.transact(work)
    return True
