"""The end of a container: its exit is recorded, what it held is freed, and with --rm it goes away.

`settle` is the one place where an exit becomes a state. Whoever notices an exit calls it: the foreground `run`, the
monitor's exit command, `stop`, and each command's first look around.
"""

import os
import time

from sampan.containers import claims, happenings, store
from sampan.containers.model import Container
from sampan.errors import Conflict, NotFound
from sampan.linux import fault, process
from sampan.runtime import driver, monitor, probe
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LOST = 255  # the monitor died with the container's exit code
_KILLED_SECONDS = 5.0
_KILLED_CODE = 137


def settle(database: Database, paths: Paths, container_id: str) -> int | None:
    """Record the exit of a container that has ended and free what it held; its exit code, None while it runs.

    Idempotent, and safe to be called by several processes at once. With --rm the container is removed.
    """
    with locks.container(paths, container_id):
        container = store.get(database, container_id)
        if container is None:
            locks.forget(paths, container_id)
            return None
        if not container.is_running:
            return container.exit_code
        code = monitor.exit_code(paths.exit(container_id))
        if code is None:
            if is_alive(container):
                return None
            code = _LOST
        if _ran_out_of_memory(paths, container.id):
            from sampan.containers import peak

            peak.keep(paths, container)
            with database.transaction(durable=False):
                happenings.record(database, container, "oom")
        free(database, paths, container)
        fault.point("settle.freed")
        return _settle(database, paths, container, code)


def is_alive(container: Container) -> bool:
    """Whether the container's first process or its monitor still runs."""
    return container.boot_id == process.boot_id() and (
        process.is_alive(container.monitor_pid, container.monitor_start)
        or process.is_alive(container.pid, container.pid_start)
    )


def _settle(database: Database, paths: Paths, container: Container, code: int) -> int:
    if container.spec.options.remove and container.spec.options.restart.name == "no":
        _remove(database, paths, container, remove_volumes=True, ended_with=code)
        return code
    finished_at = _exit_time(paths, container)
    with database.transaction(durable=False):
        # Also the claim of a start that was killed after it had let the process run.
        database.execute("DELETE FROM lease WHERE resource = ?", (claims.lease_of(container.id),))
        store.update(
            database,
            container.id,
            status="exited",
            pid=0,
            exit_code=code,
            finished_at=finished_at,
            oom_killed=int(_ran_out_of_memory(paths, container.id)),
            error="" if code != _LOST or monitor.exit_code(paths.exit(container.id)) is not None else _loss(container),
        )
        database.execute("DELETE FROM health_due WHERE container_id = ?", (container.id,))
        happenings.ended(database, container, code, finished_at)
    fault.point("settle.committed")
    return code


def _ran_out_of_memory(paths: Paths, container_id: str) -> bool:
    return os.path.exists(paths.exit(container_id) + "/oom")


def _exit_time(paths: Paths, container: Container) -> int:
    """When it ended, in ns since the epoch; where nobody saw it, when that was noticed, or when the machine came up."""
    try:
        return os.stat(paths.exit(container.id) + "/exit").st_mtime_ns
    except FileNotFoundError:
        if _has_rebooted(container):
            return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return time.time_ns()


def _has_rebooted(container: Container) -> bool:
    return container.boot_id != process.boot_id()


def _loss(container: Container) -> str:
    """Why its exit code is not known."""
    if _has_rebooted(container):
        return "exit code unknown: the machine was rebooted or lost power while it ran"
    return "monitor lost"


def free(database: Database, paths: Paths, container: Container) -> None:
    """Give back what only a running container needs: network, runtime state, cgroup."""
    options = container.spec.options
    if options.connections or options.networks is not None:
        from sampan.networks import connect as networking

        networking.disconnect(database, paths, container.id)
    # Its own may have been uninstalled since: each finds the other's state.
    runtime = probe.find(options.runtime) if options.runtime else None
    runtime = runtime or probe.runtime()
    driver.delete(runtime, paths.runtime, container.id, claims.cgroups_path(paths, container))
    # An older monitor leaves its entry in the socket folder; a newer one takes it away as it ends, perhaps just then.
    try:
        os.unlink(f"{paths.sockets}/{container.id}")
    except FileNotFoundError:
        pass


