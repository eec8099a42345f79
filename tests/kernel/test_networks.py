"""Networks in the kernel. The host is a network namespace of its own, so nothing of the real one is touched."""

import os
import socket
from collections.abc import Iterator

import pytest

from sampan.errors import Conflict, PermissionDenied, SampanError, Unavailable
from sampan.linux import links, netns
from sampan.linux.netlink import Netlink
from sampan.networks import attachment, bridge, connect, creation, endpoints, firewall, published, store, upkeep
from sampan.networks.creation import NetworkOptions
from sampan.networks.endpoints import EndpointOptions
from sampan.networks.ports import PortBinding
from sampan.storage.database import Database
from sampan.storage.paths import paths_of
from sampan.testing.network_hosts import (
    HOST,
    HOST6,
    NEIGHBOUR,
    NEIGHBOUR6,
    Host,
    answers,
    is_silent,
    serve,
    shell,
    standing,
)

ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
MTU = "com.docker.network.driver.mtu"


@pytest.fixture
def host(tmp_path: object) -> Iterator[Host]:
    with standing(f"{tmp_path}/root") as found:
        yield found


def _addresses() -> list[links.Route]:
    with Netlink() as netlink:
        return links.list_addresses(netlink)


def test_containers_reach_other_hosts_under_the_hosts_address(host: Host) -> None:
    container = host.container()
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        assert file.read().strip() == "1"
    with serve(host.neighbour, 9000) as server:
        assert answers(server, container.fd, (NEIGHBOUR, 9000)) == HOST


def test_it_works_beside_a_docker_daemon(host: Host) -> None:
    shell("iptables -N DOCKER-USER && iptables -A FORWARD -j DOCKER-USER && iptables -P FORWARD DROP")
    with open("/proc/sys/net/bridge/bridge-nf-call-iptables", "w") as file:
        file.write("1")
    web, other = host.container(), host.container()
    host.publish(web, PortBinding(80, "tcp", "", 8080))
    with serve(web.fd, 80) as server, serve(host.neighbour, 9000) as outside:
        answers(server, host.neighbour, (HOST, 8080))
        answers(server, other.fd, (web.endpoint.ip, 80))
        answers(outside, other.fd, (NEIGHBOUR, 9000))
    rules = shell("iptables -S DOCKER-USER").splitlines()
    comment = f'-m comment --comment "sampan {host.paths.key}" -j ACCEPT'
    assert rules == [
        "-N DOCKER-USER",
        f"-A DOCKER-USER -o {host.paths.bridge} {comment}",
        f"-A DOCKER-USER -i {host.paths.bridge} {comment}",
    ]
    upkeep.shutdown(host.database, host.paths)
    assert shell("iptables -S DOCKER-USER").splitlines() == ["-N DOCKER-USER"]


def test_it_works_where_another_table_drops_what_is_forwarded(host: Host) -> None:
    shell("nft 'table inet mine { chain pass { type filter hook forward priority 0; policy drop; }; }'")
    container = host.container()
    with serve(host.neighbour, 9000) as server:
        answers(server, container.fd, (NEIGHBOUR, 9000))
    upkeep.shutdown(host.database, host.paths)
    assert "accept" not in shell("nft list table inet mine").replace("policy accept", "")


def test_an_internal_network_leads_nowhere(host: Host) -> None:
    creation.create(host.database, host.paths, "inner", NetworkOptions(internal=True))
    one, other = host.container("inner"), host.container("inner")
    assert one.endpoint.gateway == ""
    with serve(one.fd, 80) as server, serve(host.neighbour, 9000):
        answers(server, other.fd, (one.endpoint.ip, 80))
        assert is_silent(other.fd, (NEIGHBOUR, 9000))


def test_a_container_of_two_networks_has_two_interfaces_and_one_default_route(host: Host) -> None:
    back = creation.create(
        host.database, host.paths, "back", NetworkOptions(subnets=("10.89.0.0/24",), gateways=("10.89.0.9",))
    )
    container = host.container()
    endpoint = connect.connect(
        host.database, host.paths, back, container.id, container.fd, EndpointOptions(ip="10.89.0.10")
    )
    assert (endpoint.ip, endpoint.gateway, endpoint.mac) == ("10.89.0.10", "10.89.0.9", "02:42:0a:59:00:0a")

    def look() -> tuple[list[str], int]:
        with Netlink() as netlink:
            names = [link.name for link in links.list_links(netlink)]
            return names, sum(route.prefix_length == 0 for route in links.list_routes(netlink))

    assert netns.inside(container.fd, look) == (["lo", "eth0", "eth1"], 1)
    with pytest.raises(PermissionDenied, match="already exists in network back"):
        connect.connect(host.database, host.paths, back, container.id, container.fd)
    connect.disconnect(host.database, host.paths, container.id, back)
    attachment.lead_out(endpoints.read(host.database, container_id=container.id), container.fd)
    assert netns.inside(container.fd, look) == (["lo", "eth0"], 1)
    bridge.remove(host.database, host.paths, back)
    assert links.index_of(back.bridge) == 0


