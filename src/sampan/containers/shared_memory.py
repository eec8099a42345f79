"""--ipc container:X: /dev/shm of another container, as a place in this one's private mount namespace.

The other's is mounted in its own namespace alone. A copy of that mount is taken there and attached here, so that both
see one file system, which lives as long as either.
"""

import os

from sampan.containers import store
from sampan.errors import Conflict
from sampan.linux import files, namespace, process, syscall
from sampan.storage.database import Database

_SHM = "/dev/shm"


def attach(database: Database, reference: str, folder: str) -> str:
    """Where the container's /dev/shm is, attached below `folder`; to be called in a thread of
    `namespace.in_private_mounts`. Raises NotFound, Conflict."""
    donor = store.find(database, reference)
    ended = Conflict(f"failed to join IPC namespace: container {donor.id} is not running")
    try:
        mounts = os.open(f"/proc/{donor.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ended from None
    try:
        if not process.is_alive(donor.pid, donor.pid_start):  # the pid is another process's by now
            raise ended
        copy = namespace.in_own_thread(lambda: _copy(mounts))
    finally:
        os.close(mounts)
    target = folder + "/shm"
    os.makedirs(target, 0o700, exist_ok=True)
    try:
        syscall.move_mount(copy, target)
    finally:
        os.close(copy)
    return target


def _copy(mounts: int) -> int:
    """A copy of the mount at /dev/shm in another mount namespace; links that a container made there lead nowhere else
    than into its own files."""
    syscall.unshare(syscall.CLONE_FS)
    syscall.setns(mounts, syscall.CLONE_NEWNS)
    place = os.open(_SHM, os.O_PATH | files.DIRECTORY)
    try:
        return syscall.clone_mount(place)
    finally:
        os.close(place)
