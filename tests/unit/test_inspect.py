"""A container's inspect document is what Docker 28.5 shows of a container with the same options."""

import json
import os
from typing import Any

import pytest

from sampan.containers import inspect as inspection
from sampan.containers.inspect_host import host_config
from sampan.containers.inspect_network import NetworkFacts, network_settings
from sampan.containers.model import Container, MountPoint, Spec, spec_from_json, spec_to_json
from sampan.containers.options import Device, Mount, PortBinding, RestartPolicy, RunOptions, Ulimit
from sampan.networks.endpoints import Endpoint
from sampan.networks.published import PublishedPort
from sampan.oci.config import ContainerConfig, HealthConfig
from sampan.storage.paths import Paths

CORPUS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "corpus", "docker-inspect-container.json")
SECOND = 10**9

with open(CORPUS) as file:
    DOCKER: dict[str, Any] = json.load(file)

ANONYMOUS = next(mount["Name"] for mount in DOCKER["Mounts"] if mount["Destination"] == "/anonymous")
OPTIONS = RunOptions(
    image="app:1.0",
    command=("sleep 1000",),
    name="full",
    hostname="web1",
    domainname="example.org",
    network="front",
    network_aliases=("web",),
    ip="10.89.0.10",
    ports=(
        PortBinding(80, "tcp", "", 8080),
        PortBinding(53, "udp", "127.0.0.1", 5353),
        PortBinding(7000, "tcp", "", 7000),
        PortBinding(7001, "tcp", "", 7001),
    ),
    mounts=(
        Mount("volume", "data", "/data"),
        Mount("bind", "/tmp/demo/bind", "/bind", read_only=True, create_source=True),
        Mount("volume", "", "/anonymous"),
        Mount("tmpfs", "", "/scratch", options=("size=1048576",), long_form=True),
        Mount("tmpfs", "", "/run", options=("rw", "size=64k")),
    ),
    restart=RestartPolicy("on-failure", 3),
    memory_bytes=64 << 20,
    memory_reservation_bytes=32 << 20,
    nano_cpus=5 * 10**8,
    cpu_shares=512,
    pids_limit=100,
    ulimits=(Ulimit("nofile", 1024, 2048),),
    cap_add=("NET_ADMIN",),
    cap_drop=("MKNOD",),
    security_options=("no-new-privileges",),
    read_only=True,
    shm_size_bytes=32 << 20,
    log_driver="json-file",
    log_options={"max-size": "1m", "max-file": "2"},
    stop_timeout=3,
    init=True,
    dns=("10.0.0.1",),
    dns_search=("example.org",),
    extra_hosts=("db:10.0.0.2",),
    sysctls={"net.core.somaxconn": "64"},
    devices=(Device("/dev/null", "/dev/extra", "rw"),),
    groups=("2000",),
)
CONFIG = ContainerConfig(
    user="1000:1000",
    env=("A=1", "LANG=de", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "MODE=fast"),
    entrypoint=("/bin/sh", "-c"),
    cmd=("sleep 1000",),
    working_dir="/srv",
    labels={"role": "web", "org.example.name": "app", "org.example.note": "two words"},
    exposed_ports=("80/tcp", "53/udp", "7000/tcp", "7001/tcp"),
    volumes=("/data",),
    stop_signal="SIGINT",
    healthcheck=HealthConfig(("CMD-SHELL", "test -e /bin/sh"), 2 * SECOND, SECOND, SECOND, 0, 2),
)
VOLUMES = "/var/lib/docker/volumes"
CONTAINER = Container(
    id=DOCKER["Id"],
    name="full",
    image_id=DOCKER["Image"],
    layers=("low", "high"),
    spec=Spec(
        OPTIONS,
        CONFIG,
        (
            MountPoint("volume", f"{VOLUMES}/data/_data", "/data", "data", mode="z"),
            MountPoint("bind", "/tmp/demo/bind", "/bind", read_only=True, propagation="rprivate", mode="ro"),
            MountPoint("volume", f"{VOLUMES}/{ANONYMOUS}/_data", "/anonymous", ANONYMOUS),
            MountPoint("tmpfs", "", "/scratch", options=("size=1048576",)),
            MountPoint("tmpfs", "", "/run", options=("rw", "size=64k")),
        ),
    ),
    created_at=1,
    status="running",
    pid=DOCKER["State"]["Pid"],
    started_at=1,
    health=DOCKER["State"]["Health"],
)
SHOWN = DOCKER["NetworkSettings"]["Networks"]["front"]
NETWORK = NetworkFacts(
    networks={"front": ("front", SHOWN["NetworkID"])},
    endpoints=[
        Endpoint(
            SHOWN["EndpointID"],
            DOCKER["Id"],
            SHOWN["NetworkID"],
            "front",
            "10.89.0.10",
            24,
            "10.89.0.1",
            SHOWN["MacAddress"],
            "",
        )
    ],
    ports=[
        PublishedPort(53, "udp", "127.0.0.1", 5353),
        PublishedPort(80, "tcp", "0.0.0.0", 8080),
        PublishedPort(7000, "tcp", "0.0.0.0", 7000),
        PublishedPort(7001, "tcp", "0.0.0.0", 7001),
    ],
)
FACTS = inspection.Facts(network=NETWORK, runtime="runc", cgroup_version=1, host_name="host")
PATHS = Paths("/var/lib/sampan", "/run/sampan/key", "key")


