"""
Owns reading what a business has set up, in one statement.

Leaves what is wrong with it to `domain/setup_checks`.
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

from server.domain.configuration import (
    Configuration,
    ConfiguredBusiness,
    ConfiguredLocation,
    ConfiguredOffer,
    ConfiguredProvider,
    ConfiguredService,
    ReminderRule,
    WeeklyHours,
)
from server.domain.errors import NotFound
from server.domain.zones import offset_at, zone
from server.store.engine import Session

_CONFIGURATION = """
SELECT b.slug, b.email, b.website, b.allowed_origins, coalesce(b.theme->>'logo', '') AS logo,
       extract(epoch FROM now())::bigint AS now,
       (SELECT coalesce(json_agg(json_build_object('slug', l.slug, 'timezone', l.timezone) ORDER BY l.id), '[]')
          FROM locations l WHERE l.business_id = b.id AND l.active) AS locations,
       (SELECT coalesce(json_agg(json_build_object('slug', p.slug, 'email', p.email, 'phone', p.phone)
                                 ORDER BY p.id), '[]')
          FROM providers p WHERE p.business_id = b.id AND p.active) AS providers,
       (SELECT coalesce(json_agg(json_build_object(
                   'id', w.id, 'weekday', w.weekday, 'start_min', w.start_min, 'end_min', w.end_min,
                   'valid_from', w.valid_from, 'valid_until', w.valid_until,
                   'provider', p.slug, 'location', l.slug) ORDER BY w.id), '[]')
          FROM working_hours w
          JOIN providers p ON p.business_id = b.id AND p.id = w.provider_id AND p.active
          JOIN locations l ON l.business_id = b.id AND l.id = w.location_id AND l.active
         WHERE w.business_id = b.id
           -- Over everywhere on earth.
           AND (w.valid_until IS NULL OR w.valid_until >= (now() AT TIME ZONE 'Etc/GMT+12')::date)) AS hours,
       (SELECT coalesce(json_agg(DISTINCT jsonb_build_object(
                   'id', 0, 'weekday', extract(isodow FROM e.day)::int - 1,
                   'start_min', lower(part), 'end_min', upper(part), 'valid_from', e.day, 'valid_until', e.day,
                   'provider', p.slug, 'location', l.slug)), '[]')
          FROM exceptions e
          CROSS JOIN unnest(e.windows) part
          JOIN providers p ON p.business_id = b.id AND p.id = e.provider_id AND p.active
          JOIN locations l ON l.business_id = b.id AND l.id = e.location_id AND l.active
         WHERE e.business_id = b.id AND e.day >= (now() AT TIME ZONE 'Etc/GMT+12')::date) AS dates,
       (SELECT coalesce(json_agg(json_build_object(
                   'slug', s.slug, 'capacity', s.capacity, 'slot_step_min', s.slot_step_min,
                   'min_notice_min', s.min_notice_min, 'horizon_days', s.horizon_days, 'price_minor', s.price_minor,
                   'cancel_fee_minor', s.cancel_fee_minor, 'payment', s.payment, 'reminders', s.reminders,
                   'offers', (
                       SELECT coalesce(json_agg(json_build_object(
                                  'provider', p.slug,
                                  'duration_min', coalesce(ps.duration_min, s.duration_min),
                                  'price_minor', coalesce(ps.price_minor, s.price_minor)) ORDER BY p.id), '[]')
                         FROM provider_services ps
                         JOIN providers p ON p.business_id = b.id AND p.id = ps.provider_id AND p.active
                        WHERE ps.business_id = b.id AND ps.service_id = s.id),
                   'hours', (
                       SELECT coalesce(json_agg(json_build_object(
                                  'id', h.id, 'weekday', h.weekday, 'start_min', h.start_min, 'end_min', h.end_min,
                                  'valid_from', h.valid_from, 'valid_until', h.valid_until) ORDER BY h.id), '[]')
                         FROM service_hours h WHERE h.business_id = b.id AND h.service_id = s.id),
                   'needs_without_resource', (
                       SELECT coalesce(json_agg(need ORDER BY need), '[]')
                         FROM (SELECT sr.need
                                 FROM service_resources sr
                                 JOIN resources r ON r.business_id = b.id AND r.id = sr.resource_id
                                WHERE sr.business_id = b.id AND sr.service_id = s.id
                                GROUP BY sr.need
                                -- A room of another place serves nobody here; without any hours that is another matter.
                               HAVING NOT bool_or(r.active AND (
                                   r.location_id IS NULL
                                   OR NOT EXISTS (
                                       SELECT FROM provider_services ps
                                         JOIN working_hours w ON w.business_id = b.id AND w.provider_id = ps.provider_id
                                        WHERE ps.business_id = b.id AND ps.service_id = s.id)
                                   OR EXISTS (
                                       SELECT FROM provider_services ps
                                         JOIN working_hours w ON w.business_id = b.id AND w.provider_id = ps.provider_id
                                                             AND w.location_id = r.location_id
                                        WHERE ps.business_id = b.id AND ps.service_id = s.id)))) needs))
                   ORDER BY s.id), '[]')
          FROM services s WHERE s.business_id = b.id AND s.active) AS services
  FROM businesses b
 WHERE b.id = $1
"""


async def all_configurations(session: Session) -> AsyncIterator[Configuration]:
    """Of every business, by id: one statement each."""
    for row in await session.fetch("SELECT id FROM businesses ORDER BY id"):
        yield await load_configuration(session, row["id"])


async def load_configuration(session: Session, business_id: int) -> Configuration:
    """
    Everything that is active in a business.

    Raises:
        NotFound: There is no such business.
    """
    row = await session.first(_CONFIGURATION, business_id)
    if row is None:
        raise NotFound(what="business")
    return Configuration(
        business=ConfiguredBusiness(
            slug=row["slug"],
            email=row["email"],
            website=row["website"],
            logo=row["logo"],
            allowed_origins=tuple(row["allowed_origins"]),
        ),
        locations=[ConfiguredLocation(**each) for each in row["locations"]],
        providers=[ConfiguredProvider(**each) for each in row["providers"]],
        services=[_service(each) for each in row["services"]],
        hours=[_hours(each) for each in row["hours"]],
        utc_offset_min={each["slug"]: offset_at(zone(each["timezone"]), row["now"]) // 60 for each in row["locations"]},
        dates=[_hours(each) for each in row["dates"]],
    )


def _service(row: dict[str, Any]) -> ConfiguredService:
    return ConfiguredService(
        **{
            **row,
            "reminders": [ReminderRule(each["channel"], each["recipient"]) for each in row["reminders"]],
            "offers": [ConfiguredOffer(**each) for each in row["offers"]],
            "hours": [_hours(each) for each in row["hours"]],
        }
    )


def _hours(row: dict[str, Any]) -> WeeklyHours:
    return WeeklyHours(**{**row, "valid_from": _day(row["valid_from"]), "valid_until": _day(row["valid_until"])})


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None
