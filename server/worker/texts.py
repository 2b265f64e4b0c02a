"""
Owns sending one text message: whether it is still wanted, within what it may cost.

Leaves the words to `channels/messages` and the sending to `channels/sms`.
"""

from collections.abc import Callable

from server.channels.messages import MessageKind, render_text
from server.channels.outcome import Outcome, Verdict
from server.channels.phone import home_countries, why_not_texted
from server.channels.sms import SmsChannel
from server.domain.channels import Recipient
from server.settings import Settings
from server.store.deliveries import Delivery
from server.store.engine import Session
from server.store.home_facts import home_facts
from server.store.letters import Letter
from server.store.sms_status import fall_back_to_mail
from server.tokens import SecretMissing
from server.usecases.core import Core
from server.usecases.sms_status import tell_of_sender
from server.worker.mails import NO_LINK, facts_of, is_over, is_unwanted, reader_of
from server.worker.pump import NotSent


class TextSender:
    """Writes and sends text messages."""

    def __init__(self, channel: SmsChannel, core: Core, settings: Settings) -> None:
        self._channel = channel
        self._core = core
        self._vault = core.vault
        self._sms = settings.sms
        self._base_url = settings.http.base_url

    async def __call__(self, delivery: Delivery, letter: Letter, may_send: Callable[[], bool]) -> Outcome:
        """
        One attempt.

        Raises:
            NotSent: It is not true any more, its number wants no more, or it would cost too much today.
        """
        why_not = is_unwanted(delivery, letter, per_day=self._sms.per_number_day) or is_over(delivery, letter)
        if why_not is not None:
            raise NotSent(why_not)
        if letter.addressee.of_business_today >= self._sms.per_business_day:
            raise NotSent(f"the business has sent {letter.addressee.of_business_today} text messages today")
        assert letter.place is not None, "only appointments are reminded of"
        locale, zone = reader_of(delivery, letter)
        try:
            facts = facts_of(delivery, letter, base_url=self._base_url, vault=self._vault)
        except SecretMissing:
            return NO_LINK
        text = render_text(
            MessageKind(delivery.message),
            Recipient(delivery.recipient),
            facts,
            locale=locale,
            zone=zone,
        )
        outcome = await self._too_far(delivery) or await self._channel.send(
            to=delivery.target, text=text, message_id=str(delivery.uid), may_send=may_send
        )
        await self._tell(delivery, letter, outcome)
        return outcome

    async def _too_far(self, delivery: Delivery) -> Outcome | None:
        """
        A refusal where the settings name no countries and the number is of none that the business is in.

        Otherwise whoever books with a number abroad chooses what each reminder costs.
        """
        if self._sms.countries:
            return None  # the channel asks these
        async with self._core.database.reading() as session:
            home = await home_facts(session, delivery.business_id)
        countries = home_countries(home.countries, home.zones, home.phones)
        why_not = why_not_texted(delivery.target, countries=countries)
        return Outcome(verdict=Verdict.REFUSED, detail=why_not) if why_not is not None else None

    async def _tell(self, delivery: Delivery, letter: Letter, outcome: Outcome) -> None:
        """What the number will never take goes by mail; what concerns the sender goes to the owner."""
        refused, code = outcome.verdict is Verdict.REFUSED, outcome.sender_code
        if not refused and code is None:
            return

        async def work(session: Session) -> None:
            if refused:
                await fall_back_to_mail(session, delivery.business_id, delivery.id)
            if code is not None:
                sender = letter.sender
                await tell_of_sender(session, delivery.business_id, sender.email, sender.locale, str(code))

        await self._core.database.transact(work)
