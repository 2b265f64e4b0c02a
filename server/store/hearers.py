"""
Owns who there is to be told of a fact: the attendees and the provider of its appointment, and those who wait for time.

Leaves endpoints of webhooks to `webhook_endpoints`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.store.engine import Session


@dataclass(frozen=True, slots=True)
class Customer:
    """An attendee, as far as a message needs an address."""

    id: int
    email: str
    left_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider who has an appointment no more."""

    name: str
    email: str
    """The business's where they have none of their own; may be empty."""
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearers:
    """Who hears of one appointment."""

    provider_email: str
    """The business's where the provider has none; may be empty."""
    customers: Sequence[Customer]


_OF_APPOINTMENTS = """
SELECT a.business_id, a.id, coalesce(nullif(p.email, ''), b.email) AS provider_email,
       t.id AS attendee_id, t.email, t.cancelled_at
  FROM unnest($1::bigint[], $2::bigint[]) told (business_id, id)
  JOIN appointments a ON a.business_id = told.business_id AND a.id = told.id
  JOIN businesses b ON b.id = a.business_id
  JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
  LEFT JOIN attendees t ON t.business_id = a.business_id AND t.appointment_id = a.id
 ORDER BY t.id
"""


async def hearers_of(session: Session, appointments: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Hearers]:
    """By `(business id, appointment id)`; without appointments that are gone."""
    rows = await session.fetch(_OF_APPOINTMENTS, [key[0] for key in appointments], [key[1] for key in appointments])
    emails: dict[tuple[int, int], str] = {}
    customers: dict[tuple[int, int], list[Customer]] = {}
    for row in rows:
        key = (row["business_id"], row["id"])
        emails[key] = row["provider_email"]
        there = customers.setdefault(key, [])
        if row["attendee_id"] is not None:
            there.append(Customer(row["attendee_id"], row["email"], row["cancelled_at"]))
    return {key: Hearers(provider_email=email, customers=customers[key]) for key, email in emails.items()}


async def providers_of(session: Session, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Provider]:
    """By `(business id, slug)`."""
    rows = await session.fetch(
        "SELECT p.business_id, p.slug, p.name, coalesce(nullif(p.email, ''), b.email) AS email,"
        "       coalesce(nullif(p.locale, ''), b.locale) AS locale"
        "  FROM unnest($1::bigint[], $2::text[]) wanted (business_id, slug)"
        "  JOIN providers p ON p.business_id = wanted.business_id AND p.slug = wanted.slug"
        "  JOIN businesses b ON b.id = p.business_id",
        [business_id for business_id, _ in wanted],
        [slug for _, slug in wanted],
    )
    return {
        (row["business_id"], row["slug"]): Provider(name=row["name"], email=row["email"], locale=row["locale"])
        for row in rows
    }


async def mail_of_provider(session: Session, business_id: int, provider_id: int) -> tuple[str, str]:
    """The provider's address, which may be empty, and language; the business's where they have none of their own."""
    row = await session.first(
        "SELECT coalesce(nullif(p.email, ''), b.email) AS email, coalesce(nullif(p.locale, ''), b.locale) AS locale"
        "  FROM providers p JOIN businesses b ON b.id = p.business_id WHERE p.business_id = $1 AND p.id = $2",
        business_id,
        provider_id,
    )
    return (row["email"], row["locale"]) if row is not None else ("", "en")


async def businesses_with_waiting(session: Session, businesses: Sequence[int]) -> set[int]:
    """Those of *businesses* in which somebody waits for time."""
    rows = await session.fetch(
        "SELECT DISTINCT business_id FROM waitlist_entries"
        " WHERE status = 'waiting' AND business_id = ANY($1::bigint[])",
        list(businesses),
    )
    return {row["business_id"] for row in rows}
