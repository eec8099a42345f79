"""What nothing refers to goes away: snapshots on purpose (collect), leftovers of killed processes (sweep)."""

import os
from collections.abc import Callable, Collection
from typing import NamedTuple

from sampan.linux import fault, files, process
from sampan.storage import caches, leases, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_SNAPSHOT, _TEMPORARY = "snapshot:", "tmp:"


class Collected(NamedTuple):
    """The snapshots that were removed, and the bytes of their regular files and recipes."""

    snapshots: tuple[str, ...]
    bytes: int


def collect(database: Database, paths: Paths, roots: Collection[str] | Callable[[], Collection[str]] = ()) -> Collected:
    """Remove the snapshots that no image, build step, container, mount, living lease or entry of `roots` refers to.

    A callable `roots` is asked inside the transaction that deletes the rows, so that its answer still holds then.
    """
    with database.transaction():
        gone = forget(database, roots() if callable(roots) else roots)
    return remove(database, paths, gone)


def remove(database: Database, paths: Paths, gone: list[tuple[str, int]]) -> Collected:
    """The doing half of collect(), after the commit: remove the files of what forget() gave."""
    for snapshot_id, _ in gone:
        fault.point("gc.forgotten")
        snapshots.remove_folder(paths, snapshot_id)
    if gone:
        with database.transaction(durable=False):
            for snapshot_id, _ in gone:
                leases.release(database, _SNAPSHOT + snapshot_id)
    return Collected(tuple(snapshot_id for snapshot_id, _ in gone), sum(size for _, size in gone))


def forget(database: Database, roots: Collection[str] = ()) -> list[tuple[str, int]]:
    """The deciding half of collect(): delete the rows, in the caller's transaction: [(id, bytes)] for remove()."""
    kept = {*roots}
    kept.update(name.removeprefix(_SNAPSHOT) for name in leases.held(database) if name.startswith(_SNAPSHOT))
    rows = database.rows(
        """
        SELECT id, size + recipe_size FROM snapshot
        WHERE id NOT IN (SELECT snapshot_id FROM image_layer)
          AND id NOT IN (SELECT snapshot_id FROM build_step WHERE snapshot_id IS NOT NULL)
          AND id NOT IN (SELECT json_each.value FROM container, json_each(container.layers))
          AND id NOT IN (SELECT json_each.value FROM image_mount, json_each(image_mount.layers) WHERE boot_id = ?)
          AND id NOT IN (SELECT layer.value FROM container, json_each(container.spec, '$.mounts') AS mount,
              json_each(mount.value, '$.layers') AS layer)
        """,
        (process.boot_id(),),
    )
    gone = [(str(row[0]), int(row[1] or 0)) for row in rows if row[0] not in kept]
    for snapshot_id, _ in gone:
        database.execute("DELETE FROM snapshot WHERE id = ?", (snapshot_id,))
        # If we are killed, the void lease leads others to the folder.
        leases.take(database, _SNAPSHOT + snapshot_id)
    return gone


def sweep(database: Database, paths: Paths) -> list[str]:
    """Remove what killed processes left: entries of layers/, recipes/ and tmp/ that no row and no living lease names,
    and then their void leases. Returns what was removed, as paths. Safe beside processes that work in the same store.
    """
    # The folders first: whoever makes one has committed its lease before, and commits its row before giving that up.
    layers, temporary = os.listdir(paths.layers) + _recipes(paths), os.listdir(paths.tmp)
    with database.transaction():
        rows = {str(row[0]) for row in database.rows("SELECT id FROM snapshot")}
        held = leases.held(database)
        void = leases.void(database)
    orphans = [name for name in dict.fromkeys(layers) if name not in rows and _SNAPSHOT + name not in held]
    leftovers = [name for name in temporary if _TEMPORARY + name not in held]
    for name in orphans:
        fault.point("gc.sweeping")
        snapshots.remove_folder(paths, name)
    for name in caches.orphans(database, paths):
        caches.remove_folder(paths, name)
    kept = set[str]()
    for name in leftovers:
        try:
            files.remove_below(paths.tmp, name)
        except OSError:
            kept.add(name)  # a mount point, or an immutable file: no reason for commands to fail
    for lease in void:
        if lease.resource.startswith((_SNAPSHOT, _TEMPORARY)) and lease.resource.removeprefix(_TEMPORARY) not in kept:
            leases.forget(database, lease)
    return [paths.layer(name) for name in orphans] + [f"{paths.tmp}/{name}" for name in leftovers if name not in kept]


def _recipes(paths: Paths) -> list[str]:
    """The snapshots that have a recipe, or a part of one."""
    return [name.partition(".")[0] for name in os.listdir(paths.recipes)]
