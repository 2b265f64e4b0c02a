"""
Owns sending one mail: whether it is still wanted, what it says, and the calendar document that goes with it.

Leaves the words to `channels/messages`, the document to `calendars/invitation`, the sending to `channels/mail`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from ics.itip.mail import build_mail
from server.calendars.invitation import document_for
from server.channels.mail import MailTransport
from server.channels.messages import Letter as Words
from server.channels.messages import (
    MessageFacts,
    MessageKind,
    render_feed_address,
    render_letter,
    render_notice,
)
from server.channels.outcome import Outcome, Verdict
from server.channels.owner_notices import NOTICES as OWNER_NOTICES
from server.channels.owner_notices import render_owner_notice
from server.domain.appointment import Appointment, Place
from server.domain.channels import Recipient
from server.domain.confirmations import Confirmation
from server.domain.details import by_label
from server.domain.lifecycle import CHANGEABLE, Actor
from server.domain.telling import is_superseded
from server.domain.waitlist import WaitlistOffer
from server.settings import MailSettings, Settings
from server.store.deliveries import Delivery
from server.store.letters import Letter, Sender
from server.tokens import SecretMissing, Vault
from server.usecases.answer_request import Request, seal_request
from server.worker.pump import NotSent

NO_LINK = Outcome(
    verdict=Verdict.REFUSED,
    detail="none of BOOKABLE_SECRET_KEYS made its link: put the secret that did back, behind the others, and redrive",
)
"""A link that leads nowhere does not leave the house."""


_NEVER_SPARED = frozenset({"payment_returned", "calendar_trouble", "reminder", *OWNER_NOTICES})
"""Nobody causes these by typing an address, or not more of them than bookings."""
_OURS = frozenset({Actor.PROVIDER, Actor.CALENDAR, Actor.SYSTEM})
"""Whose steps are told, however many bookings a stranger made: the customer who would come must hear of them."""


class MailSender:
    """Writes and sends mails."""

    def __init__(self, transport: MailTransport, vault: Vault, settings: Settings) -> None:
        self._transport = transport
        self._vault = vault
        self._mail = settings.mail
        self._base_url = settings.http.base_url

    async def __call__(self, delivery: Delivery, letter: Letter, may_send: Callable[[], bool]) -> Outcome:
        """
        One attempt.

        Raises:
            NotSent: It is not true any more, or the address wants no more mail.
        """
        why_not = (
            is_unwanted(delivery, letter, per_day=self._mail.per_address_day)
            or _too_many_unproved(delivery, letter, self._mail)
            or is_over(delivery, letter)
        )
        if why_not is not None:
            raise NotSent(why_not)
        try:
            mail = self.compose(delivery, letter)
        except SecretMissing:
            return NO_LINK
        return await self._transport.send(mail, may_send=may_send)

    def compose(self, delivery: Delivery, letter: Letter) -> EmailMessage:
        """The mail of *delivery*: the same Message-ID on every attempt, so that a second copy is known as one."""
        place = letter.place
        if delivery.message == "calendar_trouble":
            return self._notice(delivery, letter)
        if delivery.message in OWNER_NOTICES:
            return self._owner_notice(delivery, letter)
        if delivery.message == "customer_feed" and place is not None:
            return self._feed(delivery, letter, place)
        facts = facts_of(delivery, letter, base_url=self._base_url, vault=self._vault)
        locale, zone = reader_of(delivery, letter)
        words = self._words(delivery, self._with_proof(delivery, facts, place), locale=locale, zone=zone)
        sender = self._sender(delivery, place)
        reply_to, reply_to_name = self._reply_to(delivery, letter, sender)
        document = None
        if place is not None and delivery.recipient == "customer":
            document = document_for(delivery.message, place, organizer=sender, manage_url=facts.manage_url)
        domain = sender.rpartition("@")[2]
        return build_mail(
            sender=sender,
            sender_name=letter.sender.name,
            to=delivery.target,
            to_name=_name_of(delivery, letter),
            reply_to=reply_to,
            reply_to_name=reply_to_name,
            subject=words.subject,
            text=words.text,
            html=words.html,
            calendar=document[1] if document else None,
            method=document[0] if document else None,
            message_id=f"<{delivery.uid.hex}@{domain}>",
            references=_thread(delivery, place, domain),
            date=datetime.now(UTC),
            list_unsubscribe=facts.unsubscribe_url,
        )

    def _notice(self, delivery: Delivery, letter: Letter) -> EmailMessage:
        """About a connected calendar: no customer, no appointment, no invitation."""
        payload = delivery.payload
        words = render_notice(
            letter.sender.name,
            letter.sender.accent,
            calendar=payload["name"],
            detail=payload["detail"],
            must_sign_in=payload["state"] == "needs_reauth",
            locale=payload.get("locale", "en"),
        )
        sender = self._mail.sender
        return build_mail(
            sender=sender,
            sender_name=letter.sender.name,
            to=delivery.target,
            to_name="",
            reply_to=letter.sender.email or None,
            subject=words.subject,
            text=words.text,
            html=words.html,
            calendar=None,
            method=None,
            message_id=f"<{delivery.uid.hex}@{sender.rpartition('@')[2]}>",
            references=None,
            date=datetime.now(UTC),
            list_unsubscribe=None,
        )

    def _owner_notice(self, delivery: Delivery, letter: Letter) -> EmailMessage:
        """About money, text messages or endpoints: for whoever runs the business."""
        payload, business = delivery.payload, letter.sender
        locale = str(payload.get("locale", "en"))
        words = render_owner_notice(delivery.message, business.name, business.accent, payload, locale=locale)
        sender = self._mail.sender
        return build_mail(
            sender=sender,
            sender_name=business.name,
            to=delivery.target,
            to_name="",
            reply_to=None,
            subject=words.subject,
            text=words.text,
            html=words.html,
            calendar=None,
            method=None,
            message_id=f"<{delivery.uid.hex}@{sender.rpartition('@')[2]}>",
            references=None,
            date=datetime.now(UTC),
            list_unsubscribe=None,
        )

    def _feed(self, delivery: Delivery, letter: Letter, place: Place) -> EmailMessage:
        """The address of a customer's own feed: nobody but the reader of this mailbox is told."""
        token = self._vault.feed_token(delivery.payload["feed"], bytes.fromhex(delivery.payload["token_hash"]))
        words = render_feed_address(
            letter.sender.name,
            letter.sender.accent,
            address=f"{self._base_url}/feeds/{token}/appointments.ics",
            locale=place.attendee.locale,
        )
        sender = self._mail.sender
        return build_mail(
            sender=sender,
            sender_name=letter.sender.name,
            to=delivery.target,
            to_name=_name_of(delivery, letter),
            reply_to=letter.sender.email or None,
            subject=words.subject,
            text=words.text,
            html=words.html,
            calendar=None,
            method=None,
            message_id=f"<{delivery.uid.hex}@{sender.rpartition('@')[2]}>",
            references=None,
            date=datetime.now(UTC),
            list_unsubscribe=None,
        )

    def _with_proof(self, delivery: Delivery, facts: MessageFacts, place: Place | None) -> MessageFacts:
        """*facts* with a link that also proves who reads this mailbox. Calendars are shared: theirs goes without."""
        if place is None or delivery.recipient != "customer":
            return facts
        proof = self._vault.mail_proof(place.attendee.token_salt)
        return replace(facts, manage_url=f"{facts.manage_url}?proof={proof}")

    def _words(self, delivery: Delivery, facts: MessageFacts, *, locale: str, zone: ZoneInfo) -> Words:
        kind, recipient = MessageKind(delivery.message), Recipient(delivery.recipient)
        return render_letter(kind, recipient, facts, locale=locale, zone=zone)

    def _reply_to(self, delivery: Delivery, letter: Letter, sender: str) -> tuple[str | None, str]:
        """
        Address and name: a provider who answers, answers the customer, if there is one; a customer the business, where
        replies are read if they are.
        """
        business = letter.sender
        if delivery.recipient == Recipient.PROVIDER and letter.others:
            return business.email or None, business.name
        if delivery.recipient == Recipient.PROVIDER and letter.place is not None and letter.place.attendee.email:
            return letter.place.attendee.email, letter.place.attendee.name
        return sender if self._mail.reply_domain else business.email or None, business.name

    def _sender(self, delivery: Delivery, place: Place | None) -> str:
        """From and ORGANIZER: an address of the attendee's own, where answers can come back."""
        if self._mail.reply_domain and place is not None and delivery.recipient == "customer":
            attendee = place.attendee
            return self._vault.reply_address(
                delivery.business_id, attendee.id, attendee.token_salt, self._mail.reply_domain
            )
        return self._mail.sender


