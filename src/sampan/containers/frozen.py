"""A container that holds still for a moment, while its files are read. Nobody sees another state; the events tell of a
pause, as Docker's do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sampan.containers import claims, happenings
from sampan.containers.model import Container
from sampan.linux import cgroup, fault
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def lease_of(container_id: str) -> str:
    """What a process holds meanwhile: when it was killed, whoever finds the lease lets the container go on."""
    return f"frozen:{container_id}"


@contextmanager
def frozen(database: Database, paths: Paths, container: Container) -> Iterator[None]:
    """Freeze the processes of a running container for the time of the body; its lock is held by the caller."""
    if container.status != "running":
        yield
        return
    with database.transaction(durable=False):
        leases.take(database, lease_of(container.id))
        happenings.record(database, container, "pause")
    try:
        cgroup.freeze(claims.cgroups_path(paths, container))
        cgroup.wait_frozen(claims.cgroups_path(paths, container), 2.0)
        fault.point("frozen.still")
        yield
    finally:
        thaw(paths, container)
        fault.point("frozen.thawed")
        with database.transaction(durable=False):
            leases.release(database, lease_of(container.id))
            happenings.record(database, container, "unpause")


def thaw(paths: Paths, container: Container) -> None:
    """Let it go on; one that has ended meanwhile has no group any more, which is no error."""
    cgroup.thaw(claims.cgroups_path(paths, container))
