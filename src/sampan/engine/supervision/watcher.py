"""The resident supervisor: it waits until something is due, does it, and ends when there is nothing to watch."""

import os
import select
import signal
import time

from sampan.containers import health
from sampan.engine.supervision import restarting
from sampan.engine.supervision.checking import Checks
from sampan.engine.supervision.journal import Journal
from sampan.engine.supervision.presence import Presence, claim
from sampan.engine.supervision.restarting import Restarts
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LONGEST_SLEEP_SECONDS = 60.0


class Watcher:
    """Watches one root. `run` returns when there is nothing to watch, or after SIGTERM."""

    def __init__(self, paths: Paths, presence: Presence, journal: Journal) -> None:
        self._database = Database(paths.database)
        self._presence = presence
        self._checks = Checks(self._database, paths, journal)
        self._restarts = Restarts(self._database, paths, journal)
        self.is_told_to_end = False
        self._signals, self._signals_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, self._end)
        signal.set_wakeup_fd(self._signals_in, warn_on_full_buffer=False)

    def _end(self, number: int, frame: object) -> None:
        self.is_told_to_end = True

    def run(self) -> None:
        while not self.is_told_to_end:
            self._restarts.look()
            self._checks.look()
            if self._restarts.is_idle() and self._checks.is_idle():
                return
            self._sleep()

    def close(self) -> None:
        self._checks.close()
        self._database.close()
        signal.set_wakeup_fd(-1)
        os.close(self._signals)
        os.close(self._signals_in)

    def _sleep(self) -> None:
        """Until something is due, something ends, or somebody wakes us."""
        poll = select.poll()
        for descriptor in (
            self._presence.fileno(),
            self._signals,
            *self._restarts.descriptors(),
            *self._checks.descriptors(),
        ):
            poll.register(descriptor, select.POLLIN)
        now = time.monotonic()
        moments = [*self._restarts.moments(), *self._checks.moments()]
        rest = min([_LONGEST_SLEEP_SECONDS, *(moment - now for moment in moments)])
        # A millisecond more: poll cuts the time to whole ones, and it must not be early.
        for descriptor, _ in poll.poll(max(rest, 0) * 1000 + 1):
            self._checks.notice(descriptor)
        self._presence.drain()


def watch(paths: Paths) -> None:
    """Be the supervisor of a root as long as there is something to watch; when there is one already, wake it."""
    journal = Journal(paths)
    while (presence := claim(paths)) is not None:
        watcher = Watcher(paths, presence, journal)
        try:
            watcher.run()
        except BaseException as error:
            journal.failure("the supervisor ended", error)
            raise
        finally:
            watcher.close()
            presence.give_up()
        # Who came between our last look and this moment saw the lock held, and relies on us.
        if watcher.is_told_to_end or not _is_needed(paths):
            return


def _is_needed(paths: Paths) -> bool:
    database = Database(paths.database)
    try:
        return bool(health.due(database)) or restarting.is_any(database)
    finally:
        database.close()
