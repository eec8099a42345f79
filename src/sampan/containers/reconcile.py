"""Repair after a crash: records are brought in line with processes, remains are removed. `look` decides when."""

import os

from sampan.containers import ending, start, store
from sampan.linux import cgroup, process
from sampan.networks import connect as networking
from sampan.networks import upkeep
from sampan.runtime import driver, probe
from sampan.storage import gc, leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes


def repair(database: Database, paths: Paths) -> None:
    """Settle what has ended, clean up after processes that were killed, free what nobody holds. Idempotent."""
    boot = process.boot_id()
    rows = store.live(database)
    for container_id, _, monitor_pid, monitor_start, row_boot in rows:
        ended = os.path.exists(f"{paths.exits}/{container_id}")
        if not ended and row_boot == boot and process.is_alive(monitor_pid, monitor_start):
            continue
        if not locks.is_attended(paths, container_id):
            ending.settle(database, paths, container_id)
    if any(row[4] != boot for row in rows):
        upkeep.reconcile(database, paths, _live_ids(database))
    void = leases.void(database)
    if void:
        _void_leases(database, paths, void)
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
            cgroup.kill(name)
            cgroup.remove(name)
            _runtime_state(paths, name)
            leases.forget(database, lease)
        elif kind == "container":
            _interrupted_start(database, paths, name)
            leases.forget(database, lease)
    gc.sweep(database, paths)
    volumes.sweep(database, paths)


def _runtime_state(paths: Paths, cgroups_path: str) -> None:
    run_id = cgroups_path.rpartition("/build-")[2]
    driver.delete(probe.runtime(), paths.runtime, run_id, cgroups_path)


def _interrupted_start(database: Database, paths: Paths, container_id: str) -> None:
    """A start whose process was killed: what never ran is taken back, what runs is left running."""
    lock = locks.try_container(paths, container_id)
    if lock is None:
        return  # somebody is at it again
    try:
        container = store.get(database, container_id)
        if container is None:
            networking.disconnect(database, paths, container_id)  # a build's RUN has an endpoint and no row
            return
        never_ran = os.path.exists(f"{paths.runtime}/{container_id}/exec.fifo")
        if container.is_running and not never_ran:
            return
        path = start.cgroups_path(paths, container)
        cgroup.kill(path)
        ending.free(database, paths, container)
        with database.transaction():
            store.update(
                database, container_id, status="created", pid=0, monitor_pid=0, error="the start was interrupted"
            )
        if container.spec.options.remove:
            ending.remove_locked(database, paths, container)
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
