"""Recipes: how a layer that came from elsewhere was written, so that its tar can be written again byte for byte.

A folder keeps what files hold, not how an archive told it: header forms, times below a second, order, padding, what
follows the end. A recipe is the archive with the data of files taken out:

    "sampan-recipe\\0\\1\\0"   size of the tar (8 bytes)     one zstd stream of steps
    step = length of bytes (4), length of path (2), offset (8), length (8), the bytes, the path

The bytes are written as they are, then `length` bytes of the layer's file `path` from `offset` on; a step without a
path has only bytes. Numbers are little-endian.
"""

import os
import stat
import struct
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.errors import Corrupt
from sampan.linux import files
from sampan.storage import compression

_MAGIC = b"sampan-recipe\0\1\0"
_HEAD = struct.Struct("<16sQ")
_STEP = struct.Struct("<IHQQ")
_PIECE = 1 << 18
_LIMITS = compression.Limits(bytes=1 << 39, ratio=1 << 30)  # zeros after an archive's end shrink without bound


class Step(NamedTuple):
    """`literal`, and then `length` bytes of the file `path` (relative, bytes of the file system) from `offset` on."""

    literal: bytes
    path: bytes = b""
    offset: int = 0
    length: int = 0


class Recipe:
    """An open recipe: `tar_size` in bytes, and its steps, once."""

    def __init__(self, path: str) -> None:
        """Raises OSError; Corrupt for a file that is no recipe."""
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        head = os.read(self._fd, _HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(_MAGIC):
            self.close()
            raise Corrupt(f"{path} is no recipe of a layer")
        self.tar_size = int(_HEAD.unpack(head)[1])
        self._stream = compression.open_decompressed(_Source(self._fd), limits=_LIMITS)
        self._rest = b""

    def close(self) -> None:
        os.close(self._fd)

    def steps(self) -> Iterator[Step]:
        """Raises Corrupt where the recipe is damaged."""
        while (head := self._take(_STEP.size)) is not None:
            literal_length, path_length, offset, length = _STEP.unpack(head)
            literal, path = self._take(literal_length), self._take(path_length)
            if literal is None or path is None:
                raise Corrupt("a recipe of a layer is cut short")
            yield Step(literal, path, offset, length)

    def _take(self, count: int) -> bytes | None:
        """The next `count` bytes; None at the end. Raises Corrupt for an end in the middle."""
        if not count:
            return b""
        pieces, have = [self._rest], len(self._rest)
        while have < count and (piece := self._stream.read(_PIECE)):
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        if not data:
            return None
        if have < count:
            raise Corrupt("a recipe of a layer is cut short")
        self._rest = data[count:]
        return data[:count]


class _Source:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self, size: int, /) -> bytes:
        return os.read(self._fd, size)


