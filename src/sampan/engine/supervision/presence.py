"""One supervisor per root: a lock says that it is there, a socket wakes it."""

import fcntl
import os
import socket

from sampan.containers import wake as waking
from sampan.linux import process
from sampan.storage.paths import Paths

_LONGEST = 128  # bytes: an id
_DESCRIPTORS = 2


class Presence:
    """The lock and the socket of the supervisor that this process is. Made by `claim`."""

    __slots__ = ("_lock", "_paths", "_socket")

    def __init__(self, paths: Paths, lock: int) -> None:
        self._paths = paths
        self._lock = lock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        _unlink(waking.supervisor_socket(paths))
        self._socket.bind(waking.supervisor_socket(paths))

    def fileno(self) -> int:
        """What becomes readable when somebody wakes us."""
        return self._socket.fileno()

    def receive(self) -> list[waking.Gift]:
        """Take the wake-ups that have come, and the sockets that came with them."""
        gifts: list[waking.Gift] = []
        while True:
            try:
                text, descriptors, _, _ = socket.recv_fds(self._socket, _LONGEST, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return gifts
            if len(descriptors) == _DESCRIPTORS:
                gifts.append(waking.Gift(text.decode(errors="replace"), (descriptors[0], descriptors[1])))
            else:
                for descriptor in descriptors:
                    os.close(descriptor)

    def give_up(self) -> list[waking.Gift]:
        """Let another be the supervisor; the sockets that had come until then. Who woke us until then is not answered:
        look once more after it."""
        _unlink(waking.supervisor_socket(self._paths))
        gifts = self.receive()
        self._socket.close()
        os.close(self._lock)
        return gifts


def claim(paths: Paths) -> Presence | None:
    """Become the supervisor, or wake the one that there is and return None."""
    descriptor = os.open(waking.supervisor_lock(paths), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        pid, started, _ = process.own_identity()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{pid} {started}\n".encode(), 0)
        return Presence(paths, descriptor)
    except BlockingIOError:
        os.close(descriptor)
        waking.wake(paths)
        return None
    except BaseException:
        os.close(descriptor)
        raise


def holder(paths: Paths) -> tuple[int, int] | None:
    """(pid, start time) of the supervisor that there is."""
    try:
        descriptor = os.open(waking.supervisor_lock(paths), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.pread(descriptor, 64, 0).split()
        return (int(words[0]), int(words[1])) if len(words) == 2 else None
    finally:
        os.close(descriptor)
    return None


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
