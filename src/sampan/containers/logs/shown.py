"""A container's log, read back: as lines, or as text that is ready to be shown."""

import re
from collections.abc import Callable, Iterable, Iterator

from sampan.containers.logs import blocks as logblocks
from sampan.containers.logs.line import LogLine, parse, utc
from sampan.containers.options import LogOptions

# Runs of whole lines of one stream, or one part of a line. Stored lines are large in number: they are taken in runs.
_RUNS = re.compile(
    rb"((?:^[^ \n]++ stdout F [^\n]*+\n)++)"
    rb"|((?:^[^ \n]++ stderr F [^\n]*+\n)++)"
    rb"|^([^ \n]++ (stdout|stderr) P [^\n]*+)\n",
    re.M,
)
_HEADER = re.compile(rb"^[^ \n]+ std(?:out|err) F ", re.M)
_UTC_HEADER = re.compile(rb"^([^ \n+]+)\+00:00 std(?:out|err) F ", re.M)
_TIMED_HEADER = re.compile(rb"^([^ \n]+) std(?:out|err) F ", re.M)


def read(folder: str, options: LogOptions, is_running: Callable[[], bool] = lambda: False) -> Iterator[LogLine]:
    """Lines of the log in a container's folder that `options` ask for; see `blocks.blocks`."""
    return lines(logblocks.blocks(folder, options, is_running))


def lines(blocks: Iterable[bytes]) -> Iterator[LogLine]:
    """What is in blocks of stored lines."""
    for block in blocks:
        for raw in block.split(b"\n"):
            line = parse(raw)
            if line is not None:
                yield line


class Shown:
    """Turns stored lines into text: `pieces` gives (stream, text), in pieces of any length.

    Before each line stands its time, with `timestamps`, and `details` and a blank, where they are not None. A line that
    was stored in parts is one line again, also where lines of the other stream lie between its parts.
    """

    def __init__(self, timestamps: bool, details: str | None) -> None:
        self._timestamps = timestamps
        self._details = b"" if details is None else details.encode() + b" "
        self._open = {b"stdout": False, b"stderr": False}  # whether a part of a line was the last of it

    def pieces(self, blocks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        for block in blocks:
            for match in _RUNS.finditer(block):
                if match[3] is not None:
                    yield self._part(match[3])
                elif match[1] is not None:
                    yield "stdout", self._whole(b"stdout", match[1])
                else:
                    yield "stderr", self._whole(b"stderr", match[2])

    def _part(self, line: bytes) -> tuple[str, bytes]:
        time, stream, _, content = line.split(b" ", 3)
        beginning = b"" if self._open[stream] else self._beginning(time)
        self._open[stream] = True
        return stream.decode(), beginning + content

    def _whole(self, stream: bytes, run: bytes) -> bytes:
        first = b""
        if self._open[stream]:
            self._open[stream] = False
            line, _, run = run.partition(b"\n")
            first = line.split(b" ", 3)[3] + b"\n"
        if not self._timestamps:
            return first + _HEADER.sub(self._details.replace(b"\\", b"\\\\"), run)
        shown, count = _UTC_HEADER.subn(b"\\1Z " + self._details.replace(b"\\", b"\\\\"), run)
        if count < run.count(b"\n"):  # an older monitor wrote local time
            shown = _TIMED_HEADER.sub(lambda match: self._beginning(match[1]), run)
        return first + shown

    def _beginning(self, time: bytes) -> bytes:
        return (utc(time.decode()).encode() + b" " if self._timestamps else b"") + self._details
