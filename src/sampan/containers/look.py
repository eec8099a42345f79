"""What each command does first: see whether something died. A few stats and queries; repairing is `reconcile`'s."""

import os

from sampan.linux import process
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def look(database: Database, paths: Paths) -> bool:
    """Bring the records in line with the processes: no user has to act after a crash. Whether there was anything."""
    if not has_changed(database, paths):
        return False
    from sampan.containers import reconcile

    reconcile.repair(database, paths)
    return True


def has_changed(database: Database, paths: Paths) -> bool:
    """Whether a container ended unseen, a process died in the middle of something, or left files behind."""
    boot = process.boot_id()
    rows = database.rows(
        "SELECT id, monitor_pid, monitor_start, boot_id FROM container"
        " WHERE status IN ('running', 'paused', 'restarting', 'removing')"
    )
    for container_id, monitor_pid, monitor_start, row_boot in rows:
        ended = os.path.exists(paths.exit(str(container_id)) + "/exit") or row_boot != boot
        if (ended or not process.is_alive(int(monitor_pid or 0), int(monitor_start or 0))) and not locks.is_attended(
            paths, str(container_id)
        ):
            return True
    if leases.void(database):
        return True
    if _has_orphans(database, paths.containers, "SELECT id FROM container"):
        return True
    if not _has_orphans(database, paths.volumes, "SELECT name FROM volume"):
        return False
    from sampan.volumes import store as volumes

    return any(volumes.is_empty(paths, name) for name in volumes.orphans(database, paths))


def _has_orphans(database: Database, folder: str, query: str) -> bool:
    """Whether something lies in a folder that no row names."""
    present = os.listdir(folder)
    return bool(present) and not {str(row[0]) for row in database.rows(query)}.issuperset(present)
