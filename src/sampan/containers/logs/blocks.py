"""What is asked for of a log, in blocks of whole stored lines.

Reading starts where tail, since and until say, found by looking from the end and by bisection, and goes on from file to
file. A file that was put aside while it is read is read to its end: its name changes, its descriptor does not.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.containers.logs.files import File, opened
from sampan.containers.logs.following import Following
from sampan.containers.logs.line import moment_of
from sampan.containers.options import LogOptions

_BLOCK = 1 << 20
_TAIL_BLOCK = 1 << 16
_HEADER_LIMIT = 256  # bytes within which a stored line tells its time


class _Part(NamedTuple):
    """What is to be read of one file: bytes from `start` to `end`."""

    file: File
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
    found = opened(folder)
    try:
        if not found:
            return
        latest = _whole(found[-1])
        chosen = _chosen(found[:-1], latest, options)
        for part in chosen:
            yield from _read(part)
        if options.follow and chosen[-1].end == latest.end:
            following = Following(folder, latest.file, latest.end, options.until, is_running)
            try:
                yield from following.blocks()
            finally:
                following.close()
    finally:
        for file in found:
            file.close()


def _whole(file: File) -> _Part:
    """All of a file up to the end of its last whole line."""
    descriptor = file.descriptor
    size_ = os.fstat(descriptor).st_size
    start = max(size_ - _TAIL_BLOCK, 0)
    return _Part(file, 0, start + os.pread(descriptor, size_ - start, start).rfind(b"\n") + 1)


def _chosen(older: list[File], latest: _Part, options: LogOptions) -> list[_Part]:
    """The parts that are wanted, oldest first; files in which there is nothing are not looked into."""
    parts = _tail(older, latest, options.tail) if options.tail >= 0 else _since(older, latest, options.since)
    if options.since:
        parts = [part._replace(start=max(part.start, _offset(part, options.since))) for part in parts]
    if options.until:
        parts = [part._replace(end=max(part.start, _offset(part, options.until + 1))) for part in parts]
    return parts


def _since(older: list[File], latest: _Part, since: int) -> list[_Part]:
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


def _tail(older: list[File], latest: _Part, tail: int) -> list[_Part]:
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
