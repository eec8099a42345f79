"""Progress as lines, in the shape of BuildKit's --progress=plain."""

from typing import TextIO

from sampan.builder.cache.explain import FIRST_BUILD
from sampan.builder.progress.events import Advised, Cached, Done, Event, Failed, Missed, Output, Started, Status, Warned
from sampan.dockerfile.errors import visible

_LONGEST = 60


def reason_line(event: Missed) -> str:
    """ "COPY . . rebuilt: src/app.py changed", or "COPY . . built: never built here"."""
    words = event.title.partition("] ")[2] or event.title
    if len(words) > _LONGEST:
        words = words[: _LONGEST - 1] + "…"
    return f"{words} {'built' if event.reason == FIRST_BUILD.reason else 'rebuilt'}: {event.reason}"


class PlainPrinter:
    """Give it every event. Steps that run side by side are told apart by their number."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._titles: dict[int, str] = {}
        self._current = 0  # the step whose lines were printed last and that has not ended
        self._has_begun = False
        self._warnings: list[str] = []
        self._advice: list[str] = []

    def __enter__(self) -> "PlainPrinter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Print what is told at the end."""
        if self._warnings:
            count = len(self._warnings)
            lines = "".join(f" - {visible(warning)}\n" for warning in self._warnings)
            self._write(f"\n {count} warning{'s' if count > 1 else ''} found:\n{lines}")
        for advice in self._advice:
            self._write(f"\n hint: {visible(advice)}\n")
        self._warnings, self._advice = [], []

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._titles[event.number] = event.title
                self._turn_to(event.number)
            case Status():
                self._line(event.number, event.text)
            case Output():
                # As it is: a command's colours are its own.
                self._print(event.number, f"{event.seconds:.3f} {event.line}")
            case Missed():
                self._line(event.number, reason_line(event))
            case Cached():
                self._end(event.number, "CACHED")
            case Done():
                self._end(event.number, f"DONE {event.seconds:.1f}s")
            case Failed():
                self._end(event.number, f"ERROR: {event.message}")
            case Warned():
                self._warnings.append(event.message)
            case Advised():
                self._advice.append(event.message)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _turn_to(self, number: int) -> None:
        if self._current != number:
            gap = "\n" if self._has_begun else ""
            self._has_begun = True
            self._current = number
            self._write(f"{gap}#{number} {visible(self._titles[number])}\n")

    def _line(self, number: int, text: str) -> None:
        self._print(number, visible(text))

    def _print(self, number: int, text: str) -> None:
        self._turn_to(number)
        self._write(f"#{number} {text}\n")

    def _end(self, number: int, text: str) -> None:
        self._line(number, text)
        self._current = 0
