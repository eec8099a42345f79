"""Verbs on a container that runs: stop, kill, wait, pause, unpause, rename."""

import time

from sampan.containers import claims, ending, frozen, happenings, restart, signals, store
from sampan.containers.model import KILLED, STOPPED, Container
from sampan.errors import Conflict, InvalidArgument, NotFound, Unavailable
from sampan.linux import cgroup, fault, process
from sampan.runtime import driver
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths

DEFAULT_STOP_SECONDS = 10
_RECORDED_SECONDS = 10.0
_ENDING = frozenset((2, 3, 15))  # INT, QUIT, TERM


def stop(
    database: Database, paths: Paths, container_id: str, *, timeout_seconds: int | None = None, signal_name: str = ""
) -> None:
    """Ask a container to end, and kill it when it has not after the grace time (-1 waits for ever). A stopped one is
    left.

    Signal and grace come from the call, else from the container, else SIGTERM and 10 s.
    """
    container = _get(database, container_id)
    if container.status == "restarting":
        with locks.container(paths, container_id):  # not while it is being started again: then it is one that runs
            container = _get(database, container_id)
            if container.status == "restarting":
                with database.transaction():
                    store.update(database, container.id, status="exited", stopped_by_user=STOPPED)
                    happenings.record(database, container, "stop")
                return
    if not container.is_running:
        return
    number, grace = _farewell(container, timeout_seconds, signal_name)
    with database.transaction():
        store.update(database, container.id, stopped_by_user=STOPPED)
        happenings.record(database, container, "kill", signal=str(number))
        if container.status == "paused":
            happenings.record(database, container, "unpause")
    fault.point("stop.marked")
    _end(database, paths, container, number, grace)
    finish(database, paths, container)


def end_unhealthy(database: Database, paths: Paths, container_id: str) -> None:
    """As `stop`, but for `--restart-unhealthy`: it is not a user who ends it, so that it is started again.

    Nothing happens when it has recovered, was stopped or is paused.
    """
    container = store.get(database, container_id)
    if container is None or container.status != "running" or not restart.is_unhealthy(container):
        return
    number, grace = _farewell(container)
    with database.transaction():
        happenings.record(database, container, "kill", signal=str(number))
    _end(database, paths, container, number, grace)
    ending.written_code(paths, container)


def _farewell(container: Container, timeout_seconds: int | None = None, signal_name: str = "") -> tuple[int, int]:
    """(signal, grace in seconds) of the call, else of the container, else SIGTERM and 10 s."""
    name = signal_name or container.spec.config.stop_signal or "TERM"
    for grace in (timeout_seconds, container.spec.options.stop_timeout):
        if grace is not None:
            return signals.number(name), grace
    return signals.number(name), DEFAULT_STOP_SECONDS


def _end(database: Database, paths: Paths, container: Container, number: int, grace: int) -> None:
    if container.status == "paused":
        cgroup.thaw(claims.cgroups_path(paths, container))
    driver.send_signal(container.pid, number)
    if not process.wait_gone(container.pid, container.pid_start, 1e6 if grace < 0 else grace, is_cancellable=True):
        with database.transaction(durable=False):
            happenings.record(database, container, "kill", signal="9")
        ending.kill_group(paths, container)
    fault.point("stop.ended")


def finish(database: Database, paths: Paths, container: Container) -> int:
    """Wait for the monitor's last word after a container's process has ended, record it, and return the exit code.

    137 when the container was removed by force before its code could be read.
    """
    code = ending.written_code(paths, container)
    ending.settle(database, paths, container.id)
    return 137 if code is None else code


def kill(database: Database, paths: Paths, container_id: str, signal_name: str = "KILL") -> None:
    """Send a signal. After SIGKILL the container's end is waited for and recorded. Raises Conflict when it does not
    run."""
    container = _get(database, container_id)
    number = signals.number(signal_name)
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running")
    if number == 9:
        with database.transaction():
            store.update(database, container.id, stopped_by_user=KILLED)
            happenings.record(database, container, "kill", signal="9")
        ending.kill_group(paths, container)
        finish(database, paths, container)
        return
    send(database, container, number)


def send(database: Database, container: Container, number: int) -> None:
    """Send a signal on a user's behalf, and note it: who ends of one that is to end it is not started again."""
    is_end = number in _ENDING or number == signals.number(container.spec.config.stop_signal or "TERM")
    was_sent = False
    try:
        with database.transaction(durable=is_end):  # held until it is sent: the end that it may bring is told after it
            if is_end:
                store.update(database, container.id, stopped_by_user=KILLED)
            happenings.record(database, container, "kill", signal=str(number))
            was_sent = driver.send_signal(container.pid, number)
    except Unavailable:  # the disk is full, which must not keep the signal back
        if not was_sent:
            driver.send_signal(container.pid, number)


