"""What the store takes on disk (`system df`). Sizes are in bytes of regular files."""

from typing import NamedTuple

from sampan.builder.cache.pruning import Cached, cached
from sampan.containers import store as containers
from sampan.containers.model import Container
from sampan.images import store as images
from sampan.images.model import Image
from sampan.registry import partial
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
    """The whole. `layers` is what the images' layers take together, each counted once; `unused_layers` those of them
    that no container, and no image with a container, needs; layers that interrupted pulls left are among both."""

    images: tuple[ImageUsage, ...]
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    cache: tuple[Cached, ...]
    layers: int
    unused_layers: int


def measure(database: Database, paths: Paths) -> Usage:
    """Look at everything; walks the folders of containers and volumes."""
    total = database.row(
        """
        WITH needed(id) AS (
            SELECT json_each.value FROM container, json_each(container.layers)
            UNION SELECT layer.value FROM container, json_each(container.spec, '$.mounts') AS mount,
                json_each(mount.value, '$.layers') AS layer
            UNION SELECT snapshot_id FROM image_layer WHERE image_id IN (SELECT image_id FROM container)
        )
        SELECT sum(size + recipe_size),
            sum(CASE WHEN id IN (SELECT id FROM needed) THEN 0 ELSE size + recipe_size END) FROM snapshot
        WHERE id IN (SELECT snapshot_id FROM image_layer)
        """
    )
    begun = partial.clean(paths.downloads, 0, dry_run=True)
    return Usage(
        images=_images(database),
        containers=tuple(
            ContainerUsage(container, written(paths, container)) for container in containers.all_containers(database)
        ),
        volumes=tuple(
            VolumeUsage(volume, volumes.size(paths, volume.name), len(volumes.users(database, volume.name)))
            for volume in volumes.all_volumes(database, paths)
            if not volume.options  # as in Docker: what one with options holds lies elsewhere
        ),
        cache=tuple(cached(database, paths)),
        layers=begun + (int(total[0] or 0) if total else 0),
        unused_layers=begun + (int(total[1] or 0) if total else 0),
    )


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
