"""Device nodes and capabilities that this host can give."""

import os
import stat

from sampan.runtime.defaults import ALL_CAPABILITIES
from sampan.runtime.spec import SpecDevice

_SKIPPED = ("pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev", "hugepages")


def available_capabilities() -> frozenset[str]:
    """Capabilities in this process's bounding set."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("CapBnd:"):
                mask = int(line.split()[1], 16)
                return frozenset(name for bit, name in enumerate(ALL_CAPABILITIES) if mask >> bit & 1)
    return frozenset(ALL_CAPABILITIES)


def walk(folder: str) -> list[SpecDevice]:
    """All device nodes below a folder such as /dev, but those that each container has of its own."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in _SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            found += walk(entry.path)
            continue
        device = node(entry.path, entry.stat(), "rwm")
        if device is not None:
            found.append(device)
    return found


def node(path: str, status: os.stat_result, permissions: str) -> SpecDevice | None:
    """The node as it is to be made at `path`; None for what is no device."""
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    device = status.st_rdev
    return SpecDevice(
        path,
        kind,
        os.major(device),
        os.minor(device),
        status.st_mode & 0o777,
        status.st_uid,
        status.st_gid,
        permissions,
    )
