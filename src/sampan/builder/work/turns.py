"""Of several builds that want the same step one does it, and the others wait for its result.

The key of a step is a place in one file of the run directory, locked alone (fcntl(2), open file description locks) from
the moment when its result is missed until it is recorded. Such a lock dies with its process, leaves nothing behind, and
holds between the stages of one build too. Who waits holds no turn that is not on its way to be recorded: nobody waits
in a circle.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Callable

from sampan.storage.paths import Paths

_FILE = "/build-turns"
_LOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid
_DIGITS = 15  # of a key, in hexadecimal: an offset has 63 bits
_LOOK_AGAIN_SECONDS = 0.02


class Turn:
    """The right to do a step, until release()."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Let the next one have it; the second time nothing happens."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            _set(fd, fcntl.F_UNLCK, 0, 0)  # a child that was forked meanwhile may have the descriptor too
            os.close(fd)


def take(paths: Paths, key: str, on_wait: Callable[[], object], pause: Callable[[float], object]) -> Turn:
    """Wait for the turn to do the step `key` (hexadecimal digits).

    While somebody else has it `pause` is called with seconds, once `on_wait` was; what it raises ends the waiting.
    """
    fd = os.open(paths.run + _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        is_first = True
        while not _try(fd, int(key[:_DIGITS], 16)):
            if is_first:
                on_wait()
            is_first = False
            pause(_LOOK_AGAIN_SECONDS)
    except BaseException:
        os.close(fd)
        raise
    return Turn(fd)


def _try(fd: int, start: int) -> bool:
    try:
        _set(fd, fcntl.F_WRLCK, start, 1)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _set(fd: int, kind: int, start: int, length: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_LOCK, kind, os.SEEK_SET, start, length, 0))
