"""The rows of `system df`: whose each block of the store is, and what prunes would free of it."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sampan.storage.blocks import Blocks


class Room(NamedTuple):
    """Bytes of the disk: those that are taken, and those of them that a prune gives back."""

    taken: int
    reclaimable: int = 0


class Disk(NamedTuple):
    """The rows; together they take what `du` says of the root. `store` is what belongs to none of the others."""

    images: Room
    containers: Room
    volumes: Room
    cache: Room
    store: Room

    @property
    def taken(self) -> int:
        return sum(room.taken for room in self)


class Owners(NamedTuple):
    """What the rows say. Of snapshots: all that are `recorded`, those that are only `cached`, and those that are
    `needed` by what no prune takes. Of the others: the names of all, and those that a prune would take."""

    recorded: Collection[str]
    cached: Collection[str]
    needed: Collection[str]
    containers: Collection[str]
    stopped: Collection[str]
    volumes: Collection[str]
    unused_volumes: Collection[str]
    caches: Collection[str]
    idle_caches: Collection[str]
    begun_reclaimable: int = 0  # bytes of downloads that nobody is at


def rows(blocks: Blocks, owners: Owners) -> Disk:
    """Give every entry to one row: a layer that images share, or an image and the cache, is one entry of the images.

    What no row of the database names (it is being made, or was left by a killed process) is the store's.
    """
    layers = {name: size + blocks.recipes.get(name, 0) for name, size in blocks.layers.items()}
    of_images = {name: size for name, size in layers.items() if name in owners.recorded and name not in owners.cached}
    of_cache = {name: size for name, size in layers.items() if name in owners.recorded and name in owners.cached}
    begun = sum(blocks.downloads.values())
    images = Room(
        sum(of_images.values()) + begun,
        sum(size for name, size in of_images.items() if name not in owners.needed)
        + min(begun, owners.begun_reclaimable),
    )
    containers = _room(blocks.containers, owners.containers, owners.stopped)
    volumes = _room(blocks.volumes, owners.volumes, owners.unused_volumes)
    mounts = _room(blocks.cache_mounts, owners.caches, owners.idle_caches)
    cache = Room(
        sum(of_cache.values()) + mounts.taken,
        sum(size for name, size in of_cache.items() if name not in owners.needed) + mounts.reclaimable,
    )
    named = images.taken + containers.taken + volumes.taken + cache.taken
    return Disk(images, containers, volumes, cache, Room(blocks.total - named))


def _room(sizes: Mapping[str, int], owned: Collection[str], free: Collection[str]) -> Room:
    return Room(
        sum(size for name, size in sizes.items() if name in owned),
        sum(size for name, size in sizes.items() if name in owned and name in free),
    )
