"""How much a folder holds: the bytes of its regular files, a file with several names once."""

import errno
import os
import stat

from sampan.linux.files import DIRECTORY, open_beneath

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # or it lies too deep for any path


def tree_bytes(path: str) -> int:
    """Bytes in the folder `path`; a hole of a file counts as what it reads as. Others may change it meanwhile; one that
    is not there has 0. No link is followed."""
    try:
        top = os.open(path, DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        return _bytes(top)
    finally:
        os.close(top)


def _bytes(top: int) -> int:
    total = 0
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
            for name in os.listdir(fd):
                try:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISDIR(info.st_mode):
                    folders.append(f"{path}/{name}" if path else name)
                elif stat.S_ISREG(info.st_mode) and (info.st_dev, info.st_ino) not in seen:
                    total += info.st_size
                    if info.st_nlink > 1:
                        seen.add((info.st_dev, info.st_ino))
        finally:
            os.close(fd)
    return total