def test_two_roots_choose_different_subnets(host: Host) -> None:
    children = []
    for name in ("a", "b", "c"):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                root = f"{host.paths.root}-{name}"
                os.makedirs(root)
                host.paths = paths_of(root)
                host.database = Database(host.paths.database)
                host.container()
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 3
    subnets = [a.destination for a in _addresses() if a.prefix_length in (16, 20)]
    assert len(set(subnets)) == len(subnets) == 3


def test_a_network_moves_when_its_subnet_was_taken_while_it_was_down(host: Host) -> None:
    container = host.container()
    connect.disconnect(host.database, host.paths, container.id)
    upkeep.shutdown(host.database, host.paths)
    with Netlink() as netlink:
        links.create_bridge(netlink, "docker0", "02:42:00:00:00:01", [("172.17.0.1", 16)])
    assert host.container().endpoint.ip == "172.18.0.2"


def test_reconcile_frees_what_the_dead_hold_and_restores_what_the_living_need(host: Host) -> None:
    living, dead = host.container(), host.container()
    host.publish(living, PortBinding(80, "tcp", "", 8080))
    host.publish(dead, PortBinding(80, "tcp", "", 8081))
    firewall.delete(host.paths)
    with Netlink() as netlink:
        links.delete_link(netlink, host.paths.bridge)
    upkeep.reconcile(host.database, host.paths, {living.id})
    assert [endpoint.container_id for endpoint in endpoints.read(host.database)] == [living.id]
    assert [forward.host_port for forward in published.forwards(host.database)] == [8080]
    with serve(living.fd, 80) as server:
        answers(server, host.neighbour, (HOST, 8080))
    upkeep.reconcile(host.database, host.paths, set())
    assert endpoints.read(host.database) == [] and firewall.is_true_to(host.database, host.paths)


def test_disconnect_frees_everything_and_may_be_repeated(host: Host) -> None:
    container = host.container()
    host.publish(container, PortBinding(80, "tcp", "", 8080))
    connect.disconnect(host.database, host.paths, container.id)
    connect.disconnect(host.database, host.paths, container.id)
    assert endpoints.read(host.database) == [] and published.ports(host.database, container.id) == []
    assert firewall.is_true_to(host.database, host.paths)
    firewall.delete(host.paths)
    again = host.container()
    host.publish(again, PortBinding(80))
    firewall.delete(host.paths)
    connect.disconnect(host.database, host.paths, again.id)


def test_shutdown_leaves_nothing_in_the_kernel(host: Host) -> None:
    creation.create(host.database, host.paths, "back")
    for network in ("bridge", "back"):
        host.publish(host.container(network), PortBinding(80))
    for fd in host.open[1:]:
        os.close(fd)
    host.open = host.open[:1]
    upkeep.shutdown(host.database, host.paths)
    assert shell("nft list ruleset") == ""
    with Netlink() as netlink:
        assert not [link for link in links.list_links(netlink) if link.name.startswith("sp")]
    assert [network.name for network in store.list_networks(host.database, host.paths)] == [
        "back",
        "bridge",
        "host",
        "none",
    ]


def test_networks_are_refused_in_dockers_words(host: Host) -> None:
    front = creation.create(host.database, host.paths, "front", NetworkOptions(subnets=("10.89.0.0/24",)))
    subnet, overlapping = ("10.90.0.0/24",), ("10.89.0.0/25",)
    for name, options, message in (
        ("bridge", NetworkOptions(), "operation is not permitted on predefined bridge network"),
        ("front", NetworkOptions(), "network with name front already exists"),
        ("x", NetworkOptions(driver="nope"), 'plugin "nope" not found'),
        (
            "x",
            NetworkOptions(subnets=overlapping),
            "invalid pool request: Pool overlaps with other one on this address space",
        ),
        ("x", NetworkOptions(subnets=subnet, gateways=("10.91.0.1",)), "no matching subnet for gateway 10.91.0.1"),
        ("x", NetworkOptions(subnets=("fd00::/64",)), "the subnet fd00::/64 needs a network with IPv6"),
    ):
        with pytest.raises(SampanError) as caught:
            creation.create(host.database, host.paths, name, options)
        assert str(caught.value) == message
    with pytest.raises(Conflict, match="conflicts with an interface"):
        creation.create(
            host.database, host.paths, "x", NetworkOptions(options={"com.docker.network.bridge.name": "up0"})
        )
    container = host.container("front")
    with pytest.raises(PermissionDenied, match="error while removing network: network front has active endpoints"):
        bridge.remove(host.database, host.paths, front)
    connect.disconnect(host.database, host.paths, container.id)
    bridge.remove(host.database, host.paths, front)
    with pytest.raises(PermissionDenied, match="bridge is a pre-defined network and cannot be removed"):
        bridge.remove(host.database, host.paths, store.find(host.database, host.paths, "bridge"))


