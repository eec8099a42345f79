"""One supervisor per root: a lock says that it is there, a socket wakes it."""

import fcntl
import os
import socket

from sampan.containers import wake as waking
from sampan.linux import process
from sampan.storage.paths import Paths


def _socket_path(paths: Paths) -> str:
    return paths.run + "/supervisor.sock"


class Presence:
    """The lock and the socket of the supervisor that this process is. Made by `claim`."""

    __slots__ = ("_lock", "_paths", "_socket")

    def __init__(self, paths: Paths, lock: int) -> None:
        self._paths = paths
        self._lock = lock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        _unlink(_socket_path(paths))
        self._socket.bind(_socket_path(paths))

    def fileno(self) -> int:
        """What becomes readable when somebody wakes us."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Take the wake-ups that have come."""
        while True:
            try:
                self._socket.recv(16)
            except BlockingIOError:
                return

    def give_up(self) -> None:
        """Let another be the supervisor. Who woke us until then is not answered: look once more after it."""
        _unlink(_socket_path(self._paths))
        self._socket.close()
        os.close(self._lock)


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
        wake(paths)
        return None
    except BaseException:
        os.close(descriptor)
        raise


def wake(paths: Paths) -> bool:
    """Let the supervisor look around at once; False when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(b"!", _socket_path(paths))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            return True  # its queue is full: it will look anyway
    return True


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
