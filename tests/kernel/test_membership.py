"""`network connect` and `disconnect`, several networks of one container, `network prune`."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sampan.testing.command import Sampan
from sampan.testing.waiting import until

# A subnet of this process's own: other sessions may run on the same host.
BACK = f"10.{100 + os.getpid() // 250 % 100}.{os.getpid() % 250}"
BOX = ("busybox", "sleep", "100000")
SERVER = ("busybox", "sh", "-c", "while true; do echo hello | nc -l -p 80; done")


@pytest.fixture
def nets(sampan: Sampan) -> Iterator[Sampan]:
    """With the networks front and back, the latter of a subnet of one's own choice."""
    sampan("network", "create", "front")
    sampan("network", "create", "--subnet", f"{BACK}.0/24", "back")
    yield sampan


def networks_of(sampan: Sampan, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sampan("inspect", "-f", "{{json .NetworkSettings.Networks}}", name).out)
    return found


def interfaces(sampan: Sampan, name: str) -> list[str]:
    lines = sampan("exec", name, "ip", "-o", "-4", "addr").out.splitlines()
    return [f"{line.split()[1]} {line.split()[3]}" for line in lines if " lo " not in line]


def way_out(sampan: Sampan, name: str) -> str:
    routes = sampan("exec", name, "ip", "route").out.splitlines()
    return next((line.split()[2] for line in routes if line.startswith("default")), "")


def is_found(sampan: Sampan, asker: str, name: str) -> bool:
    return sampan("exec", asker, "ping", "-c1", "-W1", name, code=None).code == 0


def test_a_running_container_joins_a_network_and_leaves_it_again(nets: Sampan) -> None:
    nets("run", "-d", "--name", "box", *BOX)
    nets("run", "-d", "--name", "peer", "--network", "back", *BOX)
    assert not is_found(nets, "peer", "box")
    nets("network", "connect", "--alias", "db", "--alias", "store", "--ip", f"{BACK}.10", "back", "box")
    assert f"eth1 {BACK}.10/24" in interfaces(nets, "box")
    assert all(is_found(nets, "peer", name) for name in ("box", "db", "store"))
    assert is_found(nets, "box", "peer"), "it has a name server from then on"
    found = networks_of(nets, "box")
    assert sorted(found) == ["back", "bridge"]
    assert found["back"]["Aliases"] == ["db", "store"]
    assert found["back"]["IPAMConfig"] == {"IPv4Address": f"{BACK}.10"}
    hosts = nets("exec", "box", "cat", "/etc/hosts").out
    assert f"{BACK}.10\t" in hosts
    assert "box" in nets("network", "inspect", "back").out
    nets("network", "disconnect", "back", "box")
    assert [line.split()[0] for line in interfaces(nets, "box")] == ["eth0"]
    assert not is_found(nets, "peer", "db")
    assert f"{BACK}.10" not in nets("exec", "box", "cat", "/etc/hosts").out
    assert "127.0.0.11" not in nets("exec", "box", "cat", "/etc/resolv.conf").out
    assert sorted(networks_of(nets, "box")) == ["bridge"]


def test_what_a_program_wrote_into_its_hosts_file_stays(nets: Sampan) -> None:
    nets("run", "-d", "--name", "box", *BOX)
    nets("exec", "box", "sh", "-c", "echo 10.1.1.1 mine >> /etc/hosts; echo nameserver 10.1.1.2 > /etc/resolv.conf")
    nets("network", "connect", "front", "box")
    assert "10.1.1.1 mine\n" in nets("exec", "box", "cat", "/etc/hosts").out
    assert nets("exec", "box", "cat", "/etc/resolv.conf").out == "nameserver 10.1.1.2\n"


def test_who_shares_the_network_of_a_container_joins_with_it(nets: Sampan) -> None:
    nets("run", "-d", "--name", "peer", "--network", "front", *BOX)
    nets("run", "-d", "--name", "box", *BOX)
    nets("run", "-d", "--name", "side", "--network", "container:box", *BOX)
    nets("network", "connect", "front", "box")
    assert is_found(nets, "side", "peer")
    assert nets("exec", "side", "cat", "/etc/hosts").out == nets("exec", "box", "cat", "/etc/hosts").out
    nets("network", "disconnect", "front", "box")
    assert "127.0.0.11" not in nets("exec", "side", "cat", "/etc/resolv.conf").out


