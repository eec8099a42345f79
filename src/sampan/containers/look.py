"""What each command does first: see whether something died. A few stats and queries; repairing is `reconcile`'s."""

import os

from sampan.linux import process
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def look(database: Database, paths: Paths) -> None:
    """Bring the records in line with the processes: no user has to act after a crash."""
    if has_changed(database, paths):
        from sampan.containers import reconcile

        reconcile.repair(database, paths)


def has_changed(database: Database, paths: Paths) -> bool:
    """Whether a container ended unseen, a process died in the middle of something, or left files behind."""
    boot = process.boot_id()
    rows = database.rows(
        "SELECT id, monitor_pid, monitor_start, boot_id FROM container"
        " WHERE status IN ('running', 'paused', 'restarting', 'removing')"
    )
    for container_id, monitor_pid, monitor_start, row_boot in rows:
        ended = os.path.exists(f"{paths.exits}/{container_id!s}") or row_boot != boot
        if (ended or not process.is_alive(int(monitor_pid or 0), int(monitor_start or 0))) and not locks.is_attended(
            paths, str(container_id)
        ):
            return True
    if leases.void(database):
        return True
    present = os.listdir(paths.containers)
    if not present:
        return False
    known = {str(row[0]) for row in database.rows("SELECT id FROM container")}
    return not known.issuperset(present)
