"""The files of a container's log: `log`, which the monitor writes, and `log.1`, `log.2`, ... which it wrote before.

Reading starts where tail, since and until say, found by looking from the end and by bisection, and goes on from file to
file. A file that was put aside while it is read is read to its end: its name changes, its descriptor does not.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.containers import logcompression
from sampan.containers.logline import moment_of
from sampan.containers.options import LogOptions

LOG = "log"
_BLOCK = 1 << 20
_TAIL_BLOCK = 1 << 16
_HEADER_LIMIT = 256  # bytes within which a stored line tells its time
_LINE_LIMIT = 1 << 20  # the monitor's longest line has 8 KiB
_NAMES_TRIED_BEYOND = 2


class _File:
    """One open file of the log in `folder`."""

    __slots__ = ("_descriptor", "_folder", "_is_packed", "_origin")

    def __init__(self, folder: str, descriptor: int, compressed: bool) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._is_packed = compressed
        self._origin = logcompression.identity(descriptor) if compressed else None

    def duplicate(self) -> "_File":
        """The same open file, read from the same place on; to be closed by itself."""
        other = _File(self._folder, os.dup(self.descriptor), False)
        other._origin = self._origin
        return other

    def is_same(self, other: "_File") -> bool:
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


class _Part(NamedTuple):
    """What is to be read of one file: bytes from `start` to `end`."""

    file: _File
    start: int
    end: int

    @property
    def descriptor(self) -> int:
        return self.file.descriptor


def blocks(folder: str, options: LogOptions, is_running: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Stored lines that `options` ask for, whole ones, in blocks of about 1 MiB, oldest first.

    With `follow` what comes is given as it comes, until `is_running()` says that no more will, or until the moment
    `until` has passed. A missing log (never started) has no lines. `tail` counts before `since` and `until` choose.
    """
    opened = _opened(folder)
    try:
        if not opened:
            return
        latest = _whole(opened[-1])
        chosen = _chosen(opened[:-1], latest, options)
        for part in chosen:
            yield from _read(part)
        if options.follow and chosen[-1].end == latest.end:
            following = _Following(folder, latest, options.until, is_running)
            try:
                yield from following.blocks()
            finally:
                following.close()
    finally:
        for file in opened:
            file.close()


def size(folder: str) -> int:
    """Bytes that the log's files take."""
    opened = _opened(folder)
    try:
        return sum(file.size for file in opened)
    finally:
        for file in opened:
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


def _opened(folder: str) -> list[_File]:
    """All files, oldest first.

    A rotation may go on meanwhile: files only get higher numbers, so going upwards finds each, perhaps twice. One that
    is being compressed is there under one of its names.
    """
    highest = max(numbers(folder), default=0)
    names = [LOG]
    for number in range(1, highest + 1 + _NAMES_TRIED_BEYOND):
        names += [f"{LOG}.{number}", f"{LOG}.{number}.gz"]
    found: list[_File] = []
    for name in names:
        try:
            descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        file = _File(folder, descriptor, name.endswith(".gz"))
        if any(file.is_same(other) for other in found):
            file.close()
        else:
            found.append(file)
    return found[::-1]


def _whole(file: _File) -> _Part:
    """All of a file up to the end of its last whole line."""
    descriptor = file.descriptor
    size_ = os.fstat(descriptor).st_size
    start = max(size_ - _TAIL_BLOCK, 0)
    return _Part(file, 0, start + os.pread(descriptor, size_ - start, start).rfind(b"\n") + 1)


def _chosen(older: list[_File], latest: _Part, options: LogOptions) -> list[_Part]:
    """The parts that are wanted, oldest first; files in which there is nothing are not looked into."""
    parts = _tail(older, latest, options.tail) if options.tail >= 0 else _since(older, latest, options.since)
    if options.since:
        parts = [part._replace(start=max(part.start, _offset(part, options.since))) for part in parts]
    if options.until:
        parts = [part._replace(end=max(part.start, _offset(part, options.until + 1))) for part in parts]
    return parts


def _since(older: list[_File], latest: _Part, since: int) -> list[_Part]:
    parts = [latest]
    for file in reversed(older):
        first = _moment(parts[0], 0) if since else None
        if first is not None and first < since:
            break
        parts.insert(0, _whole(file))
    return parts


def _read(part: _Part) -> Iterator[bytes]:
    position = part.start
    while position < part.end:
        block = os.pread(part.descriptor, min(_BLOCK, part.end - position), position)
        whole = block.rfind(b"\n") + 1
        if not whole:
            return
        yield block[:whole]
        position += whole


def _tail(older: list[_File], latest: _Part, tail: int) -> list[_Part]:
    """Where the last `tail` lines begin. What the monitor stored in parts counts once, as does a last line that has no
    end."""
    if tail == 0:
        return [latest._replace(start=latest.end)]
    parts, missing, is_last = [latest], tail, True
    waiting = list(older)
    while True:
        start, missing, is_last = _tail_start(parts[0], missing, is_last)
        if missing < 0:
            return [parts[0]._replace(start=start), *parts[1:]]
        if not waiting:
            return parts
        parts.insert(0, _whole(waiting.pop()))


