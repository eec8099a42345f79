"""`run --timings`: where a start's milliseconds went."""

import os
import sys
import time

from sampan.linux import fault

# point that is passed -> what was done up to it
_PHASES = {
    "create.committed": "the image is found, the record made",
    "start.prepared": "its folders are made",
    "start.connected": "its network namespace is made",
    "start.mounted": "its root is mounted, its configuration written",
    "start.created": "the monitor is started, the runtime has created it",
    "start.recorded": "its state is recorded",
    "start.started": "streams are connected, its process is let go",
    "settle.freed": "it ran",
    "settle.committed": "its end is recorded",
    "remove.emptied": "its files are removed",
}
_STARTED = "start.started"
# What is done beside, in another thread, from the first point to the second.
_BESIDE = {"network.attached": ("start.connected", "meanwhile its network was connected")}


class Timings:
    """A clock that runs from the beginning of this process."""

    def __init__(self) -> None:
        self._moments: list[tuple[str, float]] = [("", _process_start())]
        self._marks: dict[str, str] = dict(_PHASES)
        fault.watch(self.passed)

    def mark(self, phase: str) -> None:
        """`phase` is done."""
        self._marks[phase] = phase
        self.passed(phase)

    def passed(self, point: str) -> None:
        """Take down a moment; called by any thread."""
        self._moments.append((point, time.clock_gettime(time.CLOCK_BOOTTIME)))

    def show(self) -> None:
        """Print the table to stderr."""
        print("\n".join(table(self._moments, self._marks)), file=sys.stderr)


def table(moments: list[tuple[str, float]], phases: dict[str, str]) -> list[str]:
    """The lines of the table. `moments` are points with times in seconds, the first of them the beginning."""
    begin = last = moments[0][1]
    times = dict(moments)
    lines = []
    for point, moment in moments[1:]:
        if point in phases:
            lines.append(f"{_ms(moment - last)}  {phases[point]}")
            last = moment
        if point == _STARTED:
            lines += [f"{_ms(moment - begin)}  in all until it runs", *_beside(times)]
    return ["      ms", *lines]


def _beside(times: dict[str, float]) -> list[str]:
    return [
        f"{_ms(times[end] - times[start])}  ({text})"
        for end, (start, text) in _BESIDE.items()
        if start in times and end in times
    ]


def _ms(seconds: float) -> str:
    return f"{max(seconds, 0) * 1000:8.1f}"


def _process_start() -> float:
    """When this process began, in seconds since boot; the kernel tells hundredths (proc(5), field 22)."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
