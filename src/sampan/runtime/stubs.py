"""Mount points that a runtime makes in a root file system: they are no change of what runs there.

Follows BuildKit: what was missing before, folders above included, is taken away again unless something was put into it,
and the folder that it was made in gets its times back. /dev, /proc and /sys stay, as they do there.
"""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from sampan.linux import files, mount

_ALWAYS = ("etc/hosts", "etc/resolv.conf")
_LASTING = ("dev", "proc", "sys")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


class Stub(NamedTuple):
    """A path that is missing, relative to the root; `times` are (atime, mtime) in ns of `above`, the nearest folder
    that is there."""

    path: str
    above: str
    times: tuple[int, int]


def make_lasting(root: int) -> None:
    """Make the mount points that stay, where they are missing: a runtime would make some with another mode."""
    for name in _LASTING:
        try:
            os.mkdir(name, 0o755, dir_fd=root)
        except OSError:
            continue  # it is there, or what is there is no folder: the runtime tells what is wrong with it


def missing(root: int, destinations: Sequence[str]) -> list[Stub]:
    """What is missing of the mount points of a root file system, a folder before what is in it."""
    found: dict[str, Stub] = {}
    for path in (*_ALWAYS, *(destination.strip("/") for destination in destinations)):
        parts = [part for part in path.split("/") if part]
        absent: list[str] = []
        while parts and not _is_there(root, "/".join(parts)):
            absent.append("/".join(parts))
            parts.pop()
        if not absent:
            continue
        above = "/".join(parts)
        fd = files.open_in_root(root, above or ".", os.O_PATH)
        try:
            info = os.fstat(fd)
        finally:
            os.close(fd)
        for one in reversed(absent):
            found.setdefault(one, Stub(one, above, (info.st_atime_ns, info.st_mtime_ns)))
    return sorted(found.values(), key=lambda stub: stub.path.count("/"))


def _is_there(root: int, path: str) -> bool:
    try:
        os.close(files.open_in_root(root, path, os.O_PATH))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # a loop of links, say: the runtime tells what is wrong with it
    return True


def remove(layers_folder: str, lower: Sequence[str], upper: str, stubs: Sequence[Stub]) -> None:
    """Take stubs that are still empty out of the upper folder of an overlay, and folders that were copied up for them
    and are as they are below; `lower` are names in `layers_folder`, lowest first."""
    if not stubs:
        return
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for stub in reversed(stubs):
            _remove(root, stub.path)
        touched = {stub.above: stub.times for stub in stubs if stub.above}
        for above, times in touched.items():
            _restore(root, above, times)
        if touched:
            below = mount.lower_root(layers_folder, lower)
            try:
                _remove_copies(root, below, sorted(touched, key=lambda path: path.count("/"), reverse=True))
            finally:
                os.close(below)
    finally:
        os.close(root)


def _remove(root: int, path: str) -> None:
    folder, _, name = path.rpartition("/")
    try:
        parent = files.open_beneath(root, folder or ".", _DIRECTORY)
    except OSError:
        return  # the way to it leads through a link: it is made where that leads
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=parent)
        elif status.st_size == 0 and stat.S_ISREG(status.st_mode):
            os.unlink(name, dir_fd=parent)
    except OSError:
        return  # not there, or not empty: then it is the step's own
    finally:
        os.close(parent)


def _restore(root: int, path: str, times: tuple[int, int]) -> None:
    """Give a folder the times that it had, unless the step has put something else into it."""
    try:
        fd = files.open_beneath(root, path, _DIRECTORY)
    except OSError:
        return
    try:
        if not os.listdir(fd):
            os.utime(fd, ns=times)
    finally:
        os.close(fd)


def _remove_copies(root: int, below: int, paths: Sequence[str]) -> None:
    """Take empty folders away that say nothing else than what lies below them, and then those above."""
    for path in paths:
        while path:
            folder, _, name = path.rpartition("/")
            if not _says_nothing(root, below, path):
                break
            try:
                parent = files.open_beneath(root, folder or ".", _DIRECTORY)
            except OSError:
                break
            info = os.fstat(parent)
            try:
                os.rmdir(name, dir_fd=parent)
                os.utime(parent, ns=(info.st_atime_ns, info.st_mtime_ns))
            except OSError:
                break
            finally:
                os.close(parent)
            path = folder


def _says_nothing(root: int, below: int, path: str) -> bool:
    try:
        mine, theirs = (files.open_beneath(top, path, _DIRECTORY) for top in (root, below))
    except OSError:
        return False
    try:
        first, second = os.fstat(mine), os.fstat(theirs)
        same = (first.st_mode, first.st_uid, first.st_gid) == (second.st_mode, second.st_uid, second.st_gid)
        marks = [name for name in os.listxattr(mine) if name == "trusted.overlay.opaque"]
        return same and first.st_mtime_ns == second.st_mtime_ns and not marks and not os.listdir(mine)
    finally:
        os.close(mine)
        os.close(theirs)
