"""Kill the command at each of its fault points: the crash tests.

`passes(sampan, "run", "--rm", "busybox", "true")` lists the points that a command passes; `kill_at` runs it again and
lets it die at one of them, as SIGKILL from outside would. See `sampan.linux.fault`.
"""

import os
import signal
import tempfile
from typing import NamedTuple

from sampan.testing import remains
from sampan.testing.command import Result, Sampan, UnexpectedExit


class Pass(NamedTuple):
    """The `nth` time (from 1) that a command passed the point `name`."""

    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name}:{self.nth}"


def passes(sampan: Sampan, *arguments: str, code: int | None = 0, cwd: str | None = None) -> list[Pass]:
    """Run the command to its end and list every pass of a fault point, in order; other processes of it included."""
    descriptor, log = tempfile.mkstemp(prefix="sampan-points-")
    os.close(descriptor)
    try:
        sampan(*arguments, code=code, cwd=cwd, env={"SAMPAN_FAULT": "*", "SAMPAN_FAULT_LOG": log})
        with open(log) as file:
            names = file.read().split()
    finally:
        os.unlink(log)
    counts: dict[str, int] = {}
    found: list[Pass] = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        found.append(Pass(name, counts[name]))
    return found


def thinned(found: list[Pass], most_per_point: int = 3) -> list[Pass]:
    """Of each point the first pass, the last, and evenly chosen ones between: a point in a loop is passed too often."""
    by_name: dict[str, list[Pass]] = {}
    for item in found:
        by_name.setdefault(item.name, []).append(item)
    chosen: set[Pass] = set()
    for group in by_name.values():
        count = min(most_per_point, len(group))
        chosen.update(group[round(step * (len(group) - 1) / max(count - 1, 1))] for step in range(count))
    return [item for item in found if item in chosen]


def kill_at(sampan: Sampan, moment: Pass, *arguments: str, cwd: str | None = None) -> Result:
    """Run the command until it kills itself at `moment`. Raises UnexpectedExit when it does not get there.

    A point that only a process started by the command passes leaves the command itself alive: its result is returned.
    When a container has ended, its exit command, which has the same plan, is waited for.
    """
    result = sampan(*arguments, code=None, cwd=cwd, env={"SAMPAN_FAULT": str(moment)})
    if result.code not in (-signal.SIGKILL, 0):
        raise UnexpectedExit(f"{moment} was not reached: exit code {result.code}\n{result.out}{result.err}")
    remains.wait_for_exit_commands(sampan.root)
    return result
