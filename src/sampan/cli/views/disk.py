"""`system df`: the lines of totals, in blocks of the disk: what `du` says of the root."""

from collections.abc import Sequence

from sampan.builder.cache.pruning import Cached
from sampan.cli.format import Listing, Row
from sampan.cli.output import human_size
from sampan.engine.disk import Room
from sampan.engine.usage import Usage

LISTING = Listing(
    type_name="*formatter.diskUsageImagesContext",
    headers={
        "Type": "TYPE",
        "TotalCount": "TOTAL",
        "Active": "ACTIVE",
        "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE",
    },
    columns=("Type", "TotalCount", "Active", "Size", "Reclaimable"),
    parse_words="template parsing error: ",
    execute_words="template parsing error: ",
)


def rows(usage: Usage) -> list[Row]:
    """What there is, what is in use, and what a prune would free: with its share, but for the cache. Last what belongs
    to none of the kinds, so that all sizes together are the store's."""
    disk = usage.disk
    return [
        _row(
            "Images",
            len(usage.images),
            sum(1 for entry in usage.images if entry.containers),
            human_size(disk.images.taken),
            _share(disk.images),
        ),
        _row(
            "Containers",
            len(usage.containers),
            sum(1 for entry in usage.containers if entry.container.is_running),
            human_size(disk.containers.taken),
            _share(disk.containers),
        ),
        _row(
            "Local Volumes",
            len(usage.volumes),
            sum(1 for entry in usage.volumes if entry.links),
            human_size(disk.volumes.taken),
            _share(disk.volumes),
        ),
        _row(
            "Build Cache",
            len(usage.cache),
            sum(entry.is_used for entry in usage.cache),
            human_size(disk.cache.taken),
            human_size(disk.cache.reclaimable),
        ),
        _row("Store", 1, 1, human_size(disk.store.taken), _share(disk.store)),
    ]


def own_size(cache: Sequence[Cached]) -> int:
    """Bytes of the cached layers that no image or container has: those are counted there."""
    return sum(entry.size for entry in cache if not entry.is_shared)


def _row(kind: str, total: int, active: int, size: str, reclaimable: str) -> Row:
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": size,
        "Reclaimable": reclaimable,
    }


def _share(room: Room) -> str:
    free = human_size(room.reclaimable)
    return f"{free} ({room.reclaimable * 100 // room.taken}%)" if room.taken else free
