"""Options and an image become a configuration, limits and capabilities; records survive their way through JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.containers import compile as compilation
from sampan.containers import names, refusals, security, signals
from sampan.containers.model import MountPoint, Spec, spec_from_json, spec_to_json
from sampan.containers.options import Device, Mount, PortBinding, RestartPolicy, RunOptions, Ulimit
from sampan.errors import InvalidArgument, StartFailed
from sampan.oci.config import ContainerConfig, HealthConfig
from sampan.runtime.defaults import ALL_CAPABILITIES, DEFAULT_CAPABILITIES

IMAGE = ContainerConfig(entrypoint=("/entry",), cmd=("serve",), env=("PATH=/bin", "A=1"), user="web", labels={"l": "1"})


@pytest.mark.parametrize(
    ("options", "entrypoint", "cmd"),
    [
        ({}, ("/entry",), ("serve",)),
        ({"command": ("x", "y")}, ("/entry",), ("x", "y")),
        ({"entrypoint": ("sh",)}, ("sh",), None),
        ({"entrypoint": ("sh",), "command": ("-c", "id")}, ("sh",), ("-c", "id")),
        ({"entrypoint": (), "command": ("id",)}, None, ("id",)),
    ],
)
def test_a_given_entrypoint_drops_the_images_command(
    options: dict[str, tuple[str, ...]], entrypoint: tuple[str, ...] | None, cmd: tuple[str, ...] | None
) -> None:
    merged = compilation.merge(RunOptions(image="i")._replace(**options), IMAGE)
    assert (merged.entrypoint, merged.cmd) == (entrypoint, cmd)


def test_nothing_to_execute_is_an_error() -> None:
    with pytest.raises(StartFailed, match="no command specified"):
        compilation.merge(RunOptions(image="i", entrypoint=()), IMAGE)


def test_the_last_given_variable_wins_over_the_images() -> None:
    merged = compilation.merge(RunOptions(image="i", env=("A=2", "B=3", "A=4")), IMAGE)
    assert set(merged.env) == {"A=4", "B=3", "PATH=/bin"}


def test_labels_ports_and_user_are_laid_over_the_images() -> None:
    options = RunOptions(image="i", labels={"m": "2"}, user="0", ports=(PortBinding(80),), expose=("53/udp",))
    merged = compilation.merge(options, IMAGE)
    assert merged.labels == {"l": "1", "m": "2"}
    assert merged.exposed_ports == ("53/udp", "80/tcp")
    assert merged.user == "0"


def test_fields_of_a_health_check_are_merged_one_by_one() -> None:
    image = HealthConfig(test=("CMD", "true"), interval_ns=5, retries=2)
    assert compilation.merge_health(HealthConfig(retries=7), image) == image._replace(retries=7)
    assert compilation.merge_health(None, image) == image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_bytes": 1024}, "Minimum memory limit allowed is 6MB"),
        ({"memory_bytes": 64 << 20, "memory_swap_bytes": 32 << 20}, "should be larger than memory limit"),
        ({"memory_bytes": 64 << 20, "memory_reservation_bytes": 128 << 20}, "memory reservation limit"),
        ({"nano_cpus": 10**9, "cpu_quota": 1000}, "Nano CPUs and CPU Quota cannot both be set"),
        ({"nano_cpus": 3 * 10**9}, "as there are only 2 CPUs available"),
        ({"oom_score_adj": 5000}, "range for oom score adj"),
        ({"cap_add": ("NONSENSE",)}, 'unknown capability: "CAP_NONSENSE"'),
        ({"security_options": ("a=b",)}, 'invalid --security-opt 2: "a=b"'),
        ({"annotations": {"run.oci.seccomp_bpf_data": "x"}}, "belongs to the runtime"),
    ],
)
def test_what_docker_refuses_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        refusals.check(RunOptions(image="i")._replace(**change), cpus=2)


def test_cpus_become_a_quota_and_memory_twice_as_much_with_swap() -> None:
    limits = compilation.resources(RunOptions(image="i", nano_cpus=1_500_000_000, memory_bytes=100, pids_limit=-1))
    assert (limits.cpu_period, limits.cpu_quota) == (100000, 150000)
    assert (limits.memory, limits.memory_swap, limits.pids) == (100, 200, 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set(DEFAULT_CAPABILITIES)),
        ({"cap_drop": ("ALL",), "cap_add": ("chown",)}, {"CAP_CHOWN"}),
        ({"cap_add": ("ALL",), "cap_drop": ("SYS_ADMIN",)}, set(ALL_CAPABILITIES) - {"CAP_SYS_ADMIN"}),
        ({"cap_add": ("NET_ADMIN",)}, {*DEFAULT_CAPABILITIES, "CAP_NET_ADMIN"}),
        ({"cap_drop": ("MKNOD", "CAP_CHOWN")}, set(DEFAULT_CAPABILITIES) - {"CAP_MKNOD", "CAP_CHOWN"}),
        ({"privileged": True, "cap_drop": ("ALL",)}, set(ALL_CAPABILITIES)),
    ],
)
def test_capabilities_are_added_and_dropped_as_docker_does(change: dict[str, object], expected: set[str]) -> None:
    assert set(security.capabilities(RunOptions(image="i")._replace(**change))) == expected


@pytest.mark.parametrize(
    ("text", "number"), [("KILL", 9), ("sigterm", 15), ("10", 10), ("RTMIN+2", 36), ("RTMAX-1", 63)]
)
def test_signals_go_by_name_and_number(text: str, number: int) -> None:
    assert signals.number(text) == number


@pytest.mark.parametrize("text", ["NOPE", "0", "99", "RTMIN+x", ""])
def test_unknown_signals_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        signals.number(text)


def test_a_random_name_is_never_a_taken_one() -> None:
    first = names.random_name(frozenset())
    assert names.random_name(frozenset({first})) != first


TEXT = st.text(max_size=8)


@given(
    st.builds(
        RunOptions,
        image=TEXT,
        command=st.lists(TEXT, max_size=3).map(tuple),
        entrypoint=st.none() | st.lists(TEXT, max_size=2).map(tuple),
        env=st.lists(TEXT, max_size=3).map(tuple),
        labels=st.dictionaries(TEXT, TEXT, max_size=2),
        tty=st.booleans(),
        ports=st.lists(st.builds(PortBinding, st.integers(1, 65535)), max_size=2).map(tuple),
        mounts=st.lists(
            st.builds(Mount, TEXT, TEXT, TEXT, options=st.lists(TEXT, max_size=2).map(tuple)), max_size=2
        ).map(tuple),
        ulimits=st.lists(st.builds(Ulimit, TEXT, st.integers(), st.integers()), max_size=1).map(tuple),
        devices=st.lists(st.builds(Device, TEXT, TEXT), max_size=1).map(tuple),
        restart=st.builds(RestartPolicy, TEXT, st.integers()),
        healthcheck=st.none() | st.builds(HealthConfig, st.lists(TEXT, max_size=2).map(tuple), st.integers()),
        memory_bytes=st.integers(0),
        stop_timeout=st.none() | st.integers(),
    )
)
def test_a_record_comes_back_from_json_as_it_was(options: RunOptions) -> None:
    points = (MountPoint("volume", "/s", "/d", "v", options=("a", "b"), copy=True),)
    spec = Spec(options, ContainerConfig(env=("A=1",), cmd=("x",)), points)
    assert spec_from_json(spec_to_json(spec)) == spec
