"""What a build tells while it runs: typed events, and the numbers that progress is printed with."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple


class Started(NamedTuple):
    """A step, or a piece of work around the steps, begins; later events carry its `number`, which counts from 1."""

    number: int
    title: str


class Status(NamedTuple):
    """Something that a person may want to know of work that goes on, such as "transferring dockerfile: 92B done"."""

    number: int
    text: str


class Output(NamedTuple):
    """A whole line that a RUN printed, without its end. `stream` is 1 or 2, `seconds` the time since it began."""

    number: int
    stream: int
    line: str
    seconds: float


class Cached(NamedTuple):
    """The step's stored result is taken."""

    number: int


class Missed(NamedTuple):
    """Why the step has to be done again: `reason`, and of a COPY the `files` that changed (at most 1,000)."""

    number: int
    title: str
    reason: str
    files: tuple[str, ...]


class Done(NamedTuple):
    number: int
    seconds: float


class Failed(NamedTuple):
    number: int
    message: str


class Warned(NamedTuple):
    """Something that is probably not meant, of the build as a whole."""

    message: str


class Opened(NamedTuple):
    """A shell has the terminal, or with `is_closed` has it no more."""

    is_closed: bool = False


class Advised(NamedTuple):
    """How the next build could be faster."""

    message: str


Event = Started | Status | Output | Cached | Missed | Done | Failed | Warned | Advised | Opened


class Work:
    """One numbered piece of work. Its events may come from any thread."""

    def __init__(self, reporter: "Reporter", number: int, title: str) -> None:
        self._reporter, self.number, self.title = reporter, number, title
        self._began = time.monotonic()
        self._partial = {1: b"", 2: b""}
        self.lines: list[str] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def status(self, text: str) -> None:
        self._reporter.emit(Status(self.number, text))

    def cached(self) -> None:
        self._reporter.emit(Cached(self.number))

    def missed(self, reason: str, files: tuple[str, ...]) -> None:
        self._reporter.emit(Missed(self.number, self.title, reason, files))

    def output(self, stream: int, data: bytes) -> None:
        """Take what a process printed; it is handed on line by line, and in pieces where a line has no end."""
        lines = (self._partial[stream] + data).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_LINE:
            lines.append(rest)
            rest = b""
        self._partial[stream] = rest
        for line in lines:
            self._line(stream, line)

    def _line(self, stream: int, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        seconds = self.seconds
        self.lines = [*self.lines[-(KEPT_LINES - 1) :], f"{seconds:.3f} {text}"]
        self._reporter.emit(Output(self.number, stream, text, seconds))

    def _finish(self) -> None:
        for stream, rest in self._partial.items():
            if rest:
                self._line(stream, rest)
        self._partial = {1: b"", 2: b""}

    def done(self) -> None:
        self._finish()
        self._reporter.emit(Done(self.number, self.seconds))

    def failed(self, message: str) -> None:
        self._finish()
        self._reporter.emit(Failed(self.number, message))


KEPT_LINES = 20
_LONGEST_LINE = 1 << 16


class Reporter:
    """Numbers pieces of work and hands their events on, one at a time."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        self._number = 0

    def emit(self, event: Event) -> None:
        with self._lock:
            self._on_event(event)

    def start(self, title: str) -> Work:
        with self._lock:
            self._number += 1
            work = Work(self, self._number, title)
            self._on_event(Started(work.number, title))
        return work

    def warn(self, message: str) -> None:
        self.emit(Warned(message))

    def advise(self, message: str) -> None:
        self.emit(Advised(message))


def size_text(size: int) -> str:
    """Bytes as BuildKit prints them: 92B, 1.24kB, 123.5kB."""
    if size < 1000:
        return f"{size}B"
    value, units = size / 1000, ["kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g}{units[0]}" if value < 100 else f"{value:.1f}{units[0]}"
