"""
Owns reading what a business shows to everybody, in one statement.

Leaves what it shows to its own people to `catalogue`.
"""

from typing import Any

from server.domain.colours import ink_on
from server.domain.currencies import digits_of
from server.domain.errors import NotFound
from server.store.engine import Session

_PROFILE = """
SELECT b.slug, b.name, b.description, b.category, b.phone, b.website, b.currency, b.theme, b.guard,
       (SELECT coalesce(json_agg(json_build_object(
                   'slug', l.slug, 'name', l.name, 'timezone', l.timezone, 'online', l.online,
                   'address', l.address, 'latitude', l.latitude, 'longitude', l.longitude) ORDER BY l.id), '[]')
          FROM locations l WHERE l.business_id = b.id AND l.active) AS locations,
       (SELECT coalesce(json_agg(json_build_object(
                   'slug', s.slug, 'name', s.name, 'description', s.description, 'duration_min', s.duration_min,
                   'price_minor', s.price_minor, 'currency', b.currency, 'capacity', s.capacity,
                   'approval', s.approval, 'payment', s.payment, 'questions', s.questions,
                   'phone_required', s.phone_required,
                   -- One press cannot pay, or answer what has to be answered.
                   'waitlist', NOT (s.payment = 'online' AND s.price_minor > 0)
                               AND NOT jsonb_path_exists(s.questions, '$[*] ? (@.required == true)'),
                   'change_window_min', s.change_window_min, 'cancel_fee_minor', s.cancel_fee_minor,
                   'providers', (
                       SELECT coalesce(json_agg(p.slug ORDER BY p.id), '[]')
                         FROM provider_services ps
                         JOIN providers p ON p.business_id = b.id AND p.id = ps.provider_id AND p.active
                        WHERE ps.business_id = b.id AND ps.service_id = s.id),
                   'provider_terms', (
                       SELECT coalesce(json_object_agg(p.slug, json_build_object(
                                  'duration_min', coalesce(ps.duration_min, s.duration_min),
                                  'price_minor', coalesce(ps.price_minor, s.price_minor)) ORDER BY p.id), '{}')
                         FROM provider_services ps
                         JOIN providers p ON p.business_id = b.id AND p.id = ps.provider_id AND p.active
                        WHERE ps.business_id = b.id AND ps.service_id = s.id
                          AND (ps.duration_min <> s.duration_min OR ps.price_minor <> s.price_minor))
                   ) ORDER BY s.id), '[]')
          FROM services s WHERE s.business_id = b.id AND s.active) AS services,
       (SELECT coalesce(json_agg(json_build_object(
                   'slug', p.slug, 'name', p.name, 'title', p.title, 'bio', p.bio,
                   -- Where they work: every week, or on some date still to come.
                   'locations', (
                       SELECT coalesce(json_agg(l.slug ORDER BY l.id), '[]')
                         FROM locations l
                        WHERE l.business_id = b.id AND l.active
                          AND (EXISTS (SELECT FROM working_hours w
                                        WHERE w.business_id = b.id AND w.provider_id = p.id AND w.location_id = l.id)
                            OR EXISTS (SELECT FROM exceptions e
                                        WHERE e.business_id = b.id AND e.provider_id = p.id AND e.location_id = l.id
                                          AND e.day >= (clock_timestamp() AT TIME ZONE l.timezone)::date
                                          AND NOT isempty(e.windows))))
                   ) ORDER BY p.id), '[]')
          FROM providers p WHERE p.business_id = b.id AND p.active) AS providers
  FROM businesses b
 WHERE b.slug = $1
"""


async def home_zone(session: Session, business: str) -> str:
    """The zone of a business's first location; UTC if it has none."""
    found: str | None = await session.value(
        "SELECT l.timezone FROM businesses b JOIN locations l ON l.business_id = b.id AND l.active"
        " WHERE b.slug = $1 ORDER BY l.id LIMIT 1",
        business,
    )
    return found or "Etc/UTC"


async def load_profile(session: Session, business: str) -> dict[str, Any]:
    """
    The profile of *business*: only what is active, nothing that is private.

    Raises:
        NotFound: There is no such business.
    """
    row = await session.first(_PROFILE, business)
    if row is None:
        raise NotFound(what="business")
    profile = dict(row)
    for service in profile["services"]:
        service["currency_digits"] = digits_of(service["currency"])
    for question in (question for service in profile["services"] for question in service["questions"]):
        if question["kind"] == "yes_no":
            question["options"] = ["yes", "no"]
    if accent := profile["theme"].get("accent"):
        profile["theme"]["on_accent"] = ink_on(accent)
    return profile
