"""The logs that are rotated: looked at when they grow, as often as they fill, and put aside when they are full."""

import os
import time

from sampan.containers import store, wake
from sampan.containers.logs import drivers as logdrivers
from sampan.containers.logs import rotation as logrotation
from sampan.engine.supervision.journal import Journal
from sampan.linux import inotify
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 5.0
_COMPRESSION_SECONDS = 0.2
_WANTED = (
    "SELECT r.container_id FROM log_rotation r JOIN container c ON c.id = r.container_id"
    " WHERE c.status IN ('running', 'paused')"
)
_AHEAD = 0.7
"""How much of the time until a log will be full, at the rate of its growth, passes before it is looked at again."""


class _Log:
    """A log that is watched. `inotify` is -1 while it is looked at by the clock, because it grows; `compressor` is the
    pidfd of the process that compresses what was put aside, or -1: until it has ended nothing else is."""

    __slots__ = ("compressor", "files", "folder", "inotify", "look_at", "seen_at", "size")

    def __init__(self, folder: str, files: logdrivers.Files) -> None:
        self.folder = folder
        self.files = files
        self.inotify = -1
        self.compressor = -1
        self.look_at = 0.0
        self.seen_at = time.monotonic()
        self.size = 0


def pause_seconds(size: int, before: int, passed_seconds: float, limit: int) -> float | None:
    """How long to leave a log alone that grew from `before` to `size` bytes in that time; None: until it grows."""
    if size == before:
        return None
    rate = max(size - before, 1) / max(passed_seconds, 0.001)
    return min(max((limit - size) / rate * _AHEAD, _SHORTEST_SECONDS), _LONGEST_SECONDS)


class Rotations:
    """Who is in the table log_rotation is looked after while it runs."""

    def __init__(self, database: Database, paths: Paths, journal: Journal) -> None:
        self._database = database
        self._paths = paths
        self._journal = journal
        self._logs: dict[str, _Log] = {}

    def look(self) -> None:
        """Do what is due. What fails for one log does not touch the others."""
        self._admit_and_discharge()
        now = time.monotonic()
        for container_id, log in list(self._logs.items()):
            if log.inotify >= 0 or log.look_at > now or not _has_compressed(log):
                continue
            try:
                self._treat(container_id, log, now)
            except BlockingIOError:  # the compressor of a supervisor that was killed is still at it
                log.look_at = now + _COMPRESSION_SECONDS
            except OSError as error:
                self._journal.failure(f"rotation of the log of container {container_id}", error)
                log.look_at = now + _LONGEST_SECONDS

    def is_idle(self) -> bool:
        return not self._logs

    def descriptors(self) -> list[int]:
        """What becomes readable when a log grows that has not for a while."""
        return [fd for log in self._logs.values() for fd in (log.inotify, log.compressor) if fd >= 0]

    def notice(self, descriptor: int) -> None:
        """Take note of one of `descriptors` that has become readable."""
        for log in self._logs.values():
            if log.inotify == descriptor:
                os.close(log.inotify)
                log.inotify = -1
                log.look_at = 0.0
                log.seen_at = time.monotonic()

    def moments(self) -> list[float]:
        """When to look again, by time.monotonic()."""
        return [log.look_at for log in self._logs.values() if log.inotify < 0 and log.compressor < 0]

    def close(self) -> None:
        for container_id in list(self._logs):
            self._discharge(container_id)

    def _admit_and_discharge(self) -> None:
        wanted = {str(row[0]) for row in self._database.rows(_WANTED)}
        for container_id in self._logs.keys() - wanted:
            if _has_compressed(self._logs[container_id]):
                self._discharge(container_id)
        for container_id in wanted - self._logs.keys():
            container = store.get(self._database, container_id)
            if container is not None:
                folder = self._paths.container(container_id)
                self._logs[container_id] = _Log(folder, logdrivers.files(container.spec.options))

    def _discharge(self, container_id: str) -> None:
        log = self._logs.pop(container_id)
        for descriptor in (log.inotify, log.compressor):
            if descriptor >= 0:
                os.close(descriptor)

    def _treat(self, container_id: str, log: _Log, now: float) -> None:
        if logrotation.is_between(log.folder):
            logrotation.reopen(log.folder)
            log.look_at = now + _SHORTEST_SECONDS
            return
        size = _size(log.folder)
        if size >= log.files.size_bytes:
            logrotation.rotate(log.folder, log.files.limit)
            log.size, log.seen_at, log.look_at = 0, now, now + _SHORTEST_SECONDS
            if log.files.compress:
                command = wake.supervisor_command(self._paths, "compress", container_id)
                log.compressor = os.pidfd_open(os.posix_spawn(command[0], command, dict(os.environ)))
            return
        pause = pause_seconds(size, log.size, now - log.seen_at, log.files.size_bytes)
        log.size, log.seen_at = size, now
        if pause is not None:
            log.look_at = now + pause
        else:
            self._sleep_until_growth(log, size, now)

    def _sleep_until_growth(self, log: _Log, size: int, now: float) -> None:
        try:
            log.inotify = inotify.modified(f"{log.folder}/log")
        except FileNotFoundError:  # it was never started to the end, or is going
            log.look_at = now + _LONGEST_SECONDS
            return
        if _size(log.folder) != size:  # it grew before it was watched
            os.close(log.inotify)
            log.inotify = -1
            log.look_at = now + _SHORTEST_SECONDS


def _size(folder: str) -> int:
    try:
        return os.stat(f"{folder}/log").st_size
    except FileNotFoundError:
        return 0


def _has_compressed(log: _Log) -> bool:
    if log.compressor < 0:
        return True
    if os.waitid(os.P_PIDFD, log.compressor, os.WEXITED | os.WNOHANG) is None:
        return False
    os.close(log.compressor)
    log.compressor = -1
    return True
