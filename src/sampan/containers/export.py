"""`export`: a container's own files as a tar, volumes and what the kernel shows in it apart."""

from collections.abc import Callable

from sampan.containers import happenings, roots, store
from sampan.storage import layers, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def export(database: Database, paths: Paths, container_id: str, write: Callable[[bytes], object]) -> None:
    """Give the tar to `write`, in pieces; a running container goes on meanwhile. Raises NotFound."""
    container = store.find(database, container_id)
    if container.is_running:
        with roots.own(paths, container) as root:
            layers.pack_folder(root, write, is_live=True)
    else:
        with locks.container(paths, container.id), roots.own(paths, container) as root:
            layers.pack_folder(root, write)
    happenings.note(database, container, "export")
