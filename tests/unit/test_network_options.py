"""What the options of `network create` mean, and which of them fit together."""

from typing import Any

import pytest

from sampan.containers.model import Spec, spec_from_json, spec_to_json
from sampan.containers.options import NetworkChoice, RunOptions
from sampan.errors import InvalidArgument, NotFound, PermissionDenied, SampanError, Unsupported
from sampan.networks import connect, drivers, endpoints, pools
from sampan.networks.endpoints import Endpoint
from sampan.networks.pools import Pool
from sampan.oci.config import ContainerConfig
from sampan.storage import paths as layout

TWO = ("10.1.0.0/16", "fd00:1::/64")
PLACE = Endpoint("e", "c", "n", "net", "10.0.0.2", 24, "10.0.0.1", "02:42:0a:00:00:02", "v1")


def test_gateways_ranges_and_reserved_addresses_find_their_subnet() -> None:
    found = pools.pair(TWO, ("fd00:1::9", "10.1.0.9"), ("10.1.4.0/24",), {"a": "10.1.0.3", "b": "fd00:1::3"})
    assert found == [
        Pool(TWO[0], "10.1.0.9", "10.1.4.0/24", {"a": "10.1.0.3"}),
        Pool(TWO[1], "fd00:1::9", "", {"b": "fd00:1::3"}),
    ]
    for pool in found:
        pools.check(pool)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (((), ("10.1.0.1",), (), {}), "every ip-range or gateway must have a corresponding subnet"),
        (((), (), ("10.1.0.0/24",), {}), "every ip-range or gateway must have a corresponding subnet"),
        (((TWO[0],), ("10.2.0.1",), (), {}), "no matching subnet for gateway 10.2.0.1"),
        (((TWO[0],), ("fd00:1::1",), (), {}), "no matching subnet for gateway fd00:1::1"),
        (((TWO[0],), (), ("10.2.0.0/24",), {}), "no matching subnet for range 10.2.0.0/24"),
        (((TWO[0],), (), (), {"a": "nonsense"}), "no matching subnet for aux-address nonsense"),
        (((), (), (), {"a": "10.1.0.1"}), "no matching subnet for aux-address 10.1.0.1"),
        (((TWO[0], "10.1.3.0/24"), (), (), {}), "multiple overlapping subnet configuration is not supported"),
        (
            (TWO, ("10.1.0.1", "10.1.0.2"), (), {}),
            "cannot configure multiple gateways (10.1.0.1, 10.1.0.2) on 10.1.0.0/16",
        ),
        (
            (TWO, (), ("10.1.1.0/24", "10.1.2.0/24"), {}),
            "cannot configure multiple ranges (10.1.1.0/24, 10.1.2.0/24) on 10.1.0.0/16",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_in_dockers_words(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        pools.pair(*given)
    assert str(caught.value) == message


def test_a_range_must_lie_within_its_subnet_and_have_no_host_bits() -> None:
    with pytest.raises(InvalidArgument) as caught:
        pools.check(Pool("10.71.0.0/16", ip_range="10.71.0.0/8"))
    assert str(caught.value).splitlines() == [
        "invalid network config:",
        "* invalid ip-range 10.71.0.0/8: CIDR block is bigger than its parent subnet 10.71.0.0/16",
        "* invalid ip-range 10.71.0.0/8: it should be 10.0.0.0/8",
    ]


@pytest.mark.parametrize(
    ("driver", "options", "kind", "message"),
    [
        ("nope", {}, NotFound, 'plugin "nope" not found'),
        ("host", {}, PermissionDenied, 'only one instance of "host" network is allowed'),
        ("bridge", {drivers.ICC: "maybe"}, InvalidArgument, f"failed to parse {drivers.ICC} value: maybe"),
        ("bridge", {drivers.MTU: "big"}, InvalidArgument, f"failed to parse {drivers.MTU} value: big"),
        ("bridge", {drivers.MTU: "50"}, InvalidArgument, "invalid argument"),
        ("bridge", {drivers.HOST_ADDRESS: "x"}, InvalidArgument, f"failed to parse {drivers.HOST_ADDRESS} value: x"),
        ("bridge", {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}, Unsupported, "gateway_mode_ipv4=routed"),
        ("bridge", {"com.docker.network.container_iface_prefix": "net"}, Unsupported, "container_iface_prefix"),
        ("macvlan", {"macvlan_mode": "zz"}, InvalidArgument, "requested macvlan mode 'zz' is not valid"),
        ("ipvlan", {"ipvlan_mode": "l3"}, Unsupported, "ipvlan_mode=l3"),
    ],
)
def test_a_wrong_option_is_refused(driver: str, options: dict[str, str], kind: type[SampanError], message: str) -> None:
    with pytest.raises(kind) as caught:
        drivers.check(driver, options)
    assert message in str(caught.value)


def test_options_say_what_they_mean() -> None:
    drivers.check("bridge", {"nonsense": "1", drivers.ICC: "False", drivers.MTU: "0"})
    assert drivers.is_on({}, drivers.ICC) and not drivers.is_on({drivers.ICC: "0"}, drivers.ICC)
    assert (drivers.mtu({}), drivers.mtu({drivers.MTU: "1400"})) == (0, 1400)
    assert (drivers.host_address({drivers.HOST_ADDRESS: "0.0.0.0"}), drivers.host_address({})) == ("", "")
    assert drivers.host_address({drivers.HOST_ADDRESS: "127.0.0.1"}) == "127.0.0.1"
    assert (drivers.mode("macvlan", {}), drivers.mode("macvlan", {"macvlan_mode": "private"})) == (4, 1)
    assert drivers.mode("ipvlan", {}) == 0


def test_the_way_out_is_the_highest_priority_then_the_first_name_and_never_internal() -> None:
    inner = PLACE._replace(network="a", gateway="")
    first, second = PLACE._replace(network="b"), PLACE._replace(network="c", gateway="10.0.1.1")
    assert endpoints.way_out([inner]) is None
    assert endpoints.way_out([second, inner, first]) == first
    preferred = second._replace(gateway_priority=1, gateway6="fd00::1")
    assert endpoints.way_out([first, preferred]) == preferred
    assert endpoints.gateways([first, preferred]) == ["10.0.1.1", "fd00::1"]
    assert endpoints.gateways([inner]) == []


def test_the_networks_of_a_container_come_back_from_its_record() -> None:
    choice = NetworkChoice(
        "back", ("db",), "10.1.0.9", "fd00::9", "02:00:00:00:00:09", ("web:w",), ("169.254.1.1",), {"k": "v"}, 7
    )
    for networks in (None, (), (choice, NetworkChoice("front"))):
        spec = Spec(RunOptions("x", networks=networks), ContainerConfig())
        assert spec_from_json(spec_to_json(spec)) == spec


def test_a_container_is_connected_to_what_its_options_say() -> None:
    alone = RunOptions("x", network="front", network_aliases=("a",), ip="10.1.0.9", mac_address="02:00:00:00:00:09")
    assert alone.connections == (NetworkChoice("front", ("a",), "10.1.0.9", "", "02:00:00:00:00:09"),)
    assert alone._replace(networks=()).connections == ()
    assert [RunOptions("x", network=mode).connections for mode in ("none", "host", "container:web")] == [(), (), ()]


def test_a_place_may_name_its_interface_and_set_sysctls_of_it() -> None:
    settings = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0"
    options = {drivers.INTERFACE_NAME: "wan0", drivers.INTERFACE_SETTINGS: settings}
    assert drivers.interface_name(options) == "wan0"
    assert drivers.interface_settings(options, "wan0") == [
        ("net/ipv4/conf/wan0/log_martians", "1"),
        ("net/ipv6/conf/wan0/accept_ra", "0"),
    ]
    assert (drivers.interface_name({}), drivers.interface_settings({}, "eth0")) == ("", [])


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "net.ipv4.conf.eth0.x=1",
        "net.ipv4.conf.IFNAME.x",
        "kernel.x.y.IFNAME.z=1",
        "net.ipv4.a/b.IFNAME.c=1",
    ],
)
def test_a_sysctl_that_is_not_the_interfaces_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unrecognised network interface sysctl"):
        drivers.interface_settings({drivers.INTERFACE_SETTINGS: text}, "eth0")


@pytest.mark.parametrize("name", ["a/b", "waytoolongname000000", "a b", ".."])
def test_a_name_that_no_interface_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid interface name"):
        drivers.interface_name({drivers.INTERFACE_NAME: name})


def test_an_interface_gets_a_name_that_no_other_of_its_container_has() -> None:
    paths = layout.paths_of("/tmp/root")
    held: list[Endpoint] = []
    for _ in range(40):
        held.append(PLACE._replace(host_interface=connect.outer_name(paths, "c" * 64, held)))
    assert len({e.host_interface for e in held}) == 40
    assert {len(e.host_interface) for e in held} == {15}
    left = [held[1]]  # the first was disconnected
    assert connect.outer_name(paths, "c" * 64, left) == held[0].host_interface
