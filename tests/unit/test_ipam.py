"""Subnets and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import Conflict, InvalidArgument, Unavailable
from sampan.networks import ipam

ADDRESSES = st.integers(0, 2**32 - 1)


@given(ADDRESSES)
def test_an_address_survives_being_written(address: int) -> None:
    assert ipam.parse_address(ipam.format_address(address)) == address


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "a.b.c.d", "1.2.3.-4", "1.2.3.4 "])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid IPv4 address"):
        ipam.parse_address(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "invalid subnet nonsense: invalid CIDR block notation"),
        ("10.90.0.0", "invalid CIDR block notation"),
        ("10.90.0.0/33", "invalid CIDR block notation"),
        ("10.90.0.1/24", "invalid subnet 10.90.0.1/24: it should be 10.90.0.0/24"),
        ("10.90.0.0/31", "no room"),
    ],
)
def test_what_is_no_subnet_is_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ipam.parse_subnet(text)
    assert message in str(caught.value)


@given(ADDRESSES, st.integers(0, 32), ADDRESSES, st.integers(0, 32))
def test_two_subnets_overlap_when_one_holds_the_others_first_address(a: int, n: int, b: int, m: int) -> None:
    one, other = ipam.enclosing(a, n), ipam.enclosing(b, m)
    assert one.overlaps(other) == (one.contains(other.network) or other.contains(one.network))


def test_the_first_free_default_pool_is_chosen() -> None:
    taken = [ipam.parse_subnet(s) for s in ("172.17.0.0/16", "172.18.5.0/24")] + [ipam.Subnet(0, 0)]
    assert str(ipam.choose_subnet([])) == "172.17.0.0/16"
    assert str(ipam.choose_subnet(taken)) == "172.19.0.0/16"
    assert str(ipam.choose_subnet([ipam.parse_subnet("172.16.0.0/12")])) == "192.168.0.0/20"
    with pytest.raises(Unavailable, match="fully subnetted"):
        ipam.choose_subnet(ipam.default_pools())


def test_the_lowest_free_address_is_given_until_none_is_left() -> None:
    subnet = ipam.parse_subnet("10.0.0.0/29")
    taken = {subnet.network + 1}
    for last_octet in range(2, 7):
        address = ipam.choose_address(subnet, taken)
        assert ipam.format_address(address) == f"10.0.0.{last_octet}"
        taken.add(address)
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        ipam.choose_address(subnet, taken)


def test_a_wanted_address_must_be_free_and_inside() -> None:
    subnet = ipam.parse_subnet("10.89.0.0/24")
    wanted = subnet.network + 10
    assert ipam.choose_address(subnet, set(), wanted) == wanted
    with pytest.raises(Conflict, match="Address already in use"):
        ipam.choose_address(subnet, {wanted}, wanted)
    with pytest.raises(InvalidArgument, match="no configured subnet or ip-range contain the IP address"):
        ipam.choose_address(subnet, set(), ipam.parse_address("10.1.1.1"))


def test_the_hardware_address_holds_the_ip_address() -> None:
    assert ipam.mac_of(ipam.parse_address("172.17.0.2")) == "02:42:ac:11:00:02"


def test_settings_say_where_subnets_come_from() -> None:
    pools = [("10.200.0.0/30", 30), ("10.201.0.0/22", 24)]
    found = [str(subnet) for subnet in ipam.pools_of(pools)]
    assert found == ["10.200.0.0/30", "10.201.0.0/24", "10.201.1.0/24", "10.201.2.0/24", "10.201.3.0/24"]
    taken = [ipam.parse_subnet(text) for text in ("10.200.0.0/24", "10.201.0.0/25")]
    assert str(ipam.choose_subnet(taken, ipam.pools_of(pools))) == "10.201.1.0/24"
    assert list(ipam.pools_of(())) == list(ipam.default_pools())


def test_addresses_and_subnets_of_ipv6() -> None:
    subnet = ipam.parse_subnet("fd00:71::/64")
    assert (str(subnet), subnet.bits) == ("fd00:71::/64", 128)
    assert ipam.format_address(ipam.choose_address(subnet, {subnet.network + 1}), 128) == "fd00:71::2"
    assert not subnet.overlaps(ipam.parse_subnet("10.0.0.0/8"))
    with pytest.raises(InvalidArgument, match="it should be fd00:71::/64"):
        ipam.parse_subnet("fd00:71::1/64")
    with pytest.raises(InvalidArgument, match="invalid IPv6 address"):
        ipam.parse_address6("fd00::%eth0")


@given(st.integers(0, 2**128 - 1))
def test_an_address_of_ipv6_survives_being_written(address: int) -> None:
    assert ipam.parse_any(ipam.format_address(address, 128)) == (address, 128)


def test_a_root_has_a_prefix_of_ipv6_of_its_own() -> None:
    first = ipam.choose_subnet6(b"12345", [])
    assert str(first).startswith("fd31:3233:3435::/64")
    assert str(ipam.choose_subnet6(b"12345", [first])) == "fd31:3233:3435:1::/64"


def test_addresses_are_chosen_within_a_range_and_asked_for_outside_of_it() -> None:
    subnet, part = ipam.parse_subnet("10.89.0.0/24"), ipam.parse_range("10.89.0.128/30", "ip-range")
    taken = {subnet.network + 128}
    assert ipam.choose_address(subnet, taken, within=part) == subnet.network + 129
    assert ipam.choose_address(subnet, taken, subnet.network + 5, part) == subnet.network + 5
    with pytest.raises(Unavailable):
        ipam.choose_address(subnet, {subnet.network + number for number in range(128, 132)}, within=part)
