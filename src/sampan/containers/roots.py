"""A container's file system, to read from and write to, running or not. Nothing of it is mounted where others see it.

Two views: as its processes see it, volumes and binds included (`seen`), and its own files alone (`own`).
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sampan.containers import staging, start
from sampan.containers.model import Container, MountPoint
from sampan.errors import Conflict
from sampan.linux import files, mount, namespace, process, syscall
from sampan.storage.database import Database
from sampan.storage.paths import Paths
from sampan.volumes.populate import populate

T = TypeVar("T")


def seen(database: Database, paths: Paths, container: Container, function: Callable[[int], T]) -> T:
    """Run `function` with a descriptor of the root as the container's processes see it.

    Of a container that does not run the mounts are made for that time, in a mount namespace of their own; the caller
    holds its lock. Raises Conflict when it ended meanwhile.
    """
    if container.is_running:
        root = _open_running(container)
        try:
            return function(root)
        finally:
            os.close(root)

    def body() -> T:
        folder = _mount_stopped(paths, container)
        root = os.open(folder, files.DIRECTORY)
        try:
            for point in staging.stage(database, paths, container):
                _mount_point(root, point)
            if container.spec.options.read_only:
                _make_read_only(folder)
            return function(root)
        finally:
            os.close(root)

    return namespace.in_private_mounts(body)


def _open_running(container: Container) -> int:
    try:
        root = os.open(f"/proc/{container.pid}/root", files.DIRECTORY)
    except (FileNotFoundError, ProcessLookupError):
        raise _ended(container) from None
    return _checked(container, root)


def _checked(container: Container, root: int) -> int:
    """`root`, if it is that of the container: the number may be another process's by the time it was opened."""
    if not process.is_alive(container.pid, container.pid_start):
        os.close(root)
        raise _ended(container)
    return root


def _ended(container: Container) -> Conflict:
    return Conflict(f"container {container.id} is not running", hint="it ended meanwhile: try again")


def _prepared(paths: Paths, container: Container) -> tuple[str, str]:
    """The folder of a container that does not run and its upper folder, with what a mount needs beside it."""
    folder = start.ensure_folder(paths, container.id)
    for name in ("work", "merged"):
        if not os.path.isdir(f"{folder}/{name}"):
            os.mkdir(f"{folder}/{name}", 0o710)
    return folder, start.ensure_upper(paths, container)


def _mount_stopped(paths: Paths, container: Container) -> str:
    folder, upper = _prepared(paths, container)
    mount.overlay(paths.layers, container.layers, upper, folder + "/work", folder + "/merged")
    return folder + "/merged"


def _mount_point(root: int, point: MountPoint) -> None:
    """Bind one volume or folder of the host to its place; one that is not there is left out, as its files are."""
    if point.type == "tmpfs" or not os.path.exists(point.source):
        return
    if point.type == "volume" and point.copy:
        populate(root, point.destination, point.source)
    try:
        place = files.open_in_root(root, point.destination, os.O_PATH)
    except FileNotFoundError:
        if not os.path.isdir(point.source):
            return
        place = files.make_directories(root, point.destination)
    try:
        target = f"/proc/self/fd/{place}"
        syscall.mount(point.source, target, "", syscall.MS_BIND | syscall.MS_REC)
        if point.read_only:
            mounted = files.open_in_root(root, point.destination, os.O_PATH)
            try:
                _make_read_only(f"/proc/self/fd/{mounted}", recursive=point.recursive != "writable")
            finally:
                os.close(mounted)
    finally:
        os.close(place)


def _make_read_only(target: str, *, recursive: bool = False) -> None:
    if recursive:
        try:
            syscall.make_read_only(target)
            return
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
    syscall.mount("", target, "", syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY)


@contextmanager
def own(paths: Paths, container: Container) -> Iterator[int]:
    """A descriptor of the container's own files, without volumes, binds and what the kernel shows in it."""
    if container.is_running:
        root = _checked(container, mount.bare_root(container.pid))
    else:
        folder, upper = _prepared(paths, container)
        root = mount.overlay_root(paths.layers, container.layers, upper, folder + "/work")
    try:
        yield root
    finally:
        os.close(root)
