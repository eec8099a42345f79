"""`image mount`: an image's files in a folder of the host, to look at without a container.

The one mount that stays in the host's namespace, because the user asks for just that. It is read-only, a row names it
and keeps its layers, and a reboot ends both. The row is committed before the mount is made, and deleted after it is
gone: a row without a mount, left by a kill or by umount(8), is cleaned up when mounts are looked at.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Callable
from typing import NamedTuple

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.images import store
from sampan.linux import fault, files, mount, namespace, process, syscall
from sampan.storage import gc
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Mounted(NamedTuple):
    """Where an image is mounted."""

    image_id: str
    target: str


def mounted(database: Database) -> list[Mounted]:
    """The mounts that there are, sorted by folder."""
    found = []
    for target, image_id, boot_id in database.rows("SELECT target, image_id, boot_id FROM image_mount ORDER BY target"):
        if boot_id == process.boot_id() and _is_mount_point(str(target)):
            found.append(Mounted(str(image_id), str(target)))
        else:
            _forget(database, str(target))
    return found


def mount_image(database: Database, paths: Paths, reference: str, target: str = "") -> str:
    """Mount an image read-only at the folder `target`, which must be there, or at one of the root's own; the folder.

    Mounted there already is no error. Raises NotFound, InvalidArgument for no folder, Conflict for one that something
    else is mounted at, OSError.
    """
    with database.transaction():
        image_id, _, layers = store.start_facts(database, reference)
        place = os.path.realpath(target) if target else _own_folder(paths, image_id)
        for entry in mounted(database):
            if entry.target == place:
                if entry.image_id == image_id:
                    return place
                raise Conflict(f"{place} shows another image, {entry.image_id}", hint=f"sampan image unmount {place}")
        _check(place)
        database.execute(
            "INSERT INTO image_mount VALUES(?, ?, ?, ?)", (place, image_id, json.dumps(layers), process.boot_id())
        )
    fault.point("mount.recorded")
    try:
        _in_host(lambda: mount.lower_view(paths.layers, layers, place))
    except OSError:
        _forget(database, place)
        raise
    fault.point("mount.mounted")
    return place


def unmount(database: Database, paths: Paths, name: str) -> list[Mounted]:
    """Take away the mounts of an image, or the one at a folder. Raises NotFound where there is none, Conflict when one
    is busy."""
    chosen = _chosen(database, name)
    if not chosen:
        raise NotFound(f"image {name} is not mounted", hint="sampan image mount lists what is")
    for entry in chosen:
        _unmount(database, paths, entry.target)
    gc.collect(database, paths)  # the image may have been removed meanwhile
    return chosen


def _chosen(database: Database, name: str) -> list[Mounted]:
    there = mounted(database)
    place = os.path.realpath(name)
    chosen = [entry for entry in there if entry.target == place]
    # By ID also without a look into the store: the image may have been removed.
    if not chosen and re.fullmatch(r"[0-9a-f]{12,64}", name.removeprefix("sha256:")):
        wanted = "sha256:" + name.removeprefix("sha256:")
        chosen = [entry for entry in there if entry.image_id.startswith(wanted)]
    if not chosen:
        image_id = store.resolve(database, name)
        chosen = [entry for entry in there if entry.image_id == image_id]
    return chosen


def unmount_all(database: Database, paths: Paths) -> list[Mounted]:
    """Take away every mount of this root. Raises Conflict for one that is in use."""
    there = mounted(database)
    for entry in there:
        _unmount(database, paths, entry.target)
    gc.collect(database, paths)
    return there


def _unmount(database: Database, paths: Paths, target: str) -> None:
    try:
        syscall.umount(target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise Conflict(f"{target} is in use", hint="leave the folder, and close its files, everywhere") from error
    fault.point("unmount.unmounted")
    _forget(database, target)
    if os.path.dirname(target) == _folder(paths):
        os.rmdir(target)


def _forget(database: Database, target: str) -> None:
    with database.transaction():
        database.execute("DELETE FROM image_mount WHERE target = ?", (target,))


def _folder(paths: Paths) -> str:
    return paths.run + "/images"


def _own_folder(paths: Paths, image_id: str) -> str:
    place = f"{_folder(paths)}/{image_id.removeprefix('sha256:')[:12]}"
    os.makedirs(place, 0o700, exist_ok=True)
    return place


def _check(place: str) -> None:
    try:
        info = os.stat(place)
    except FileNotFoundError as error:
        raise InvalidArgument(f"stat {place}: no such file or directory", hint=f"mkdir {place}") from error
    if not stat.S_ISDIR(info.st_mode):
        raise InvalidArgument(f"{place} is not a directory")
    if _is_mount_point(place):
        raise Conflict(f"something is mounted at {place} already", hint="choose another folder")


def _is_mount_point(place: str) -> bool:
    parent, name = os.path.split(place)
    try:
        fd = os.open(parent or "/", files.DIRECTORY)
    except OSError:
        return False
    try:
        return files.is_mount_point(fd, name or ".")
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)


def _in_host(function: Callable[[], None]) -> None:
    """Run `function` in the mount namespace of this process, with a working directory of its own."""

    def body() -> None:
        syscall.unshare(syscall.CLONE_FS)
        function()

    namespace.in_own_thread(body)
