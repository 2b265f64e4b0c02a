"""
Owns which network an address belongs to, so that a stranger counts once however many addresses they have.

Leaves how much one network may do to rate limits and quotas.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052, 2.1: the IPv4 address stands in the last 32 bits."""
_REMEMBERED = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """How many leading bits name a network."""

    ipv6: int = 64
    """What one customer line or one server has at least (RFC 6177)."""
    ipv6_wide: int = 48
    """What one customer or one site has at most, usually."""
    ipv4_wide: int = 32
    """IPv4 addresses are shared more often than they are collected: 32 counts each alone."""


class Networks(NamedTuple):
    """The networks that an address counts for, as text; both are the same where there is nothing wider to count."""

    narrow: str
    wide: str


@lru_cache(maxsize=_REMEMBERED)
def networks_of(address: str, prefixes: Prefixes = Prefixes()) -> Networks:
    """
    The networks of *address*: an IPv4 address alone, an IPv6 address with its /64 and its /48.

    An IPv4 address in IPv6 clothes (mapped, NAT64) counts as what it is, a zone index not at all. Text that is no
    address is its own network: it must not share a count with everybody else.
    """
    try:
        parsed = unwrapped(ip_address(address))
    except ValueError:
        return Networks(address, address)
    if isinstance(parsed, IPv4Address):
        return Networks(f"{parsed}/32", _within(parsed, prefixes.ipv4_wide))
    return Networks(_within(parsed, prefixes.ipv6), _within(parsed, min(prefixes.ipv6, prefixes.ipv6_wide)))


def unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one, where there is one; else *address* itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(address: IPv4Address | IPv6Address, prefix: int) -> str:
    bits = address.packed  # without a zone index
    return str(ip_network((bits, prefix), strict=False))
