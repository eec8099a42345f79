"""What Docker's default seccomp profile withholds and the distribution's allows. Pure.

The profile that distributions package is made for engines that run containers inside containers: it lets every
container mount, unshare and make user namespaces. Docker allows these only with the capability that they need, and so
do we: the smaller the part of the kernel that a container can reach, the better.
"""

from typing import Any

Json = dict[str, Any]

_ADMIN = ("CAP_SYS_ADMIN",)
_NEVER: tuple[str, ...] = ()
# Syscall -> capabilities of which one allows it.
WITHHELD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        [
            "bpf",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "umount",
            "umount2",
            "unshare",
        ],
        _ADMIN,
    ),
    "syslog": ("CAP_SYS_ADMIN", "CAP_SYSLOG"),
    **dict.fromkeys(("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"), ("CAP_SYS_NICE",)),
    **dict.fromkeys(("kcmp", "pidfd_getfd", "process_madvise"), ("CAP_SYS_PTRACE",)),
    "reboot": ("CAP_SYS_BOOT",),
    **dict.fromkeys(("add_key", "keyctl", "request_key", "pivot_root"), _NEVER),
}
# CLONE_NEW* but not CLONE_NEWTIME, which clone(2) takes for a signal.
_NAMESPACE_FLAGS = 0x7E020000
_AF_VSOCK = 40
_EPERM, _ENOSYS = 1, 38


def tightened(rules: list[Json], capabilities: frozenset[str]) -> list[Json]:
    """The resolved rules without what a container with `capabilities` is not to call.

    clone(2) stays for all but namespaces, clone3(2) is said not to exist (its flags cannot be looked at, and the C
    library falls back), sockets stay for all but the host's (vsock).
    """
    withheld = {name for name, needed in WITHHELD.items() if capabilities.isdisjoint(needed)}
    limited = {"socket"} | (set() if "CAP_SYS_ADMIN" in capabilities else {"clone"})
    kept = []
    for rule in rules:
        names = [name for name in rule["names"] if name not in withheld and name not in limited]
        if names:
            kept.append({**rule, "names": names})
    kept.append(_allow("socket", 0, _AF_VSOCK, "SCMP_CMP_NE"))
    if "clone" in limited:
        kept.append(
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": _NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
            }
        )
    if "clone3" in withheld:
        kept.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    refused = sorted(withheld - {"clone3"})
    if refused:
        kept.append({"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": _EPERM})
    return kept


def _allow(name: str, index: int, value: int, operator: str) -> Json:
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [{"index": index, "value": value, "op": operator}]}
