"""What the store takes on disk (`system df`).

Sizes of single objects are in bytes of regular files, as everywhere; what they take together is in blocks of the disk.
"""

from typing import NamedTuple

from sampan.builder.cache.pruning import Cached, cached
from sampan.containers import store as containers
from sampan.containers.model import Container
from sampan.engine import disk
from sampan.engine.listing import prunable
from sampan.images import store as images
from sampan.images.model import Image
from sampan.linux import process
from sampan.registry import partial
from sampan.storage import blocks, leases, snapshots
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes
from sampan.volumes.store import Volume


class ImageUsage(NamedTuple):
    """`shared` is what other images have too; `containers` how many were made from it."""

    image: Image
    shared: int
    containers: int

    @property
    def unique(self) -> int:
        return self.image.size - self.shared


class ContainerUsage(NamedTuple):
    """`size` is what it has written."""

    container: Container
    size: int


class VolumeUsage(NamedTuple):
    """`links` is the number of containers that have it."""

    volume: Volume
    size: int
    links: int


class Usage(NamedTuple):
    """The whole: each object, and `disk`, what they take together and what prunes would free."""

    images: tuple[ImageUsage, ...]
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    cache: tuple[Cached, ...]
    disk: disk.Disk


def measure(database: Database, paths: Paths) -> Usage:
    """Look at everything; walks the whole store."""
    made = tuple(
        ContainerUsage(container, written(paths, container)) for container in containers.all_containers(database)
    )
    kept = tuple(
        VolumeUsage(volume, volumes.size(paths, volume.name), len(volumes.users(database, volume.name)))
        for volume in volumes.all_volumes(database, paths)
        if not volume.options  # as in Docker: what one with options holds lies elsewhere
    )
    steps = tuple(cached(database, paths))
    owners = _owners(database, paths, made, kept, steps)
    # The walk last: measuring caches writes to the database.
    return Usage(_images(database), made, kept, steps, disk.rows(blocks.measure(paths), owners))


def _owners(
    database: Database,
    paths: Paths,
    made: tuple[ContainerUsage, ...],
    kept: tuple[VolumeUsage, ...],
    steps: tuple[Cached, ...],
) -> disk.Owners:
    return disk.Owners(
        recorded={str(row[0]) for row in database.rows("SELECT id FROM snapshot")},
        cached={entry.snapshot_id for entry in steps if not entry.is_shared and not entry.is_mount},
        needed=_needed(database),
        containers={entry.container.id for entry in made},
        stopped={record.id for record in prunable([entry.container for entry in made], {})},
        volumes={str(row[0]) for row in database.rows("SELECT name FROM volume")},
        unused_volumes={entry.volume.name for entry in kept if not entry.links},
        caches={entry.keys[0] for entry in steps if entry.is_mount},
        idle_caches={entry.keys[0] for entry in steps if entry.is_mount and not entry.is_used},
        begun_reclaimable=partial.clean(paths.downloads, 0, dry_run=True),
    )


def _needed(database: Database) -> set[str]:
    """Snapshots that stay whatever is pruned but containers: those of containers and of their images, of images that
    are mounted, and those that a living process has leased."""
    rows = database.rows(
        """
        SELECT json_each.value FROM container, json_each(container.layers)
        UNION SELECT layer.value FROM container, json_each(container.spec, '$.mounts') AS mount,
            json_each(mount.value, '$.layers') AS layer
        UNION SELECT snapshot_id FROM image_layer WHERE image_id IN (SELECT image_id FROM container)
        UNION SELECT json_each.value FROM image_mount, json_each(image_mount.layers) WHERE boot_id = ?
        """,
        (process.boot_id(),),
    )
    prefix = snapshots.lease_of("")
    leased = {name.removeprefix(prefix) for name in leases.held(database) if name.startswith(prefix)}
    return leased | {str(row[0]) for row in rows}


def written(paths: Paths, container: Container) -> int:
    """Bytes of the files that a container has written."""
    from sampan.linux.measuring import tree_bytes

    return tree_bytes(paths.container(container.id) + "/upper")


def _images(database: Database) -> tuple[ImageUsage, ...]:
    sizes = {str(row[0]): int(row[1] or 0) for row in database.rows("SELECT id, size FROM snapshot")}
    holders = {
        str(row[0]): int(row[1] or 0)
        for row in database.rows("SELECT snapshot_id, count(DISTINCT image_id) FROM image_layer GROUP BY snapshot_id")
    }
    made = {
        str(row[0]): int(row[1] or 0)
        for row in database.rows("SELECT image_id, count(*) FROM container GROUP BY image_id")
    }
    return tuple(
        ImageUsage(
            image,
            sum(sizes.get(layer, 0) for layer in image.layers if holders.get(layer, 0) > 1),
            made.get(image.id, 0),
        )
        for image in images.all_images(database)
    )
