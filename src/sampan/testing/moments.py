"""Kill a piece of work at any of the moments in which it changes something: sweeps of many moments, not of named ones.

A moment lies right before a call that changes a file, a statement of SQL, a connection, or a fault point. They are
counted in the work's own process, with all its threads, by Python's audit events and by standing before those calls of
`os` that raise none. So the moments of a piece of work are the same from run to run, but for what its threads do in
another order.

The work runs in a child that was forked: nothing is imported again, and a sweep of fifty takes seconds. It must open
what it needs, an engine above all, by itself: a database connection does not outlive a fork.
"""

import itertools
import os
import re
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from typing import Any

from sampan.linux import fault

Work = Callable[[], object]

_EVENTS = re.compile(
    r"os\.(chmod|chown|link|mkdir|mkfifo|remove|removexattr|rename|rmdir|setxattr|symlink|truncate|utime)"
    r"|socket\.connect"
)
_CALLS = ("copy_file_range", "fdatasync", "fsync", "pwrite", "pwritev", "sendfile", "splice", "sync", "write", "writev")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class WorkFailed(AssertionError):
    """The work raised something of its own before its moment came."""


def count(work: Work) -> int:
    """Run the work to its end in a child; how many moments it has. Raises WorkFailed."""
    reading, writing = os.pipe()
    try:
        status = _forked(lambda: os.write(writing, str(_counted(work, 0)).encode()))
        os.close(writing)
        said = os.read(reading, 32)
    finally:
        os.close(reading)
    if status != 0:
        raise WorkFailed(f"the work ended with {status}")
    return int(said)


def kill(work: Work, moment: int) -> None:
    """Run the work in a child until SIGKILL at that moment (from 1), or right after its last. Raises WorkFailed."""

    def run() -> None:
        _counted(work, moment)
        os.kill(os.getpid(), signal.SIGKILL)

    status = _forked(run)
    if status != -signal.SIGKILL:
        raise WorkFailed(f"the work ended with {status} before moment {moment}")


def spread(total: int, wanted: int) -> list[int]:
    """At most `wanted` moments of `total`, the first and the last among them, evenly spread."""
    wanted = min(wanted, total)
    return sorted({1 + round(step * (total - 1) / max(wanted - 1, 1)) for step in range(wanted)})


def _forked(act: Work) -> int:
    """The exit code of a child that does it; negative for a signal."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        act()
        code = 0
    except BaseException:  # noqa: BLE001 - told, and the exit code says it
        traceback.print_exc()
    finally:
        os._exit(code)


def _counted(work: Work, last: int) -> int:
    """Do the work in this process, which has no other; it dies at its moment `last`. How many there were."""
    passed = itertools.count(1)
    is_over = False

    def moment(*_: object) -> None:
        if not is_over and next(passed) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if _EVENTS.fullmatch(event) or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES):
            moment()

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = real_connect(*arguments, **named)
        made.set_trace_callback(moment)
        return made

    module: Any = sqlite3
    real_connect, module.connect = module.connect, connect
    sys.addaudithook(audit)
    fault.watch(moment)
    for name in _CALLS:
        if hasattr(os, name):
            setattr(os, name, _standing_before(getattr(os, name), moment))
    work()
    is_over = True
    return next(passed) - 1


def _standing_before(call: Callable[..., object], moment: Callable[[], object]) -> Callable[..., object]:
    def with_moment(*arguments: object, **named: object) -> object:
        moment()
        return call(*arguments, **named)

    return with_moment