def _tail_start(part: _Part, missing: int, is_last: bool) -> tuple[int, int, bool]:
    """(where to begin in this file, lines that are still missing: -1 when all were found, whether no line was seen)."""
    position, rest = part.end, b""
    while position > 0:
        size_ = min(_TAIL_BLOCK, position)
        position -= size_
        block = os.pread(part.descriptor, size_, position) + rest
        lines = block.split(b"\n")
        offset = position + len(block)
        rest = lines[0]
        for line in reversed(lines[1:]):
            offset -= len(line)
            missing, is_last = _counted(line, missing, is_last)
            if missing < 0:
                return offset + len(line) + 1, missing, is_last
            offset -= 1
    missing, is_last = _counted(rest, missing, is_last)
    return len(rest) + 1, missing, is_last


def _counted(line: bytes, missing: int, is_last: bool) -> tuple[int, bool]:
    if not line:
        return missing, is_last
    fields = line.split(b" ", 3)
    is_end = len(fields) == 4 and fields[2] == b"F"
    return missing - (is_end or is_last), False


def _offset(part: _Part, moment: int) -> int:
    """Where the first line that is not before `moment` begins, by bisection: lines are in the order of their times."""
    low, high = 0, part.end
    while low < high:
        middle = (low + high) // 2
        start = _line_start(part, middle)
        time = _moment(part, start) if start < high else None
        if time is None or time >= moment:
            high = middle
        else:
            low = max(start, middle) + 1
    return _line_start(part, low)


def _line_start(part: _Part, position: int) -> int:
    """Where the first line begins at or after `position`."""
    if position <= 0:
        return 0
    position -= 1
    while position < part.end:
        block = os.pread(part.descriptor, _TAIL_BLOCK, position)
        end = block.find(b"\n")
        if end >= 0:
            return min(position + end + 1, part.end)
        if not block:
            break
        position += len(block)
    return part.end


def _moment(part: _Part, position: int) -> int | None:
    return moment_of(os.pread(part.descriptor, _HEADER_LIMIT, position))


class _Following:
    """Goes on reading a log that is being written, from the end of `part`."""

    def __init__(self, folder: str, part: _Part, until: int, is_running: Callable[[], bool]) -> None:
        self._folder = folder
        self._until = until
        self._is_running = is_running
        # Files that are to be read, oldest first: the first is being read.
        self._files = [part.file.duplicate()]
        os.lseek(part.descriptor, part.end, os.SEEK_SET)
        self._rest = b""
        self._watch = _Watch(folder)

    def blocks(self) -> Iterator[bytes]:
        while True:
            yield from self._growth()
            if self._look_for_newer():
                # The monitor had closed ours before it made the other one: what it wrote last is there.
                yield from self._growth()
                self._files.pop(0).close()
                self._rest = b""
            elif self._is_over():
                return
            elif not self._watch.wait(self._patience()) and not self._is_running():
                if self._look_for_newer():
                    continue
                yield from self._growth()
                return

    def close(self) -> None:
        self._watch.close()
        for file in self._files:
            file.close()

    def _growth(self) -> Iterator[bytes]:
        while data := os.read(self._files[0].descriptor, _BLOCK):
            self._look_for_newer()  # at once: a file that is not kept may be gone soon
            block, newline, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest if len(rest) < _LINE_LIMIT else b""
            if newline:
                yield from self._until_end(block + newline)

    def _until_end(self, block: bytes) -> Iterator[bytes]:
        """Without the lines after `until`."""
        if not self._until:
            yield block
            return
        lines = block.splitlines(keepends=True)
        kept = [line for line in lines if (moment_of(line) or 0) <= self._until]
        yield b"".join(kept)

    def _look_for_newer(self) -> bool:
        """Take up the files that were begun after the last that we know; whether there is one after ours."""
        known = self._files[-1]
        try:
            latest = os.stat(f"{self._folder}/{LOG}")
        except FileNotFoundError:
            return len(self._files) > 1  # in the middle of a rotation
        if not known.is_at(latest):
            self._take_up(known)
        return len(self._files) > 1

    def _take_up(self, known: _File) -> None:
        found = _opened(self._folder)
        places = [place for place, file in enumerate(found) if file.is_same(known)]
        for place, file in enumerate(found):
            # When ours is gone from the folder, all that are there are newer.
            if not places or place > places[0]:
                self._files.append(file)
            else:
                file.close()

    def _is_over(self) -> bool:
        import time

        return bool(self._until) and time.time_ns() > self._until

    def _patience(self) -> float:
        """Seconds to wait for a change before looking whether the container still runs."""
        if not self._until:
            return _Watch.PATIENCE_SECONDS
        import time

        return min(max((self._until - time.time_ns()) / 1e9, 0.001), _Watch.PATIENCE_SECONDS)


class _Watch:
    """Waits for something to be written in a folder."""

    __slots__ = ("_inotify",)
    PATIENCE_SECONDS = 0.2

    def __init__(self, folder: str) -> None:
        from sampan.linux import inotify

        self._inotify = inotify.modified(folder)

    def wait(self, seconds: float) -> bool:
        """True when something was written; False after a while of silence."""
        from sampan.linux import cancellation

        if not cancellation.wait(self._inotify, seconds):
            return False
        os.read(self._inotify, _TAIL_BLOCK)
        return True

    def close(self) -> None:
        os.close(self._inotify)
