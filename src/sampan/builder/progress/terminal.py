"""Progress on a terminal: one line a step, redrawn in place, with the last lines of what runs."""

import os
import threading
import time
from typing import TextIO

from sampan.builder.progress.events import (
    Advised,
    Cached,
    Done,
    Event,
    Failed,
    Missed,
    Opened,
    Output,
    Started,
    Status,
    Warned,
)
from sampan.builder.progress.plain import reason_line
from sampan.dockerfile.errors import visible

_PERIOD_SECONDS = 0.1
_SHOWN_OUTPUT = 5
_BLUE, _RED, _YELLOW, _DIM, _PLAIN = "\x1b[34m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


class _Line:
    """One step on the screen."""

    __slots__ = ("began", "ended", "mark", "notes", "output", "title")

    def __init__(self, title: str) -> None:
        self.title = title
        self.began = time.monotonic()
        self.ended = 0.0
        self.mark = ""  # CACHED or ERROR
        self.notes: list[str] = []
        self.output: list[str] = []

    def seconds(self, now: float) -> float:
        return (self.ended or now) - self.began


class TerminalPrinter:
    """Give it every event, from any thread; close() it for the last picture."""

    def __init__(self, stream: TextIO, *, has_colour: bool = True) -> None:
        self._stream = stream
        self._has_colour = has_colour
        self._lines: dict[int, _Line] = {}
        self._warnings: list[str] = []
        self._advice: list[str] = []
        self._drawn = 0
        self._is_hidden = False
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> "TerminalPrinter":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        self._draw(is_last=True)
        for warning in self._warnings:
            self._stream.write(self._coloured(_YELLOW, f" warning: {visible(warning)}") + "\n")
        for advice in self._advice:
            self._stream.write(self._coloured(_YELLOW, f" hint: {visible(advice)}") + "\n")
        self._stream.flush()

    def _tick(self) -> None:
        while not self._ended.wait(_PERIOD_SECONDS):
            self._draw()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warnings.append(event.message)
            return
        if isinstance(event, Opened):
            self._is_hidden = not event.is_closed
            self._drawn = 0  # what is on the screen is the shell's
            return
        if isinstance(event, Advised):
            self._advice.append(event.message)
            return
        if isinstance(event, Started):
            self._lines[event.number] = _Line(event.title)
            return
        line = self._lines[event.number]
        match event:
            case Status():
                line.notes.append(event.text)
            case Missed():
                line.notes.append(reason_line(event))
            case Output():
                line.output = [*line.output[1 - _SHOWN_OUTPUT :], event.line]
            case Cached() | Done() | Failed():
                line.ended = time.monotonic()
                line.mark = "CACHED" if isinstance(event, Cached) else "ERROR" if isinstance(event, Failed) else ""
                line.output = []

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._has_colour else text

    def _draw(self, *, is_last: bool = False) -> None:
        with self._lock:
            if self._is_hidden:
                return
            size = self._size()
            picture = self._picture(size.columns, is_last)
        if not is_last:
            # What does not fit could not be taken back.
            picture = picture[:1] + picture[1:][-(size.lines - 3) :]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(up + "\r\x1b[J" + "\n".join(picture) + "\n")
        self._stream.flush()
        self._drawn = len(picture)

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return os.terminal_size((80, 24))
        return size if size.columns > 20 and size.lines > 5 else os.terminal_size((80, 24))

    def _picture(self, width: int, is_last: bool) -> list[str]:
        now = time.monotonic()
        ended = sum(1 for line in self._lines.values() if line.ended)
        head = f"[+] Building {now - self._began:.1f}s ({ended}/{len(self._lines)})"
        picture = [head + (" FINISHED" if is_last else "")]
        for line in self._lines.values():
            picture += self._rows(line, width, now)
        return picture

    def _rows(self, line: _Line, width: int, now: float) -> list[str]:
        mark = f"{line.mark} " if line.mark else ""
        time_text = f"{line.seconds(now):.1f}s"
        colour = _RED if line.mark == "ERROR" else _BLUE if line.ended else ""
        rows = [self._coloured(colour, _row(f" => {mark}{line.title}", time_text, width))]
        if not colour:
            rows[0] = _row(f" => {line.title}", time_text, width)
        for note in line.notes:
            if " rebuilt: " in note:
                rows.append(self._coloured(_YELLOW, _cut(f" => => {note}", width)))
        rows += [self._coloured(_DIM, _cut(f" => => # {text}", width)) for text in line.output]
        return rows


def _cut(text: str, width: int) -> str:
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean if len(clean) < width else clean[: width - 2] + "…"


def _row(left: str, right: str, width: int) -> str:
    left = _cut(left, width - len(right) - 2)
    return left + " " * (width - 1 - len(left) - len(right)) + right
