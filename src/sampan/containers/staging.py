"""Mounts that need more than a bind: volumes that are file systems of their own, images, and parts of either.

Each is made ready in the container's private mount namespace before the runtime looks, so that the runtime only binds a
path. Nothing of it is seen by the host, and all of it ends with the last process of the container.
"""

import os
from collections.abc import Callable

from sampan.containers import store
from sampan.containers.model import Container, MountPoint
from sampan.errors import InvalidArgument, StartFailed
from sampan.linux import files, mount, process, syscall
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes import driver
from sampan.volumes import store as volumes

_FOLDER = "mounts"
_NOT_FOUND = 127  # docker's exit code where the kernel finds no such file


def stage(
    database: Database,
    paths: Paths,
    container: Container,
    keep: Callable[[int], object] = os.close,
) -> tuple[MountPoint, ...]:
    """The container's mounts, their sources being what the runtime is to bind; to be called in a thread of
    `namespace.in_private_mounts`.

    `keep` gets the descriptors of locks, to be closed when the container is recorded as running: who starts another one
    meanwhile would not find what lies in memory. Raises StartFailed, InvalidArgument and Unavailable in Docker's words.
    """
    attach_volumes(database, paths, container, keep)
    staged = []
    for number, point in enumerate(container.spec.mounts):
        place = f"{paths.container(container.id)}/{_FOLDER}/{number}"
        if point.type == "image":
            point = point._replace(source=_image(paths, point, place))
        if point.subpath:
            point = point._replace(source=_part(point, place + "-part"))
        elif point.recursive == "disabled":
            # crun takes along what is mounted below, also where it is told to bind the one mount alone.
            point = point._replace(source=_single(point, place))
        # A runtime binds it writable again unless it is told.
        is_read_only = point.read_only or driver.is_read_only(point.backing)
        staged.append(point._replace(read_only=is_read_only))
    return tuple(staged)


def attach_volumes(
    database: Database, paths: Paths, container: Container, keep: Callable[[int], object] = os.close
) -> None:
    """Mount the container's volumes that are file systems of their own at their folders, in the calling thread's
    private mount namespace; `keep` as in stage()."""
    backings = {point.volume: point.backing for point in container.spec.mounts if driver.is_mounted(point.backing)}
    # In order, so that two starts that want the same ones do not wait for each other.
    for name in sorted(backings):
        volume = volumes.get(database, paths, name)._replace(options=backings[name])
        if not driver.is_memory(volume.options):
            _attach(volume)
            continue
        keep(volumes.lock(paths, name))
        attach_shared(database, volume)


def attach_shared(database: Database, volume: volumes.Volume) -> bool:
    """Mount a volume at its folder; one in memory is that of the containers that run with it: whether there is one."""
    if driver.is_memory(volume.options):
        from sampan.volumes import attaching

        for container_id in volumes.users(database, volume.name):
            other = store.get(database, container_id)
            if other is None or not other.is_running or other.boot_id != process.boot_id():
                continue
            if process.is_alive(other.monitor_pid, other.monitor_start) and attaching.join(volume, other.monitor_pid):
                return True
    _attach(volume)
    return False


def _attach(volume: volumes.Volume) -> None:
    from sampan.volumes import attaching

    attaching.attach(volume)


def _image(paths: Paths, point: MountPoint, place: str) -> str:
    """Mount the image's files, to be read only."""
    os.makedirs(place, 0o700, exist_ok=True)
    mount.lower_view(paths.layers, point.layers, place)
    return place


def _single(point: MountPoint, place: str) -> str:
    """Bind a path of the host without what is mounted below it."""
    source = os.open(point.source, os.O_PATH | os.O_CLOEXEC)
    try:
        return _bound(source, place, syscall.MS_BIND)
    finally:
        os.close(source)


def _part(point: MountPoint, place: str) -> str:
    """Bind a part of what is at the point's source to a place of its own, so that nobody can put another in its way."""
    root = os.open(point.source, files.DIRECTORY)
    try:
        part = files.open_below(root, point.subpath, os.O_PATH)
    except OSError as error:
        raise _no_part(point, error) from error
    finally:
        os.close(root)
    try:
        return _bound(part, place, syscall.MS_BIND | syscall.MS_REC)
    finally:
        os.close(part)


def _bound(fd: int, place: str, flags: int) -> str:
    """Bind what is open to a place of its own."""
    source = f"/proc/self/fd/{fd}"
    _make_place(place, is_folder=os.path.isdir(source))
    syscall.mount(source, place, "", flags)
    return place


def _no_part(point: MountPoint, error: OSError) -> InvalidArgument | StartFailed:
    import errno

    if error.errno in (errno.EXDEV, errno.ELOOP):
        return InvalidArgument(
            f"path concatenation escapes the base directory, base: {point.source}, subpath: {point.subpath}",
            hint="a link in it leads out of the volume",
        )
    path = f"{point.source}/{point.subpath}"
    reason = (error.strerror or "").lower()
    return StartFailed(
        f"cannot access path {path}: lstat {path}: {reason}",
        exit_code=_NOT_FOUND if error.errno == errno.ENOENT else 125,
        hint="make it first, in a container that has the whole of it",
    )


def _make_place(place: str, *, is_folder: bool) -> None:
    """An empty folder or file to mount on; of an earlier start it may be the other."""
    os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
    if os.path.isdir(place) != is_folder:
        files.remove_below(*os.path.split(place))
    if is_folder:
        os.makedirs(place, 0o700, exist_ok=True)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
