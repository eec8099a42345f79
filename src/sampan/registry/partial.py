"""A blob on its way: the file that its bytes go into, which survives the process that fetches it.

Beside DIGEST lies DIGEST.parts, four bytes for each chunk: how many of its bytes have arrived. Bytes are written before
they are counted, so what is counted is there, whenever the process is killed; what a power cut makes of it, the digest
tells. The lock on the file says that somebody is at it.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable

from sampan.storage import locks

CHUNK = 16 << 20
_PARTS = ".parts"
KEPT_SECONDS = 3 * 24 * 3600


class PartialFile:
    """An open, locked file for a blob of `size` bytes. Threads may write to different chunks."""

    def __init__(self, folder: str, digest: str, size: int, pause: Callable[[float], object]) -> None:
        """Open or make it; while another process has it, wait with `pause`, which may raise. Raises OSError."""
        os.makedirs(folder, 0o700, exist_ok=True)
        self.path = f"{folder}/{digest.replace(':', '-')}"
        self.size = size
        self._fd = _locked(self.path, pause)
        try:
            self._parts = os.open(self.path + _PARTS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except BaseException:
            os.close(self._fd)
            raise
        self.counts = self._read_counts()
        os.utime(self._fd)

    def _read_counts(self) -> list[int]:
        lengths = chunk_lengths(self.size)
        data = os.pread(self._parts, 4 * len(lengths) + 1, 0)
        if len(data) == 4 * len(lengths):
            counts = list(struct.unpack(f"<{len(lengths)}I", data))
            if all(count <= length for count, length in zip(counts, lengths, strict=True)):
                return counts
        self.reset()
        return [0] * len(lengths)

    def reset(self) -> None:
        """Begin anew: nothing has arrived."""
        os.ftruncate(self._parts, 0)
        os.ftruncate(self._fd, 0)
        self.counts = [0] * len(chunk_lengths(self.size))
        os.pwrite(self._parts, bytes(4 * len(self.counts)), 0)

    def write(self, chunk: int, data: bytes) -> None:
        """Add bytes to a chunk."""
        start = chunk * CHUNK + self.counts[chunk]
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, start)
            start, view = start + written, view[written:]
        os.pwrite(self._parts, struct.pack("<I", self.counts[chunk] + len(data)), 4 * chunk)
        self.counts[chunk] += len(data)

    def read(self, start: int, size: int) -> bytes:
        return os.pread(self._fd, size, start)

    def remove(self) -> None:
        """Take the file away; its bytes are where they belong."""
        _remove(self.path)

    def close(self) -> None:
        """Let go of it; what has arrived stays."""
        os.close(self._parts)
        os.close(self._fd)


def chunk_lengths(size: int) -> list[int]:
    """The lengths of the chunks of so many bytes; one of 0 for none."""
    whole, rest = divmod(size, CHUNK)
    return [CHUNK] * whole + ([rest] if rest or not whole else [])


def _locked(path: str, pause: Callable[[float], object]) -> int:
    while (fd := locks.acquire(path, fcntl.LOCK_EX | fcntl.LOCK_NB)) is None:
        pause(0.2)
    return fd


def forget(folder: str, digest: str) -> None:
    """Remove what is left of a blob that is here already, unless another process is at it."""
    path = f"{folder}/{digest.replace(':', '-')}"
    if os.path.exists(path):
        fd = locks.acquire(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if fd is None:
            return
        try:
            _remove(path)
        finally:
            os.close(fd)
    elif os.path.exists(path + _PARTS):
        _remove(path)


def _remove(path: str) -> None:
    for name in (path, path + _PARTS):
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass


def clean(folder: str, older_than_seconds: float = KEPT_SECONDS, *, dry_run: bool = False) -> int:
    """Remove what was begun so long ago that nobody goes on with it; the bytes that this freed, or would free.

    What another process is at is left alone.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return 0
    freed = 0
    for name in names:
        path = f"{folder}/{name}"
        data = path.removesuffix(_PARTS)
        if name.endswith(_PARTS) and os.path.exists(data):
            continue  # goes with its file
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(fd)
            if time.time() - status.st_mtime >= older_than_seconds:
                freed += status.st_blocks * 512
                for gone in () if dry_run else (path, path + _PARTS):
                    if os.path.exists(gone):
                        os.unlink(gone)
        except BlockingIOError:
            continue
        finally:
            os.close(fd)
    return freed
