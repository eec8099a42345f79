"""Leases: claims of a living process on content that no committed row names yet.

A lease is (resource, pid, start time, boot id). When its holder is gone it is void, and whoever finds it may clean up
what it stood for. Collection and pruning leave leased resources alone.
"""

import time

from sampan.linux import process
from sampan.storage.database import Database
from sampan.values import NamedTuple


class Lease(NamedTuple):
    resource: str
    pid: int
    pid_start: int
    boot_id: str

    def is_held(self) -> bool:
        """Whether the holder still lives."""
        return self.boot_id == process.boot_id() and process.is_alive(self.pid, self.pid_start)


def take(database: Database, resource: str) -> None:
    """Claim `resource` for this process; joins a surrounding transaction. Taking it twice is the same as once."""
    pid, pid_start, boot_id = process.own_identity()
    with database.transaction(durable=False):  # a power cut ends the holder too
        database.execute(
            "INSERT OR IGNORE INTO lease VALUES(?, ?, ?, ?, ?)", (resource, pid, pid_start, boot_id, time.time_ns())
        )


def release(database: Database, resource: str) -> None:
    """Give up this process's claim."""
    pid, pid_start, _ = process.own_identity()
    with database.transaction(durable=False):
        database.execute(
            "DELETE FROM lease WHERE resource = ? AND pid = ? AND pid_start = ?", (resource, pid, pid_start)
        )


def all_leases(database: Database) -> list[Lease]:
    rows = database.rows("SELECT resource, pid, pid_start, boot_id FROM lease")
    return [Lease(str(r[0]), int(r[1] or 0), int(r[2] or 0), str(r[3])) for r in rows]


def held(database: Database) -> frozenset[str]:
    """Resources that a living process claims."""
    return frozenset(lease.resource for lease in all_leases(database) if lease.is_held())


def void(database: Database) -> list[Lease]:
    """Leases whose holder is gone."""
    return [lease for lease in all_leases(database) if not lease.is_held()]


def forget(database: Database, lease: Lease) -> None:
    """Delete the row of a void lease, once what it stood for is cleaned up."""
    with database.transaction():
        database.execute(
            "DELETE FROM lease WHERE resource = ? AND pid = ? AND pid_start = ? AND boot_id = ?",
            (lease.resource, lease.pid, lease.pid_start, lease.boot_id),
        )
