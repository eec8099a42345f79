"""`container clone`: a stopped container once more, with its files and settings, under another name."""

import os
import time

from sampan.containers import creation, happenings, names, start, store
from sampan.containers.model import Container, MountPoint
from sampan.errors import Conflict
from sampan.linux import fault, files
from sampan.linux.copying import TreeCopy, take_over
from sampan.storage import leases, locks
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes


def clone(
    database: Database, paths: Paths, container_id: str, name: str = "", *, copy_volumes: bool = False
) -> Container:
    """Make the clone and return its record; it is not started.

    What the container wrote is copied, as shared blocks where the file system can. Its anonymous volumes are copied
    too, and with `copy_volumes` the named ones, into anonymous ones; without, both containers have the named volumes.
    Raises NotFound, Conflict for one that runs or a name in use, InvalidArgument for a bad name.
    """
    chosen = store.check_name(name) if name else ""
    database.require_room()
    clone_id = os.urandom(32).hex()
    with locks.container(paths, container_id), locks.container(paths, clone_id):
        try:
            original = store.find(database, container_id)
            if original.is_running:
                raise Conflict(
                    f"cannot clone container {original.name}: it is running",
                    hint=f"stop it first, or make an image of it as it runs: sampan snapshot {original.name}",
                )
            _copy_folder(start.ensure_upper(paths, original), start.ensure_folder(paths, clone_id) + "/upper")
            fault.point("clone.copied")
            copies = _copy_volumes(database, paths, original, clone_id, include_named=copy_volumes)
            container = _record(database, paths, original, clone_id, chosen, copies)
        except BaseException:
            _forget(database, paths, clone_id)
            raise
    leases.release(database, f"tmp:{clone_id}")
    return container


def _copy_folder(source_path: str, target_path: str) -> None:
    """Copy a folder to a new one, its own owner, mode and time too."""
    os.mkdir(target_path, 0o700)
    source, target = os.open(source_path, files.DIRECTORY), os.open(target_path, files.DIRECTORY)
    try:
        TreeCopy(keep_overlay_marks=True).tree(source, target)
        take_over(source, target)
    finally:
        os.close(source)
        os.close(target)


def _copy_volumes(
    database: Database, paths: Paths, original: Container, clone_id: str, *, include_named: bool
) -> dict[str, str]:
    """Copy volumes' content below tmp/: volume name -> folder of the copy. The lease tmp:CLONE protects it."""
    copies: dict[str, str] = {}
    for point in original.spec.mounts:
        if not point.volume or point.volume in copies or point.backing or not os.path.isdir(point.source):
            continue
        if not include_named and not volumes.get(database, paths, point.volume).anonymous:
            continue
        if not copies:
            leases.take(database, f"tmp:{clone_id}")
            os.mkdir(f"{paths.tmp}/{clone_id}", 0o700)
        copies[point.volume] = f"{paths.tmp}/{clone_id}/{len(copies)}"
        _copy_folder(point.source, copies[point.volume])
        fault.point("clone.volume-copied")
    return copies


def _record(
    database: Database, paths: Paths, original: Container, clone_id: str, name: str, copies: dict[str, str]
) -> Container:
    """Enter the clone and its volumes; a folder of tmp/ becomes a volume's in the same transaction."""
    fresh_names = [volumes.new_name() for _ in copies]
    with volumes.claimed(database, paths, fresh_names), database.transaction():
        moved: dict[str, volumes.Volume] = {}
        for (volume, folder), fresh in zip(copies.items(), fresh_names, strict=True):
            moved[volume] = volumes.ensure(database, paths, fresh, is_anonymous=True)
            os.rename(folder, moved[volume].mountpoint)
        points = tuple(_moved(point, moved) for point in original.spec.mounts)
        container = Container(
            id=clone_id,
            name=name or names.random_name(store.names(database)),
            image_id=original.image_id,
            layers=original.layers,
            spec=original.spec._replace(mounts=points, options=original.spec.options._replace(name=name)),
            created_at=time.time_ns(),
            health=creation.unchecked(original.spec.config.healthcheck),
        )
        store.insert(database, container)
        for point in points:
            if point.volume:
                volumes.use(database, point.volume, clone_id)
        happenings.record(database, container, "create")
        fault.point("clone.inserted")
    fault.point("clone.committed")
    if copies:
        files.remove_below(paths.tmp, clone_id)
    return container


def _moved(point: MountPoint, moved: dict[str, volumes.Volume]) -> MountPoint:
    volume = moved.get(point.volume)
    return point if volume is None else point._replace(volume=volume.name, source=volume.mountpoint)


def _forget(database: Database, paths: Paths, clone_id: str) -> None:
    """Take back what was made before the record was entered."""
    from sampan.containers import ending

    if store.get(database, clone_id) is not None:
        return  # interrupted right after the commit: the clone is whole
    files.remove_below(paths.tmp, clone_id)
    ending.remove_files(paths, clone_id)
    leases.release(database, f"tmp:{clone_id}")
