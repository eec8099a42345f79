"""Volumes that are file systems of their own are mounted where they are used: in a container's private mount namespace.

The host never sees them: nothing is left mounted when the last process that uses one has ended, however that was.
"""

import errno
import os

from sampan.errors import StartFailed
from sampan.linux import syscall
from sampan.volumes import driver
from sampan.volumes.store import Volume

_NOT_FOUND = 127  # docker's exit code where the kernel finds no such file


def attach(volume: Volume) -> None:
    """Mount a volume at its folder; to be called in a thread of `namespace.in_private_mounts`.

    Raises StartFailed in Docker's words, Unavailable for a server without an address.
    """
    target = volume.mountpoint
    call = driver.mount_call(volume.options, _address)
    flags = call.flags & ~driver.PROPAGATION
    if not flags & syscall.MS_BIND or flags & syscall.MS_REC == 0:
        flags &= ~syscall.MS_REC
    step = flags
    try:
        syscall.mount(call.device, target, call.filesystem, step, call.data)
        if call.flags & driver.PROPAGATION:
            step = call.flags & (driver.PROPAGATION | syscall.MS_REC)
            syscall.mount("", target, "", step)
        if flags & syscall.MS_BIND and flags & syscall.MS_RDONLY:
            step = flags | syscall.MS_REMOUNT
            syscall.mount("", target, "", step)
    except OSError as error:
        raise StartFailed(
            f"error while mounting volume '{target}': failed to mount local volume:"
            f" {driver.failure(call, target, step, error)}",
            exit_code=_NOT_FOUND if error.errno == errno.ENOENT else 125,
            hint=f"look at the volume's options: sampan volume inspect {volume.name}",
        ) from error


def join(volume: Volume, monitor_pid: int) -> bool:
    """Show at the volume's folder the very file system that another container's monitor has there.

    False when the monitor is gone or has none. What lies in memory is one for all containers that run.
    """
    from sampan.linux import namespace

    try:
        mounts = os.open(f"/proc/{monitor_pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        copy = namespace.in_own_thread(lambda: _copied(mounts, volume.mountpoint))
    finally:
        os.close(mounts)
    if copy is None:
        return False
    try:
        syscall.move_mount(copy, volume.mountpoint)
    finally:
        os.close(copy)
    return True


def _copied(mounts: int, folder: str) -> int | None:
    syscall.unshare(syscall.CLONE_FS)
    syscall.setns(mounts, syscall.CLONE_NEWNS)
    try:
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not os.path.ismount(folder):
            return None
        return syscall.clone_mount(place)
    finally:
        os.close(place)


def _address(host: str) -> str:
    import socket

    return str(socket.getaddrinfo(host, None)[0][4][0])
