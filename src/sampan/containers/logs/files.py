"""The files of a container's log: `log`, which the monitor writes, and `log.1`, `log.2`, ... which it wrote before."""

import os

from sampan.containers.logs import compression as logcompression

LOG = "log"
_NAMES_TRIED_BEYOND = 2


class File:
    """One open file of the log in `folder`."""

    __slots__ = ("_descriptor", "_folder", "_is_packed", "_origin")

    def __init__(self, folder: str, descriptor: int, compressed: bool) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._is_packed = compressed
        self._origin = logcompression.identity(descriptor) if compressed else None

    def duplicate(self) -> "File":
        """The same open file, read from the same place on; to be closed by itself."""
        other = File(self._folder, os.dup(self.descriptor), False)
        other._origin = self._origin
        return other

    def is_same(self, other: "File") -> bool:
        """Whether the monitor wrote both as one file. While a plain one is open nothing else gets its inode."""
        ours, theirs = self._identity(), other._identity()
        is_plain = self._origin is None and other._origin is None
        return ours[:2] == theirs[:2] and (is_plain or ours.stamp == theirs.stamp)

    def is_at(self, about: os.stat_result) -> bool:
        """Whether this is the very file that `about` tells of, which a compressed one never is."""
        ours = os.fstat(self._descriptor)
        return self._origin is None and (ours.st_dev, ours.st_ino) == (about.st_dev, about.st_ino)

    def _identity(self) -> logcompression.Identity:
        # Looked up each time: one that is empty has no first line yet.
        return self._origin or logcompression.identity_of_plain(self._descriptor)

    @property
    def descriptor(self) -> int:
        """The text, to be read; a compressed one is unpacked only when it is asked for."""
        if self._is_packed:
            plain = logcompression.decompressed(self._descriptor, self._folder)
            os.close(self._descriptor)
            self._descriptor, self._is_packed = plain, False
        return self._descriptor

    @property
    def size(self) -> int:
        """Bytes that it takes on disk, or unpacked once it was."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        os.close(self._descriptor)


def size(folder: str) -> int:
    """Bytes that the log's files take."""
    found = opened(folder)
    try:
        return sum(file.size for file in found)
    finally:
        for file in found:
            file.close()


def entries(folder: str) -> list[tuple[int, str]]:
    """(N, name) of every `log.N` and `log.N.gz` that there is, ascending."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        number = name.removeprefix("log.").removesuffix(".gz")
        if name.startswith("log.") and number.isdecimal():
            found.append((int(number), name))
    return sorted(found)


def numbers(folder: str) -> list[int]:
    """The numbers of the files that were put aside, ascending."""
    return sorted({number for number, _ in entries(folder)})


def opened(folder: str) -> list[File]:
    """All files, oldest first.

    A rotation may go on meanwhile: files only get higher numbers, so going upwards finds each, perhaps twice. One that
    is being compressed is there under one of its names.
    """
    highest = max(numbers(folder), default=0)
    names = [LOG]
    for number in range(1, highest + 1 + _NAMES_TRIED_BEYOND):
        names += [f"{LOG}.{number}", f"{LOG}.{number}.gz"]
    found: list[File] = []
    for name in names:
        try:
            descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        file = File(folder, descriptor, name.endswith(".gz"))
        if any(file.is_same(other) for other in found):
            file.close()
        else:
            found.append(file)
    return found[::-1]