def test_networks_outlive_a_stop(nets: Sampan) -> None:
    nets("create", "--name", "box", *BOX)
    nets("network", "connect", "--ip", f"{BACK}.20", "back", "box")
    nets("start", "box")
    assert f"eth1 {BACK}.20/24" in interfaces(nets, "box")
    nets("network", "disconnect", "bridge", "box")
    nets("restart", "-t", "0", "box")
    assert interfaces(nets, "box") == [f"eth0 {BACK}.20/24"]
    nets("network", "disconnect", "back", "box")
    nets("restart", "-t", "0", "box")
    assert interfaces(nets, "box") == []
    assert networks_of(nets, "box") == {}


def test_several_networks_from_the_start_with_a_way_out_of_choice(nets: Sampan) -> None:
    long_form = f"name=back,ip={BACK}.30,alias=second,mac-address=02:00:00:00:00:09,gw-priority=7"
    nets("run", "-d", "--name", "box", "--network", "front", "--network", long_form, "--network-alias", "first", *BOX)
    assert interfaces(nets, "box")[1] == f"eth1 {BACK}.30/24"
    assert way_out(nets, "box") == f"{BACK}.1"
    found = networks_of(nets, "box")
    assert (found["front"]["Aliases"], found["back"]["Aliases"]) == (["first"], ["second"])
    assert (found["back"]["MacAddress"], found["back"]["GwPriority"]) == ("02:00:00:00:00:09", 7)
    nets("run", "-d", "--name", "peer", "--network", "back", *BOX)
    assert is_found(nets, "peer", "second") and not is_found(nets, "peer", "first")
    nets("network", "disconnect", "back", "box")
    assert way_out(nets, "box") == found["front"]["Gateway"]
    nets("network", "connect", "--gw-priority", "9", "back", "box")
    assert way_out(nets, "box") == f"{BACK}.1"


def test_a_link_is_a_name_for_one_container_alone(nets: Sampan) -> None:
    nets("run", "-d", "--name", "db", "--network", "front", *BOX)
    nets("run", "-d", "--name", "web", "--network", "front", "--link", "db:base", *BOX)
    nets("run", "-d", "--name", "other", "--network", "front", *BOX)
    assert is_found(nets, "web", "base") and not is_found(nets, "other", "base")
    assert networks_of(nets, "web")["front"]["Links"] == ["db:base"]


def test_a_link_in_the_default_network_is_a_line_of_hosts_and_variables(sampan: Sampan) -> None:
    sampan("run", "-d", "--name", "db", "-e", "A=1", "--expose", "90", *BOX)
    sampan("run", "-d", "--name", "web", "--link", "db:store", *BOX)
    variables = sampan("exec", "web", "cat", "/proc/1/environ").out.split("\0")
    assert {*variables, "HOME=/root"} == {*sampan("exec", "web", "env").out.splitlines(), ""}
    address = networks_of(sampan, "db")["bridge"]["IPAddress"]
    assert {f"STORE_PORT_90_TCP=tcp://{address}:90", "STORE_NAME=/web/store", "STORE_ENV_A=1"} <= set(variables)
    assert is_found(sampan, "web", "store")
    sampan("stop", "-t", "0", "db")
    sampan("run", "-d", "--name", "taker", *BOX)
    sampan("start", "db")
    assert networks_of(sampan, "db")["bridge"]["IPAddress"] != address
    assert is_found(sampan, "web", "store"), "it is followed to its other address"
    sampan("stop", "-t", "0", "db", "web")
    complaint = "Cannot link to a non running container: /db AS /web/store"
    assert complaint in sampan("start", "web", code=1).err
    assert "could not get container for nope" in sampan("create", "--link", "nope", "busybox", code=1).err


def test_a_link_local_address_comes_besides(nets: Sampan) -> None:
    nets("run", "-d", "--name", "box", "--network", "name=front,link-local-ip=169.254.3.3", *BOX)
    assert "eth0 169.254.3.3/16" in interfaces(nets, "box")


def answer(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), 5) as caller:
        caller.settimeout(5)
        return caller.recv(100).decode()


def test_a_published_port_follows_to_the_network_that_is_left(nets: Sampan) -> None:
    nets("run", "-d", "--name", "box", "-p", "80", *SERVER)
    port = int(nets("port", "box", "80").out.splitlines()[0].rpartition(":")[2])

    def answers() -> bool:
        try:
            return answer(port) == "hello\n"
        except OSError:
            return False

    until(answers, "the port answers")
    nets("network", "connect", "back", "box")
    until(answers, "the port answers")
    nets("network", "disconnect", "bridge", "box")
    until(answers, "the port answers through the other network")
    nets("network", "disconnect", "back", "box")
    assert not answers()
    nets("network", "connect", "front", "box")
    until(answers, "the port answers again")