def is_unwanted(delivery: Delivery, letter: Letter, *, per_day: int) -> str | None:
    """Why its address must not be written to; None if it may."""
    addressee = letter.addressee
    if "all" in addressee.unwanted or (delivery.message == "reminder" and "reminders" in addressee.unwanted):
        return "the address asked for no more, or bounces"
    if delivery.recipient == "customer" and addressee.sent_today >= per_day:
        return f"the address has had {addressee.sent_today} messages today"
    return None


def _too_many_unproved(delivery: Delivery, letter: Letter, limits: MailSettings) -> str | None:
    """
    Why somebody is spared a mail that a stranger causes; None where they are not.

    An address that was typed gets few, until somebody opens one; a provider hears of a flood, and not of each drop.
    """
    is_proved = letter.place is not None and letter.place.attendee.proved_at is not None
    if is_proved or delivery.message in _NEVER_SPARED or delivery.payload.get("actor") in _OURS:
        return None
    addressee = letter.addressee
    if delivery.recipient == "customer" and addressee.unproved_today >= limits.unproved_per_address_day:
        return f"nobody opened one of {addressee.unproved_today} mails to this address today"
    if delivery.recipient == "provider" and addressee.unproved_this_hour >= limits.per_provider_hour:
        return f"{addressee.unproved_this_hour} mails about unconfirmed customers within an hour"
    return None


