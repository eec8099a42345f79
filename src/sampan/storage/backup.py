"""A folder as a tar that makes it anew: what a layer leaves out is kept.

Times are to the nanosecond; xattrs of users, access lists and the holes of sparse files (GNU format 1.0) are kept, and
a device 0/0 is what it is. `unpacking.extract(is_backup=True)` reads it; GNU tar reads it too.
"""

import errno
import os
from collections.abc import Callable

from sampan.errors import Corrupt
from sampan.storage import layers, tar
from sampan.storage.layers import Packing


def pack(root: int, write: Callable[[bytes], object], *, is_live: bool = False) -> None:
    """Give the tar of the open folder `root` to `write`, in pieces; `is_live` as in layers.pack_folder(). Raises
    OSError, Corrupt."""
    try:
        _Backup(root, write, is_live=is_live).run()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise Corrupt("folders are nested too deeply: no path reaches them") from error


class _Backup(Packing):
    """A walk over a folder that keeps what a layer leaves out."""

    _has_whiteouts = False

    def _time(self, info: os.stat_result) -> dict[str, bytes]:
        return {"mtime": tar.seconds(info.st_mtime_ns)} if info.st_mtime_ns % 10**9 else {}

    def _emit_folder(self, path: str, fd: int, info: os.stat_result) -> None:
        self._emit(self._header(self._named(path) + b"/", tar.DIRECTORY, info, xattrs=kept_xattrs(fd)))

    def _first(self) -> list[tuple[str, str, os.stat_result]]:
        info = os.fstat(self._root)
        self._emit(self._header(b"./", tar.DIRECTORY, info, xattrs=kept_xattrs(self._root)))
        return self._listed("", self._root)

    def _content(self, fd: int, path: bytes, info: os.stat_result) -> None:
        if info.st_blocks * 512 >= info.st_size:
            self._emit(self._header(path, tar.REGULAR, info, size=info.st_size, xattrs=kept_xattrs(fd)))
            self._extent(fd, path, 0, info.st_size)
            self._emit(bytes(-info.st_size % tar.BLOCK))
            return
        extents = _data_extents(fd, info.st_size)
        places = tar.sparse_map(extents)
        stored = len(places) + sum(length for _, length in extents)
        extra = {
            "GNU.sparse.major": b"1",
            "GNU.sparse.minor": b"0",
            "GNU.sparse.name": path,
            "GNU.sparse.realsize": b"%d" % info.st_size,
        }
        self._emit(self._header(path, tar.REGULAR, info, size=stored, xattrs=kept_xattrs(fd), extra=extra))
        self._emit(places)
        for position, length in extents:
            self._extent(fd, path, position, length)
        self._emit(bytes(-stored % tar.BLOCK))


def kept_xattrs(fd: int) -> dict[str, bytes]:
    """The xattrs of an open file that a backup has."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names if is_kept_xattr(name)}


def is_kept_xattr(name: str) -> bool:
    """Whether an xattr belongs to the content: those of users, capabilities and access lists. Others are the host's."""
    return name.startswith("user.") or name in (
        layers.CAPABILITY_XATTR,
        "system.posix_acl_access",
        "system.posix_acl_default",
    )


def _data_extents(fd: int, size: int) -> list[tuple[int, int]]:
    """(offset, length) of a file's data; as GNU tar writes it, an empty one at the end says where a last hole ends."""
    extents = []
    position = 0
    while position < size:
        try:
            position = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # nothing but a hole is left
        end = min(os.lseek(fd, position, os.SEEK_HOLE), size)
        if position < end:
            extents.append((position, end - position))
        position = end
    if not extents or sum(extents[-1]) < size:
        extents.append((size, 0))
    return extents
