"""`update`: what another limit does to those that are there."""

from typing import Any

import pytest

from sampan.containers.compile import resources
from sampan.containers.model import Container, Spec
from sampan.containers.options import RestartPolicy, RunOptions, UpdateOptions
from sampan.containers.update import merged
from sampan.errors import Conflict
from sampan.oci.config import ContainerConfig
from sampan.runtime.spec import resources_document

MB = 1 << 20
ALWAYS = RestartPolicy("always")


def container(**options: Any) -> Container:
    spec = Spec(RunOptions(image="busybox", **options), ContainerConfig())
    return Container("ab" * 32, "box", "sha256:", (), spec, 0)


@pytest.mark.parametrize(
    ("before", "wish", "after"),
    [
        ({}, {"cpu_shares": 500}, {"cpu_shares": 500}),
        (
            {"memory_bytes": 64 * MB},
            {"memory_bytes": 128 * MB},
            {"memory_bytes": 128 * MB, "memory_swap_bytes": 128 * MB},
        ),
        ({"memory_bytes": 64 * MB}, {"memory_swap_bytes": -1}, {"memory_bytes": 64 * MB, "memory_swap_bytes": -1}),
        (
            {"memory_bytes": 64 * MB, "memory_swap_bytes": -1},
            {"memory_bytes": 512 * MB},
            {"memory_bytes": 512 * MB, "memory_swap_bytes": -1},
        ),
        ({"pids_limit": 10}, {"pids_limit": -1}, {"pids_limit": 0}),
        ({"pids_limit": 10}, {"cpuset_cpus": "0"}, {"pids_limit": 10, "cpuset_cpus": "0"}),
        ({"restart": ALWAYS}, {"restart": RestartPolicy()}, {"restart": RestartPolicy()}),
        ({"restart": ALWAYS}, {"cpu_shares": 2}, {"restart": ALWAYS, "cpu_shares": 2}),
        ({"remove": True}, {"restart": RestartPolicy()}, {"remove": True}),
        ({"nano_cpus": 10**9}, {"nano_cpus": 5 * 10**8}, {"nano_cpus": 5 * 10**8}),
    ],
)
def test_a_wish_changes_what_it_speaks_of(before: Any, wish: Any, after: Any) -> None:
    assert merged(container(**before), UpdateOptions(**wish)) == RunOptions(image="busybox", **after)


@pytest.mark.parametrize(
    ("before", "wish", "reason"),
    [
        ({}, {"memory_bytes": 32 * MB}, "Memory limit should be smaller than already set memoryswap limit"),
        ({"memory_bytes": 64 * MB}, {"memory_bytes": 129 * MB}, "Memory limit should be smaller than already set"),
        ({"cpu_quota": 1000}, {"nano_cpus": 1}, "Nano CPUs cannot be updated as CPU Quota has already been set"),
        ({"cpu_period": 1000}, {"nano_cpus": 1}, "Nano CPUs cannot be updated as CPU Period has already been set"),
        ({"nano_cpus": 1}, {"cpu_quota": 1000}, "CPU Quota cannot be updated as NanoCPUs has already been set"),
        ({"nano_cpus": 1}, {"cpu_period": 1000}, "CPU Period cannot be updated as NanoCPUs has already been set"),
        ({"remove": True}, {"restart": ALWAYS}, "Restart policy cannot be updated because AutoRemove is enabled"),
    ],
)
def test_what_is_set_already_may_stand_against_it_in_docker_s_words(before: Any, wish: Any, reason: str) -> None:
    with pytest.raises(Conflict) as caught:
        merged(container(**before), UpdateOptions(**wish))
    assert caught.value.message.startswith("Cannot update container " + "ab" * 32)
    assert reason in caught.value.message


def test_the_runtime_is_told_limits_in_the_form_that_serves_both_versions_of_control_groups() -> None:
    wish = UpdateOptions(memory_bytes=64 * MB, memory_swap_bytes=-1, nano_cpus=15 * 10**8, pids_limit=20)
    assert resources_document(resources(merged(container(), wish))) == {
        "memory": {"limit": 64 * MB, "swap": -1},
        "cpu": {"period": 100000, "quota": 150000},
        "pids": {"limit": 20},
    }
