"""Networks in the kernel. The host is a network namespace of its own, so nothing of the real one is touched."""

import os
import socket
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from sampan.errors import Conflict, InvalidArgument, PermissionDenied, SampanError, Unavailable, Unsupported
from sampan.linux import links, netns, syscall
from sampan.linux.netlink import Netlink
from sampan.networks import attachment, bridge, connect, creation, endpoints, firewall, ports, published, store, upkeep
from sampan.networks.creation import NetworkOptions
from sampan.networks.endpoints import NO_OPTIONS, Endpoint, EndpointOptions
from sampan.networks.ports import PortBinding
from sampan.storage.database import Database
from sampan.storage.paths import Paths, paths_of

HOST, NEIGHBOUR = "10.99.0.1", "10.99.0.2"
HOST6, NEIGHBOUR6 = "fd99::1", "fd99::2"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
MTU = "com.docker.network.driver.mtu"
SECONDS = 5.0


class Container(NamedTuple):
    id: str
    fd: int
    endpoint: Endpoint


class Host:
    """A host in this thread's network namespace, one root on it, and a neighbour on a wire."""

    def __init__(self, root: str) -> None:
        self.paths: Paths = paths_of(root)
        os.makedirs(root)
        self.database = Database(self.paths.database)
        self.open: list[int] = []
        self.neighbour = self.namespace()
        with Netlink() as netlink:
            links.create_veth(netlink, "up0", peer="eth0", peer_mac="02:00:00:00:00:01", namespace_fd=self.neighbour)
            links.configure(netlink, "up0", (HOST, 24), (HOST6, 64))

        def plug() -> None:
            with Netlink() as netlink:
                links.configure(netlink, "eth0", (NEIGHBOUR, 24), (NEIGHBOUR6, 64), gateways=[HOST, HOST6])

        netns.inside(self.neighbour, plug)

    def namespace(self) -> int:
        self.open.append(netns.create())
        return self.open[-1]

    def container(self, network: str = "bridge", asked: EndpointOptions = NO_OPTIONS) -> Container:
        fd, container_id = self.namespace(), os.urandom(32).hex()
        found = store.find(self.database, self.paths, network)
        return Container(container_id, fd, connect.connect(self.database, self.paths, found, container_id, fd, asked))

    def network(self, name: str, options: NetworkOptions) -> store.Network:
        return creation.create(self.database, self.paths, name, options)

    def publish(self, container: Container, *bindings: PortBinding) -> list[published.PublishedPort]:
        made = ports.publish(self.database, self.paths, container.id, container.endpoint, bindings)
        self.open += made.reservations
        return list(made.ports)

    def close(self) -> None:
        for fd in self.open:
            os.close(fd)
        self.database.close()


@pytest.fixture
def host(tmp_path: object) -> Iterator[Host]:
    real = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    syscall.unshare(syscall.CLONE_NEWNET)
    try:
        with Netlink() as netlink:
            links.set_up(netlink, "lo")
        made = Host(f"{tmp_path}/root")
        try:
            yield made
        finally:
            made.close()
    finally:
        syscall.setns(real, syscall.CLONE_NEWNET)
        os.close(real)


def serve(
    fd: int,
    port: int,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    family: socket.AddressFamily = socket.AF_INET,
) -> socket.socket:
    """A server in a namespace."""

    def make() -> socket.socket:
        server = socket.socket(family, kind)
        server.settimeout(SECONDS)
        server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            server.listen()
        return server

    return netns.inside(fd, make)


def client(
    fd: int | None,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    seconds: float = SECONDS,
    family: socket.AddressFamily = socket.AF_INET,
) -> socket.socket:
    """A socket in a namespace, None for the host's."""

    def make() -> socket.socket:
        made = socket.socket(family, kind)
        made.settimeout(seconds)
        return made

    return make() if fd is None else netns.inside(fd, make)


def family_of(address: tuple[str, int]) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def answers(server: socket.socket, fd: int | None, address: tuple[str, int]) -> str:
    """Send through TCP both ways; returns the client's address as the server saw it."""
    with client(fd, family=family_of(address)) as caller:
        caller.connect(address)
        accepted, peer = server.accept()
        with accepted:
            accepted.settimeout(SECONDS)
            caller.sendall(b"ping")
            assert accepted.recv(10) == b"ping"
            accepted.sendall(b"pong")
            assert caller.recv(10) == b"pong"
    return str(peer[0])


