"""Reading what happens: the rows that are there, then those that come.

Whoever changes something adds a row and tells nobody. A reader is woken by the bytes of the write-ahead log; because
the rows can be read a moment after those bytes are written, it looks again soon after each, and now and then in any
case: none is lost, and none comes twice, because each has a number and the reader knows the last one that it had.
"""

import os
import time
from collections.abc import Iterator

from sampan.engine.event_filter import Filters, accepts
from sampan.errors import InvalidArgument
from sampan.linux import cancellation, inotify
from sampan.storage import events
from sampan.storage.database import Database
from sampan.storage.events import Event
from sampan.storage.paths import Paths

__all__ = ["Event", "read"]

_SOON_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 1.0
_BLIND_PAUSE_SECONDS = 0.1  # where nobody wakes us
_CHUNK = 1 << 16
_NO_FILTERS: Filters = {}


def read(
    database: Database, paths: Paths, *, since_ns: int = 0, until_ns: int = 0, filters: Filters = _NO_FILTERS
) -> Iterator[Event]:
    """Events in the order in which they happened; times in ns since the epoch, 0 = open.

    Without `since_ns` and `until_ns` only what happens from this call on is read, for ever. With either the reader
    begins with what is kept, and with `until_ns` it ends then, whether something happens or not. Raises
    InvalidArgument when the end lies before the beginning.
    """
    if until_ns and since_ns > until_ns:
        raise InvalidArgument(
            f"`since` time ({_seconds(since_ns)}) cannot be after `until` time ({_seconds(until_ns)})"
        )
    cursor = 0 if since_ns or until_ns else events.last_id(database)
    wanted = {name: tuple(values) for name, values in filters.items()}

    def is_wanted(event: Event) -> bool:
        return event.time >= since_ns and (not until_ns or event.time <= until_ns) and accepts(wanted, event)

    return filter(is_wanted, _rows(database, paths, cursor, until_ns))


def _seconds(moment_ns: int) -> str:
    whole, rest = divmod(moment_ns, 10**9)
    return f"{whole}.{rest:09d}" if rest else str(whole)


def _rows(database: Database, paths: Paths, cursor: int, until_ns: int) -> Iterator[Event]:
    """Every row after the one with the number `cursor`, until that time."""
    log = _watched(paths.database + "-wal")
    longest = _LONGEST_PAUSE_SECONDS if log >= 0 else _BLIND_PAUSE_SECONDS
    try:
        pause = _SOON_SECONDS
        while True:
            is_over = 0 < until_ns <= time.time_ns()  # asked before the last look, so that this sees everything
            found = events.after(database, cursor)
            for event in found:
                cursor = event.id
                yield event
            if found:
                pause = _SOON_SECONDS
                continue
            if is_over:
                return
            left = max((until_ns - time.time_ns()) / 1e9, 0.0) if until_ns else longest
            has_changed = _wait(log, min(pause, left))
            pause = _SOON_SECONDS if has_changed else min(pause * 2, longest)
    finally:
        if log >= 0:
            os.close(log)


def _watched(path: str) -> int:
    """What can be read when the file is written to; -1 where the kernel has no more watches to give (inotify(7))."""
    try:
        return inotify.modified(path)
    except OSError:
        return -1


def _wait(log: int, seconds: float) -> bool:
    """Until the log is written to, at most so long; whether it was."""
    if not cancellation.wait(log, seconds):
        return False
    os.read(log, _CHUNK)
    return True
