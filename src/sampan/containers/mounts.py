"""What a container's mounts will be: options and the image's volumes become mount points with paths on the host."""

import os

from sampan.containers import mount_rules, store
from sampan.containers.model import MountPoint
from sampan.containers.options import Mount, RunOptions
from sampan.errors import InvalidArgument
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes

_TMPFS_OPTIONS = (
    "rw", "ro", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "async", "sync", "dirsync", "atime", "noatime",
    "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "mand", "nomand", "size",
    "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "remount", "bind", "rbind", "unbindable", "runbindable",
    "private", "rprivate", "shared", "rshared", "slave", "rslave", "defaults",
)  # fmt: skip


def plan(
    database: Database, paths: Paths, container_id: str, options: RunOptions, image_volumes: tuple[str, ...]
) -> tuple[MountPoint, ...]:
    """Decide the mounts and make the volumes that are missing, in the caller's transaction.

    A mount that was asked for wins over --volumes-from, and that over the image's VOLUME, or a -v without a source, of
    the same destination.
    Raises InvalidArgument in Docker's words, NotFound for an unknown container of --volumes-from.
    """
    for mount in options.mounts:
        if mount.long_form or mount.type not in mount_rules.TYPES:
            mount_rules.check(mount)
    points: dict[str, MountPoint] = {}
    for text in options.volumes_from:
        points.update(_borrowed(database, text))
    _check_duplicates(options.mounts)
    for mount in options.mounts:
        if not _is_anonymous(mount):
            target = _target(mount)
            points[target] = _decided(database, paths, mount, target)
    for mount in (*filter(_is_anonymous, options.mounts), *(Mount("volume", "", path) for path in image_volumes)):
        target = _target(mount)
        if target not in points:
            points[target] = _volume(database, paths, mount, target)
    for point in points.values():
        if point.volume:
            volumes.use(database, point.volume, container_id)
    return tuple(points.values())


def _check_duplicates(mounts: tuple[Mount, ...]) -> None:
    """Two mounts at one place are a mistake, but for an anonymous volume of -v and the same words said twice."""
    seen: dict[str, Mount] = {}
    for mount in mounts:
        if _is_anonymous(mount):
            continue
        target = _target(mount)
        if seen.setdefault(target, mount) != mount:
            raise InvalidArgument(f"Duplicate mount point: {target}", hint="give each mount a place of its own")


def _is_anonymous(mount: Mount) -> bool:
    """A -v without a source, which asks for no more than the image's VOLUME does."""
    return mount.type == "volume" and not mount.source and not mount.long_form


def _target(mount: Mount) -> str:
    if not mount.target.startswith("/") and mount.type == "tmpfs":
        raise InvalidArgument(f"invalid mount path: '{mount.target}' mount path must be absolute")
    target = _absolute(mount.target)
    if target == "/":
        raise InvalidArgument(
            f"invalid volume specification: '{mount.source}:/': invalid mount config for type \"{mount.type}\":"
            " invalid specification: destination can't be '/'"
        )
    return target


def _absolute(path: str) -> str:
    """`path` from the root on, without `..`, and with one slash at its start: POSIX would keep two."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def _decided(database: Database, paths: Paths, mount: Mount, target: str) -> MountPoint:
    if mount.type == "tmpfs":
        for option in mount.options:
            if option.partition("=")[0] not in _TMPFS_OPTIONS:
                raise InvalidArgument(f'invalid tmpfs option "{option}"')
        return MountPoint("tmpfs", "", target, read_only=mount.read_only, options=mount.options)
    if mount.type == "volume":
        return _volume(database, paths, mount, target)
    if mount.type == "image":
        return _image(database, mount, target)
    if not mount.source.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{mount.source}' mount path must be absolute")
    if not os.path.exists(mount.source):
        if not mount.create_source:
            raise InvalidArgument(
                f'invalid mount config for type "bind": bind source path does not exist: {mount.source}',
                hint="make it first, or use -v, which makes a folder",
            )
        os.makedirs(mount.source, 0o755, exist_ok=True)
    return MountPoint(
        "bind",
        mount.source,
        target,
        read_only=mount.read_only,
        propagation=mount.propagation or "rprivate",
        mode=mount.relabel or ("ro" if mount.read_only else ""),
        recursive=mount.recursive,
    )


def _volume(database: Database, paths: Paths, mount: Mount, target: str) -> MountPoint:
    volume = volumes.ensure(
        database,
        paths,
        mount.source,
        driver=mount.driver or "local",
        labels=mount.volume_labels,
        options=mount.driver_options,
    )
    return MountPoint(
        "volume",
        volume.mountpoint,
        target,
        volume.name,
        read_only=mount.read_only,
        copy=not mount.no_copy and not mount.subpath,
        mode=mount.relabel or ("ro" if mount.read_only else "z" if mount.source else ""),
        backing=volume.options,
        subpath=mount.subpath,
    )


def _image(database: Database, mount: Mount, target: str) -> MountPoint:
    """The layers are in the record, which keeps them from being collected."""
    from sampan.images import store as images

    _, _, layers = images.start_facts(database, mount.source)
    return MountPoint(
        "image",
        "",
        target,
        read_only=True,
        propagation="rprivate",
        subpath=mount.subpath,
        layers=layers,
        image=mount.source,
    )


def _borrowed(database: Database, text: str) -> dict[str, MountPoint]:
    if not text:
        raise InvalidArgument("volumes-from specification cannot be an empty string")
    name, _, mode = text.partition(":")
    words = mode.split(",") if mode else []
    if len(set(words) & {"ro", "rw"}) > 1 or not set(words) <= {"ro", "rw", "z", "Z"}:
        raise InvalidArgument(f"invalid mode: {mode}", hint="--volumes-from CONTAINER, or CONTAINER:ro")
    lender = store.find(database, name)
    return {
        point.destination: point._replace(read_only="ro" in words or point.read_only, copy=False)
        for point in lender.spec.mounts
        if point.type != "tmpfs"
    }