def answers_udp(server: socket.socket, fd: int | None, address: tuple[str, int]) -> None:
    with client(fd, socket.SOCK_DGRAM, family=family_of(address)) as caller:
        caller.connect(address)
        caller.send(b"ping")
        data, peer = server.recvfrom(10)
        server.sendto(data, peer)
        assert caller.recv(10) == b"ping"


def is_silent(fd: int | None, address: tuple[str, int]) -> bool:
    """Whether a packet to there is dropped, or refused by whoever is asked."""
    with client(fd, seconds=0.3, family=family_of(address)) as caller:
        try:
            caller.connect(address)
        except (TimeoutError, OSError):
            return True
    return False


def shell(command: str) -> str:
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("bridge_filtered", [False, True])
def test_a_published_port_answers_from_everywhere(host: Host, bridge_filtered: bool) -> None:
    with open("/proc/sys/net/bridge/bridge-nf-call-iptables", "w") as file:
        file.write(str(int(bridge_filtered)))
    web, other = host.container(), host.container()
    host.publish(web, PortBinding(80, "tcp", "", 8080))
    with serve(web.fd, 80) as server:
        assert answers(server, host.neighbour, (HOST, 8080)) == NEIGHBOUR
        assert answers(server, None, (HOST, 8080)) == HOST
        answers(server, None, ("127.0.0.1", 8080))
        answers(server, None, (web.endpoint.gateway, 8080))
        answers(server, other.fd, (HOST, 8080))
        answers(server, other.fd, (web.endpoint.gateway, 8080))
        answers(server, other.fd, (web.endpoint.ip, 80))
        answers(server, web.fd, (HOST, 8080))


def test_a_published_udp_port_answers_from_everywhere(host: Host) -> None:
    names, other = host.container(), host.container()
    host.publish(names, PortBinding(53, "udp", "", 5353))
    with serve(names.fd, 53, socket.SOCK_DGRAM) as server:
        for where, address in ((host.neighbour, HOST), (None, HOST), (None, "127.0.0.1"), (other.fd, HOST)):
            answers_udp(server, where, (address, 5353))


def test_a_udp_client_that_goes_on_reaches_the_next_container(host: Host) -> None:
    first, second = host.container(), host.container()
    with client(host.neighbour, socket.SOCK_DGRAM) as caller:
        caller.connect((HOST, 5353))
        for container in (first, second):
            reservations = host.publish(container, PortBinding(53, "udp", "", 5353))
            with serve(container.fd, 53, socket.SOCK_DGRAM) as server:
                caller.send(b"ping")
                assert server.recvfrom(10)[0] == b"ping"
            connect.disconnect(host.database, host.paths, container.id)
            for _ in reservations:
                os.close(host.open.pop())


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


def test_nothing_enters_a_network_but_through_published_ports(host: Host) -> None:
    creation.create(host.database, host.paths, "back")
    web, other = host.container(), host.container("back")
    host.publish(web, PortBinding(80, "tcp", "", 8080), PortBinding(81, "tcp", "127.0.0.1", 8081))
    with serve(web.fd, 80) as server, serve(web.fd, 81) as local:
        assert is_silent(host.neighbour, (web.endpoint.ip, 80))
        assert is_silent(other.fd, (web.endpoint.ip, 80))
        assert is_silent(host.neighbour, (HOST, 8081))
        answers(local, None, ("127.0.0.1", 8081))
        answers(server, other.fd, (HOST, 8080))


def test_the_hosts_loopback_cannot_be_reached_from_outside(host: Host) -> None:
    container = host.container()
    host.publish(container, PortBinding(80, "tcp", "127.0.0.1", 8081))
    with serve(container.fd, 80):
        for fd, gateway in ((host.neighbour, HOST), (container.fd, container.endpoint.gateway)):

            def route(gateway: str = gateway) -> None:
                for name in ("all", "eth0", "lo"):
                    with open(f"/proc/sys/net/ipv4/conf/{name}/route_localnet", "w") as file:
                        file.write("1")
                shell("ip addr flush dev lo; ip rule add pref 1 to 127.0.0.0/8 lookup 7; ip rule del pref 0")
                shell(f"ip rule add pref 9 lookup local; ip route add 127.0.0.0/8 via {gateway} dev eth0 table 7")

            netns.inside(fd, route)
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 7000))
                listener.listen()
                assert is_silent(fd, ("127.0.0.1", 8081))
                assert is_silent(fd, ("127.0.0.1", 7000))


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


