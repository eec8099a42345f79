"""Repair after a crash: records are brought in line with processes, remains are removed. `look` decides when."""

import os
import time
from collections.abc import Callable

from sampan.containers import claims, ending, frozen, happenings, store
from sampan.containers.model import Container
from sampan.linux import fault, process
from sampan.networks import connect as networking
from sampan.networks import upkeep
from sampan.runtime import driver, probe
from sampan.storage import gc, leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes

_ID_LENGTH = 64
_KILLED_CODE = 137


def repair(database: Database, paths: Paths) -> None:
    """Settle what has ended, clean up after processes that were killed, free what nobody holds. Idempotent."""
    boot = process.boot_id()
    rows = store.live(database)
    for container_id, _, monitor_pid, monitor_start, row_boot in rows:
        ended = os.path.exists(paths.exit(container_id) + "/exit")
        if not ended and row_boot == boot and process.is_alive(monitor_pid, monitor_start):
            continue
        if not locks.is_attended(paths, container_id):
            ending.settle(database, paths, container_id)
    void = leases.void(database)
    volumes.sweep(database, paths, {lease.resource for lease in void})
    if void:
        _void_leases(database, paths, void)
    if void or any(row[4] != boot for row in rows):
        with database.transaction():
            upkeep.reconcile(database, paths, _live_ids(database))
    _orphan_folders(database, paths)


def _live_ids(database: Database) -> list[str]:
    """Containers that run or are being started by a living process."""
    starting = [name.partition(":")[2] for name in leases.held(database) if name.startswith("container:")]
    return [*(row[0] for row in store.live(database)), *starting]


def _void_leases(database: Database, paths: Paths, void: list[leases.Lease]) -> None:
    """Clean up after processes that were killed in the middle of something."""
    for lease in void:
        kind, _, name = lease.resource.partition(":")
        if kind == "cgroup":
            run_id = name.rpartition("/build-")[2]
            driver.abandon(probe.runtime(), paths.runtime, run_id, name)
            leases.forget(database, lease)
        elif kind == "connection":
            from sampan.containers import membership

            if membership.repair(database, paths, name):
                leases.forget(database, lease)
        elif kind in _MENDS and _mended(database, paths, name, _MENDS[kind]):
            leases.forget(database, lease)
    gc.sweep(database, paths)
    _orphan_marks(database, paths)


def _mended(
    database: Database, paths: Paths, container_id: str, mend: Callable[[Database, Paths, Container], object]
) -> bool:
    """`mend` a container, if it is there, under its lock. False when somebody else has that: it is for a later look."""
    lock = locks.try_container(paths, container_id)
    if lock is None:
        return False
    try:
        container = store.get(database, container_id)
        if container is not None:
            mend(database, paths, container)
        else:
            networking.disconnect(database, paths, container_id)  # a build's RUN has an endpoint and no row
            locks.forget(paths, container_id)
    finally:
        os.close(lock)
    return True


def _interrupted_start(database: Database, paths: Paths, container: Container) -> None:
    """A start whose process was killed: what never ran is taken back, what runs is left running."""
    if not container.is_running or driver.is_waiting(paths.runtime, container.id, container.pid):
        _take_back(database, paths, container)


def _half_updated(database: Database, paths: Paths, container: Container) -> None:
    """Tell the kernel limits that the row has already."""
    from sampan.containers import update

    update.finish(database, paths, container)


def _held_still(database: Database, paths: Paths, container: Container) -> None:
    """Let a container go on whose files were being read by a process that was killed."""
    if container.status == "running":
        frozen.thaw(paths, container)


_MENDS = {"container": _interrupted_start, "frozen": _held_still, "update": _half_updated}


def _take_back(database: Database, paths: Paths, container: Container) -> None:
    """Undo a start, as one that failed does itself."""
    runtime = probe.find(container.spec.options.runtime) if container.spec.options.runtime else None
    driver.abandon(runtime or probe.runtime(), paths.runtime, container.id, claims.cgroups_path(paths, container))
    ending.free(database, paths, container)
    with database.transaction():
        store.update(
            database,
            container.id,
            status="exited" if container.status == "exited" else "created",
            pid=0,
            monitor_pid=0,
            error="the start was interrupted",
        )
        database.execute("DELETE FROM health_due WHERE container_id = ?", (container.id,))
        if container.is_running:
            happenings.ended(database, container, _KILLED_CODE, time.time_ns())
    fault.point("reconcile.taken-back")
    if container.spec.options.remove:
        ending.remove_locked(database, paths, container)


def _orphan_marks(database: Database, paths: Paths) -> None:
    """Remove exit codes and lock files of containers that are gone."""
    present = {*os.listdir(paths.exits), *os.listdir(paths.locks)}
    for container_id in present - {str(row[0]) for row in database.rows("SELECT id FROM container")}:
        if len(container_id) != _ID_LENGTH:
            continue  # a monitor is writing it
        lock = locks.try_container(paths, container_id)
        if lock is None:
            continue
        try:
            if store.get(database, container_id) is None:
                ending.remove_files(paths, container_id)
        finally:
            os.close(lock)


def _orphan_folders(database: Database, paths: Paths) -> None:
    """Remove files of containers whose row is gone: what a kill between commit and removal left."""
    present = os.listdir(paths.containers)
    if not present:
        return
    known = {str(row[0]) for row in database.rows("SELECT id FROM container")}
    for container_id in present:
        if container_id in known:
            continue
        lock = locks.try_container(paths, container_id)
        if lock is None:
            continue
        try:
            if store.get(database, container_id) is None:
                driver.delete(probe.runtime(), paths.runtime, container_id, f"{paths.cgroup}/{container_id}")
                ending.remove_files(paths, container_id)
        finally:
            os.close(lock)
