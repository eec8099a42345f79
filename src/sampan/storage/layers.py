"""Layers between folder and tar: pack() writes a snapshot's folder in one deterministic way.

A layer's tar is sorted folder by folder, a folder before what is in it; times are whole seconds, users and groups
numbers, of xattrs only security.capability is kept; a removed file is an empty `.wh.NAME`, a folder that hides what
lies below holds `.wh..wh..opq` (image-spec, layer.md). The same files give the same bytes, so the diff ID is known
without keeping the tar.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sampan.errors import Corrupt
from sampan.linux import files
from sampan.storage import tar
from sampan.storage.snapshots import OPAQUE_XATTR

WHITEOUT = ".wh."
OPAQUE_MARK = ".wh..wh..opq"
CAPABILITY_XATTR = "security.capability"
_CHUNK = 1 << 20
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)


class Packed(NamedTuple):
    """A layer as a tar: `diff_id` is "sha256:..." of it, `size` the bytes of the regular files in it."""

    diff_id: str
    size: int


def pack(layer_path: str, write: Callable[[bytes], object]) -> Packed:
    """Give the tar of a layer's folder to `write`, in pieces. Raises OSError; Corrupt if a file shrinks
    meanwhile, or lies deeper than a path may be long."""
    root = os.open(layer_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return pack_folder(root, write)
    finally:
        os.close(root)


def pack_folder(
    root: int, write: Callable[[bytes], object], *, top: str = "", only: str = "", is_live: bool = False
) -> Packed:
    """The same for a folder that is open.

    With `top` the folder itself is the first member, under that name, and everything else below it; with `only` it is
    the one entry of the folder that is written, with what is in it, under the name `top`. With `is_live` others change
    the files meanwhile: what vanishes is left out, and a file that shrinks is filled with zeros.
    """
    try:
        return Packing(root, write, top, only, is_live).run()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise Corrupt("folders are nested too deeply: no path reaches them") from error


def tar_size(layer_path: str) -> int:
    """Bytes of the tar of a layer's folder; no file is read."""
    root = os.open(layer_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sizing = _Sizing(root, lambda piece: None)
        sizing.run()
        return sizing.counted
    finally:
        os.close(root)


def measure(layer_path: str) -> Packed:
    """Diff ID and size of a layer's folder; nothing is written."""
    return pack(layer_path, lambda piece: None)


class Packing:
    """One walk over a layer. Only one folder is open at a time, so that depth costs no descriptors."""

    _has_whiteouts = True

    def __init__(
        self, root: int, write: Callable[[bytes], object], top: str = "", only: str = "", is_live: bool = False
    ) -> None:
        self._root, self._write = root, write
        self._top, self._only, self._is_live = os.fsencode(top), only, is_live
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._pending = 0
        self._size = 0
        self._links: dict[tuple[int, int], bytes] = {}

    def _named(self, path: str) -> bytes:
        """The name of a member: its path, below `top`, which stands for `only` where that is given."""
        name = os.fsencode(path)
        if self._only:
            return self._top + name[len(os.fsencode(self._only)) :]
        return self._top + b"/" + name if self._top else name

    def _first(self) -> list[tuple[str, str, os.stat_result]]:
        if self._only:
            return [("", self._only, os.stat(self._only, dir_fd=self._root, follow_symlinks=False))]
        if self._top:
            self._emit(self._header(self._top + b"/", tar.DIRECTORY, os.fstat(self._root)))
        return self._listed("", self._root)

    def run(self) -> Packed:
        # Entries still to be written, the next one last: (folder, name, what stat says).
        todo = self._first()
        folder, fd = "", os.dup(self._root)
        try:
            while todo:
                parent, name, info = todo.pop()
                try:
                    if parent != folder:
                        following = files.open_beneath(self._root, parent, os.O_RDONLY | os.O_DIRECTORY)
                        os.close(fd)
                        folder, fd = parent, following
                    if stat.S_ISDIR(info.st_mode):
                        todo += self._folder(f"{parent}/{name}" if parent else name, info)
                    else:
                        self._entry(fd, parent, name, info)
                except OSError as error:
                    if not (self._is_live and error.errno in _GONE):
                        raise
        finally:
            os.close(fd)
        self._emit(tar.END)
        self._flush()
        return Packed("sha256:" + self._digest.hexdigest(), self._size)

    def _listed(self, path: str, fd: int) -> list[tuple[str, str, os.stat_result]]:
        with os.scandir(fd) as entries:
            found = [(path, entry.name, info) for entry in entries if (info := self._stat(entry)) is not None]
        # By bytes: text order would depend on how a name's bytes are decoded.
        found.sort(key=lambda item: os.fsencode(item[1]), reverse=True)
        return found

    def _stat(self, entry: "os.DirEntry[str]") -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            if self._is_live:
                return None
            raise

    def _folder(self, path: str, info: os.stat_result) -> list[tuple[str, str, os.stat_result]]:
        fd = files.open_beneath(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._emit_folder(path, fd, info)
            return self._listed(path, fd)
        finally:
            os.close(fd)

    def _emit_folder(self, path: str, fd: int, info: os.stat_result) -> None:
        self._emit(self._header(self._named(path) + b"/", tar.DIRECTORY, info))
        if _xattr(fd, OPAQUE_XATTR) == b"y":
            mark = self._named(f"{path}/{OPAQUE_MARK}")
            mode = stat.S_IMODE(info.st_mode)
            self._emit(tar.header(mark, tar.REGULAR, mode=mode, uid=info.st_uid, gid=info.st_gid))

    def _entry(self, fd: int, parent: str, name: str, info: os.stat_result) -> None:
        path = self._named(f"{parent}/{name}" if parent else name)
        kind = stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFCHR and info.st_rdev == 0 and self._has_whiteouts:
            hidden = self._named(f"{parent}/{WHITEOUT}{name}" if parent else WHITEOUT + name)
            # The device's own time says when something was removed, which is no content: it would only change digests.
            self._emit(tar.header(hidden, tar.REGULAR, mode=0o600))
            return
        if info.st_nlink > 1:
            first = self._links.setdefault((info.st_dev, info.st_ino), path)
            if first is not path:
                self._emit(self._header(path, tar.HARD_LINK, info, link=first))
                return
        if kind == stat.S_IFREG:
            self._file(fd, name, path, info)
        elif kind == stat.S_IFLNK:
            self._emit(self._header(path, tar.SYMLINK, info, link=os.fsencode(os.readlink(name, dir_fd=fd))))
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            self._emit(self._header(path, tar.CHARACTER if kind == stat.S_IFCHR else tar.BLOCK_DEVICE, info))
        elif kind == stat.S_IFIFO:
            self._emit(self._header(path, tar.FIFO, info))
        # A socket means nothing without the process that made it: tar has no kind for it.

    def _header(
        self,
        path: bytes,
        kind: bytes,
        info: os.stat_result,
        *,
        link: bytes = b"",
        size: int = 0,
        xattrs: Mapping[str, bytes] = {},
        extra: Mapping[str, bytes] = {},
    ) -> bytes:
        device = info.st_rdev if kind in (tar.CHARACTER, tar.BLOCK_DEVICE) else 0
        return tar.header(
            path,
            kind,
            mode=stat.S_IMODE(info.st_mode),
            uid=info.st_uid,
            gid=info.st_gid,
            mtime=info.st_mtime_ns // 10**9,
            link=link,
            major=os.major(device),
            minor=os.minor(device),
            size=size,
            xattrs=xattrs,
            extra={**self._time(info), **extra},
        )

    def _time(self, info: os.stat_result) -> dict[str, bytes]:
        """What whole seconds do not say of a file's time."""
        return {}

    def _file(self, folder: int, name: str, path: bytes, info: os.stat_result) -> None:
        if self._is_live:  # a pipe in its place would keep us waiting
            fd = files.open_regular(folder, name, follow=False)
        else:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            self._content(fd, path, info)
        finally:
            os.close(fd)
        self._size += info.st_size

    def _content(self, fd: int, path: bytes, info: os.stat_result) -> None:
        capability = _xattr(fd, CAPABILITY_XATTR)
        xattrs = {CAPABILITY_XATTR: capability} if capability else {}
        self._emit(self._header(path, tar.REGULAR, info, size=info.st_size, xattrs=xattrs))
        self._extent(fd, path, 0, info.st_size)
        self._emit(bytes(-info.st_size % tar.BLOCK))

    def _extent(self, fd: int, path: bytes, position: int, length: int) -> None:
        """The bytes of a file from a position on."""
        end = position + length
        while position < end:
            piece = os.pread(fd, min(end - position, _CHUNK), position)
            if not piece and self._is_live:
                piece = bytes(min(end - position, _CHUNK))
            if not piece:
                raise Corrupt(f"{os.fsdecode(path)} became shorter while its layer was read")
            position += len(piece)
            self._emit(piece)

    def _emit(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pending += len(piece)
        if self._pending >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        joined = b"".join(self._pieces)
        self._pieces, self._pending = [], 0
        self._digest.update(joined)
        self._write(joined)


class _Sizing(Packing):
    """The walk without the content: counts what would be written."""

    counted = 0

    def _extent(self, fd: int, path: bytes, position: int, length: int) -> None:
        self.counted += length

    def _emit(self, piece: bytes) -> None:
        self.counted += len(piece)


def _xattr(fd: int, name: str) -> bytes:
    try:
        return os.getxattr(fd, name)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return b""
        raise
