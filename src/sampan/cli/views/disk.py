"""`system df`: totals, and one table for each kind with -v."""

from sampan.cli.format import Listing, Row, render
from sampan.cli.output import human_size
from sampan.cli.views import containers, images
from sampan.cli.views.times import ago, nanoseconds
from sampan.engine.usage import Usage
from sampan.oci.reference import parse

LISTING = Listing(
    type_name="*formatter.diskUsageContext",
    headers={
        "Type": "TYPE",
        "TotalCount": "TOTAL",
        "Active": "ACTIVE",
        "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE",
    },
    columns=("Type", "TotalCount", "Active", "Size", "Reclaimable"),
)
_CACHE = Listing(
    type_name="*formatter.buildCacheContext",
    headers={
        "ID": "CACHE ID",
        "CacheType": "CACHE TYPE",
        "Size": "SIZE",
        "CreatedSince": "CREATED",
        "LastUsedSince": "LAST USED",
        "Shared": "SHARED",
    },
    columns=("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "Shared"),
)
_IMAGES = Listing(
    type_name="",
    headers={
        **images.LISTING.headers,
        "SharedSize": "SHARED SIZE",
        "UniqueSize": "UNIQUE SIZE",
        "Containers": "CONTAINERS",
    },
    columns=("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"),
)
_VOLUMES = Listing(
    type_name="", headers={"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"}, columns=("Name", "Links", "Size")
)
_CONTAINERS = Listing(
    type_name="",
    headers={**containers.LISTING.headers},
    columns=("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"),
)


def rows(usage: Usage) -> list[Row]:
    """The four lines of totals. What could be removed is told with its share, but for the cache."""
    unused = sum(entry.unique for entry in usage.images if not entry.containers)
    written = sum(entry.size for entry in usage.containers)
    stopped = sum(entry.size for entry in usage.containers if not entry.container.is_running)
    in_volumes = sum(entry.size for entry in usage.volumes)
    dangling = sum(entry.size for entry in usage.volumes if not entry.links)
    cached = sum(entry.size for entry in usage.cache)
    reclaimable = sum(entry.size for entry in usage.cache if not entry.is_shared)
    return [
        _row(
            "Images",
            len(usage.images),
            sum(1 for entry in usage.images if entry.containers),
            usage.layers,
            _share(unused, usage.layers),
        ),
        _row(
            "Containers",
            len(usage.containers),
            sum(1 for entry in usage.containers if entry.container.is_running),
            written,
            _share(stopped, written),
        ),
        _row(
            "Local Volumes",
            len(usage.volumes),
            sum(1 for entry in usage.volumes if entry.links),
            in_volumes,
            _share(dangling, in_volumes),
        ),
        _row("Build Cache", len(usage.cache), 0, cached, human_size(reclaimable)),
    ]


def _row(kind: str, total: int, active: int, size: int, reclaimable: str) -> Row:
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": human_size(size),
        "Reclaimable": reclaimable,
    }


def _share(part: int, whole: int) -> str:
    return f"{human_size(part)} ({part * 100 // whole}%)" if whole else human_size(part)


def verbose(usage: Usage, now_ns: int) -> str:
    """Every image, container, volume and cached step with its size."""
    parts = [
        ("Images space usage:", render(_IMAGES, _image_rows(usage, now_ns))),
        ("Containers space usage:", render(_CONTAINERS, _container_rows(usage, now_ns))),
        ("Local Volumes space usage:", render(_VOLUMES, _volume_rows(usage))),
    ]
    text = "".join(f"{title}\n\n{table}\n" for title, table in parts)
    cached = human_size(sum(entry.size for entry in usage.cache))
    return f"{text}Build cache usage: {cached}\n\n{render(_CACHE, _cache_rows(usage, now_ns))}"


def _image_rows(usage: Usage, now_ns: int) -> list[Row]:
    found: list[Row] = []
    for entry in usage.images:
        image = entry.image
        reference = parse(image.tags[0]) if image.tags else None
        facts = images.ImageFacts(
            image.id,
            reference.repository_familiar if reference else "",
            reference.tag if reference else "",
            "",
            nanoseconds(image.created),
            image.size,
        )
        found.append(
            {
                **images.row(facts, now_ns),
                "SharedSize": human_size(entry.shared),
                "UniqueSize": human_size(entry.unique),
                "Containers": str(entry.containers),
            }
        )
    return found


def _container_rows(usage: Usage, now_ns: int) -> list[Row]:
    found = []
    for entry in usage.containers:
        record = entry.container
        facts = containers.ContainerFacts(
            record.id,
            record.name,
            record.spec.options.image,
            record.image_id,
            record.command,
            record.created_at,
            record.status,
            record.exit_code,
            record.started_at,
            record.finished_at,
            health=str((record.health or {}).get("Status", "")),
            local_volumes=sum(1 for mount in record.spec.mounts if mount.volume),
            size_rw=entry.size,
        )
        found.append(containers.row(facts, now_ns))
    return found


def _volume_rows(usage: Usage) -> list[Row]:
    return [
        {"Name": entry.volume.name, "Links": str(entry.links), "Size": human_size(entry.size)}
        for entry in usage.volumes
    ]


def _cache_rows(usage: Usage, now_ns: int) -> list[Row]:
    return [
        {
            "ID": entry.key.removeprefix("sha256:")[:12],
            "CacheType": "regular",
            "Size": human_size(entry.size),
            "CreatedSince": ago(entry.created_at, now_ns),
            "LastUsedSince": ago(entry.used_at, now_ns),
            "Shared": str(entry.is_shared).lower(),
        }
        for entry in usage.cache
    ]
