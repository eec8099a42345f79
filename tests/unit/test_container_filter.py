"""Filters of containers take what docker's take."""

import pytest

from sampan.containers.model import Container, MountPoint, Spec
from sampan.containers.options import RunOptions
from sampan.engine.container_filter import Filters, select, takes_all_states
from sampan.engine.containers import Summary
from sampan.errors import SampanError
from sampan.oci.config import ContainerConfig

APP = "sha256:a825bc588bb5826eb6e0dcad3ec7cff20c395db3285c10a72903427c8f3ea04f"
BUSYBOX = "sha256:c1c4d377bd775fe8db93b639ad7b871596ef88100007e4126f48c47354fdace6"
FULL = Summary(
    record=Container(
        id="c3f29ee8b5efa623447f2409545eb44bc744a39f75d3b27daea78be6a7d51661",
        name="full",
        image_id=APP,
        layers=(),
        spec=Spec(
            RunOptions(image="app:1.0"),
            ContainerConfig(
                labels={"role": "web", "org.example.name": "app"}, exposed_ports=("53/udp", "80/tcp", "90/tcp")
            ),
            (MountPoint("volume", "/v/data", "/data", "data"), MountPoint("bind", "/srv", "/web")),
        ),
        created_at=6,
        status="running",
        started_at=7,
        health={"Status": "healthy"},
    ),
    image="app:1.0",
    networks=("front",),
    network_ids=("f00d" * 16,),
    ports=((7000, "tcp", 7000, "0.0.0.0"), (53, "udp", 5353, "127.0.0.1"), (80, "tcp", 8080, "0.0.0.0")),
)
DONE = Summary(
    record=Container(
        id="0a5c489b79d658097d20f05298cdb617ef6aad5bcef145b48e6966b752fe7032",
        name="done",
        image_id=BUSYBOX,
        layers=(),
        spec=Spec(RunOptions(image="busybox"), ContainerConfig(exposed_ports=("80/tcp",))),
        created_at=5,
        status="exited",
        exit_code=3,
    ),
    image="busybox",
    networks=("bridge",),
    network_ids=(),
    ports=(),
)
DESCENT = {"busybox": frozenset((APP, BUSYBOX)), "other": frozenset[str]()}


def names(filters: Filters) -> list[str]:
    found = select([FULL, DONE], filters, lambda name: DESCENT.get(name, frozenset()))
    return [summary.record.name for summary in found]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["full", "done"]),
        ({"status": ["exited"]}, ["done"]),
        ({"status": ["exited", "running"]}, ["full", "done"]),
        ({"exited": ["3"]}, ["done"]),
        ({"exited": ["0"]}, []),
        ({"exited": ["+3"]}, ["done"]),
        ({"name": ["^/?full$"]}, ["full"]),
        ({"name": ["ful", "don"]}, ["full", "done"]),
        ({"name": ["(a+)+$", "["]}, []),
        ({"name": ["(?i)^/FULL$"]}, ["full"]),
        ({"name": [""]}, ["full", "done"]),
        ({"label": ["role"]}, ["full"]),
        ({"label": ["role=web", "org.example.name"]}, ["full"]),
        ({"label": ["role=web", "nope"]}, []),
        ({"label": [""]}, []),
        ({"ancestor": ["busybox"]}, ["full", "done"]),
        ({"ancestor": ["app:1.0"]}, ["full"]),
        ({"ancestor": ["a825bc588bb5"]}, ["full"]),
        ({"ancestor": [BUSYBOX]}, ["done"]),
        ({"ancestor": ["other"]}, []),
        ({"volume": ["data"]}, ["full"]),
        ({"volume": ["/data"]}, ["full"]),
        ({"volume": ["/srv"]}, ["full"]),
        ({"volume": ["/data/"]}, []),
        ({"network": ["front"]}, ["full"]),
        ({"network": ["f00df00d"]}, ["full"]),
        ({"network": ["fron"]}, []),
        ({"publish": ["8080"]}, ["full"]),
        ({"publish": ["80"]}, []),
        ({"publish": ["5353/udp"]}, ["full"]),
        ({"publish": ["5353"]}, []),
        ({"expose": ["80/tcp"]}, ["full"]),
        ({"expose": ["90"]}, ["full"]),
        ({"expose": ["81-95"]}, ["full"]),
        ({"expose": ["81"], "publish": ["5353/udp"]}, ["full"]),
        ({"health": ["healthy"]}, ["full"]),
        ({"health": ["none"]}, ["done"]),
        ({"since": ["done"]}, ["full"]),
        ({"before": ["full"]}, ["done"]),
        ({"is-task": ["false"]}, ["full", "done"]),
        ({"is-task": ["true"]}, []),
        ({"isolation": ["x"]}, ["full", "done"]),
        ({"id": [""]}, []),
        ({"id": ["c3f2"]}, ["full"]),
        ({"id": ["c3f2"], "status": ["exited"]}, []),
    ],
)
def test_a_filter_takes_what_docker_s_takes(filters: Filters, expected: list[str]) -> None:
    assert names(filters) == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"nonsense": ["1"]}, "invalid filter 'nonsense'"),
        (
            {"status": ["nonsense"]},
            "invalid filter 'status=nonsense': invalid value for state (nonsense): must be one of created, running, "
            "paused, restarting, removing, exited, dead",
        ),
        (
            {"health": ["well"]},
            "invalid filter 'health=well': invalid value for health (well): must be one of none, starting, healthy,"
            " unhealthy",
        ),
        ({"before": ["nope"]}, "No such container: nope"),
        ({"since": [""]}, "No such container: "),
        ({"before": ["/c3f2"]}, "No such container: /c3f2"),
        ({"is-task": ["x"]}, "invalid filter 'is-task=[x]'"),
        ({"exited": ["x"]}, "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            {"publish": ["x"]},
            'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax',
        ),
        (
            {"expose": ["99999999"]},
            'error while looking up for expose 99999999: strconv.ParseUint: parsing "99999999": value out of range',
        ),
        ({"expose": ["90-80"]}, "error while looking up for expose 90-80: invalid range specified for port: 90-80"),
        ({"publish": ["127.0.0.1:80"]}, "filter for 'publish' should not contain ':': 127.0.0.1:80"),
    ],
)
def test_a_bad_filter_is_answered_in_docker_s_words(filters: Filters, message: str) -> None:
    with pytest.raises(SampanError) as caught:
        names(filters)
    assert caught.value.message == message


def test_only_the_state_speaks_of_what_does_not_run() -> None:
    assert takes_all_states({"status": ["running"]})
    assert not takes_all_states({"exited": ["3"], "name": ["x"]})