def is_over(delivery: Delivery, letter: Letter) -> str | None:
    """Why the message is not true any more; None if it is."""
    if delivery.message == "confirm_address":
        return (
            None if letter.confirmation is not None and _is_waiting(letter.confirmation) else "it is over, or confirmed"
        )
    if delivery.message == "waitlist_offer":
        return None if _is_offered(delivery, letter) else "the offer is over"
    place = letter.place
    if place is None:
        return None if delivery.attendee_id is None else "the appointment is gone, or the attendee moved to another"
    start = place.appointment.start
    return is_superseded(
        delivery.message,
        told_start=datetime.fromisoformat(delivery.payload["start"]).astimezone(UTC).isoformat(),
        start=start.astimezone(UTC).isoformat(),
        living=place.status in CHANGEABLE,
        over=start <= letter.now,
    )


def _is_offered(delivery: Delivery, letter: Letter) -> bool:
    """Whether what the message offers is held still, and for its reader."""
    offer = letter.offer
    told = datetime.fromisoformat(delivery.payload["expires_at"])
    return offer is not None and offer.expires_at == told and offer.expires_at > letter.now


def _is_waiting(asked: Confirmation | None) -> bool:
    """Whether the time is held still, and nobody has confirmed it."""
    return asked is not None and asked.is_held and asked.confirmed_at is None


def facts_of(delivery: Delivery, letter: Letter, *, base_url: str, vault: Vault) -> MessageFacts:
    """What the words are made of."""
    business = letter.sender
    common = _of_business(business, base_url)
    payload = delivery.payload
    if letter.offer is not None:
        return MessageFacts(**common, **_of_offer(letter.offer, base_url, vault), now=letter.now)
    if letter.confirmation is not None:
        return MessageFacts(**common, **_of_confirmation(letter.confirmation, base_url, vault), now=letter.now)
    if letter.place is None:
        return MessageFacts(**common, **_of_payload(payload))
    place = letter.place
    a, customer = place.appointment, place.attendee
    to_customer = delivery.recipient == "customer"
    start, end, before = _times(delivery, a)
    reminder = to_customer and delivery.message == "reminder"
    around = letter.around
    assert around is not None, "a place has surroundings"
    return MessageFacts(
        **common,
        service=a.service_name,
        provider=a.provider_name,
        location=a.location_name,
        address=place.address,
        online=around.online,
        customer_name=customer.name,
        customer_email=customer.email,
        customer_phone=customer.phone,
        others=letter.others,
        start=start,
        end=end,
        previous_start=before,
        changes_provider=payload.get("previous_provider") is not None,
        location_zone=a.timezone,
        price_minor=customer.terms.price_minor,
        currency=customer.terms.currency,
        fee_minor=customer.fee_minor,
        refund_minor=around.refund_minor,
        terms=customer.terms,
        now=letter.now,
        manage_url=_link(delivery, place, base_url, vault),
        reason=str(payload.get("reason", "")),
        expires_at=None,
        unsubscribe_url=f"{base_url}/v1/unsubscribe/{vault.unsubscribe_token(delivery.business_id, delivery.target)}"
        if reminder
        else None,
        # Of several customers, nobody would know whose answers these are.
        answers={} if to_customer or letter.others else by_label(customer.answers, around.questions),
    )


