"""Restart policies carried out. What waits for its restart has the status `restarting`: the rows say it all."""

import os
import time
from typing import NamedTuple

from sampan.containers import ending, restart, start, store, wake, watched
from sampan.containers.model import Container
from sampan.engine.supervision.journal import Journal
from sampan.storage import locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def delay_seconds(container: Container, last_delay_seconds: float = 0.0) -> float | None:
    """How long after its end a container is to be started again, None for never."""
    if container.status not in ("exited", "restarting"):
        return None
    return restart.decide(
        restart.policy_of(container),
        exit_code=container.exit_code,
        restart_count=container.restart_count,
        stopped_by_user=bool(container.stopped_by_user),
        ran_seconds=max(container.finished_at - container.started_at, 0) / 1e9,
        last_delay_seconds=last_delay_seconds,
    )


def ended(database: Database, paths: Paths, container_id: str) -> bool:
    """Record the end of a detached container; True when its policy wants it started again, which its status then says.

    Called by the monitor's exit command, so the monitor is not waited for.
    """
    ending.settle(database, paths, container_id)
    with locks.container(paths, container_id):
        container = store.get(database, container_id)
        if container is None:
            locks.forget(paths, container_id)
            return False
        if delay_seconds(container) is None:
            return False
        with database.transaction():
            store.update(database, container_id, status="restarting")
    return True


def start_again(database: Database, paths: Paths, container_id: str) -> bool:
    """Start a container that waits for it; False when somebody stopped, started or removed it. Errors as start."""
    container = store.get(database, container_id)
    if container is None or delay_seconds(container) is None:
        return False
    hooks = start.Hooks(
        exit_command=wake.exit_command(paths, container_id, is_attended=False),
        is_wanted=lambda current: delay_seconds(current) is not None,
    )
    if not start.start(database, paths, container_id, hooks):
        return False
    with database.transaction():
        store.update(database, container_id, restart_count=container.restart_count + 1)
    if watched.is_watched(container):
        wake.start_supervisor(paths)
    return True


def waiting(database: Database) -> list[Container]:
    """Containers that a policy may want started again. Those whose exit command was killed are still `exited`."""
    rows = database.rows(
        "SELECT id FROM container WHERE status = 'restarting' OR (status = 'exited' AND stopped_by_user = 0"
        " AND (json_extract(spec, '$.options.restart.name') IS NOT NULL"
        " OR json_extract(spec, '$.options.restart_unhealthy') IS NOT NULL))"
    )
    found = [store.get(database, str(row[0])) for row in rows]
    return [container for container in found if container is not None]


def is_any(database: Database) -> bool:
    """Whether a container waits for its restart."""
    return any(delay_seconds(container) is not None for container in waiting(database))


class _Plan(NamedTuple):
    """A restart to come. `due` and `forget_at` by time.monotonic(): then it has run long enough to begin anew."""

    finished_at: int
    delay: float
    due: float

    @property
    def forget_at(self) -> float:
        return self.due + restart.STEADY_SECONDS


class Restarts:
    """The restarts of one root. Each is made by a process of its own: it may wait for the last run's monitor."""

    def __init__(self, database: Database, paths: Paths, journal: Journal) -> None:
        self._database = database
        self._paths = paths
        self._journal = journal
        self._plans: dict[str, _Plan] = {}
        self._past: dict[str, _Plan] = {}
        self._running: dict[str, int] = {}  # id: pidfd of the process that starts it

    def look(self) -> None:
        """Plan what waits, start what is due."""
        self._collect()
        self._plan()
        now = time.monotonic()
        for container_id, plan in list(self._plans.items()):
            if plan.due <= now:
                self._past[container_id] = self._plans.pop(container_id)
                self._spawn("restart", container_id)
        self._past = {key: plan for key, plan in self._past.items() if plan.forget_at > now or key in self._running}

    def close(self) -> None:
        """Starts that are being made go on."""
        for pidfd in self._running.values():
            os.close(pidfd)

    def end_unhealthy(self, container_id: str) -> None:
        """End a container, so that it is started again. By another process: it may take its time to end."""
        if container_id not in self._running:
            self._spawn("renew", container_id)

    def is_idle(self) -> bool:
        return not (self._plans or self._past or self._running)

    def descriptors(self) -> list[int]:
        """What becomes readable when a start has been made."""
        return list(self._running.values())

    def moments(self) -> list[float]:
        """When to look again, by time.monotonic()."""
        return [plan.due for plan in self._plans.values()] + [plan.forget_at for plan in self._past.values()]

    def _plan(self) -> None:
        found = {container.id: container for container in waiting(self._database)}
        for container_id, plan in list(self._plans.items()):
            container = found.get(container_id)
            if container is None or container.finished_at != plan.finished_at:
                del self._plans[container_id]
        for container_id, container in found.items():
            if container_id in self._plans or container_id in self._running:
                continue
            past = self._past.get(container_id)
            delay = delay_seconds(container, past.delay if past else 0.0)
            if delay is None:
                self._give_up(container)
            else:
                self._plans[container_id] = _Plan(container.finished_at, delay, _due(container, delay, past))

    def _give_up(self, container: Container) -> None:
        """A container that waits although nobody wants it started any more has simply ended."""
        with self._database.transaction():
            current = store.get(self._database, container.id)
            if current is not None and current.status == "restarting" and delay_seconds(current) is None:
                store.update(self._database, container.id, status="exited")

    def _spawn(self, job: str, container_id: str) -> None:
        command = wake.supervisor_command(self._paths, job, container_id)
        pid = os.posix_spawn(command[0], command, dict(os.environ))
        self._running[container_id] = os.pidfd_open(pid)

    def _collect(self) -> None:
        for container_id, pidfd in list(self._running.items()):
            status = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
            if status is None:
                continue
            os.close(pidfd)
            del self._running[container_id]
            if status.si_status:
                self._journal.write(f"container {container_id}: it could not be ended or started again")


def _due(container: Container, delay: float, past: _Plan | None) -> float:
    """When to start it: `delay` after its end, or after the last try when that failed. By time.monotonic()."""
    passed = 0.0
    if past is None or past.finished_at != container.finished_at:
        passed = (time.time_ns() - container.finished_at) / 1e9
    return time.monotonic() + min(max(delay - passed, 0.0), delay)
