"""The resident supervisor: it waits until something is due, does it, and ends when there is nothing to watch."""

import os
import resource
import signal
import time

from sampan.containers import wake, watched
from sampan.engine.supervision import restarting
from sampan.engine.supervision.checking import Checks
from sampan.engine.supervision.journal import Journal
from sampan.engine.supervision.loop import Crowd, Loop
from sampan.engine.supervision.naming import Names
from sampan.engine.supervision.presence import Presence, claim
from sampan.engine.supervision.restarting import Restarts
from sampan.engine.supervision.rotating import Rotations
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LONGEST_SLEEP_SECONDS = 60.0
# Enough for thousands of containers; what we start inherits it, and some programs close every number there is.
_DESCRIPTORS = 16384
_HAND_OVER_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


class Watcher:
    """Watches one root. `run` returns when there is nothing to watch, or after SIGTERM.

    What is watched is looked at when something of it has changed or is due. Questions for names change nothing: they
    are answered as they come, between two looks.
    """

    def __init__(self, paths: Paths, presence: Presence, journal: Journal) -> None:
        self._database = Database(paths.database)
        self._presence = presence
        self._loop = Loop()
        self._restarts = Restarts(self._database, paths, journal)
        self._checks = Checks(self._database, paths, journal, self._restarts.end_unhealthy)
        self._names = Names(self._database, journal, self._loop)
        self._rotations = Rotations(self._database, paths, journal)
        self._parts = (self._restarts, self._checks, self._rotations, self._names)
        self._crowd = Crowd(self._loop, self._notice)
        self._is_stirred = True
        self.is_told_to_end = False
        self._signals, self._signals_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, self._end)
        signal.set_wakeup_fd(self._signals_in, warn_on_full_buffer=False)
        self._loop.watch(self._signals, self._stir)
        self._loop.watch(presence.fileno(), self._receive)

    def take(self, gift: wake.Gift) -> None:
        """Serve a container's name server."""
        self._names.take(gift)

    def run(self) -> None:
        while not self.is_told_to_end:
            if self._is_stirred:
                self._is_stirred = False
                self._look()
                if all(part.is_idle() for part in self._parts):
                    return
            self._sleep()

    def close(self) -> None:
        for part in self._parts:
            part.close()
        self._database.close()
        self._loop.close()
        signal.set_wakeup_fd(-1)
        os.close(self._signals)
        os.close(self._signals_in)

    def _look(self) -> None:
        for part in self._parts:
            part.look()
        self._crowd.become([descriptor for part in self._parts for descriptor in part.descriptors()])

    def _sleep(self) -> None:
        """Until something is due, something ends, or somebody wakes us."""
        due = min([moment for part in self._parts for moment in part.moments()], default=None)
        now = time.monotonic()
        due = now + _LONGEST_SLEEP_SECONDS if due is None else min(due, now + _LONGEST_SLEEP_SECONDS)
        self._loop.wait(min([due, *self._names.expiries()]) - now)
        self._names.expire()
        if time.monotonic() >= due:
            self._stir()

    def _end(self, number: int, frame: object) -> None:
        self.is_told_to_end = True

    def _stir(self) -> None:
        self._is_stirred = True

    def _notice(self, descriptor: int) -> None:
        self._checks.notice(descriptor)
        self._rotations.notice(descriptor)
        self._stir()

    def _receive(self) -> None:
        for gift in self._presence.receive():
            self._names.take(gift)
        self._stir()


def watch(paths: Paths, gift: wake.Gift | None = None) -> None:
    """Be the supervisor of a root as long as there is something to watch; when there is one already, wake it and give
    it what we have been given."""
    journal = Journal(paths)
    resource.setrlimit(resource.RLIMIT_NOFILE, _more_descriptors())
    gifts = [gift] if gift is not None else []
    while (presence := _claim(paths, gifts)) is not None:
        watcher = Watcher(paths, presence, journal)
        for received in gifts:
            watcher.take(received)
        try:
            watcher.run()
        except BaseException as error:
            journal.failure("the supervisor ended", error)
            raise
        finally:
            watcher.close()
            gifts = presence.give_up()
        # Who came between our last look and this moment saw the lock held, and relies on us.
        if watcher.is_told_to_end or not (gifts or _is_needed(paths)):
            return


def _claim(paths: Paths, gifts: list[wake.Gift]) -> Presence | None:
    """As `claim`; one that is about to begin or to end takes no gift yet, or none any more: it is tried again."""
    until = time.monotonic() + _HAND_OVER_SECONDS
    while True:
        presence = claim(paths)
        while presence is None and gifts and wake.hand_over(paths, gifts[-1]):
            gifts.pop().close()
        if presence is not None or not gifts or time.monotonic() > until:
            return presence
        time.sleep(_PAUSE_SECONDS)


def _more_descriptors() -> tuple[int, int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    return max(soft, wanted) if soft != resource.RLIM_INFINITY else soft, hard


def _is_needed(paths: Paths) -> bool:
    database = Database(paths.database)
    try:
        return watched.is_any(database) or restarting.is_any(database)
    finally:
        database.close()
