"""The supervisor's log: what went wrong while nobody watched. Two files of bounded size."""

import os
import time

from sampan.storage.paths import Paths

_LIMIT_BYTES = 256 << 10


class Journal:
    """Appends lines to <run>/supervisor.log; when it is full it becomes supervisor.log.1."""

    __slots__ = ("_path",)

    def __init__(self, paths: Paths) -> None:
        self._path = paths.run + "/supervisor.log"

    def write(self, text: str) -> None:
        """One entry. A full disk must not end the supervisor: then the entry is lost."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, f"{stamp} {text}\n".encode(errors="replace"))
                is_full = os.fstat(descriptor).st_size > _LIMIT_BYTES
            finally:
                os.close(descriptor)
            if is_full:
                os.rename(self._path, self._path + ".1")
        except OSError as error:
            os.write(2, f"{self._path}: {error}\n".encode(errors="replace"))

    def failure(self, what: str, error: BaseException) -> None:
        """An error that stopped one thing and must not stop the others."""
        self.write(f"{what}: {type(error).__name__}: {error}")
