"""`image diff`: what differs between two images, in their files and in their configurations.

Times of files are no difference: the same build at another hour gives the same image to whoever uses it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from sampan.linux import files, mount
from sampan.oci.config import ImageConfig, container_config_to_json
from sampan.storage.layers import CAPABILITY_XATTR
from sampan.storage.paths import Paths

ADDED, CHANGED, DELETED = "A", "C", "D"
_PIECE = 1 << 18


class FileChange(NamedTuple):
    """One path that differs, beginning with a slash. Sizes are those of regular files, else None; `what` says in what
    a changed one differs: content, kind, mode, owner, target, device, capability, time."""

    kind: str
    path: str
    before: int | None = None
    after: int | None = None
    what: tuple[str, ...] = ()


class FieldChange(NamedTuple):
    """A field of the configuration; None where it is not set."""

    name: str
    before: Any
    after: Any


def compare_files(
    paths: Paths, before: tuple[str, ...], after: tuple[str, ...], *, with_times: bool = False
) -> Iterator[FileChange]:
    """What differs between the merged views of two lists of layers, lowest first; sorted by path.

    A folder that is there in one only is told of with everything in it. With `with_times` the time of a file, in whole
    seconds, is a difference too. The layers must be kept meanwhile.
    """
    first = mount.lower_root(paths.layers, before) if before else -1
    try:
        second = mount.lower_root(paths.layers, after) if after else -1
        try:
            yield from _Comparison(first, second, with_times).folder("")
        finally:
            _close(second)
    finally:
        _close(first)


def compare_configs(before: ImageConfig, after: ImageConfig) -> list[FieldChange]:
    """The fields that differ, by the names that inspect gives them, sorted; of Env and Labels each variable. Pure."""
    old, new = _fields(before), _fields(after)
    return [
        FieldChange(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _fields(image: ImageConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"Architecture": image.architecture, "Os": image.os, "Variant": image.variant or None}
    found["Author"] = image.author or None
    document = container_config_to_json(image.config)
    for variable in document.pop("Env", None) or ():
        name, _, value = variable.partition("=")
        found[f"Env {name}"] = value
    for label, value in (document.pop("Labels", None) or {}).items():
        found[f"Labels {label}"] = value
    for name in ("ExposedPorts", "Volumes"):
        document[name] = sorted(document.get(name) or {}) or None
    return {**found, **{name: value for name, value in document.items() if value not in ("", None)}}


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


class _Comparison:
    """Walks two trees side by side; a root of -1 has nothing in it."""

    def __init__(self, before: int, after: int, with_times: bool = False) -> None:
        self._before, self._after, self._with_times = before, after, with_times

    def folder(self, path: str) -> Iterator[FileChange]:
        old, new = _listed(self._before, path), _listed(self._after, path)
        for name in sorted(old.keys() | new.keys(), key=os.fsencode):
            below = f"{path}/{name}" if path else name
            first, second = old.get(name), new.get(name)
            if first is not None and second is not None:
                what = self._differences(below, first, second)
                if what:
                    yield FileChange(CHANGED, "/" + below, _size(first), _size(second), what)
            else:
                kind = DELETED if second is None else ADDED
                yield FileChange(kind, "/" + below, _size(first), _size(second))
            if _is_folder(first) or _is_folder(second):
                yield from self.folder(below)

    def _differences(self, path: str, first: os.stat_result, second: os.stat_result) -> tuple[str, ...]:
        if stat.S_IFMT(first.st_mode) != stat.S_IFMT(second.st_mode):
            return ("kind",)
        found = []
        if stat.S_ISREG(first.st_mode) and not _is_same_file(first, second):
            if first.st_size != second.st_size or not self._have_equal_content(path):
                found.append("content")
            if _capability(self._before, path) != _capability(self._after, path):
                found.append("capability")
        elif stat.S_ISLNK(first.st_mode) and _target(self._before, path) != _target(self._after, path):
            found.append("target")
        elif first.st_rdev != second.st_rdev:
            found.append("device")
        if stat.S_IMODE(first.st_mode) != stat.S_IMODE(second.st_mode):
            found.append("mode")
        if (first.st_uid, first.st_gid) != (second.st_uid, second.st_gid):
            found.append("owner")
        if self._with_times and first.st_mtime_ns // 10**9 != second.st_mtime_ns // 10**9:
            found.append("time")
        return tuple(found)

    def _have_equal_content(self, path: str) -> bool:
        first = files.open_regular(self._before, path, follow=False)
        try:
            second = files.open_regular(self._after, path, follow=False)
            try:
                while True:
                    piece = os.read(first, _PIECE)
                    if piece != os.read(second, _PIECE):
                        return False
                    if not piece:
                        return True
            finally:
                os.close(second)
        finally:
            os.close(first)


def _is_same_file(first: os.stat_result, second: os.stat_result) -> bool:
    """Whether both are the file of one layer: its number and times are those of the file below."""
    return (first.st_ino, first.st_size, first.st_ctime_ns) == (second.st_ino, second.st_size, second.st_ctime_ns)


def _listed(root: int, path: str) -> dict[str, os.stat_result]:
    if root < 0:
        return {}
    try:
        fd = files.open_beneath(root, path, files.DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return {}  # in this image it is something else, or not there
    try:
        with os.scandir(fd) as entries:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    finally:
        os.close(fd)


def _is_folder(info: os.stat_result | None) -> bool:
    return info is not None and stat.S_ISDIR(info.st_mode)


def _size(info: os.stat_result | None) -> int | None:
    return info.st_size if info is not None and stat.S_ISREG(info.st_mode) else None


def _target(root: int, path: str) -> str:
    fd = files.open_beneath(root, os.path.dirname(path), files.DIRECTORY)
    try:
        return os.readlink(os.path.basename(path), dir_fd=fd)
    finally:
        os.close(fd)


def _capability(root: int, path: str) -> bytes:
    fd = files.open_regular(root, path, follow=False)
    try:
        return os.getxattr(fd, CAPABILITY_XATTR) if CAPABILITY_XATTR in os.listxattr(fd) else b""
    finally:
        os.close(fd)