def test_a_port_of_another_container_is_refused_by_name(host: Host) -> None:
    first, second = host.container(), host.container()
    host.publish(first, PortBinding(80, "tcp", "", 8080))
    with pytest.raises(Conflict) as caught:
        host.publish(second, PortBinding(81), PortBinding(80, "tcp", "127.0.0.1", 8080))
    assert str(caught.value) == (
        f"driver failed programming external connectivity on endpoint {second.id[:12]} ({second.endpoint.id}):"
        " Bind for 127.0.0.1:8080 failed: port is already allocated"
    )
    assert first.id[:12] in caught.value.hint
    assert published.ports(host.database, second.id) == []
    assert firewall.is_true_to(host.database, host.paths)
    host.publish(second, PortBinding(80, "udp", "", 8080))


def test_a_port_of_a_process_is_refused_with_its_name(host: Host) -> None:
    container = host.container()
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 8080))
        listener.listen()
        with pytest.raises(Conflict) as caught:
            host.publish(container, PortBinding(80, "tcp", "", 8080))
    assert str(caught.value).endswith(
        f"failed to bind host port for 0.0.0.0:8080:{container.endpoint.ip}:80/tcp: address already in use"
    )
    assert f"(pid {os.getpid()})" in caught.value.hint


def test_an_address_that_is_not_the_hosts_is_refused(host: Host) -> None:
    with pytest.raises(InvalidArgument, match="cannot assign requested address"):
        host.publish(host.container(), PortBinding(80, "tcp", "10.1.2.3", 8080))
    with pytest.raises(InvalidArgument, match="cannot assign requested address"):
        host.publish(host.container(), PortBinding(80, "tcp", "10.1.2.3"))


def test_a_connection_of_the_past_is_no_obstacle_and_a_reservation_keeps_servers_off(host: Host) -> None:
    container = host.container()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 8080))
        listener.listen()
        with socket.create_connection(("127.0.0.1", 8080), SECONDS) as caller:
            accepted, _ = listener.accept()
            accepted.close()
            assert caller.recv(1) == b""
    host.publish(container, PortBinding(80, "tcp", "", 8080))
    with socket.socket() as rival, pytest.raises(OSError):
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("0.0.0.0", 8080))
        rival.listen()


def test_a_range_gives_its_first_free_port(host: Host) -> None:
    first, second, third = host.container(), host.container(), host.container()
    asked = PortBinding(80, "tcp", "", 8080, 8082)
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 8081))
        listener.listen()
        assert [port.host_port for port in host.publish(first, asked)] == [8080]
        assert [port.host_port for port in host.publish(second, asked)] == [8082]
        with pytest.raises(Unavailable, match=r"on endpoint .*: all ports are allocated"):
            host.publish(third, asked)
    assert published.ports(host.database, third.id) == []
    assert [port.host_port for port in host.publish(third, asked)] == [8081]


def test_ephemeral_ports_differ(host: Host) -> None:
    container = host.container()
    published = host.publish(container, PortBinding(80), PortBinding(81), PortBinding(80, "udp"))
    first, last = 32768, 60999
    assert len({(port.protocol, port.host_port) for port in published}) == 3
    assert all(first <= port.host_port <= last for port in published)


def test_twenty_processes_at_once_get_twenty_addresses_and_ports(host: Host) -> None:
    children = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                host.database = Database(host.paths.database)
                host.publish(host.container(), PortBinding(80))
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 20
    assert len({endpoint.ip for endpoint in endpoints.read(host.database)}) == 20
    assert len({forward.host_port for forward in published.forwards(host.database)}) == 20
    assert firewall.is_true_to(host.database, host.paths)


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


def _addresses() -> list[links.Route]:
    with Netlink() as netlink:
        return links.list_addresses(netlink)


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


def test_an_entry_that_nobody_owns_is_replaced(host: Host) -> None:
    lost = host.container()
    host.publish(lost, PortBinding(80, "tcp", "", 8080))
    with host.database.transaction():
        host.database.execute("DELETE FROM port")
    os.close(host.open.pop())
    container = host.container()
    host.publish(container, PortBinding(80, "tcp", "", 8080))
    assert firewall.is_true_to(host.database, host.paths)


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