def test_two_that_want_one_address_at_once_do_not_both_get_it(nets: Sampan) -> None:
    for name in ("one", "two"):
        nets("run", "-d", "--name", name, *BOX)
    with ThreadPoolExecutor(2) as pool:
        results = list(
            pool.map(lambda n: nets("network", "connect", "--ip", f"{BACK}.9", "back", n, code=None), ("one", "two"))
        )
    assert sorted(result.code for result in results) == [0, 1]
    loser = next(result for result in results if result.code)
    assert "Address already in use" in loser.err
    assert sorted(["back" in networks_of(nets, name) for name in ("one", "two")]) == [False, True]


def test_two_that_take_one_container_into_a_network_at_once_make_one_place(nets: Sampan) -> None:
    nets("run", "-d", "--name", "box", *BOX)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: nets("network", "connect", "front", "box", code=None), range(4)))
    assert sorted(result.code for result in results) == [0, 1, 1, 1]
    assert len(interfaces(nets, "box")) == 2


def test_a_place_names_its_interface_and_sets_sysctls_of_it(nets: Sampan) -> None:
    name, settings = (f"com.docker.network.endpoint.{key}" for key in ("ifname", "sysctls"))
    options = ("--driver-opt", f"{name}=wan0", "--driver-opt", f"{settings}=net.ipv4.conf.IFNAME.log_martians=1")
    nets("run", "-d", "--name", "box", *BOX)
    nets("network", "connect", *options, "front", "box")
    assert interfaces(nets, "box")[1].startswith("wan0 ")
    assert nets("exec", "box", "cat", "/proc/sys/net/ipv4/conf/wan0/log_martians").out == "1\n"
    wrong = ("--driver-opt", f"{settings}=net.ipv4.conf.IFNAME.nope=1")
    assert "is not a sysctl file" in nets("network", "connect", *wrong, "back", "box", code=1).err
    assert sorted(networks_of(nets, "box")) == ["bridge", "front"]
    assert len(interfaces(nets, "box")) == 2, "what failed is undone"
    assert (
        'an interface "eth0" already'
        in nets("network", "connect", "--driver-opt", f"{name}=eth0", "back", "box", code=1).err
    )
    nets("network", "connect", "back", "box")


def test_a_network_says_where_ports_are_published_that_name_no_address(sampan: Sampan) -> None:
    option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.1"
    sampan("network", "create", "-o", option, "local")
    sampan("run", "-d", "--name", "box", "--network", "local", "-p", "80", "-p", "0.0.0.0::81", *BOX)
    assert sampan("port", "box", "80").out.startswith("127.0.0.1:")
    assert sampan("port", "box", "81").out.startswith("0.0.0.0:")
    assert sampan("port", "--why", "box").out.count("goes around the host's firewall") == 1


def test_of_two_that_make_one_network_at_once_one_makes_it(sampan: Sampan) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: sampan("network", "create", "same", code=None), range(4)))
    assert sorted(result.code for result in results) == [0, 1, 1, 1]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: sampan("network", "create", f"other{number}"), range(4)))
    form = "{{range .IPAM.Config}}{{.Subnet}}{{end}}"
    subnets = sampan("network", "inspect", "-f", form, *(f"other{number}" for number in range(4))).out.split()
    assert len(set(subnets)) == 4


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        ("none", "container cannot be connected to multiple networks with one of the networks in private (none) mode"),
        ("host", "container sharing network namespace with another container or host cannot be connected"),
        ("container:first", "container sharing network namespace with another container or host cannot be connected"),
    ],
)
def test_who_has_no_network_of_its_own_joins_none(nets: Sampan, mode: str, complaint: str) -> None:
    nets("run", "-d", "--name", "first", *BOX)
    nets("run", "-d", "--name", "box", "--network", mode, *BOX)
    assert complaint in nets("network", "connect", "front", "box", code=1).err
    if mode == "none":
        nets("network", "disconnect", "none", "box")
        nets("network", "connect", "front", "box")
        assert len(interfaces(nets, "box")) == 1


def test_prune_removes_the_networks_that_nobody_is_in_or_will_be_in(nets: Sampan) -> None:
    nets("network", "create", "--label", "keep", "kept")
    nets("create", "--name", "box", "--network", "front", *BOX)
    assert nets("network", "prune", "--dry-run").out == "Networks that would be deleted:\nback\nkept\n\n"
    assert nets("network", "prune", "-f", "--filter", "label!=keep").out == "Deleted Networks:\nback\n\n"
    assert nets("network", "prune", "-f", "--filter", "until=24h").out == ""
    assert nets("network", "prune", stdin="y\n").out.endswith("Deleted Networks:\nkept\n\n")
    assert nets("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").out == "front\n"
