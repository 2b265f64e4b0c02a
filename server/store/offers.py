"""
Owns reading what a business offers: service, providers, locations and their hours, in one statement.

Leaves what of it is taken, and whether it is still offered, to `taken`.
"""

from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from server.domain.appointment import Appointment
from server.domain.catalogue import Location, Offer, Provider, Service
from server.domain.errors import NotFound
from server.domain.hours import DateException, WeeklyWindow
from server.domain.reminders import ReminderRule
from server.domain.terms import Approval
from server.domain.zones import utc_day, zone
from server.holidays import public_holidays
from server.store.engine import Row, Session

_BEFORE = timedelta(days=5)
_AHEAD = timedelta(days=745)
"""Further than the longest horizon (a CHECK says 730 days)."""
_Question = tuple[str, str, str | None, str | None, date]

_OFFERS = """
SELECT b.id AS business_id, b.slug AS business, b.name AS business_name, b.currency, b.catalogue_version,
       s.id AS service_id, s.slug AS service_slug, s.name AS service_name,
       coalesce(ps.duration_min, s.duration_min) AS duration_min,
       coalesce(ps.buffer_before_min, s.buffer_before_min) AS buffer_before_min,
       coalesce(ps.buffer_after_min, s.buffer_after_min) AS buffer_after_min,
       coalesce(ps.price_minor, s.price_minor) AS price_minor,
       s.slot_step_min, s.min_notice_min, s.horizon_days, s.capacity, s.approval,
       s.reapproval, s.payment, s.per_customer_limit,
       s.change_window_min, s.cancel_fee_minor, s.phone_required, s.questions, s.reminders,
       p.id AS provider_id, p.slug AS provider_slug, p.name AS provider_name, p.resource_id, p.daily_cap,
       l.id AS location_id, l.slug AS location_slug, l.name AS location_name, l.address, l.timezone,
       l.holiday_country, l.holiday_subdivision,
       weekly.windows AS weekly, special.days AS exceptions, service_weekly.windows AS service_hours,
       needs.lists AS needs
  FROM businesses b
  JOIN services s ON s.business_id = b.id AND s.slug = $2 AND s.active
  JOIN provider_services ps ON ps.business_id = b.id AND ps.service_id = s.id
  JOIN providers p ON p.business_id = b.id AND p.id = ps.provider_id AND p.active
  JOIN locations l ON l.business_id = b.id AND l.active
 CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(weekday, start_min, end_min, valid_from, valid_until)) AS windows
         FROM working_hours w
        WHERE w.business_id = b.id AND w.provider_id = p.id AND w.location_id = l.id) weekly
 CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(day,
                (SELECT coalesce(json_agg(json_build_array(lower(part), upper(part))), '[]')
                   FROM unnest(windows) part))) AS days
         FROM exceptions e
        WHERE e.business_id = b.id AND e.provider_id = p.id AND e.location_id = l.id
          AND e.day BETWEEN $3 AND $4) special
 CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(weekday, start_min, end_min, valid_from, valid_until)) AS windows
         FROM service_hours h
        WHERE h.business_id = b.id AND h.service_id = s.id) service_weekly
 CROSS JOIN LATERAL (
       -- A resource without a location serves all; a need that nothing at this location meets is an empty list.
       SELECT json_agg(list) AS lists
         FROM (SELECT json_agg(r.id ORDER BY r.id) FILTER (WHERE r.active
                        AND (r.location_id IS NULL OR r.location_id = l.id)) AS list
                 FROM service_resources sr
                 JOIN resources r ON r.business_id = b.id AND r.id = sr.resource_id
                WHERE sr.business_id = b.id AND sr.service_id = s.id
                GROUP BY sr.need ORDER BY sr.need) by_need) needs
 WHERE b.slug = $1
   AND (weekly.windows IS NOT NULL OR special.days IS NOT NULL)"""
# A text of its own for each way of asking: "$3 IS NULL OR" would keep a plan from using the index on slugs.
_OF_PROVIDER = "\n   AND p.slug = ${}"
_AT_LOCATION = "\n   AND l.slug = ${}"
_IN_ORDER = "\n ORDER BY p.id, l.id"

_WHAT_IS_MISSING = """
SELECT b.id IS NOT NULL AS business,
       EXISTS (SELECT FROM services s WHERE s.business_id = b.id AND s.slug = $2 AND s.active) AS service,
       $3::text IS NULL OR EXISTS (
           SELECT FROM providers p WHERE p.business_id = b.id AND p.slug = $3 AND p.active) AS provider,
       $4::text IS NULL OR EXISTS (
           SELECT FROM locations l WHERE l.business_id = b.id AND l.slug = $4 AND l.active) AS location
  FROM (SELECT $1::text AS slug) asked LEFT JOIN businesses b USING (slug)
"""


async def is_offered(session: Session, appointment: Appointment) -> bool:
    """Whether what *appointment* is about could be booked today, by its provider and at its location."""
    today = utc_day(datetime.now(UTC))
    offered: bool = await session.value(
        "SELECT EXISTS (" + _OFFERS + _OF_PROVIDER.format(5) + _AT_LOCATION.format(6) + ")",
        appointment.business,
        appointment.service,
        today - _BEFORE,
        today + _AHEAD,
        appointment.provider,
        appointment.location,
    )
    return offered


