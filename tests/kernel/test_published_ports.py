"""Published ports in the kernel, from everywhere that may ask. The host is a network namespace of its own."""

import os
import socket
from collections.abc import Iterator

import pytest

from sampan.errors import Conflict, InvalidArgument, Unavailable, Unsupported
from sampan.linux import netns
from sampan.networks import connect, creation, endpoints, firewall, published, upkeep
from sampan.networks.creation import NetworkOptions
from sampan.networks.ports import PortBinding
from sampan.storage.database import Database
from sampan.testing.network_hosts import (
    HOST,
    HOST6,
    NEIGHBOUR,
    NEIGHBOUR6,
    SECONDS,
    Host,
    answers,
    answers_udp,
    client,
    is_silent,
    serve,
    shell,
    standing,
)

ICC = "com.docker.network.bridge.enable_icc"


@pytest.fixture
def host(tmp_path: object) -> Iterator[Host]:
    with standing(f"{tmp_path}/root") as found:
        yield found


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


def test_an_entry_that_nobody_owns_is_replaced(host: Host) -> None:
    lost = host.container()
    host.publish(lost, PortBinding(80, "tcp", "", 8080))
    with host.database.transaction():
        host.database.execute("DELETE FROM port")
    os.close(host.open.pop())
    container = host.container()
    host.publish(container, PortBinding(80, "tcp", "", 8080))
    assert firewall.is_true_to(host.database, host.paths)


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


def test_an_accept_that_was_taken_away_is_brought_back(host: Host) -> None:
    shell("nft 'table inet mine { chain pass { type filter hook forward priority 0; policy drop; }; }'")
    container = host.container()
    shell("nft flush chain inet mine pass")
    assert upkeep.restore(host.database, host.paths) == [f"accept of the host's rules for {host.paths.bridge}"]
    with serve(host.neighbour, 9000) as server:
        answers(server, container.fd, (NEIGHBOUR, 9000))


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