def wait(database: Database, paths: Paths, container_id: str) -> int:
    """Block until a container is not running and return its exit code."""
    container = _get(database, container_id)
    while container.is_running:
        process.wait_gone(container.pid, container.pid_start, 1e6, is_cancellable=True)
        code = ending.written_code(paths, container)
        _settle(database, paths, container.id)
        if code is not None:
            return code
        found = store.get(database, container_id)
        if found is None:
            return 0  # removed by somebody before its code could be read
        container = found
    return container.exit_code


def _settle(database: Database, paths: Paths, container_id: str) -> None:
    """See that an end is recorded: by who attends the container, or by its monitor's exit command; else by us.

    What is said of it next, such as `rm`, must find that it has ended.
    """
    from sampan.linux import cancellation

    until = time.monotonic() + _RECORDED_SECONDS
    while locks.is_attended(paths, container_id) and time.monotonic() < until:
        container = store.get(database, container_id)
        if container is None or not container.is_running:
            return
        cancellation.sleep(0.002)
    ending.settle(database, paths, container_id)


def pause(database: Database, paths: Paths, container_id: str) -> None:
    """Freeze every process of a container. Raises Conflict."""
    with locks.container(paths, container_id):
        container = _get(database, container_id)
        if container.status == "paused":
            raise Conflict(f"Container {container.id} is already paused")
        if not container.is_running:
            raise Conflict(f"container {container.id} is not running")
        # If we are killed before it is recorded, the void lease has whoever finds it let the container go on.
        leases.take(database, frozen.lease_of(container.id))
        cgroup.freeze(claims.cgroups_path(paths, container))
        fault.point("pause.frozen")
        with database.transaction():
            leases.release(database, frozen.lease_of(container.id))
            store.update(database, container.id, status="paused")
            happenings.record(database, container, "pause")


def unpause(database: Database, paths: Paths, container_id: str) -> None:
    """Let a paused container go on. Raises Conflict."""
    with locks.container(paths, container_id):
        container = _get(database, container_id)
        if container.status != "paused":
            raise Conflict(f"Container {container.id} is not paused")
        cgroup.thaw(claims.cgroups_path(paths, container))
        with database.transaction():
            store.update(database, container.id, status="running")
            happenings.record(database, container, "unpause")


def rename(database: Database, container_id: str, name: str) -> None:
    """Give a container another name. Raises InvalidArgument or Conflict in Docker's words."""
    import sqlite3

    try:
        chosen = store.check_name(name)
    except InvalidArgument as error:
        message = error.message.replace(f"({name})", f"(/{name})")
        raise InvalidArgument(f"Error when allocating new name: {message}", hint=error.hint) from error
    container = _get(database, container_id)
    if container.name == chosen:
        raise InvalidArgument("Renaming a container with the same name as its current name")
    try:
        with database.transaction():
            store.update(database, container.id, name=chosen)
            happenings.record(database, container._replace(name=chosen), "rename", oldName=f"/{container.name}")
    except sqlite3.IntegrityError as error:
        holder = store.find(database, chosen)
        raise Conflict(
            f'Error when allocating new name: Conflict. The container name "/{chosen}" is already in use by container'
            f' "{holder.id}". You have to remove (or rename) that container to be able to reuse that name.'
        ) from error


def top(
    database: Database, paths: Paths, container: Container, arguments: tuple[str, ...] = ()
) -> tuple[list[str], list[list[str]]]:
    """`ps` of the host for the container's processes: (titles, rows). Raises Conflict, or InvalidArgument from ps."""
    if not container.is_running:
        raise Conflict(f"container {container.id} is not running")
    code, out, err = process.run(["ps", *(arguments or ("-ef",))])
    if code != 0:
        raise InvalidArgument(f"ps: {err.strip().partition(chr(10))[0]}")
    lines = out.splitlines()
    titles = lines[0].split()
    if "PID" not in titles:
        raise InvalidArgument("Couldn't find PID field in ps output")
    column = titles.index("PID")
    pids = {str(pid) for pid in cgroup.processes(claims.cgroups_path(paths, container))}
    rows = [line.split(None, len(titles) - 1) for line in lines[1:]]
    happenings.note(database, container, "top")
    return titles, [row for row in rows if row[column] in pids]


def _get(database: Database, container_id: str) -> Container:
    container = store.get(database, container_id)
    if container is None:
        raise NotFound(f"No such container: {container_id}")
    return container
