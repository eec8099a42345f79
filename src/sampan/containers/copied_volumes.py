"""The content of a container's volumes as part of an image's layer: what `snapshot` adds to `commit`.

It is copied through an overlay of the container's layers with the new one on top, so that the layer says what an
overlay needs: what the image has at those places is hidden.
"""

import os

from sampan.containers import staging
from sampan.containers.model import Container, MountPoint
from sampan.linux import fault, files, mount, namespace
from sampan.linux.copying import TreeCopy, take_over
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths


def add(database: Database, paths: Paths, container: Container, snapshot_id: str) -> None:
    """Copy the volumes of a container into the folder of a snapshot, at their mount points. Raises OSError."""
    if not any(point.type == "volume" for point in container.spec.mounts):
        return
    name = f"work-{snapshot_id}"
    leases.take(database, f"tmp:{name}")
    try:
        os.mkdir(f"{paths.tmp}/{name}", 0o700)
        namespace.in_private_mounts(lambda: _add_all(database, paths, container, snapshot_id, name))
    finally:
        files.remove_below(paths.tmp, name)
        leases.release(database, f"tmp:{name}")


def _add_all(database: Database, paths: Paths, container: Container, snapshot_id: str, work: str) -> None:
    staged = staging.stage(database, paths, container)
    points = [point for point in staged if point.type == "volume" and os.path.isdir(point.source)]
    root = mount.overlay_root(paths.layers, container.layers, paths.layer(snapshot_id), f"{paths.tmp}/{work}")
    try:
        # A mount point in another comes after it.
        for point in sorted(points, key=lambda point: point.destination):
            _add(root, point)
            fault.point("snapshot.volume-copied")
    finally:
        os.close(root)


def _add(root: int, point: MountPoint) -> None:
    target = files.make_directories(root, point.destination)
    try:
        source = os.open(point.source, files.DIRECTORY)
        try:
            for name in os.listdir(target):
                files.remove_tree(target, name)
            TreeCopy().tree(source, target)
            take_over(source, target)
        finally:
            os.close(source)
    finally:
        os.close(target)
