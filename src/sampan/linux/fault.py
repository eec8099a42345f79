"""Points where a test may kill the process: the proof that a crash loses nothing.

Code that changes something on disk or in the kernel names its steps, `fault.point("run.mounted")`. A point does nothing
unless $SAMPAN_FAULT was set when this module was imported:

    SAMPAN_FAULT=run.mounted      SIGKILL to this process when it first passes run.mounted
    SAMPAN_FAULT=layer.synced:3   when it passes layer.synced the third time
    SAMPAN_FAULT=*                the name of each point passed is appended to $SAMPAN_FAULT_LOG, one a line

SIGKILL and not an exception: no handler, no `finally` and no atexit hook may run, as when the machine stops.
Passes are counted per process; a program started from here that is sampan too reads the same environment, if it is
given `environment()`.

The same points tell where the time goes: see `watch`.
"""

import os
from collections.abc import Callable

_PLAN = os.environ.get("SAMPAN_FAULT", "")
_LOG = os.environ.get("SAMPAN_FAULT_LOG", "")
_NAME, _, _COUNT = _PLAN.partition(":")
_left = int(_COUNT) if _COUNT.isdigit() else 1
_watcher: Callable[[str], None] | None = None
_is_active = bool(_PLAN)


def point(name: str) -> None:
    """Pass the point `name`; room and step, `room.step`, in lower case. Costs one test when no fault is planned."""
    if _is_active:
        _pass(name)


def watch(watcher: Callable[[str], None]) -> None:
    """Have `watcher` called with the name of each point that this process passes from here on, in the thread that
    passes it."""
    global _watcher, _is_active
    _watcher, _is_active = watcher, True


def environment() -> dict[str, str]:
    """The variables that plan a fault, for a process that is not given our whole environment; mostly none."""
    return {"SAMPAN_FAULT": _PLAN, "SAMPAN_FAULT_LOG": _LOG} if _PLAN else {}


def _pass(name: str) -> None:
    global _left
    if _watcher is not None:
        _watcher(name)
    if _NAME == "*":
        _record(name)
    elif name == _NAME:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), 9)  # SIGKILL; the module signal is not for the start path


def _record(name: str) -> None:
    """Append the name with one write, so that lines of processes that share the file stay whole."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(_LOG, flags, 0o600)
    try:
        os.write(descriptor, name.encode() + b"\n")
    finally:
        os.close(descriptor)
