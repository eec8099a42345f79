"""What the store takes on disk (`system df`). Sizes are in bytes of regular files."""

from typing import NamedTuple

from sampan.containers import store as containers
from sampan.containers.model import Container
from sampan.images import store as images
from sampan.images.model import Image
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


class CacheUsage(NamedTuple):
    """A cached build step; `is_shared` when an image or container has its layer too. Times in ns since the epoch."""

    key: str
    size: int
    created_at: int
    used_at: int
    is_shared: bool


class Usage(NamedTuple):
    """The whole. `layers` is what all layers take together, each counted once."""

    images: tuple[ImageUsage, ...]
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    cache: tuple[CacheUsage, ...]
    layers: int


def measure(database: Database, paths: Paths) -> Usage:
    """Look at everything; walks the folders of containers and volumes."""
    total = database.row("SELECT sum(size + recipe_size) FROM snapshot")
    return Usage(
        images=_images(database),
        containers=tuple(
            ContainerUsage(container, written(paths, container)) for container in containers.all_containers(database)
        ),
        volumes=tuple(
            VolumeUsage(volume, volumes.size(paths, volume.name), len(volumes.users(database, volume.name)))
            for volume in volumes.all_volumes(database, paths)
        ),
        cache=_cache(database),
        layers=int(total[0] or 0) if total else 0,
    )


def written(paths: Paths, container: Container) -> int:
    """Bytes of the regular files that a container has written."""
    import os

    total = 0
    upper = paths.container(container.id) + "/upper"
    if os.path.isdir(upper):
        for _, _, names, folder in os.fwalk(upper):
            for name in names:
                try:
                    total += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # a running container removes files too
    return total


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


def _cache(database: Database) -> tuple[CacheUsage, ...]:
    rows = database.rows(
        "SELECT key, coalesce(size, 0), build_step.created_at, used_at,"
        " EXISTS(SELECT 1 FROM image_layer WHERE image_layer.snapshot_id = build_step.snapshot_id)"
        " FROM build_step LEFT JOIN snapshot ON snapshot.id = build_step.snapshot_id ORDER BY used_at DESC, key"
    )
    return tuple(CacheUsage(str(r[0]), int(r[1] or 0), int(r[2] or 0), int(r[3] or 0), bool(r[4])) for r in rows)
