"""What lies in an image's layers in vain: files that a later layer removes or replaces."""

import os
import stat
from collections.abc import Callable, Sequence

from sampan.storage.paths import Paths
from sampan.storage.snapshots import OPAQUE_XATTR
from sampan.values import NamedTuple

_MOST_PATHS = 3


class LayerUse(NamedTuple):
    """One layer: bytes of its files, how many, and the bytes of those that later layers hide. `hidden` are the largest
    of these, at most three paths."""

    size: int
    files: int
    wasted: int
    hidden: tuple[str, ...] = ()


class _File(NamedTuple):
    layer: int
    size: int
    path: str


class _Folder:
    """What is visible below a folder, by name."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[str, _Folder | _File] = {}


def uses(paths: Paths, layers: Sequence[str]) -> tuple[LayerUse, ...]:
    """The use of each layer of an image, lowest first. Raises OSError for a layer that is not there."""
    root = _Folder()
    sizes, counts = [0] * len(layers), [0] * len(layers)
    hidden: list[list[_File]] = [[] for _ in layers]

    def hide(entry: "_Folder | _File | None") -> None:
        pending = [entry] if entry is not None else []
        while pending:
            one = pending.pop()
            if isinstance(one, _Folder):
                pending += one.entries.values()
            else:
                hidden[one.layer].append(one)

    for index, layer in enumerate(layers):
        top = paths.layer(layer)
        for path, folders, names, fd in os.fwalk(top, follow_symlinks=False):
            below = path[len(top) :].strip("/")
            here = _descend(root, below, hide)
            if index and _is_opaque(fd):
                hide(here)
                here.entries = {}
            for name in (*names, *(link for link in folders if _is_link(link, fd))):
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                hide(here.entries.pop(name, None))
                if stat.S_ISREG(info.st_mode):
                    here.entries[name] = _File(index, info.st_size, f"{below}/{name}".lstrip("/"))
                    sizes[index] += info.st_size
                    counts[index] += 1
    return tuple(_use(*each) for each in zip(sizes, counts, hidden, strict=True))


def _descend(root: _Folder, path: str, hide: Callable[["_Folder | _File | None"], None]) -> _Folder:
    """The folder at `path`; a file that stands in the way is hidden by it."""
    here = root
    for name in path.split("/") if path else ():
        found = here.entries.get(name)
        if not isinstance(found, _Folder):
            hide(found)
            found = here.entries[name] = _Folder()
        here = found
    return here


def _is_link(name: str, fd: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, OPAQUE_XATTR) == b"y"
    except OSError:  # no such attribute, or a file system without any
        return False


def _use(size: int, count: int, gone: list[_File]) -> LayerUse:
    largest = sorted(gone, key=lambda file: (-file.size, file.path))[:_MOST_PATHS]
    return LayerUse(size, count, sum(file.size for file in gone), tuple(file.path for file in largest))
