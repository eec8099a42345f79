"""`system df -v`: every image, container, volume and cached step with its size."""

from collections.abc import Sequence

from sampan.builder.cache.pruning import Cached
from sampan.cli.errors import ClientError
from sampan.cli.format import Listing, Row, render
from sampan.cli.gotemplate import Record, Template, TemplateError, TemplateParseError, to_json
from sampan.cli.output import human_size
from sampan.cli.views import containers, images, volumes
from sampan.cli.views.disk import own_size
from sampan.cli.views.times import ago, created_at, nanoseconds
from sampan.engine.usage import Usage
from sampan.engine.volumes import labels_of
from sampan.oci.reference import parse

_TYPE = "*formatter.diskUsageContext"
_IMAGES = Listing(
    type_name="",
    headers=images.LISTING.headers,
    columns=("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"),
)
_CONTAINERS = Listing(
    type_name="",
    headers=containers.LISTING.headers,
    columns=("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"),
)
_VOLUMES = Listing(type_name="", headers=volumes.LISTING.headers, columns=("Name", "Links", "Size"))
_CACHE = Listing(
    type_name="",
    headers={
        "ID": "CACHE ID",
        "CacheType": "CACHE TYPE",
        "Size": "SIZE",
        "CreatedSince": "CREATED",
        "LastUsedSince": "LAST USED",
        "UsageCount": "USAGE",
        "Shared": "SHARED",
    },
    columns=("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"),
)


def verbose(usage: Usage, now_ns: int) -> str:
    """One table for each kind."""
    parts = [
        ("Images space usage:", render(_IMAGES, image_rows(usage, now_ns))),
        ("Containers space usage:", render(_CONTAINERS, container_rows(usage, now_ns))),
        ("Local Volumes space usage:", render(_VOLUMES, volume_rows(usage))),
    ]
    text = "".join(f"{title}\n\n{table}\n" for title, table in parts)
    cached = human_size(own_size(usage.cache))
    return f"{text}Build cache usage: {cached}\n\n{render(_CACHE, cache_rows(usage.cache, now_ns))}"


def formatted(usage: Usage, now_ns: int, form: str) -> str:
    """All of it through a template, or as JSON; IDs are whole. Raises ClientError."""
    kinds = {
        "Images": image_rows(usage, now_ns, no_trunc=True),
        "Containers": container_rows(usage, now_ns, no_trunc=True),
        "Volumes": volume_rows(usage),
        "BuildCache": cache_rows(usage.cache, now_ns, no_trunc=True),
    }
    record = Record(_TYPE, {name: [_record(row) for row in rows] for name, rows in kinds.items()})
    if form == "json":
        return to_json(record) + "\n"
    try:
        return Template(form.removeprefix("table").strip(" ")).execute(record)
    except TemplateParseError as problem:
        raise ClientError(f"template parsing error: {problem.message}") from None
    except TemplateError as problem:
        raise ClientError(problem.message) from None


def _record(row: Row) -> Record:
    return Record("", {name: row[name] for name in sorted(row) if not callable(row[name])})


def image_rows(usage: Usage, now_ns: int, *, no_trunc: bool = False) -> list[Row]:
    """An image with several names stands under the first."""
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
                **images.row(facts, now_ns, no_trunc),
                "Digest": "",
                "SharedSize": human_size(entry.shared),
                "UniqueSize": human_size(entry.unique),
                "VirtualSize": human_size(image.size),
                "Containers": str(entry.containers),
            }
        )
    return found


def container_rows(usage: Usage, now_ns: int, *, no_trunc: bool = False) -> list[Row]:
    """Sizes are what a container has written."""
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
            labels=record.spec.config.labels,
            mounts=tuple(
                mount.volume or mount.image or mount.source for mount in record.spec.mounts if mount.type != "tmpfs"
            ),
            networks=(record.spec.options.network,),
            local_volumes=sum(1 for mount in record.spec.mounts if mount.volume),
            size_rw=entry.size,
        )
        found.append(containers.row(facts, now_ns, no_trunc))
    return found


def volume_rows(usage: Usage) -> list[Row]:
    """Links are the containers that have a volume."""
    return [
        {
            **volumes.row(
                volumes.VolumeFacts(
                    entry.volume.name, entry.volume.mountpoint, entry.volume.driver, labels=labels_of(entry.volume)
                )
            ),
            "Links": str(entry.links),
            "Size": human_size(entry.size),
        }
        for entry in usage.volumes
    ]


def cache_rows(cache: Sequence[Cached], now_ns: int, *, no_trunc: bool = False) -> list[Row]:
    """Layers of build steps and cache mounts, the one used last first."""
    return [
        {
            "ID": entry.id if no_trunc else entry.id[:12],
            "Parent": entry.parents[0].removeprefix("sha256:")[:25] if entry.parents else "",
            "CacheType": entry.kind,
            "Description": entry.description,
            "InUse": str(entry.is_used).lower(),
            "Size": human_size(entry.size),
            "CreatedAt": created_at(entry.created_at),
            "CreatedSince": ago(entry.created_at, now_ns),
            "LastUsedAt": created_at(entry.used_at),
            "LastUsedSince": ago(entry.used_at, now_ns),
            "UsageCount": str(entry.uses),
            "Shared": str(entry.is_shared).lower(),
        }
        for entry in cache
    ]