def test_a_network_with_ipv6_gives_addresses_and_ways_of_both_kinds(host: Host) -> None:
    host.network("dual", NetworkOptions(ipv6=True, subnets=("fd00:71::/64",)))
    one, other = host.container("dual"), host.container("dual", EndpointOptions(ip6="fd00:71::9"))
    assert (one.endpoint.ip6, one.endpoint.gateway6) == ("fd00:71::2", "fd00:71::1")
    assert other.endpoint.ip6 == "fd00:71::9"
    with serve(one.fd, 80, family=socket.AF_INET6) as server, serve(one.fd, 81) as old:
        assert answers(server, other.fd, ("fd00:71::2", 80)) == "fd00:71::9"
        answers(old, other.fd, (one.endpoint.ip, 81))
        answers(server, None, ("fd00:71::2", 80))
    with serve(host.neighbour, 9000, family=socket.AF_INET6) as outside:
        assert answers(outside, one.fd, (NEIGHBOUR6, 9000)) == HOST6


def test_networks_of_ipv6_are_apart_too(host: Host) -> None:
    for name, options in (("one", NetworkOptions(ipv6=True)), ("two", NetworkOptions(ipv6=True, internal=True))):
        host.network(name, options)
    one, two = host.container("one"), host.container("two")
    host.publish(two, PortBinding(80, "tcp", "", 8080))
    with (
        serve(one.fd, 80, family=socket.AF_INET6),
        serve(two.fd, 80, family=socket.AF_INET6),
        serve(host.neighbour, 80, family=socket.AF_INET6),
    ):
        assert is_silent(two.fd, (one.endpoint.ip6, 80))
        assert is_silent(one.fd, (two.endpoint.ip6, 80))
        assert is_silent(two.fd, (NEIGHBOUR6, 80))
        assert is_silent(host.neighbour, (one.endpoint.ip6, 80))
        assert is_silent(one.fd, (HOST6, 8080)), "not through what an internal network has published either"
        assert is_silent(one.fd, (HOST, 8080))
        assert is_silent(host.neighbour, (HOST, 8080))


def test_without_masquerading_others_see_the_containers_own_address(host: Host) -> None:
    host.network("open", NetworkOptions(options={MASQUERADE: "false"}))
    container = host.container("open")
    with serve(host.neighbour, 9000) as server:
        assert answers(server, container.fd, (NEIGHBOUR, 9000)) == container.endpoint.ip


def test_the_mtu_of_a_network_holds_for_its_bridge_and_interfaces(host: Host) -> None:
    made = host.network("small", NetworkOptions(options={MTU: "1400"}))
    container = host.container("small")

    def mtu(name: str) -> str:
        return shell(f"ip -o link show {name}").partition(" mtu ")[2].split()[0]

    assert netns.inside(container.fd, lambda: mtu("eth0")) == "1400"
    assert (mtu(made.bridge), mtu(container.endpoint.host_interface)) == ("1400", "1400")


def test_addresses_come_from_the_range_and_never_from_the_reserved_ones(host: Host) -> None:
    options = NetworkOptions(
        subnets=("10.89.0.0/24",),
        ip_ranges=("10.89.0.128/30",),
        gateways=("10.89.0.254",),
        aux_addresses={"router": "10.89.0.129"},
    )
    host.network("back", options)
    found = [host.container("back").endpoint for _ in range(3)]
    assert [endpoint.ip for endpoint in found] == ["10.89.0.128", "10.89.0.130", "10.89.0.131"]
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        host.container("back")
    assert host.container("back", EndpointOptions(ip="10.89.0.7")).endpoint.gateway == "10.89.0.254"
    with pytest.raises(Conflict, match="Address already in use"):
        host.container("back", EndpointOptions(ip="10.89.0.129"))


def test_a_macvlan_network_puts_containers_onto_the_hosts_wire(host: Host) -> None:
    subnet = NetworkOptions(driver="macvlan", subnets=("10.99.0.0/24",), gateways=(HOST,), options={"parent": "up0"})
    host.network("wire", subnet)
    container = host.container("wire", EndpointOptions(ip="10.99.0.50"))
    with serve(host.neighbour, 9000) as server:
        assert answers(server, container.fd, (NEIGHBOUR, 9000)) == "10.99.0.50"
    found = endpoints.read(host.database, container_id=container.id)
    attachment.detach(found[0], container.fd)
    assert netns.inside(container.fd, lambda: shell("ip -o -4 addr show up | grep -vc ' lo ' || true")) == "0\n"
    connect.disconnect(host.database, host.paths, container.id)
    bridge.remove(host.database, host.paths, store.find(host.database, host.paths, "wire"))


