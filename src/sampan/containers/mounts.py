"""What a container's mounts will be: options and the image's volumes become mount points with paths on the host."""

import os

from sampan.containers import store
from sampan.containers.model import MountPoint
from sampan.containers.options import Mount, RunOptions
from sampan.errors import InvalidArgument
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import store as volumes

_TMPFS_OPTIONS = [
    "rw",
    "ro",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "async",
    "sync",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "mand",
    "nomand",
    "size",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "mpol",
    "remount",
    "bind",
    "rbind",
    "unbindable",
    "runbindable",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "defaults",
]


def plan(
    database: Database, paths: Paths, container_id: str, options: RunOptions, image_volumes: tuple[str, ...]
) -> tuple[MountPoint, ...]:
    """Decide the mounts and make the volumes that are missing, in the caller's transaction.

    A mount that was asked for wins over --volumes-from, and that over the image's VOLUME of the same destination.
    Raises InvalidArgument in Docker's words, NotFound for an unknown container of --volumes-from.
    """
    points: dict[str, MountPoint] = {}
    for text in options.volumes_from:
        points.update(_borrowed(database, text))
    for mount in options.mounts:
        target = _target(mount)
        points[target] = _decided(database, paths, mount, target)
    for path in image_volumes:
        target = _absolute(path)
        if target not in points:
            volume = volumes.ensure(database, paths)
            points[target] = MountPoint("volume", volume.mountpoint, target, volume.name, copy=True)
    for point in points.values():
        if point.volume:
            volumes.use(database, point.volume, container_id)
    return tuple(points.values())


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
        volume = volumes.ensure(database, paths, mount.source)
        return MountPoint(
            "volume",
            volume.mountpoint,
            target,
            volume.name,
            read_only=mount.read_only,
            copy=not mount.no_copy,
            mode=mount.relabel or ("ro" if mount.read_only else "z" if mount.source else ""),
        )
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
    )


def _borrowed(database: Database, text: str) -> dict[str, MountPoint]:
    name, _, mode = text.partition(":")
    if mode not in ("", "ro", "rw", "z", "Z"):
        raise InvalidArgument(f'invalid volumesFrom mode: "{mode}"')
    lender = store.find(database, name)
    return {
        point.destination: point._replace(read_only=mode == "ro" or point.read_only, copy=False)
        for point in lender.spec.mounts
        if point.type != "tmpfs"
    }