def _times(delivery: Delivery, appointment: Appointment) -> tuple[datetime, datetime, datetime | None]:
    """Start, end, and the start before: to the provider who lost it all of it is over, to the one who got it, new."""
    payload = delivery.payload
    before = datetime.fromisoformat(payload["previous_start"]) if payload.get("previous_start") else None
    if "former" in payload and before is not None:
        return before, datetime.fromisoformat(payload["previous_end"]), None
    is_new = delivery.recipient == Recipient.PROVIDER and payload.get("previous_provider") is not None
    if is_new or before == appointment.start:
        before = None
    return appointment.start, appointment.end, before


def _link(delivery: Delivery, place: Place, base_url: str, vault: Vault) -> str:
    """Where the reader goes on: the customer to their appointment, the provider to the request that waits for them."""
    attendee = place.attendee
    if delivery.recipient == Recipient.CUSTOMER:
        return f"{base_url}/manage/{vault.manage_token(attendee.token_salt, attendee.token_hash)}"
    if delivery.message != MessageKind.REQUESTED:
        return ""
    request = Request(place.appointment.business_id, place.appointment.uid, int(place.appointment.start.timestamp()))
    return f"{base_url}/requests/{seal_request(vault, request)}"


def _of_business(business: Sender, base_url: str) -> dict[str, Any]:
    return {
        "business_name": business.name,
        "business_email": business.email,
        "business_phone": business.phone,
        "business_url": business.website,
        "book_url": f"{base_url}/book/{business.slug}",
        "accent": business.accent,
    }


def _of_offer(offer: WaitlistOffer, base_url: str, vault: Vault) -> dict[str, Any]:
    """A time that is held for somebody who waits; the link to it is nowhere but in their mail."""
    link = f"{base_url}/waitlist/{vault.waitlist_token(offer.token_salt, offer.token_hash)}"
    return {**_of_held(offer), "customer_name": offer.name, "manage_url": link}


def _of_confirmation(asked: Confirmation, base_url: str, vault: Vault) -> dict[str, Any]:
    """A time that is held until its address is confirmed; the link to it is nowhere but in this mail."""
    link = f"{base_url}/confirm/{vault.confirm_token(asked.token_salt, asked.token_hash)}"
    return {**_of_held(asked), "customer_name": "", "manage_url": link}


def _of_held(held: WaitlistOffer | Confirmation) -> dict[str, Any]:
    """What a mail says of a time that nobody has booked yet."""
    return {
        "service": held.service_name,
        "provider": held.provider_name,
        "location": held.location_name,
        "address": held.address,
        "start": held.start,
        "end": held.end,
        "location_zone": held.location_zone,
        "online": held.online,
        "price_minor": held.terms.price_minor,
        "currency": held.terms.currency,
        "terms": held.terms,
        "expires_at": held.expires_at,
    }


def _of_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Money that went back: there is no appointment, and everything is in the fact."""
    return {
        "service": payload["service"],
        "provider": "",
        "location": "",
        "customer_name": payload["name"],
        "start": datetime.fromisoformat(payload["start"]),
        "end": datetime.fromisoformat(payload["end"]),
        "location_zone": payload["location_zone"],
        "price_minor": payload["amount_minor"],
        "currency": payload["currency"],
    }


def reader_of(delivery: Delivery, letter: Letter) -> tuple[str, ZoneInfo]:
    """Locale and zone of whoever reads it; a provider reads in the zone of the location."""
    if letter.offer is not None:
        return letter.offer.locale, ZoneInfo(letter.offer.timezone)
    place = letter.place
    if letter.confirmation is not None:
        return delivery.payload["locale"], ZoneInfo(delivery.payload["timezone"])
    if place is None:
        return delivery.payload.get("locale", "en"), ZoneInfo(delivery.payload.get("timezone", "Etc/UTC"))
    if delivery.recipient == Recipient.CUSTOMER:
        return place.attendee.locale, ZoneInfo(place.attendee.timezone)
    assert letter.around is not None, "a place has surroundings"
    former = delivery.payload.get("former")
    locale = former["locale"] if former else letter.around.provider_locale
    return locale, ZoneInfo(place.appointment.timezone)


def _name_of(delivery: Delivery, letter: Letter) -> str:
    if letter.offer is not None:
        return letter.offer.name
    place = letter.place
    if place is None:
        return str(delivery.payload.get("name", ""))
    if delivery.recipient == Recipient.CUSTOMER:
        return place.attendee.name
    former = delivery.payload.get("former")
    return str(former["name"]) if former else place.appointment.provider_name


def _thread(delivery: Delivery, place: Place | None, domain: str) -> str | None:
    """All mails about one place hang on one id, so that mail programs show them as one conversation."""
    return f"<{place.appointment.uid.hex}.{delivery.attendee_id}@{domain}>" if place is not None else None
