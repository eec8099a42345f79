"""What is refused of a --mount before anything is looked at on the disk, in the words of Docker's engine. Pure."""

import posixpath

from sampan.containers.options import Mount
from sampan.errors import InvalidArgument

TYPES = ("bind", "volume", "tmpfs", "image")
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")


def check(mount: Mount) -> Mount:
    """The mount with its target made plain. Raises InvalidArgument for what no container can have."""
    prefix = f'invalid mount config for type "{mount.type}": '
    if mount.type not in TYPES:
        raise InvalidArgument(f"{prefix}mount type unknown", hint="bind, volume, tmpfs or image")
    if not mount.target.startswith("/"):
        raise InvalidArgument(f"{prefix}invalid mount path: '{mount.target}' mount path must be absolute")
    target = posixpath.normpath(mount.target)
    if target.lstrip("/") == "":
        raise InvalidArgument(f"{prefix}invalid specification: destination can't be '/'")
    if mount.type in ("bind", "image") and not mount.source:
        raise InvalidArgument(f"{prefix}field Source must not be empty")
    if mount.type == "bind":
        if not mount.source.startswith("/"):
            raise InvalidArgument(f"{prefix}invalid mount path: '{mount.source}' mount path must be absolute")
        if mount.propagation and mount.propagation not in _PROPAGATION:
            raise InvalidArgument(f"{prefix}invalid propagation mode: {mount.propagation}")
    if mount.type == "tmpfs" and mount.source:
        raise InvalidArgument(f"{prefix}field Source must not be specified")
    if mount.subpath:
        _check_subpath(mount, prefix)
    return mount._replace(target=target)


def _check_subpath(mount: Mount, prefix: str) -> None:
    if mount.type == "volume" and not mount.source:
        raise InvalidArgument(
            f"{prefix}must not set Subpath when using anonymous volumes",
            hint="a part of a volume has to be there: name the volume with src=",
        )
    if mount.subpath.startswith("/") or posixpath.normpath(mount.subpath).split("/")[0] == "..":
        raise InvalidArgument(
            f"{prefix}subpath must be a relative path within the {mount.type}", hint="such as data or data/2024"
        )
