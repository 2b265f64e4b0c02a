"""
Owns what a message has to know when it is sent: the place as it is now, the business, and whether the address still
wants to hear from it.

Leaves the words to `channels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from server.domain.appointment import Contact, Place
from server.domain.confirmations import Confirmation
from server.domain.waitlist import WaitlistOffer
from server.store.appointments import PLACE_COLUMNS, PLACE_TABLES, place_of
from server.store.confirmations import confirmations_of
from server.store.deliveries import Delivery
from server.store.engine import Row, Session
from server.store.waitlist import offers_of_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The business that writes."""

    slug: str
    name: str
    email: str
    phone: str
    website: str
    accent: str
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whether the target of a delivery may be written to."""

    unwanted: frozenset[str]
    """Scopes in which it asked for no more, or bounced: `all`, `reminders`."""
    sent_today: int
    """Messages to it over this channel in the last 24 hours."""
    unproved_today: int
    """Of these, the ones to customers whose address nobody had proved."""
    unproved_this_hour: int
    """Messages to it in the last hour about such customers."""
    of_business_today: int
    """Messages of the business over this channel in the last 24 hours; counted for SMS only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a message about a place says beside the place itself."""

    online: bool
    """Its location is nowhere."""
    provider_locale: str
    """The provider's language; the business's where they have none of their own."""
    questions: Sequence[Mapping[str, object]]
    """What the service asks."""
    refund_minor: int
    """What goes back of what was paid for it, in the payment's currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything about one delivery."""

    sender: Sender
    addressee: Addressee
    place: Place | None
    """None for messages that are not about an appointment."""
    around: Surroundings | None = None
    """Of the place, where there is one."""
    offer: WaitlistOffer | None = None
    """Of a message about the waitlist: what is offered; None where that is over."""
    others: Sequence[Contact] = ()
    """The other customers whom a message to the provider names."""
    confirmation: Confirmation | None = None
    """Of a message that asks an address to confirm itself."""
    now: datetime


_SENDERS = """
SELECT d.id AS delivery_id, b.slug, b.name, b.email, b.phone, b.website, b.theme, b.locale, clock_timestamp() AS now,
       (SELECT array_agg(s.scope) FROM suppressions s
         WHERE s.business_id = b.id AND s.channel = d.channel AND s.target = d.target
           AND (s.until IS NULL OR s.until > clock_timestamp())) AS unwanted,
       (SELECT count(*) FROM deliveries o
         WHERE o.channel = d.channel AND o.target = d.target AND o.state IN ('sent', 'undelivered')
           AND o.created_at > clock_timestamp() - interval '1 day') AS sent_today,
       unproved.today AS unproved_today, unproved.this_hour AS unproved_this_hour,
       CASE WHEN d.channel = 'sms' THEN (
           SELECT count(*) FROM deliveries o
            WHERE o.business_id = b.id AND o.channel = 'sms' AND o.state IN ('sent', 'undelivered')
              AND o.created_at > clock_timestamp() - interval '1 day') ELSE 0 END AS of_business_today
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) d (business_id, id, channel, target)
  JOIN businesses b ON b.id = d.business_id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE o.recipient = 'customer') AS today,
              -- Of no attendee are notices about money, endpoints or the flood itself.
              count(*) FILTER (WHERE o.attendee_id IS NOT NULL
                                 AND o.created_at > clock_timestamp() - interval '1 hour') AS this_hour
         FROM deliveries o
         LEFT JOIN attendees t ON t.business_id = o.business_id AND t.id = o.attendee_id
        WHERE o.channel = d.channel AND o.target = d.target AND o.state = 'sent'
          AND o.created_at > clock_timestamp() - interval '1 day' AND t.proved_at IS NULL) unproved
"""

# An attendee may have moved to another class since: the appointment that the message is about goes with the delivery.
_PLACES = (
    PLACE_COLUMNS
    + ", d.id AS delivery_id, l.online, s.questions, coalesce(nullif(p.locale, ''), b.locale) AS provider_locale,"
    " coalesce((SELECT max(m.return_minor) FROM payments m"
    " WHERE m.business_id = a.business_id AND m.appointment_id = a.id), 0) AS refund_minor"
    + PLACE_TABLES
    + """
  JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) d (business_id, id, appointment_id, attendee_id)
    ON d.business_id = t.business_id AND d.attendee_id = t.id
"""
)


