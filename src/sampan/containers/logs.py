"""A container's log: conmon's lines, `TIME STREAM F|P TEXT`, read back whole, from the end, or as they come."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import NamedTuple

from sampan.containers.options import LogOptions

_CHUNK = 1 << 16
_LINE_LIMIT = 1 << 20


class LogLine(NamedTuple):
    """One line, or a part of one: `text` ends in a newline only when the container wrote one."""

    time: str  # RFC 3339 with nanoseconds, UTC
    stream: str  # stdout or stderr
    text: bytes


def parse(line: bytes) -> LogLine | None:
    """One stored line without its newline; None for one that is not complete."""
    fields = line.split(b" ", 3)
    if len(fields) != 4:
        return None
    time, stream, tag, text = fields
    ending = b"" if tag == b"P" else b"\n"
    return LogLine(_utc(time.decode(errors="replace")), stream.decode(errors="replace"), text + ending)


def _utc(text: str) -> str:
    """conmon writes local time with its offset; Docker shows UTC."""
    if text.endswith("Z"):
        return text
    if text.endswith("+00:00"):
        return text[:-6] + "Z"
    from datetime import datetime

    whole, _, rest = text.partition(".")
    fraction, offset = rest[:9], rest[9:]
    moment = datetime.fromisoformat(whole + offset).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def nanoseconds(text: str) -> int:
    """An RFC 3339 time in UTC as ns since the epoch."""
    from calendar import timegm
    from time import strptime

    whole, _, fraction = text.rstrip("Z").partition(".")
    return timegm(strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "0").ljust(9, "0")[:9])


def read(path: str, options: LogOptions, is_running: Callable[[], bool] = lambda: False) -> Iterator[LogLine]:
    """Lines of the log that `options` ask for; with `follow` until `is_running()` says that no more will come.

    A missing log (driver none, or never started) has no lines.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.lseek(fd, _tail_offset(fd, options.tail), os.SEEK_SET)
        for raw in _raw_lines(fd, options.follow, is_running, path):
            line = parse(raw)
            if line is None:
                continue
            if options.since or options.until:
                moment = nanoseconds(line.time)
                if moment < options.since:
                    continue
                if options.until and moment > options.until:
                    return
            yield line
    finally:
        os.close(fd)


def _raw_lines(fd: int, follow: bool, is_running: Callable[[], bool], path: str) -> Iterator[bytes]:
    rest = b""
    watch: _Watch | None = None
    while True:
        data = os.read(fd, _CHUNK)
        if data:
            *lines, rest = (rest + data).split(b"\n")
            yield from lines
            if len(rest) > _LINE_LIMIT:
                yield rest
                rest = b""
            continue
        if not follow:
            return
        if watch is None:
            watch = _Watch(path)
            continue  # what was written before the watch stood
        if watch.wait():
            continue
        if _follow_rotation(fd, path):
            watch, rest = None, b""
            continue
        if not is_running():
            data = os.read(fd, _CHUNK)
            while data:
                rest += data
                data = os.read(fd, _CHUNK)
            yield from rest.split(b"\n")[:-1]
            return


def _follow_rotation(fd: int, path: str) -> bool:
    """Let `fd` be the file that the monitor began anew at `path`, if it did."""
    try:
        latest = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if os.path.sameopenfile(latest, fd):
            return False
        os.dup2(latest, fd, inheritable=False)
        return True
    finally:
        os.close(latest)


class _Watch:
    """Waits for a file to grow."""

    __slots__ = ("_inotify",)

    def __init__(self, path: str) -> None:
        from sampan.linux import inotify

        self._inotify = inotify.modified(path)

    def wait(self) -> bool:
        """True when the file was written to; False after a while of silence."""
        from sampan.linux import cancellation

        if not cancellation.wait(self._inotify, 0.2):
            return False
        os.read(self._inotify, _CHUNK)
        return True

    def __del__(self) -> None:
        os.close(self._inotify)


def _tail_offset(fd: int, tail: int) -> int:
    """Where the last `tail` lines begin (-1: all). Lines that conmon stored in parts count once."""
    if tail < 0:
        return 0
    end = os.lseek(fd, 0, os.SEEK_END)
    if tail == 0:
        return end
    position, rest, found = end, b"", 0
    while position > 0:
        size = min(_CHUNK, position)
        position -= size
        block = os.pread(fd, size, position) + rest
        lines = block.split(b"\n")
        rest = lines[0]
        offset = position + len(block)
        for line in reversed(lines[1:]):
            offset -= len(line)
            if line and _is_whole(line):
                found += 1
                if found > tail:
                    return offset + len(line) + 1
            offset -= 1
    # What is left is the first line of the log.
    return len(rest) + 1 if found == tail and _is_whole(rest) else 0


def _is_whole(line: bytes) -> bool:
    fields = line.split(b" ", 3)
    return len(fields) == 4 and fields[2] == b"F"