def test_a_port_is_published_on_ipv6_too_where_the_container_has_it(host: Host) -> None:
    host.network("dual", NetworkOptions(ipv6=True))
    web, other = host.container("dual"), host.container("dual")
    made = host.publish(web, PortBinding(80, "tcp", "", 8080))
    assert [port.host_ip for port in made] == ["0.0.0.0", "::"]
    with serve(web.fd, 80, family=socket.AF_INET6) as server:
        assert answers(server, host.neighbour, (HOST6, 8080)) == NEIGHBOUR6
        answers(server, None, (HOST6, 8080))
        answers(server, other.fd, (HOST6, 8080))
        answers(server, web.fd, (HOST6, 8080))
        assert answers(server, host.neighbour, (HOST, 8080)) == f"::ffff:{NEIGHBOUR}"
        assert is_silent(host.neighbour, (web.endpoint.ip6, 80))
        assert is_silent(None, ("::1", 8080))
    bound = host.publish(web, PortBinding(80, "udp", HOST6, 8081), PortBinding(80, "tcp", "::", 8082))
    assert [port.host_ip for port in bound] == [HOST6, "::"]
    with serve(web.fd, 80, socket.SOCK_DGRAM, socket.AF_INET6) as names:
        answers_udp(names, host.neighbour, (HOST6, 8081))
    ephemeral = host.publish(web, PortBinding(80))
    assert len({port.host_port for port in ephemeral}) == 1
    assert firewall.is_true_to(host.database, host.paths)
    connect.disconnect(host.database, host.paths, web.id)
    assert firewall.is_true_to(host.database, host.paths)


def test_addresses_of_ipv6_that_cannot_be_published_on_are_refused_with_a_way_out(host: Host) -> None:
    host.network("dual", NetworkOptions(ipv6=True))
    with pytest.raises(Unsupported, match=r"cannot publish a port on \[::1\]") as caught:
        host.publish(host.container("dual"), PortBinding(80, "tcp", "::1", 8080))
    assert "127.0.0.1" in caught.value.hint
    with pytest.raises(InvalidArgument, match="the container has none in network bridge") as refused:
        host.publish(host.container(), PortBinding(80, "tcp", "::", 8080))
    assert "--ipv6" in refused.value.hint


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


def test_where_containers_are_not_to_talk_only_published_ports_lead_to_another(host: Host) -> None:
    with open("/proc/sys/net/bridge/bridge-nf-call-iptables", "w") as file:
        file.write("0")
    host.network("shy", NetworkOptions(options={ICC: "false"}))
    web, other = host.container("shy"), host.container("shy")
    host.publish(web, PortBinding(80, "tcp", "", 8080))
    with serve(web.fd, 80) as server, serve(host.neighbour, 9000) as outside:
        assert is_silent(other.fd, (web.endpoint.ip, 80))
        netns.inside(other.fd, lambda: shell(f"ip route add {web.endpoint.ip} via {web.endpoint.gateway}"))
        assert is_silent(other.fd, (web.endpoint.ip, 80)), "not by way of the host either"
        answers(server, other.fd, (HOST, 8080))
        answers(outside, other.fd, (NEIGHBOUR, 9000))


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


def test_an_accept_that_was_taken_away_is_brought_back(host: Host) -> None:
    shell("nft 'table inet mine { chain pass { type filter hook forward priority 0; policy drop; }; }'")
    container = host.container()
    shell("nft flush chain inet mine pass")
    assert upkeep.restore(host.database, host.paths) == [f"accept of the host's rules for {host.paths.bridge}"]
    with serve(host.neighbour, 9000) as server:
        answers(server, container.fd, (NEIGHBOUR, 9000))


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


def test_of_two_processes_that_want_one_port_one_gets_it(host: Host) -> None:
    containers = [host.container(), host.container()]
    children = []
    for container in containers:
        pid = os.fork()
        if pid == 0:
            status = 2
            try:
                host.database = Database(host.paths.database)
                host.publish(container, PortBinding(80, "tcp", "", 8080))
                status = 0
            except Conflict:
                status = 1
            finally:
                os._exit(status)
        children.append(pid)
    assert sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children) == [0, 1]
    assert [forward.host_port for forward in published.forwards(host.database)] == [8080]
    assert firewall.is_true_to(host.database, host.paths)


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