class OfferBook:
    """
    What businesses offer, as this process read it last.

    Nothing here is believed: `taken.load_taken` compares the catalogue's version with every question it answers, under
    the lock when it is about a booking.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._pages: OrderedDict[_Question, list[Offer]] = OrderedDict()

    def find(
        self, business: str, service: str, *, provider: str | None = None, location: str | None = None
    ) -> list[Offer] | None:
        """What *business* offered of *service* when somebody asked last; None if nobody did today."""
        question = (business, service, provider, location, utc_day(datetime.now(UTC)))
        offers = self._pages.get(question)
        if offers is not None:
            self._pages.move_to_end(question)
        return offers

    async def read(
        self, session: Session, business: str, service: str, *, provider: str | None = None, location: str | None = None
    ) -> list[Offer]:
        """
        What *business* offers of *service* now, one offer per provider and location, ordered by provider.

        Exceptions and holidays are those that any bookable date could meet. Empty where everything named exists but
        nobody offers it there.

        Raises:
            NotFound: Business, service, provider or location do not exist or are not active.
        """
        today = utc_day(datetime.now(UTC))
        first, last = today - _BEFORE, today + _AHEAD
        query = _OFFERS
        values: list[object] = [business, service, first, last]
        for condition, slug in ((_OF_PROVIDER, provider), (_AT_LOCATION, location)):
            if slug is not None:
                values.append(slug)
                query += condition.format(len(values))
        rows = await session.fetch(query + _IN_ORDER, *values)
        if not rows:
            await _say_what_is_missing(session, business, service, provider, location)
            return []
        offers = [_offer(row, first, last) for row in rows]
        self._pages[business, service, provider, location, today] = offers
        while len(self._pages) > self._most:
            self._pages.popitem(last=False)
        return offers


async def _say_what_is_missing(
    session: Session, business: str, service: str, provider: str | None, location: str | None
) -> None:
    found = await session.first(_WHAT_IS_MISSING, business, service, provider, location)
    assert found is not None
    for what in ("business", "service", "provider", "location"):
        if not found[what]:
            raise NotFound(what=what)


def _offer(row: Row, first: date, last: date) -> Offer:
    return Offer(
        business_id=row["business_id"],
        business_name=row["business_name"],
        service=_service(row),
        provider=Provider(
            id=row["provider_id"],
            slug=row["provider_slug"],
            name=row["provider_name"],
            resource_id=row["resource_id"],
            daily_cap=row["daily_cap"],
        ),
        location=Location(
            id=row["location_id"],
            slug=row["location_slug"],
            name=row["location_name"],
            address=row["address"],
            zone=zone(row["timezone"]),
            holidays=public_holidays(row["holiday_country"], row["holiday_subdivision"], first.year, last.year),
        ),
        weekly=_weekly(row["weekly"]),
        exceptions=tuple(
            DateException(date.fromisoformat(day), tuple((start, end) for start, end in windows))
            for day, windows in row["exceptions"] or ()
        ),
        needs=tuple(tuple(resources or ()) for resources in row["needs"] or ()),
        business=row["business"],
        catalogue_version=row["catalogue_version"],
    )


def _service(row: Row) -> Service:
    return Service(
        id=row["service_id"],
        slug=row["service_slug"],
        name=row["service_name"],
        duration_s=row["duration_min"] * 60,
        buffer_before_s=row["buffer_before_min"] * 60,
        buffer_after_s=row["buffer_after_min"] * 60,
        step_s=row["slot_step_min"] * 60,
        notice_s=row["min_notice_min"] * 60,
        horizon_s=row["horizon_days"] * 86_400,
        capacity=row["capacity"],
        approval=Approval(row["approval"]),
        reapproval=row["reapproval"] and row["approval"] == Approval.MANUAL,
        per_customer_limit=row["per_customer_limit"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        change_window_min=row["change_window_min"],
        cancel_fee_minor=row["cancel_fee_minor"],
        reminders=reminder_rules(row["reminders"]),
        hours=_weekly(row["service_hours"]),
        phone_required=row["phone_required"],
        questions=tuple(row["questions"]),
        payment_online=row["payment"] == "online",
    )


def reminder_rules(stored: list[dict[str, Any]]) -> tuple[ReminderRule, ...]:
    """The reminder rules of a service, as stored."""
    return tuple(ReminderRule(r["offset_min"], r["channel"], r["recipient"]) for r in stored)


def _weekly(windows: list[list[Any]] | None) -> tuple[WeeklyWindow, ...]:
    return tuple(
        _window(weekday, start, end, valid_from, valid_until)
        for weekday, start, end, valid_from, valid_until in windows or ()
    )


@lru_cache(maxsize=4096)
def _window(weekday: int, start: int, end: int, valid_from: str | None, valid_until: str | None) -> WeeklyWindow:
    return WeeklyWindow(
        weekday,
        start,
        end,
        date.fromisoformat(valid_from) if valid_from else None,
        date.fromisoformat(valid_until) if valid_until else None,
    )
