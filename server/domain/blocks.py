"""
Owns how a business writes down whom it takes nothing from: an address, a domain, a phone number, a network.

Leaves comparing with whoever asks to `store/strangers`, and addresses and numbers to the shapes.
"""

import re
from enum import StrEnum
from ipaddress import IPv6Network, ip_network

from server.domain.networks import unwrapped

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_WIDEST = {4: 16, 6: 32}
"""A slip of the key must not shut out a country."""
_NARROWEST_IPV6 = 64
"""What strangers are counted by: whoever has one address of it has them all."""


class BlockKind(StrEnum):
    """What is blocked."""

    ADDRESS = "address"
    DOMAIN = "domain"
    PHONE = "phone"
    NETWORK = "network"


def blocked_domain(text: str) -> str:
    """
    The domain of mail addresses that *text* names, and everything below it.

    Raises:
        ValueError: It names none.
    """
    domain = text.strip().lower().removeprefix("@").rstrip(".")
    if len(domain) > 253 or _DOMAIN.fullmatch(domain) is None:
        raise ValueError("must be a domain such as example.com")
    return domain


def blocked_network(text: str) -> str:
    """
    The network that *text* names, as strangers are counted: an IPv6 address stands for its /64.

    Raises:
        ValueError: It names none, or too many.
    """
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("must be an address or a network such as 203.0.113.7 or 2001:db8:1::/48") from None
    if isinstance(network, IPv6Network):
        inner = unwrapped(network.network_address)
        if inner.version == 4:
            return blocked_network(str(inner)) if network.prefixlen == 128 else _too_wide()
        if network.prefixlen > _NARROWEST_IPV6:
            network = network.supernet(new_prefix=_NARROWEST_IPV6)
    return str(network) if network.prefixlen >= _WIDEST[network.version] else _too_wide()


def _too_wide() -> str:
    raise ValueError("must be no wider than /16 for IPv4 and /32 for IPv6")
