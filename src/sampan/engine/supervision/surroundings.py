"""The mount namespace of a process that a monitor has started, and that may outlive it."""

import os

from sampan.linux import syscall
from sampan.storage.paths import Paths

_UNIFIED = "/sys/fs/cgroup/unified"


def leave_container_mounts(paths: Paths) -> None:
    """Get out of the mount namespace of a container's monitor, whose exit command we may be; one thread only.

    The namespace is copied without the container's root file system, so that this process pins none, and without the
    cover over cgroup2, so that it sees all control groups.
    """
    os.chdir("/")
    mounts = _mounts()
    roots = [point for point, _ in mounts if point.startswith(paths.containers + "/")]
    if not roots:
        return
    syscall.unshare(syscall.CLONE_NEWNS)
    syscall.mount("", "/", "", syscall.MS_REC | syscall.MS_SLAVE)
    covers = [point for point, kind in mounts if point == _UNIFIED and kind == "tmpfs"]
    for point in (*reversed(roots), *covers):
        syscall.umount(point, syscall.MNT_DETACH)


def _mounts() -> list[tuple[str, str]]:
    """(where, type) of what is mounted in this namespace, in the order of mounting; see proc_pid_mountinfo(5)."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            left, _, right = line.partition(b" - ")
            found.append((os.fsdecode(_plain(left.split()[4])), right.split()[0].decode()))
    return found


def _plain(field: bytes) -> bytes:
    """The kernel writes blanks, tabs, line ends and backslashes of a path as octal numbers."""
    for octal in (b"040", b"011", b"012", b"134"):
        field = field.replace(b"\\" + octal, bytes([int(octal, 8)]))
    return field