async def load_letters(session: Session, deliveries: Sequence[Delivery]) -> Mapping[int, Letter]:
    """By id of the delivery, in a few queries however many there are; without those whose business is gone."""
    of_business = [delivery.business_id for delivery in deliveries]
    ids = [delivery.id for delivery in deliveries]
    senders = await session.fetch(
        _SENDERS, of_business, ids, [d.channel for d in deliveries], [d.target for d in deliveries]
    )
    about = [delivery for delivery in deliveries if delivery.attendee_id is not None]
    places: dict[int, tuple[Place, Surroundings]] = {}
    if about:
        rows = await session.fetch(
            _PLACES,
            [d.business_id for d in about],
            [d.id for d in about],
            [d.appointment_id for d in about],
            [d.attendee_id for d in about],
        )
        places = {row["delivery_id"]: (place_of(row), _surroundings(row)) for row in rows}
    offers = await _offers(session, deliveries)
    asked = await _asked(session, deliveries)
    others = await _others(session, deliveries)
    return {
        row["delivery_id"]: replace(
            _letter(row, places.get(row["delivery_id"]), offers.get(row["delivery_id"])),
            confirmation=asked.get(row["delivery_id"]),
            others=others.get(row["delivery_id"], ()),
        )
        for row in senders
    }


async def _asked(session: Session, deliveries: Sequence[Delivery]) -> dict[int, Confirmation]:
    """What waits for its address to be confirmed, by id of the delivery."""
    wanted = {
        d.id: (d.business_id, UUID(d.payload["confirmation"])) for d in deliveries if d.message == "confirm_address"
    }
    found = await confirmations_of(session, list(wanted.values())) if wanted else {}
    return {delivery_id: found[uid] for delivery_id, (_, uid) in wanted.items() if uid in found}


async def _others(session: Session, deliveries: Sequence[Delivery]) -> dict[int, list[Contact]]:
    """The customers whom a delivery names besides the one it is about, by its id, in the order in which they booked."""
    named = [(d.business_id, d.id, attendee) for d in deliveries for attendee in d.payload.get("others", ())]
    if not named:
        return {}
    rows = await session.fetch(
        "SELECT d.id AS delivery_id, t.name, t.email, t.phone"
        "  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) d (business_id, id, attendee_id)"
        "  JOIN attendees t ON t.business_id = d.business_id AND t.id = d.attendee_id ORDER BY t.id",
        [business_id for business_id, _, _ in named],
        [delivery_id for _, delivery_id, _ in named],
        [attendee for _, _, attendee in named],
    )
    found: dict[int, list[Contact]] = {}
    for row in rows:
        found.setdefault(row["delivery_id"], []).append(Contact(row["name"], row["email"], row["phone"]))
    return found


async def _offers(session: Session, deliveries: Sequence[Delivery]) -> dict[int, WaitlistOffer]:
    """What is offered to those who wait, by id of the delivery."""
    entries = {d.id: (d.business_id, UUID(d.payload["entry"])) for d in deliveries if d.message == "waitlist_offer"}
    if not entries:
        return {}
    offers = await offers_of_entries(session, list(entries.values()))
    return {delivery_id: offers[uid] for delivery_id, (_, uid) in entries.items() if uid in offers}


def _surroundings(row: Row) -> Surroundings:
    return Surroundings(
        online=row["online"],
        provider_locale=row["provider_locale"],
        questions=tuple(row["questions"]),
        refund_minor=row["refund_minor"],
    )


def _letter(row: Row, found: tuple[Place, Surroundings] | None, offer: WaitlistOffer | None) -> Letter:
    place, around = found or (None, None)
    return Letter(
        sender=Sender(
            slug=row["slug"],
            name=row["name"],
            email=row["email"],
            phone=row["phone"],
            website=row["website"],
            accent=_accent(row["theme"]),
            locale=row["locale"],
        ),
        addressee=Addressee(
            unwanted=frozenset(row["unwanted"] or ()),
            sent_today=row["sent_today"],
            unproved_today=row["unproved_today"],
            unproved_this_hour=row["unproved_this_hour"],
            of_business_today=row["of_business_today"],
        ),
        place=place,
        around=around,
        offer=offer,
        now=row["now"],
    )


def _accent(theme: Mapping[str, Any]) -> str:
    return str(theme.get("accent", ""))
