"""
Owns reading what is taken: claims, busy blocks, appointments per day, places in classes, in one statement.

Leaves writing claims to `booking`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from server.domain.catalogue import Offer, Taken
from server.domain.errors import CatalogueChanged
from server.domain.intervals import Spans
from server.domain.proofs import Guard
from server.domain.quotas import Had, Stranger
from server.domain.zones import local_date
from server.store.engine import Row, Session, WrongIsolation
from server.store.strangers import had_clause, had_of, had_values
from server.store.surges import GUARD_NOW

# Spans travel as two arrays of seconds per resource: decoding 200 rows would cost more than reading them.
# Bounds on lower(during) let the B-tree serve the range; no claim is longer than five days (a CHECK says so).
_SWEPT = """
-- Expired holds go under the lock, before the new claim is tried: the constraint does not know of expiry.
WITH swept AS (
    DELETE FROM claims
     WHERE business_id = $1 AND resource_id = ANY($2::bigint[])
       AND lower(during) < $5 AND lower(during) > $4::timestamptz - interval '5 days' AND upper(during) > $4
       AND expires_at <= clock_timestamp())
"""

_CLAIMS_AND_BUSY = f"""
SELECT 'clock' AS kind, (current_setting('transaction_isolation') = 'read committed')::int::bigint AS id,
       ARRAY[(extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0] AS starts,
       (SELECT ARRAY[catalogue_version, array_position(ARRAY['open', 'mail', 'proof'], {GUARD_NOW})]
          FROM businesses WHERE id = $1) AS ends
UNION ALL
SELECT 'claims', resource_id,
       array_agg(date_part('epoch', lower(during))::bigint),
       array_agg(date_part('epoch', upper(during))::bigint)
  FROM claims
 WHERE business_id = $1 AND resource_id = ANY($2::bigint[])
   AND lower(during) < $5 AND lower(during) > $4::timestamptz - interval '5 days' AND upper(during) > $4
   AND (expires_at IS NULL OR expires_at > clock_timestamp())
 GROUP BY resource_id
UNION ALL
SELECT 'busy', provider_id,
       array_agg(date_part('epoch', lower(during))::bigint),
       array_agg(date_part('epoch', upper(during))::bigint)
  FROM busy_blocks
 WHERE business_id = $1 AND provider_id = ANY($3::bigint[]) AND upper(during) > $4 AND lower(during) < $5
 GROUP BY provider_id
UNION ALL
SELECT 'unknown', c.provider_id, '{{}}', '{{}}'
  FROM calendars c
 WHERE c.business_id = $1 AND c.provider_id = ANY($3::bigint[]) AND c.blocks
   AND (c.known_at IS NULL OR c.known_at < clock_timestamp()
        - (SELECT make_interval(mins => b.calendar_stale_min) FROM businesses b WHERE b.id = $1))
 GROUP BY c.provider_id
"""

_DAYS = """
UNION ALL
SELECT 'days', provider_id, array_agg(local_day - date '1970-01-01'), array_agg(booked)
  FROM (SELECT provider_id, local_day, sum(booked)::bigint AS booked
          FROM (SELECT provider_id, local_day, count(*) AS booked
                  FROM appointments
                 WHERE business_id = $1 AND provider_id = ANY($6::bigint[]) AND local_day BETWEEN $7 AND $8
                   AND status IN ('pending', 'confirmed', 'completed', 'no_show')
                 GROUP BY provider_id, local_day
                UNION ALL
                -- What is held is promised; a class that is only held counts once, however many hold places in it.
                SELECT h.provider_id, h.local_day, count(DISTINCT coalesce(h.appointment_id, -h.id))
                  FROM holds h
                  LEFT JOIN appointments a ON a.business_id = h.business_id AND a.id = h.appointment_id
                 WHERE h.business_id = $1 AND h.provider_id = ANY($6::bigint[]) AND h.local_day BETWEEN $7 AND $8
                   AND h.expires_at > clock_timestamp() AND (h.appointment_id IS NULL OR a.status = 'held')
                 GROUP BY h.provider_id, h.local_day) promised
         GROUP BY provider_id, local_day) per_day
 GROUP BY provider_id
"""

_CLASSES = """
UNION ALL
SELECT 'classes', provider_id, array_agg(date_part('epoch', starts_at)::bigint), array_agg(places)
  FROM (SELECT a.provider_id, a.starts_at,
               s.capacity - a.seats_taken - (
                   SELECT count(*) FROM holds h
                    WHERE h.business_id = a.business_id AND h.appointment_id = a.id
                      AND h.expires_at > clock_timestamp()) AS places
          FROM appointments a
          JOIN services s ON s.business_id = a.business_id AND s.id = a.service_id
          JOIN claims c ON c.business_id = a.business_id AND c.appointment_id = a.id
                       AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
          JOIN providers p ON p.business_id = a.business_id AND p.id = a.provider_id
                          AND p.resource_id = c.resource_id
         WHERE a.business_id = $1 AND a.service_id = $9 AND a.provider_id = ANY($3::bigint[])
           AND a.shared AND a.starts_at >= $4 AND a.starts_at < $5
           AND a.status IN ('held', 'confirmed')) running
 GROUP BY provider_id
"""

_GUARDS = (Guard.OPEN, Guard.MAIL, Guard.PROOF)
"""As the row of the clock counts them, from 1."""

_WITH_DAYS = _CLAIMS_AND_BUSY + _DAYS
_WITH_CLASSES = _WITH_DAYS + _CLASSES


async def load_taken(
    session: Session,
    offers: Sequence[Offer],
    window: tuple[int, int],
    *,
    count_days: bool = False,
    sweep: bool = False,
    stranger: Stranger | None = None,
) -> Taken:
    """
    What is taken of the resources and providers of *offers* (of one service) around starts in *window*.

    Sets the session's clock.

    Raises:
        CatalogueChanged: *offers* are not what the business offers now.

    Args:
        count_days: Count every provider's appointments per day; without it only where a cap needs the count.
        sweep: Delete expired claims on the way. The caller holds the locks.
        stranger: Count what they have of the business, too.
    """
    service = offers[0].service
    longest = max(offer.service.duration_s + offer.service.buffer_after_s for offer in offers)
    earliest = max(offer.service.buffer_before_s for offer in offers)
    business_id = offers[0].business_id
    resources = list({resource for offer in offers for resource in offer.resources()})
    providers = list({offer.provider.id for offer in offers})
    begin = datetime.fromtimestamp(window[0] - earliest, UTC)
    end = datetime.fromtimestamp(window[1] + longest, UTC)
    counted = providers if count_days else [o.provider.id for o in offers if o.provider.daily_cap is not None]
    query, values = _CLAIMS_AND_BUSY, list[Any]([business_id, resources, providers, begin, end])
    if counted or service.is_class:
        query, values = _WITH_DAYS, [*values, counted, *_local_days(offers, window)]
    if service.is_class:
        query, values = _WITH_CLASSES, [*values, service.id]
    if stranger is not None:
        query, values = query + had_clause(len(values) + 1), [*values, *had_values(stranger)]
    rows = await session.fetch((_SWEPT if sweep else "") + query, *values)
    if sweep and not any(row["kind"] == "clock" and row["id"] for row in rows):
        raise WrongIsolation
    return _taken(session, rows, offers[0].catalogue_version)


def _local_days(offers: Sequence[Offer], window: tuple[int, int]) -> tuple[date, date]:
    zones = {offer.location.zone for offer in offers}
    return (
        min(local_date(where, window[0]) for where in zones),
        max(local_date(where, window[1]) for where in zones),
    )


def _taken(session: Session, rows: Sequence[Row], catalogue_version: int) -> Taken:
    claims: dict[int, Spans] = {}
    busy: dict[int, Spans] = {}
    booked_on: dict[int, dict[date, int]] = {}
    classes: dict[int, dict[int, int]] = {}
    unknown: set[int] = set()
    had: Had | None = None
    guard = Guard.OPEN
    for kind, key, first, second in rows:
        if kind == "stranger":
            had = had_of(key, first, second)
            continue
        if kind == "clock":
            session.now = datetime.fromtimestamp(first[0] / 1_000_000, UTC)
            if second is None or second[0] != catalogue_version:  # None: the business is gone
                raise CatalogueChanged
            guard = _GUARDS[second[1] - 1]
            continue
        pairs = list(zip(first, second, strict=True))
        if kind == "claims":
            claims[key] = pairs
        elif kind == "busy":
            busy[key] = pairs
        elif kind == "days":
            epoch = date(1970, 1, 1).toordinal()
            booked_on[key] = {date.fromordinal(epoch + day): count for day, count in pairs}
        elif kind == "unknown":
            unknown.add(key)
        else:
            classes[key] = dict(pairs)
    return Taken(claims, busy, booked_on, classes, frozenset(unknown), had, guard)
