import pytest

from server.domain.networks import Prefixes, networks_of


@pytest.mark.parametrize(
    ("address", "narrow", "wide"),
    [
        ("203.0.113.7", "203.0.113.7/32", "203.0.113.7/32"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:DB8:1:0002:0:0:0:9", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", "203.0.113.7/32", "203.0.113.7/32"),
        ("64:ff9b::203.0.113.7", "203.0.113.7/32", "203.0.113.7/32"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("::1", "::/64", "::/48"),
        ("", "", ""),
        ("unknown", "unknown", "unknown"),
        ("203.0.113.007", "203.0.113.007", "203.0.113.007"),
    ],
)
def test_an_address_counts_for_its_network(address: str, narrow: str, wide: str) -> None:
    assert networks_of(address) == (narrow, wide)


def test_every_address_of_a_customer_line_is_one_network() -> None:
    addresses = [f"2001:db8:1:2:{n:x}::{n:x}" for n in range(1, 500)]

    assert {networks_of(address).narrow for address in addresses} == {"2001:db8:1:2::/64"}


def test_the_masks_can_be_chosen() -> None:
    chosen = Prefixes(ipv6=56, ipv6_wide=40, ipv4_wide=24)

    assert networks_of("2001:db8:1:2ff::1", chosen) == ("2001:db8:1:200::/56", "2001:db8::/40")
    assert networks_of("203.0.113.7", chosen) == ("203.0.113.7/32", "203.0.113.0/24")


def test_the_wide_network_is_never_smaller_than_the_narrow_one() -> None:
    assert networks_of("2001:db8:1:2::1", Prefixes(ipv6=40, ipv6_wide=48)) == ("2001:db8::/40", "2001:db8::/40")
