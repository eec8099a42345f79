"""Specifications of the Container Device Interface: what is read, chosen and refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sampan.containers.cdi import GpuWish, choose, device_node, gpu_names, read_gpus, read_specification
from sampan.containers.compile import resources
from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, NotFound, SampanError, Unsupported
from sampan.runtime.spec import Resources, SpecDevice, SpecMount, SpecOptions, make_spec, resources_document

DOCUMENT = {
    "cdiVersion": "0.6.0",
    "kind": "acme.com/toy",
    "containerEdits": {"env": ["COMMON=1"], "additionalGids": [44, 0]},
    "devices": [
        {
            "name": "one",
            "containerEdits": {
                "env": ["TOY=1"],
                "deviceNodes": [{"path": "/dev/toy", "type": "c", "major": 250, "minor": 3, "permissions": "rw"}],
                "mounts": [{"hostPath": "/usr/lib/toy.so", "containerPath": "/usr/lib/toy.so", "options": ["ro"]}],
                "hooks": [{"hookName": "createContainer", "path": "/usr/bin/hook", "args": ["hook", "x"]}],
            },
        },
        {"name": "two", "containerEdits": {"env": ["TOY=2"]}},
    ],
}


def test_the_edits_of_a_device_follow_those_of_its_specification() -> None:
    found = choose(read_specification("toy.json", json.dumps(DOCUMENT)), ["acme.com/toy=one"], device_node)
    assert found.env == ("COMMON=1", "TOY=1")
    assert found.devices == (SpecDevice("/dev/toy", "c", 250, 3, permissions="rw"),)
    assert found.mounts == (SpecMount("/usr/lib/toy.so", "bind", "/usr/lib/toy.so", ("rbind", "ro")),)
    assert found.hooks == {"createContainer": ({"path": "/usr/bin/hook", "args": ["hook", "x"]},)}
    assert found.groups == (44,)


def test_common_edits_are_applied_once() -> None:
    known = read_specification("toy.json", json.dumps(DOCUMENT))
    found = choose(known, ["acme.com/toy=one", "acme.com/toy=two", "acme.com/toy=one"], device_node)
    assert found.env == ("COMMON=1", "TOY=1", "TOY=2")


def test_a_device_that_no_specification_has_is_named() -> None:
    with pytest.raises(NotFound, match=r"unresolvable CDI devices acme\.com/toy=nine"):
        choose({}, ["acme.com/toy=nine"], device_node)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"kind": "toy"}, InvalidArgument),
        ({"devices": {}}, InvalidArgument),
        ({"devices": [{}]}, InvalidArgument),
        ({"containerEdits": []}, None),
        ({"containerEdits": {"env": "x"}}, InvalidArgument),
        ({"containerEdits": {"env": [1]}}, InvalidArgument),
        ({"containerEdits": {"nonsense": []}}, InvalidArgument),
        ({"containerEdits": {"intelRdt": {}}}, Unsupported),
        ({"devices": [{"name": str(n)} for n in range(5000)]}, InvalidArgument),
    ],
)
def test_malformed_specifications_are_refused(change: dict[str, Any], kind: type[SampanError] | None) -> None:
    text = json.dumps({**DOCUMENT, **change})
    if kind is None:
        assert read_specification("toy.json", text)
        return
    with pytest.raises(kind, match=r"toy\.json"):
        read_specification("toy.json", text)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "", 5])
def test_paths_of_edits_are_absolute_and_plain(path: object) -> None:
    edits = {"mounts": [{"hostPath": path, "containerPath": "/x"}]}
    with pytest.raises(InvalidArgument, match="hostPath must be an absolute path"):
        choose({"a/b=c": [edits]}, ["a/b=c"], device_node)


@given(
    some.recursive(
        some.none() | some.integers() | some.text(), lambda x: some.lists(x) | some.dictionaries(some.text(), x)
    )
)
def test_any_document_is_read_or_refused(value: object) -> None:
    for text in (json.dumps(value), json.dumps({**DOCUMENT, "containerEdits": value}), str(value)):
        try:
            read_specification("x.json", text)
        except SampanError:
            continue


@pytest.mark.parametrize(
    ("text", "wish", "names"),
    [
        ("all", GpuWish(-1), ("nvidia.com/gpu=all",)),
        ("2", GpuWish(2), ("nvidia.com/gpu=0", "nvidia.com/gpu=1")),
        ("device=3", GpuWish(0, ("3",)), ("nvidia.com/gpu=3",)),
        ('"device=0,GPU-1"', GpuWish(0, ("0", "GPU-1")), ("nvidia.com/gpu=0", "nvidia.com/gpu=GPU-1")),
        ('count=1,"capabilities=utility,compute"', GpuWish(1, (), "", ("utility", "compute")), ("nvidia.com/gpu=0",)),
    ],
)
def test_gpus_stand_for_cdi_names(text: str, wish: GpuWish, names: tuple[str, ...]) -> None:
    assert read_gpus(text) == wish
    assert gpu_names(wish) == names


@pytest.mark.parametrize("text", ["many", "device=0,device=1", "colour=red", "count=x", "device=1,count=2"])
def test_bad_gpu_requests_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"gpu|key|count|Count"):
        read_gpus(text)


def test_limits_have_the_form_that_runtimes_translate_for_both_versions() -> None:
    limits = Resources(memory=1 << 26, memory_swappiness=0, cpu_realtime_period=10, cpu_realtime_runtime=5, pids=7)
    blocks = {"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1048576}]}
    assert resources_document(limits._replace(block_io=blocks)) == {
        "memory": {"limit": 1 << 26, "swappiness": 0},
        "cpu": {"realtimePeriod": 10, "realtimeRuntime": 5},
        "pids": {"limit": 7},
        "blockIO": blocks,
    }
    assert resources_document(resources(RunOptions("busybox"))) == {}


def test_a_group_of_version_2_gets_a_namespace_of_its_own_and_the_same_limits() -> None:
    document = make_spec(SpecOptions(("true",), (), "/r", "/sampan/x", cgroup="private", resources=Resources(memory=9)))
    assert {"type": "cgroup"} in document["linux"]["namespaces"]
    assert document["linux"]["resources"]["memory"] == {"limit": 9}
