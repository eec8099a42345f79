"""`system df`: the four lines of totals."""

from collections.abc import Sequence

from sampan.builder.cache.pruning import Cached
from sampan.cli.format import Listing, Row
from sampan.cli.output import human_size
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
    """What there is, what is in use, and what a prune would free: with its share, but for the cache."""
    written = sum(entry.size for entry in usage.containers)
    stopped = sum(entry.size for entry in usage.containers if not entry.container.is_running)
    in_volumes = sum(entry.size for entry in usage.volumes)
    dangling = sum(entry.size for entry in usage.volumes if not entry.links)
    cached = human_size(own_size(usage.cache))
    reclaimable = human_size(own_size([entry for entry in usage.cache if not entry.is_used]))
    return [
        _row(
            "Images",
            len(usage.images),
            sum(1 for entry in usage.images if entry.containers),
            human_size(usage.layers),
            _share(usage.unused_layers, usage.layers),
        ),
        _row(
            "Containers",
            len(usage.containers),
            sum(1 for entry in usage.containers if entry.container.is_running),
            human_size(written),
            _share(stopped, written),
        ),
        _row(
            "Local Volumes",
            len(usage.volumes),
            sum(1 for entry in usage.volumes if entry.links),
            human_size(in_volumes),
            _share(dangling, in_volumes),
        ),
        _row("Build Cache", len(usage.cache), sum(entry.is_used for entry in usage.cache), cached, reclaimable),
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


def _share(part: int, whole: int) -> str:
    return f"{human_size(part)} ({part * 100 // whole}%)" if whole else human_size(part)
