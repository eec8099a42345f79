"""The distribution's seccomp profile is resolved by capability and tightened to what Docker's default allows."""

import json

import pytest

from sampan.errors import InvalidArgument
from sampan.runtime import seccomp
from sampan.runtime.defaults import ALL_CAPABILITIES, DEFAULT_CAPABILITIES

PROFILE = json.dumps(
    {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            {"names": ["read", "mount", "unshare", "clone", "clone3", "socket", "keyctl"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_CHROOT"]}},
            {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["arm_only"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
            {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        ],
    }
).encode()


def allowed(capabilities: tuple[str, ...], kernel: str = "6.1.0", *, is_default: bool = True) -> dict[str, object]:
    document = seccomp.resolve(PROFILE, capabilities, "x86_64", kernel, is_default=is_default)
    return {
        name: rule.get("args")
        for rule in document["syscalls"]
        for name in rule["names"]
        if rule["action"] == "SCMP_ACT_ALLOW"
    }


def test_without_capabilities_namespaces_mounts_and_keys_are_withheld() -> None:
    found = allowed(DEFAULT_CAPABILITIES)
    assert {"read", "chroot", "ptrace", "clone", "socket"} == set(found)
    assert found["clone"] == [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    assert found["socket"] == [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]


def test_clone3_is_said_not_to_exist_and_the_withheld_are_not_permitted() -> None:
    document = seccomp.resolve(PROFILE, DEFAULT_CAPABILITIES, "x86_64", "6.1", is_default=True)
    rules = [rule for rule in document["syscalls"] if "ERRNO" in rule["action"]]
    errors = {name: rule.get("errnoRet") for rule in rules for name in rule["names"]}
    assert errors["clone3"] == 38
    assert errors["unshare"] == errors["mount"] == errors["keyctl"] == 1


def test_a_capability_brings_back_what_needs_it() -> None:
    found = allowed(ALL_CAPABILITIES)
    assert {"mount", "unshare", "clone", "clone3"} <= set(found)
    assert found["clone"] is None
    assert "keyctl" not in found


def test_rules_go_by_kernel_and_architecture() -> None:
    assert "ptrace" not in allowed(DEFAULT_CAPABILITIES, "4.4.0")
    assert "arm_only" not in allowed(DEFAULT_CAPABILITIES)


def test_a_profile_of_ones_own_is_taken_as_it_is() -> None:
    assert {"mount", "unshare", "keyctl"} <= set(allowed(DEFAULT_CAPABILITIES, is_default=False))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"defaultAction": 1, "syscalls": [1]}'])
def test_what_is_no_profile_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match="decoding seccomp profile failed"):
        seccomp.resolve(text, (), "x86_64", "6.1")