def remove(
    database: Database, paths: Paths, container_id: str, *, force: bool = False, remove_volumes: bool = False
) -> None:
    """`rm`: take a container away, killing it first with `force`. Raises NotFound or Conflict in Docker's words."""
    with locks.container(paths, container_id):
        container = store.get(database, container_id)
        if container is None:
            locks.forget(paths, container_id)
            raise NotFound(f"No such container: {container_id}")
        if container.is_running and not force:
            if container.status == "paused":
                reason = "container is paused and must be unpaused first"
            else:
                reason = "container is running: stop the container before removing or force remove"
            raise Conflict(
                f'cannot remove container "{container.name}": {reason}', hint=f"sampan rm -f {container.name}"
            )
        code = None
        if container.is_running:
            with database.transaction(durable=False):
                happenings.record(database, container, "kill", signal="9")
            code = kill_group(paths, container)
            fault.point("remove.killed")
            free(database, paths, container)
            fault.point("remove.freed")
        _remove(database, paths, container, remove_volumes=remove_volumes, ended_with=code)


def kill_group(paths: Paths, container: Container) -> int:
    """End everything in the container at once and wait until its first process is gone and its exit code is written.

    Returns that code, 137 when the monitor died with it. The monitor itself is not waited for: its exit command may
    want the lock that the caller holds.
    """
    from sampan.linux import cgroup

    path = claims.cgroups_path(paths, container)
    if container.status == "paused":
        cgroup.thaw(path)
    driver.send_signal(container.pid, 9)
    cgroup.kill(path)
    process.wait_gone(container.pid, container.pid_start, _KILLED_SECONDS)
    code = written_code(paths, container, _KILLED_SECONDS)
    return _KILLED_CODE if code is None else code


def written_code(paths: Paths, container: Container, timeout_seconds: float = 1e6) -> int | None:
    """The exit code, once the monitor has written it; None when it ended without, or has not in time."""
    until = time.monotonic() + timeout_seconds
    while True:
        code = monitor.exit_code(paths.exit(container.id))
        if code is not None or time.monotonic() > until:
            return code
        if process.wait_gone(container.monitor_pid, container.monitor_start, 0.001):
            return monitor.exit_code(paths.exit(container.id))


def _remove(
    database: Database, paths: Paths, container: Container, *, remove_volumes: bool, ended_with: int | None = None
) -> None:
    """`ended_with` is the exit code of a container that still counts as running."""
    from sampan.volumes import store as volumes

    with database.transaction(durable=not container.spec.options.remove):
        if ended_with is not None:
            happenings.ended(database, container, ended_with, _exit_time(paths, container))
        gone = volumes.release(database, container.id, remove_anonymous=remove_volumes)
        store.delete(database, container.id)
        happenings.record(database, container, "destroy")
        leases.take(database, f"tmp:{container.id}")
        database.execute("DELETE FROM lease WHERE resource = ?", (claims.lease_of(container.id),))
    fault.point("remove.committed")
    volumes.remove_folders(database, paths, gone)
    remove_files(paths, container.id)
    leases.release(database, f"tmp:{container.id}")


def remove_files(paths: Paths, container_id: str) -> None:
    """Take away the files of a container that has no row any more, while its lock is held.

    The folder is moved away first: a monitor that is about to end finds nothing any more to make files in. What lies
    outside of it goes before, because the folder is what others find it by.
    """
    from sampan.linux import files

    files.remove_below(paths.exits, container_id)
    try:
        os.rename(paths.container(container_id), f"{paths.tmp}/{container_id}")
    except FileNotFoundError:
        pass
    fault.point("remove.moved")
    files.remove_below(paths.tmp, container_id)
    fault.point("remove.emptied")
    locks.forget(paths, container_id)


def remove_locked(database: Database, paths: Paths, container: Container) -> None:
    """Remove a container that is not running, with its anonymous volumes, by one who holds its lock."""
    _remove(database, paths, container, remove_volumes=True)