class Writer:
    """Writes a recipe step by step. Raises OSError."""

    _LARGEST = 1 << 20

    def __init__(self, path: str) -> None:
        import zstandard

        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._path, self._fd = path, os.open(path, flags, 0o600)
        os.write(self._fd, bytes(_HEAD.size))
        self._compressor = zstandard.ZstdCompressor(level=3).compressobj()
        self._literal: list[bytes] = []
        self._literal_size = 0
        self._steps: list[bytes] = []
        self._pending = 0
        self.tar_size = 0

    def literal(self, data: bytes) -> None:
        self._literal.append(data)
        self._literal_size += len(data)
        if self._literal_size >= self._LARGEST:
            self.payload(b"", 0, 0)

    def payload(self, path: bytes, offset: int, length: int) -> None:
        """A part of a file follows in the archive."""
        literal = b"".join(self._literal)
        self._steps.append(_STEP.pack(len(literal), len(path), offset, length) + literal + path)
        self.tar_size += len(literal) + length
        self._pending += _STEP.size + len(literal) + len(path)
        self._literal, self._literal_size = [], 0
        if self._pending >= _PIECE:
            self._compress()

    def _compress(self) -> None:
        files.write_all(self._fd, self._compressor.compress(b"".join(self._steps)))
        self._steps, self._pending = [], 0

    def finish(self) -> None:
        """End the recipe; from here on it is one."""
        if self._literal:
            self.payload(b"", 0, 0)
        self._compress()
        files.write_all(self._fd, self._compressor.flush())
        os.pwrite(self._fd, _HEAD.pack(_MAGIC, self.tar_size), 0)
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Recorder:
    """Writes the recipe of an archive while it is laid out (storage/unpacking.py).

    A file is noted by the path under which it is made. Where that may not be the path of the finished layer, because a
    link led there or a later member took its place, the paths are looked up again at the end by inode; what the layer
    does not have in the end is moved to the folder `aside`, and goes into the recipe itself.
    """

    def __init__(self, path: str, aside: str) -> None:
        """`path` is where the recipe is to be; `aside` a folder on the layer's file system, made when needed."""
        self._path, self._aside, self._aside_fd = path, aside, -1
        self._writer = Writer(path)
        self._inodes = array("Q")
        self._kept = 0
        self._must_look = False
        self.literal = self._writer.literal

    def payload(self, fd: int, path: str, extents: tuple[tuple[int, int], ...]) -> None:
        """The archive's data of the open file `path` were stored as `extents`, (offset, length), in this order."""
        inode, name = os.fstat(fd).st_ino, os.fsencode(path)
        for offset, length in extents:
            if length:
                self._writer.payload(name, offset, length)
                self._inodes.append(inode)

    def took_detour(self) -> None:
        """A path of the archive may lead elsewhere."""
        self._must_look = True

    def keep(self, folder: int, name: str) -> None:
        """Move away what a member of the archive replaces."""
        if self._aside_fd < 0:
            os.mkdir(self._aside, 0o700)
            self._aside_fd = os.open(self._aside, files.DIRECTORY | os.O_NOFOLLOW)
        os.rename(name, str(self._kept), src_dir_fd=folder, dst_dir_fd=self._aside_fd)
        self._kept += 1
        self._must_look = True

    def finish(self, layer: int) -> int:
        """End the recipe of the layer whose folder is open; the size of its file. Raises OSError."""
        self._writer.finish()
        if self._must_look and self._inodes:
            self._look_again(layer)
        return os.stat(self._path).st_size

    def close(self) -> None:
        """To be called in any case."""
        self._writer.close()
        if self._aside_fd >= 0:
            os.close(self._aside_fd)
            self._aside_fd = -1
            files.remove_below(os.path.dirname(self._aside), os.path.basename(self._aside))

    def _look_again(self, layer: int) -> None:
        wanted = set(self._inodes)
        there = _paths_of(layer, wanted)
        kept = _paths_of(self._aside_fd, wanted - there.keys()) if self._aside_fd >= 0 else {}
        os.rename(self._path, self._path + ".first")
        first, self._writer = Recipe(self._path + ".first"), Writer(self._path)
        try:
            inodes = iter(self._inodes)
            for step in first.steps():
                self._writer.literal(step.literal)
                if not step.length:
                    continue
                inode = next(inodes)
                if inode in there:
                    self._writer.payload(there[inode], step.offset, step.length)
                else:
                    self._inline(kept[inode], step.offset, step.length)
            self._writer.finish()
        finally:
            first.close()
            os.unlink(self._path + ".first")

    def _inline(self, path: bytes, offset: int, length: int) -> None:
        fd = files.open_regular(self._aside_fd, os.fsdecode(path), follow=False)
        try:
            while length:
                piece = os.pread(fd, min(length, _PIECE), offset)
                if not piece:
                    raise Corrupt(f"{os.fsdecode(path)} became shorter while its layer was unpacked")
                self._writer.literal(piece)
                offset, length = offset + len(piece), length - len(piece)
        finally:
            os.close(fd)


def _paths_of(root: int, inodes: set[int]) -> dict[int, bytes]:
    """Where in a folder the files with these inodes are, one path each."""
    found: dict[int, bytes] = {}
    todo = [""]
    while todo:
        folder = todo.pop()
        fd = files.open_beneath(root, folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(path)
                    elif entry.inode() in inodes and entry.is_file(follow_symlinks=False):
                        found[entry.inode()] = os.fsencode(path)
        finally:
            os.close(fd)
    return found


def replay(recipe: Recipe, layer_path: str, write: Callable[[bytes], object]) -> int:
    """Give the archive of a layer's folder to `write`, in pieces of any size; how many bytes came from files.

    Raises OSError; Corrupt where the folder lacks what the recipe refers to.
    """
    total = 0
    root = os.open(layer_path, files.DIRECTORY)
    parent, folder = b"", os.dup(root)
    try:
        for step in recipe.steps():
            if step.literal:
                write(step.literal)
            if not step.length:
                continue
            above, _, name = step.path.rpartition(b"/")
            if above != parent:
                following = files.open_beneath(root, os.fsdecode(above), os.O_RDONLY | os.O_DIRECTORY)
                os.close(folder)
                parent, folder = above, following
            _copy(folder, name, step, write)
            total += step.length
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Corrupt(f"{layer_path} lacks {error.filename!r}, which its recipe refers to") from error
    finally:
        os.close(folder)
        os.close(root)
    return total


def _copy(folder: int, name: bytes, step: Step, write: Callable[[bytes], object]) -> None:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Corrupt(f"{os.fsdecode(step.path)} of a layer is no regular file any more")
        offset, left = step.offset, step.length
        while left:
            piece = os.pread(fd, min(left, 1 << 20), offset)
            if not piece:
                raise Corrupt(f"{os.fsdecode(step.path)} of a layer is shorter than it was")
            write(piece)
            offset, left = offset + len(piece), left - len(piece)
    finally:
        os.close(fd)
