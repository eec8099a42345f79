"""How much a folder holds: bytes of its regular files, or blocks of all that is in it; each inode once."""

import errno
import os
import stat
from collections.abc import Iterator

from sampan.linux.files import DIRECTORY, open_beneath

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # or it lies too deep for any path
_BLOCK = 512  # st_blocks counts these, whatever the file system's own are


def tree_bytes(path: str) -> int:
    """Bytes in the folder `path`; a hole of a file counts as what it reads as. Others may change it meanwhile; one that
    is not there has 0. No link is followed."""
    return sum(info.st_size for info in _entries(path) if stat.S_ISREG(info.st_mode))


def tree_blocks(path: str) -> int:
    """Bytes of the disk that `path` takes as `du` counts them: folders and what is no regular file too, holes not.

    Others may change it meanwhile; what is not there takes 0. No link is followed.
    """
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return 0
    if not stat.S_ISDIR(info.st_mode):
        return info.st_blocks * _BLOCK
    return _BLOCK * sum(info.st_blocks for info in _entries(path))


def own_blocks(path: str) -> int:
    """Bytes of the disk that a folder takes by itself, without what is in it."""
    try:
        return os.lstat(path).st_blocks * _BLOCK
    except FileNotFoundError:
        return 0


def _entries(path: str) -> Iterator[os.stat_result]:
    """The folder `path` and all that is in it, each inode once."""
    try:
        top = os.open(path, DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        yield from _below(top)
    finally:
        os.close(top)


def _below(top: int) -> Iterator[os.stat_result]:
    seen: set[tuple[int, int]] = set()
    folders = [""]
    while folders:
        path = folders.pop()
        try:
            fd = open_beneath(top, path, DIRECTORY)
        except OSError as error:
            if error.errno in _GONE:
                continue
            raise
        try:
            yield os.fstat(fd)
            for name in os.listdir(fd):
                try:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISDIR(info.st_mode):
                    folders.append(f"{path}/{name}" if path else name)
                    continue
                if info.st_nlink > 1:
                    if (info.st_dev, info.st_ino) in seen:
                        continue
                    seen.add((info.st_dev, info.st_ino))
                yield info
        finally:
            os.close(fd)
