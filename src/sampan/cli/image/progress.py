"""Progress of pulls and pushes: lines that are redrawn on a terminal, as docker has it; plain ones elsewhere."""

import threading
import time
from typing import TextIO

from sampan.cli.output import human_size, terminal_width
from sampan.images.progress import Event, LayerStatus, Line, Listener, Warned, ignore

_REDRAW_SECONDS = 0.1
_PLAIN_SECONDS = 10.0
_WINDOW_SECONDS = 5.0
_BAR = 50


def listener(output: TextIO, errors: TextIO, *, quiet: bool = False) -> Listener:
    """What shows events on a stream; warnings go to `errors`."""
    if quiet:
        return ignore
    return Redrawn(output, errors) if output.isatty() else Plain(output, errors)


class Rate:
    """How fast the bytes of one layer have come lately."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []

    def add(self, now: float, current: int) -> float:
        """Bytes a second over the last seconds; 0 while that is not known."""
        if self._marks and current < self._marks[-1][1]:
            self._marks.clear()
        self._marks.append((now, current))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_SECONDS:
            self._marks.pop(0)
        began, first = self._marks[0]
        return (current - first) / (now - began) if now - began > 0.2 else 0.0


def amount(event: LayerStatus, rate: float) -> str:
    """12.3MB/45MB  3.2MB/s 10s"""
    text = f"{human_size(event.current, 4)}/{human_size(event.total, 4)}"
    if rate <= 0:
        return text
    left = max(0, event.total - event.current) / rate
    return f"{text}  {human_size(rate, 3)}/s {span(left)}"


def span(seconds: float) -> str:
    """A time in its two largest units: 45s, 3m20s, 1h05m."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class Plain:
    """A line for each state of a layer; of one that takes long a line every ten seconds."""

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        self._output, self._errors = output, errors
        self._last: dict[str, tuple[str, float]] = {}
        self._rates: dict[str, Rate] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Warned):
                print(event.text, file=self._errors, flush=True)
            elif isinstance(event, Line):
                self._last.clear()
                print(event.text, file=self._output, flush=True)
            elif event.total:
                self._counted(event)
            elif self._last.get(event.id, ("", 0))[0] != event.status:
                self._last[event.id] = (event.status, time.monotonic())
                print(f"{event.id}: {event.status}", file=self._output, flush=True)

    def _counted(self, event: LayerStatus) -> None:
        now = time.monotonic()
        before, since = self._last.setdefault(event.id, (event.status, now))
        rate = self._rates.setdefault(event.id, Rate()).add(now, event.current)
        if now - since >= _PLAIN_SECONDS:
            self._last[event.id] = (before, now)
            print(f"{event.id}: {event.status} {amount(event, rate)}", file=self._output, flush=True)


class Redrawn:
    """The layers' lines stand still on the terminal, and change in place."""

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        self._output, self._errors = output, errors
        self._lines: dict[str, int] = {}
        self._drawn: dict[str, tuple[str, float]] = {}
        self._rates: dict[tuple[str, str], Rate] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, LayerStatus):
                self._layer(event)
            else:
                if isinstance(event, Line):  # what follows is another image, or another tag of it
                    self._lines.clear()
                    self._drawn.clear()
                stream = self._errors if isinstance(event, Warned) else self._output
                if isinstance(event, Warned):
                    self._lines.clear()
                print(event.text, file=stream, flush=True)

    def _layer(self, event: LayerStatus) -> None:
        now = time.monotonic()
        status, drawn = self._drawn.get(event.id, ("", 0.0))
        rate = self._rates.setdefault((event.id, event.status), Rate()).add(now, event.current) if event.total else 0.0
        if event.total and status == event.status and now - drawn < _REDRAW_SECONDS and event.current < event.total:
            return
        self._drawn[event.id] = (event.status, now)
        text = f"{event.id}: {event.status}"
        if event.total:
            text += f" {self._bar(event, amount(event, rate))}"
        line = self._lines.get(event.id)
        if line is None:
            self._lines[event.id] = len(self._lines)
            self._output.write(f"{text}\n")
        else:
            up = len(self._lines) - line
            self._output.write(f"\033[{up}A\033[2K\r{text}\r\033[{up}B")
        self._output.flush()

    @staticmethod
    def _bar(event: LayerStatus, text: str) -> str:
        """As wide as the terminal leaves room for: a line that wraps cannot be redrawn."""
        width = min(_BAR, terminal_width() - len(event.id) - len(event.status) - len(text) - 8)
        if width < 5:
            return text[: max(0, terminal_width() - len(event.id) - len(event.status) - 4)]
        full = width * event.current // event.total
        bar = "=" * full + (">" if full < width else "")
        return f"[{bar:<{width}}]  {text}"
