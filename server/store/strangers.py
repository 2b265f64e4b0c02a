"""
Owns counting what a stranger has of a business, and whether it is open to them: a part of statements that run anyway.

Leaves how much is too much to `domain/quotas`.
"""

from collections.abc import Sequence
from functools import cache
from ipaddress import ip_network

from server.domain.quotas import OVERRIDABLE, RECENTLY_MIN, Had, Stranger, Waits
from server.store.engine import Session
from server.store.set_aside import Key, columns_of, not_set_aside

_BLOCKED = """
EXISTS (SELECT FROM blocks k
         WHERE k.business_id = $1 AND (k.ends_at IS NULL OR k.ends_at > clock_timestamp())
           AND (k.network >>= {narrow}::cidr
                OR k.kind = 'address' AND k.value = {email}
                OR k.kind = 'domain' AND {domain} <> ''
                   AND ({domain} = k.value OR right({domain}, length(k.value) + 1) = '.' || k.value)
                OR k.kind = 'phone' AND k.value = {phone}))"""

_LIVING_HOLDS = """(SELECT count(*) FROM holds h
   WHERE h.business_id = $1 AND h.expires_at > clock_timestamp() AND {where})"""
_BOOKED = """(SELECT count(*) FROM attendees t
   WHERE t.business_id = $1 AND {where} AND t.proved_at IS NULL
     AND t.created_at > clock_timestamp() - interval '{within}'{living})"""
# Of the same network only: what others booked under an address that was typed must change no answer.
_OF_ADDRESS = """(SELECT count(*) FROM customers c
    JOIN attendees t ON t.business_id = c.business_id AND t.customer_id = c.id
                    AND t.network = {narrow}::cidr AND t.proved_at IS NULL AND t.cancelled_at IS NULL
    JOIN appointments a ON a.business_id = t.business_id AND a.id = t.appointment_id
   WHERE c.business_id = $1 AND c.email = {email}
     AND a.status IN ('pending', 'confirmed') AND a.starts_at > clock_timestamp())"""

# Until their address is confirmed: then their booking's is proved.
_ASKED = """(SELECT count(*) FROM confirmations f
   WHERE f.business_id = $1 AND {where} AND f.confirmed_at IS NULL
     AND f.created_at > clock_timestamp() - interval '1 day')"""

_NARROW = "{table}.network = {{narrow}}::cidr"
# Between the wide network and its last address: an index on networks serves that, it does not serve "within".
_WIDE = "{table}.network BETWEEN {{wide}}::cidr AND {{last}}::cidr"


def _counts() -> str:
    """Starts and bookings of the day, of the narrow network and of the wide one."""
    counts = []
    for each in (_NARROW, _WIDE):
        recent = _BOOKED.format(
            where=each.format(table="t"), within=f"{RECENTLY_MIN} minutes", living=" AND t.cancelled_at IS NULL"
        )
        counts.append(f"{_LIVING_HOLDS.format(where=each.format(table='h'))} + {recent}")
        today = _BOOKED.format(where=each.format(table="t"), within="1 day", living="")
        counts.append(f"{today} + {_ASKED.format(where=each.format(table='f'))}")
    return ",\n".join([*counts, _OF_ADDRESS])


_OWN = ", ".join(f"coalesce((b.quotas ->> '{name}')::bigint, -1)" for name in OVERRIDABLE)
_HAD = f"""
UNION ALL
SELECT 'stranger', ({_BLOCKED})::int,
       ARRAY[{_counts()}],
       ARRAY[{_OWN}]
  FROM businesses b WHERE b.id = $1
"""


@cache
def had_clause(first: int) -> str:
    """A row of kind `stranger` for a statement whose $1 is the business; its own parameters begin with $*first*."""
    names = ("narrow", "wide", "last", "email", "domain", "phone")
    return _HAD.format(**{name: f"${first + n}" for n, name in enumerate(names)})


def had_values(stranger: Stranger) -> list[str]:
    """The parameters of `had_clause`."""
    narrow, wide = stranger.networks
    last = ip_network(wide)[-1]
    domain = stranger.email.rpartition("@")[2]
    return [narrow, wide, f"{last}/{last.max_prefixlen}", stranger.email, domain, stranger.phone]


def had_of(blocked: int, counts: Sequence[int], own: Sequence[int]) -> Had:
    """From the columns of that row."""
    starts, today, wide_starts, wide_today, of_address = counts
    return Had(
        starts=starts,
        wide_starts=wide_starts,
        booked_today=today,
        wide_booked_today=wide_today,
        of_address=of_address,
        blocked=bool(blocked),
        own={name: value for name, value in zip(OVERRIDABLE, own, strict=True) if value >= 0},
    )


_WAITING = f"""
SELECT count(*) FILTER (WHERE w.network = $2::cidr) AS waiting,
       count(*) FILTER (WHERE w.network BETWEEN $3::cidr AND $4::cidr) AS wide_waiting,
       {_BLOCKED.format(narrow="$2", email="$5", domain="$6", phone="$7")} AS blocked,
       (SELECT coalesce((b.quotas ->> 'waiting')::bigint, -1) FROM businesses b WHERE b.id = $1) AS own
  FROM waitlist_entries w
 WHERE w.business_id = $1 AND w.network BETWEEN $3::cidr AND $4::cidr AND w.status IN ('waiting', 'offered')
"""


async def waiting_of(session: Session, business_id: int, stranger: Stranger) -> Waits:
    """What a stranger has of the waitlist of a business."""
    row = await session.first(_WAITING, business_id, *had_values(stranger))
    assert row is not None
    return Waits(
        places=row["waiting"],
        wide_places=row["wide_waiting"],
        blocked=row["blocked"],
        own={"waiting": row["own"]} if row["own"] >= 0 else {},
    )


_IS_BLOCKED = "SELECT" + _BLOCKED.format(narrow="$2", email="$3", domain="$4", phone="$5")


async def is_blocked(session: Session, business_id: int, stranger: Stranger) -> bool:
    """Whether a business does not want a stranger to book online."""
    narrow, _, _, *said = had_values(stranger)
    return bool(await session.value(_IS_BLOCKED, business_id, narrow, *said))


def networks_of(table: str) -> str:
    """The name of the batch that forgets where the rows of *table* came from."""
    return f"net {table}"[:20]


async def old_networks(session: Session, limit: int, *, table: str, days: int) -> list[Key]:
    """Rows of *table* that need not say any more where a stranger came from, locked."""
    rows = await session.fetch(
        f"SELECT business_id, id FROM {table} t"
        " WHERE network IS NOT NULL AND created_at < clock_timestamp() - make_interval(days => $1)"
        f" AND {not_set_aside(networks_of(table), 't')}"
        " ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        days,
        limit,
    )
    return [Key(*row) for row in rows]


async def forget_networks(session: Session, rows: Sequence[Key], *, table: str) -> None:
    """Where these came from is not known any more."""
    await session.execute(
        f"UPDATE {table} t SET network = NULL FROM unnest($1::bigint[], $2::bigint[]) old (business_id, id)"
        " WHERE t.business_id = old.business_id AND t.id = old.id",
        *columns_of(rows),
    )