def test_a_subnet_that_the_host_leads_elsewhere_is_refused_or_passed_over(host: Host) -> None:
    shell(f"ip route add 172.17.0.0/16 via {NEIGHBOUR}; ip route add 10.88.0.0/16 via {NEIGHBOUR}")
    assert host.network("chosen", NetworkOptions()).subnet == "172.18.0.0/16"
    with pytest.raises(PermissionDenied, match="Pool overlaps with other one on this address space"):
        host.network("asked", NetworkOptions(subnets=("10.88.4.0/24",)))


def test_what_somebody_has_flushed_or_deleted_is_found_and_brought_back(host: Host) -> None:
    host.network("dual", NetworkOptions(ipv6=True))
    web, other = host.container("dual"), host.container("dual")
    host.publish(web, PortBinding(80, "tcp", "", 8080))
    table, dual = host.paths.firewall_table, store.find(host.database, host.paths, "dual")
    assert upkeep.damages(host.database, host.paths) == []
    harms = (
        ("nft flush ruleset", [f"nft table {table}"]),
        (f"nft flush table ip {table}", [f"nft table {table}"]),
        (f"nft delete table ip6 {table}", [f"nft table {table}"]),
        (f"nft flush map ip {table} ports", [f"nft table {table}"]),
        (f"ip link delete {dual.bridge}", [f"interface {dual.bridge}"]),
        (f"ip link set {web.endpoint.host_interface} nomaster", [f"ports of interface {dual.bridge}"]),
    )
    with serve(web.fd, 80) as server, serve(web.fd, 81, family=socket.AF_INET6) as newer:
        for harm, lost in harms:
            shell(harm)
            assert upkeep.damages(host.database, host.paths) == lost, harm
            assert upkeep.restore(host.database, host.paths) == lost
            assert upkeep.damages(host.database, host.paths) == []
            answers(server, host.neighbour, (HOST, 8080))
            answers(server, other.fd, (web.endpoint.ip, 80))
            answers(newer, other.fd, (web.endpoint.ip6, 81))


def test_ipv6_works_where_the_host_drops_what_it_forwards(host: Host) -> None:
    shell("ip6tables -N DOCKER-USER && ip6tables -A FORWARD -j DOCKER-USER && ip6tables -P FORWARD DROP")
    host.network("dual", NetworkOptions(ipv6=True))
    web = host.container("dual")
    host.publish(web, PortBinding(80, "tcp", "", 8080))
    with serve(web.fd, 80, family=socket.AF_INET6) as server:
        answers(server, host.neighbour, (HOST6, 8080))
    with serve(host.neighbour, 9000, family=socket.AF_INET6) as outside:
        answers(outside, web.fd, (NEIGHBOUR6, 9000))
    assert shell("ip6tables -S DOCKER-USER").count(f'"sampan {host.paths.key}" -j ACCEPT') == 2
    upkeep.shutdown(host.database, host.paths)
    assert shell("ip6tables -S DOCKER-USER").splitlines() == ["-N DOCKER-USER"]


def test_a_host_that_begins_to_forward_ipv6_goes_on_taking_router_advertisements(host: Host) -> None:
    def setting(path: str) -> str:
        with open(f"/proc/sys/net/ipv6/conf/{path}") as file:
            return file.read().strip()

    assert (setting("all/forwarding"), setting("up0/accept_ra")) == ("0", "1")
    host.network("inner", NetworkOptions(ipv6=True, internal=True))
    host.container("inner")
    assert setting("all/forwarding") == "0"
    host.network("dual", NetworkOptions(ipv6=True))
    host.container("dual")
    assert (setting("all/forwarding"), setting("up0/accept_ra")) == ("1", "2")


def test_nobody_in_a_network_can_advertise_routes_of_ipv6(host: Host) -> None:
    """A container may send any frame (NET_RAW): what listens to router advertisements would send it all its traffic."""

    def setting(path: str) -> str:
        with open(f"/proc/sys/net/ipv6/conf/{path}") as file:
            return file.read().strip()

    host.network("dual", NetworkOptions(ipv6=True))
    plain, dual = host.container(), host.container("dual")
    names = [store.find(host.database, host.paths, name).bridge for name in ("bridge", "dual")]
    assert [setting(f"{name}/accept_ra") for name in names] == ["0", "0"]
    assert [setting(f"{name}/disable_ipv6") for name in names] == ["1", "0"]
    assert netns.inside(plain.fd, lambda: setting("eth0/disable_ipv6")) == "1"
    assert netns.inside(dual.fd, lambda: setting("eth0/accept_ra")) == "0"
