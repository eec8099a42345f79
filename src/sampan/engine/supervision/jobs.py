"""The jobs of `python -m sampan.supervisor`, each a process of its own that nobody waits for."""

import os
from collections.abc import Callable, Sequence

from sampan.containers import control, wake, watched
from sampan.containers.logs import compression as logcompression
from sampan.containers.logs import files as logfiles
from sampan.engine.supervision import restarting, surroundings, watcher
from sampan.engine.supervision.journal import Journal
from sampan.storage import paths as layout
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def exited(root: str, container_id: str) -> None:
    """The exit command of a detached container's monitor: record the end, and see that its policy is followed."""
    paths = layout.paths_of(root)
    surroundings.leave_container_mounts(paths)
    _logged(paths, f"end of container {container_id}", lambda database: _exited(database, paths, container_id))


def _exited(database: Database, paths: Paths, container_id: str) -> None:
    is_waiting = restarting.ended(database, paths, container_id)
    # Also where the supervisor was killed: what it watched has nobody until somebody looks.
    if is_waiting or (not wake.wake(paths) and watched.is_any(database)):
        wake.start_supervisor(paths)


def restart(root: str, container_id: str) -> None:
    """Start a container again whose policy wants that."""
    paths = layout.paths_of(root)

    def again(database: Database) -> None:
        restarting.start_again(database, paths, container_id)

    _logged(paths, f"restart of container {container_id}", again)


def renew(root: str, container_id: str) -> None:
    """End a container that is unhealthy and is to be started again then; its monitor's exit command does the rest."""
    paths = layout.paths_of(root)

    def end(database: Database) -> None:
        control.end_unhealthy(database, paths, container_id)

    _logged(paths, f"end of unhealthy container {container_id}", end)


def compress(root: str, container_id: str) -> None:
    """Compress what was put aside of a container's log. In a process of its own: it takes its time."""
    paths = layout.paths_of(root)
    os.nice(10)
    folder = paths.container(container_id)
    try:
        for _, name in logfiles.entries(folder):
            if not name.endswith(".gz"):
                logcompression.compress(folder, name)
    except FileNotFoundError:
        return  # the container was removed meanwhile
    except OSError as error:
        Journal(paths).failure(f"compression of the log of container {container_id}", error)


def watch(root: str, container_id: str, descriptors: Sequence[int]) -> None:
    """Be the supervisor of the root; in the background already. The sockets of a container's name server may have been
    inherited."""
    gift = None
    if len(descriptors) == 2:
        gift = wake.Gift(container_id, (descriptors[0], descriptors[1]))
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
    watcher.watch(layout.paths_of(root), gift)


def _logged(paths: Paths, what: str, job: Callable[[Database], None]) -> None:
    """Run a job with the store open; nobody sees an error of it but in the log."""
    try:
        database = Database(paths.database)
        try:
            job(database)
        finally:
            database.close()
    except BaseException as error:
        Journal(paths).failure(what, error)
        raise
