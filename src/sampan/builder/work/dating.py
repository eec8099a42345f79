"""The times of the files in a layer, set before it is hashed."""

import os
import stat
from collections.abc import Callable

from sampan.builder.times import Times
from sampan.linux import files


def date(layer: str, times: Times) -> None:
    """Give every file of a layer's folder its time; the folder itself too. No link is followed. Raises OSError."""
    limit = times.seconds * 10**9

    def wanted(mtime_ns: int) -> int:
        return limit if times.fixes_files else min(mtime_ns, limit)

    root = os.open(layer, files.DIRECTORY)
    try:
        _date_folders(root, wanted)
    finally:
        os.close(root)


def _date_folders(root: int, wanted: Callable[[int], int]) -> None:
    # Not recursive: a hostile tree may be deeper than Python's stack. A folder's own time is set by its parent, and
    # setting the times of what is in it does not change it.
    pending = [""]
    while pending:
        folder = pending.pop()
        fd = files.open_beneath(root, folder, files.DIRECTORY)
        try:
            for name in os.listdir(fd):
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                _set(name, info, wanted, fd)
                if stat.S_ISDIR(info.st_mode):
                    pending.append(f"{folder}/{name}" if folder else name)
        finally:
            os.close(fd)
    info = os.fstat(root)
    os.utime(root, ns=(info.st_atime_ns, wanted(info.st_mtime_ns)))


def _set(name: str, info: os.stat_result, wanted: Callable[[int], int], fd: int) -> None:
    mtime_ns = wanted(info.st_mtime_ns)
    if mtime_ns != info.st_mtime_ns:
        os.utime(name, ns=(info.st_atime_ns, mtime_ns), dir_fd=fd, follow_symlinks=False)
