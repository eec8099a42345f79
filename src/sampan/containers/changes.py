"""`diff`: what a container changed in its image's files. Read from its upper folder, whose form is overlayfs's."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sampan.containers import start
from sampan.containers.model import Container
from sampan.linux import files, mount
from sampan.storage.paths import Paths
from sampan.storage.snapshots import OPAQUE_XATTR
from sampan.values import NamedTuple

ADDED, CHANGED, DELETED = "A", "C", "D"
# What the runtime makes so that something can be mounted there; docker keeps these in a layer that is never shown.
_IN_DEV = ("dev", "dev/console", "dev/pts", "dev/shm", "dev/mqueue")
_IN_ETC = ("etc", "etc/hostname", "etc/hosts", "etc/resolv.conf")
_MOUNT_POINTS = frozenset((*_IN_DEV, *_IN_ETC, "proc", "sys", "run/.containerenv"))


class Change(NamedTuple):
    """One line of `diff`: `kind` is A, C or D, `path` begins with a slash."""

    kind: str
    path: str


def changes(paths: Paths, container: Container) -> list[Change]:
    """What differs from the image, sorted by path. A container that never ran has changed nothing."""
    with _trees(paths, container) as (upper, lower):
        found = _Comparison(upper, lower).run()
    return sorted(found, key=lambda change: os.fsencode(change.path))


def made_by_engine(upper: int, lower: int) -> list[str]:
    """What is in `upper` only because something was mounted there, deepest first: empty mount points that the image has
    not, and folders that differ from the image's in nothing but their time. A folder is to be removed if it is empty.
    """
    found = []
    for path in sorted(_MOUNT_POINTS, key=lambda path: path.count("/"), reverse=True):
        info, before = _stat(upper, path), _stat(lower, path)
        if info is None:
            continue
        if before is None:
            is_made = info.st_size == 0 if stat.S_ISREG(info.st_mode) else stat.S_ISDIR(info.st_mode)
        else:
            is_made = stat.S_ISDIR(info.st_mode) and not _is_other(info, before) and not _hides(upper, path)
        if is_made:
            found.append(path)
    return found


def _hides(root: int, path: str) -> bool:
    fd = files.open_beneath(root, path, files.DIRECTORY)
    try:
        return _is_opaque(fd)
    finally:
        os.close(fd)


@contextmanager
def _trees(paths: Paths, container: Container) -> Iterator[tuple[int, int]]:
    """The upper folder and the image's merged layers, as descriptors."""
    with ExitStack() as held:
        upper = os.open(start.ensure_upper(paths, container), files.DIRECTORY)
        held.callback(os.close, upper)
        lower = mount.lower_root(paths.layers, container.layers)
        held.callback(os.close, lower)
        yield upper, lower


def _stat(root: int, path: str) -> os.stat_result | None:
    """lstat below a root, no link followed on the way; None when nothing is there."""
    folder, _, name = path.rpartition("/")
    try:
        parent = files.open_beneath(root, folder, os.O_PATH | os.O_DIRECTORY)
    except OSError:  # a file or a link where a folder is expected: then nothing is there either
        return None
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    finally:
        os.close(parent)


class _Comparison:
    """One walk over an upper folder."""

    def __init__(self, upper: int, lower: int) -> None:
        self._upper, self._lower = upper, lower
        self._found: dict[str, str] = {}

    def run(self) -> list[Change]:
        folders = [""]
        while folders:
            folders += self._folder(folders.pop())
        return [Change(kind, "/" + path) for path, kind in self._found.items()]

    def _folder(self, path: str) -> Iterator[str]:
        """Note what the entries of a folder say; yields the folders among them."""
        try:
            fd = files.open_beneath(self._upper, path, files.DIRECTORY)
        except FileNotFoundError:
            return  # a running container removes folders too
        try:
            names = os.listdir(fd)
            for name in names:
                try:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                below = f"{path}/{name}" if path else name
                self._entry(below, info)
                if stat.S_ISDIR(info.st_mode):
                    yield below
            if path and _is_opaque(fd):
                self._hidden(path, frozenset(names))
        finally:
            os.close(fd)

    def _entry(self, path: str, info: os.stat_result) -> None:
        before = _stat(self._lower, path)
        if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
            if before is not None:
                self._note(path, DELETED)
        elif before is None:
            if not self._is_mount_point(path, info):
                self._note(path, ADDED)
        elif not (stat.S_ISDIR(info.st_mode) and stat.S_ISDIR(before.st_mode)) or _differs(path, info, before):
            self._note(path, CHANGED)

    def _is_mount_point(self, path: str, info: os.stat_result) -> bool:
        return path in _MOUNT_POINTS and (stat.S_ISDIR(info.st_mode) or info.st_size == 0)

    def _hidden(self, path: str, names: frozenset[str]) -> None:
        """A folder that was removed and made anew hides all that the image has in it."""
        try:
            fd = files.open_beneath(self._lower, path, files.DIRECTORY)
        except OSError:  # it is none in the image
            return
        try:
            for name in os.listdir(fd):
                if name not in names:
                    self._note(f"{path}/{name}", DELETED)
        finally:
            os.close(fd)

    def _note(self, path: str, kind: str) -> None:
        self._found[path] = kind
        parent = path.rpartition("/")[0]
        while parent and parent not in self._found:
            self._found[parent] = ADDED if _stat(self._lower, parent) is None else CHANGED
            parent = parent.rpartition("/")[0]


def _differs(path: str, info: os.stat_result, before: os.stat_result) -> bool:
    """Whether a folder's own data changed. The runtime's mount points change the time of the folder they are in."""
    return _is_other(info, before) or (info.st_mtime_ns != before.st_mtime_ns and path not in _MOUNT_POINTS)


def _is_other(info: os.stat_result, before: os.stat_result) -> bool:
    return (info.st_mode, info.st_uid, info.st_gid) != (before.st_mode, before.st_uid, before.st_gid)


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, OPAQUE_XATTR) == b"y"
    except OSError:  # it has no such attribute, or its file system has none
        return False
