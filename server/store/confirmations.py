"""
Owns the rows of what is held until its address is confirmed.

Leaves the holds to `holds`, and what is in the sealed order to the use-case.
"""

from collections.abc import Sequence
from uuid import UUID

from server.domain.confirmations import Confirmation
from server.store.engine import Row, Session
from server.store.set_aside import Key, columns_of, delete_keys, not_set_aside
from server.store.terms import terms_of

_TERMS = "duration_s, price_minor, currency, change_window_min, cancel_fee_minor, approval"

# A time that was offered from the waitlist stays offered as long as it is held.
_INSERT = f"""
WITH held AS (
    SELECT * FROM holds WHERE token_hash = $1 AND expires_at > clock_timestamp()
), offered AS (
    UPDATE waitlist_entries w SET offer_expires_at = held.expires_at, version = version + 1,
                                  updated_at = clock_timestamp()
      FROM held
     WHERE w.business_id = held.business_id AND w.hold_id = held.id AND w.status = 'offered'
       AND w.offer_expires_at < held.expires_at
)
INSERT INTO confirmations (business_id, hold_id, uid, service_id, provider_id, location_id, starts_at, {_TERMS},
                           email, token_salt, token_hash, order_sealed, network, expires_at)
SELECT business_id, id, $2, service_id, provider_id, location_id, starts_at, {_TERMS}, $3, $4, $5, $6, $7::cidr,
       expires_at
  FROM held
    ON CONFLICT (business_id, hold_id) DO NOTHING
"""


async def insert_confirmation(
    session: Session,
    hold_hash: bytes,
    *,
    uid: UUID,
    email: str,
    salt: bytes,
    token_hash: bytes,
    order_sealed: bytes,
    network: str | None,
) -> bool:
    """The time of a hold waits for *email* to be confirmed; False if it waits for an address already, or is over."""
    written = await session.execute(_INSERT, hold_hash, uid, email, salt, token_hash, order_sealed, network)
    return written > 0


_SELECT = f"""
SELECT c.business_id, b.slug AS business, b.name AS business_name, c.id, c.uid, s.slug AS service,
       s.name AS service_name, p.slug AS provider, p.name AS provider_name, l.slug AS location,
       l.name AS location_name, l.address, l.timezone AS location_zone, l.online, c.starts_at AS start,
       {", ".join("c." + name.strip() for name in _TERMS.split(","))},
       c.email, c.token_salt, c.token_hash, c.manage_hash, c.order_sealed, c.network::text AS network, c.expires_at,
       c.expires_at > clock_timestamp() AS is_held, c.confirmed_at
  FROM confirmations c
  JOIN businesses b ON b.id = c.business_id
  JOIN services s ON s.business_id = c.business_id AND s.id = c.service_id
  JOIN providers p ON p.business_id = c.business_id AND p.id = c.provider_id
  JOIN locations l ON l.business_id = c.business_id AND l.id = c.location_id
"""


async def find_confirmation(session: Session, token_hash: bytes) -> Confirmation | None:
    """What the token of a mail confirms."""
    row = await session.first(_SELECT + " WHERE c.token_hash = $1", token_hash)
    return _confirmation(row) if row else None


async def confirmation_of_hold(session: Session, hold_hash: bytes) -> Confirmation | None:
    """What the time of a hold waits for."""
    row = await session.first(
        _SELECT + " JOIN holds h ON h.business_id = c.business_id AND h.id = c.hold_id WHERE h.token_hash = $1",
        hold_hash,
    )
    return _confirmation(row) if row else None


async def confirmations_of(session: Session, asked: Sequence[tuple[int, UUID]]) -> dict[UUID, Confirmation]:
    """Each of *asked*, `(business id, uid)`; without those that are gone."""
    rows = await session.fetch(
        _SELECT + " JOIN unnest($1::bigint[], $2::uuid[]) asked (business_id, uid)"
        " ON asked.business_id = c.business_id AND asked.uid = c.uid",
        [each[0] for each in asked],
        [each[1] for each in asked],
    )
    return {row["uid"]: _confirmation(row) for row in rows}


async def mark_confirmed(session: Session, found: Confirmation, manage_hash: bytes) -> bool:
    """Its address is confirmed, and its appointment opens with the token of this hash; False if it was before."""
    return (
        await session.execute(
            "UPDATE confirmations SET confirmed_at = clock_timestamp(), manage_hash = $3"
            " WHERE business_id = $1 AND id = $2 AND confirmed_at IS NULL",
            found.business_id,
            found.id,
            manage_hash,
        )
        > 0
    )


_OLD = f"""
SELECT business_id, id FROM confirmations c
 WHERE expires_at < clock_timestamp() - interval '1 day' AND {not_set_aside("confirmations", "c")}
 ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""


async def old_confirmations(session: Session, limit: int) -> list[Key]:
    """The oldest whose links lead nowhere any more, locked."""
    return [Key(*row) for row in await session.fetch(_OLD, limit)]


async def forget_confirmations(session: Session, old: Sequence[Key]) -> None:
    """Deletes them, with what their customers said of themselves."""
    await session.execute(delete_keys("confirmations"), *columns_of(old))


def _confirmation(row: Row) -> Confirmation:
    values = dict(row)
    terms = terms_of(row)
    return Confirmation(
        terms=terms, **{name: value for name, value in values.items() if name in Confirmation.__slots__}
    )