def text(value: Any) -> str:
    """JSON in the order of its keys, which is compared too."""
    return json.dumps(value, indent=1)


def document() -> dict[str, Any]:
    return inspection.compose(PATHS, CONTAINER, FACTS)


@pytest.mark.parametrize("key", ["HostConfig", "Config", "Path", "Args", "Name", "Driver", "Platform", "RestartCount"])
def test_what_was_asked_for_is_shown_as_docker_shows_it(key: str) -> None:
    assert text(document()[key]) == text(DOCKER[key])


def test_every_key_of_dockers_document_stands_at_its_place() -> None:
    ours = document()
    assert list(ours) == list(DOCKER)
    for key in ("State", "GraphDriver", "NetworkSettings"):
        assert list(ours[key]) == list(DOCKER[key])
    assert list(ours["GraphDriver"]["Data"]) == list(DOCKER["GraphDriver"]["Data"])


def test_the_mounts_are_dockers() -> None:
    def by_place(mounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(mounts, key=lambda mount: str(mount["Destination"]))

    assert text(by_place(document()["Mounts"])) == text(by_place(DOCKER["Mounts"]))


def test_the_endpoint_is_dockers_and_ports_are_those_of_ipv4() -> None:
    ours = document()["NetworkSettings"]
    assert text(ours["Networks"]) == text(DOCKER["NetworkSettings"]["Networks"])
    without_ipv6 = {
        port: [entry for entry in entries if entry["HostIp"] != "::"]
        for port, entries in DOCKER["NetworkSettings"]["Ports"].items()
    }
    assert text(ours["Ports"]) == text(without_ipv6)


def test_the_state_of_a_running_container() -> None:
    state = document()["State"]
    assert (state["Status"], state["Running"], state["FinishedAt"]) == ("running", True, "0001-01-01T00:00:00Z")
    assert text(state["Health"]) == text(DOCKER["State"]["Health"])


@pytest.mark.parametrize(
    ("status", "running", "paused", "restarting"),
    [
        ("created", False, False, False),
        ("running", True, False, False),
        ("paused", True, True, False),
        ("restarting", True, False, True),
        ("exited", False, False, False),
    ],
)
def test_the_flags_of_a_state(status: str, running: bool, paused: bool, restarting: bool) -> None:
    state = inspection.state(CONTAINER._replace(status=status))
    assert (state["Running"], state["Paused"], state["Restarting"]) == (running, paused, restarting)


def test_a_stopped_container_keeps_its_network_but_no_address() -> None:
    settings = network_settings(CONTAINER._replace(status="exited"), NetworkFacts({"front": ("front", "n1")}))
    assert (settings["SandboxID"], settings["Ports"]) == ("", {})
    endpoint = settings["Networks"]["front"]
    assert (endpoint["NetworkID"], endpoint["EndpointID"], endpoint["DNSNames"]) == ("n1", "", None)


def test_the_default_bridge_shows_the_address_at_the_top_too() -> None:
    spec = CONTAINER.spec._replace(options=OPTIONS._replace(network="bridge", network_aliases=(), ip=""))
    endpoint = NETWORK.endpoints[0]._replace(network="bridge", ip="172.17.0.2", prefix_length=16)
    settings = network_settings(CONTAINER._replace(spec=spec), NETWORK._replace(endpoints=[endpoint]))
    assert (settings["IPAddress"], settings["IPPrefixLen"], settings["EndpointID"]) == ("172.17.0.2", 16, endpoint.id)
    assert settings["Networks"]["bridge"]["DNSNames"] is None


def test_a_container_in_anothers_network_has_none_of_its_own() -> None:
    spec = CONTAINER.spec._replace(options=OPTIONS._replace(network="container:other"))
    settings = network_settings(CONTAINER._replace(spec=spec), NetworkFacts())
    assert (settings["Networks"], settings["Ports"]) == ({}, {})


def test_an_exposed_port_that_is_not_published_is_null() -> None:
    settings = network_settings(CONTAINER, NetworkFacts(ports=NETWORK.ports[:1]))
    assert settings["Ports"]["80/tcp"] is None
    assert settings["Ports"]["53/udp"] == [{"HostIp": "127.0.0.1", "HostPort": "5353"}]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RunOptions("x", privileged=True), {"SecurityOpt": ["label=disable"], "MaskedPaths": None}),
        (
            RunOptions("x", security_options=("systempaths=unconfined",)),
            {"SecurityOpt": [], "MaskedPaths": [], "ReadonlyPaths": []},
        ),
        (RunOptions("x", pids_limit=-1), {"PidsLimit": None}),
        (RunOptions("x", init=False), {"Init": False}),
        (RunOptions("x", pid_mode="host"), {"SecurityOpt": ["label=disable"], "PidMode": "host"}),
        (
            RunOptions("x", ipc_mode="host", userns_mode="host"),
            {"SecurityOpt": ["label=disable"], "UsernsMode": "host"},
        ),
        (
            RunOptions("x", security_options=("systempaths=unconfined",)),
            {"SecurityOpt": [], "MaskedPaths": [], "ReadonlyPaths": []},
        ),
        (RunOptions("x", memory_bytes=20 << 20, memory_swap_bytes=-1), {"Memory": 20 << 20, "MemorySwap": -1}),
        (RunOptions("x", cap_add=("ALL",), cap_drop=("net_raw",)), {"CapAdd": ["ALL"], "CapDrop": ["CAP_NET_RAW"]}),
        (
            RunOptions("x", ports=(PortBinding(80, host_port=8000, host_port_end=8010), PortBinding(99))),
            {
                "PortBindings": {
                    "80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}],
                    "99/tcp": [{"HostIp": "", "HostPort": ""}],
                }
            },
        ),
        (
            RunOptions("x", mounts=(Mount("bind", "/tmp", "/t", read_only=True, long_form=True),)),
            {"Binds": None, "Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/t", "ReadOnly": True}]},
        ),
        (RunOptions("x", volumes_from=("other:ro",)), {"VolumesFrom": ["other:ro"]}),
        (RunOptions("x", annotations={"a": "b"}), {"Annotations": {"a": "b"}}),
    ],
)
def test_less_usual_options_are_shown_as_docker_shows_them(options: RunOptions, expected: dict[str, Any]) -> None:
    shown = host_config(options, runtime="crun", cgroup_version=1)
    assert {key: shown[key] for key in expected} == expected


def test_what_cgroup_v2_changes() -> None:
    shown = host_config(RunOptions("x"), runtime="crun", cgroup_version=2)
    assert (shown["CgroupnsMode"], shown["OomKillDisable"]) == ("private", None)


def test_a_stored_record_gives_the_same_document() -> None:
    again = CONTAINER._replace(spec=spec_from_json(spec_to_json(CONTAINER.spec)))
    assert text(inspection.compose(PATHS, again, FACTS)) == text(document())
