"""
Owns which IP addresses may be called: public ones, and those in networks that the operator allowed.

Leaves URLs and ports to `target`.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from server.settings import IPNetwork, within

_GLOBAL_IPV6 = ip_network("2000::/3")
"""The only block that IANA has given to the public Internet. Outside of it lie ::1, ULA, link-local, multicast, the
IPv4-mapped and IPv4-compatible addresses, and NAT64."""

_SPECIAL = tuple(
    (ip_network(network), what)
    for network, what in (
        # IANA IPv4 Special-Purpose Address Registry
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT relays"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        # Azure answers its virtual machines here, on a public address
        ("168.63.129.16/32", "cloud metadata"),
        # IANA IPv6 Special-Purpose Address Registry, within 2000::/3
        ("2001::/23", "protocol assignments, Teredo, ORCHID"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)


def why_refused(address: str, *, allowed: tuple[IPNetwork, ...]) -> str | None:
    """
    Why *address* must not be called, for the log; None if it may be.

    An IPv4 address that hides in an IPv6 one (mapped, NAT64, 6to4, Teredo) is never public; mapped and in *allowed*, it
    is allowed like itself.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an address"
    return None if within(address, allowed) else _what_is(parsed)


def all_within(addresses: Iterable[str], networks: tuple[IPNetwork, ...]) -> bool:
    """Whether every one of *addresses* lies in *networks*."""
    return all(within(address, networks) for address in addresses)


def _what_is(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "not in the public part of IPv6"
    return next((what for network, what in _SPECIAL if address in network), None)
