"""Events of containers, with the attributes that every one of them has, in the order in which Docker tells them."""

import os
from collections.abc import Sequence

from sampan.containers.model import STOPPED, Container
from sampan.errors import Unavailable
from sampan.storage import events
from sampan.storage.database import Database


def record(database: Database, container: Container, action: str, **attributes: str) -> None:
    """Add an event in the caller's transaction: labels, image and name of the container, and `attributes`."""
    record_at(database, container, action, 0, **attributes)


def record_at(database: Database, container: Container, action: str, moment: int, **attributes: str) -> None:
    """The same of another moment than this, in ns since the epoch."""
    spec = container.spec
    known = {**spec.config.labels, **attributes, "image": spec.options.image, "name": container.name}
    events.record(database, "container", action, container.id, known, at=moment)


def note(database: Database, container: Container, action: str, **attributes: str) -> None:
    """Add an event of what changes no row, in a transaction of its own. On a full disk it is left out: that something
    can be done is worth more than that it is told."""
    try:
        with database.transaction(durable=False):
            record(database, container, action, **attributes)
    except Unavailable:
        return


def mounted(database: Database, container: Container) -> None:
    """Its volumes are about to be mounted."""
    for point in container.spec.mounts:
        if point.volume:
            known = {
                "container": container.id,
                "destination": point.destination,
                "driver": "local",
                "propagation": point.propagation,
                "read/write": "false" if point.read_only else "true",
            }
            events.record(database, "volume", "mount", point.volume, known)


def unmounted(database: Database, container: Container) -> None:
    """Its volumes went with its mount namespace."""
    for name in dict.fromkeys(point.volume for point in container.spec.mounts if point.volume):
        events.record(database, "volume", "unmount", name, {"container": container.id, "driver": "local"})


def ended(database: Database, container: Container, exit_code: int, finished_at: int) -> None:
    """It ran and has ended. `finished_at` in ns since the epoch."""
    unmounted(database, container)
    if container.stopped_by_user == STOPPED:  # whoever records the end tells of it
        record(database, container, "stop")
    seconds = max(finished_at - container.started_at, 0) // 10**9
    record(database, container, "die", execDuration=str(seconds), exitCode=str(exit_code))


def executed(database: Database, container: Container, command: Sequence[str], *, at: int = 0) -> str:
    """A command was started in it; returns an ID for `execution_ended`."""
    # Docker puts a blank after the program even where no arguments follow.
    text = f"{command[0]} {' '.join(command[1:])}"
    identity = os.urandom(32).hex()
    record_at(database, container, f"exec_create: {text}", at, execID=identity)
    record_at(database, container, f"exec_start: {text}", at, execID=identity)
    return identity


def execution_ended(database: Database, container: Container, identity: str, exit_code: int, *, at: int = 0) -> None:
    """A command that `executed` told of has ended."""
    record_at(database, container, "exec_die", at, execID=identity, exitCode=str(exit_code))


def pruned(database: Database, freed: int) -> None:
    """Tell of a prune that freed so many bytes."""
    with database.transaction(durable=False):
        events.record(database, "container", "prune", "", {"reclaimed": str(freed)})
