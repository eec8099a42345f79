"""The files of a result, without an image around them: in a folder of the caller's, or as one tar."""

import os
from collections.abc import Callable, Sequence

from sampan.builder.files import copying, selection
from sampan.builder.files.copying import Part
from sampan.builder.files.selection import Selected
from sampan.builder.files.trees import Tree
from sampan.builder.plan.steps import CopyFiles
from sampan.errors import InvalidArgument, Unavailable
from sampan.linux import mount
from sampan.storage import layers, tar
from sampan.storage.paths import Paths

_EVERYTHING = CopyFiles(sources=("/",), destination="/")


def to_folder(paths: Paths, snapshots: Sequence[str], folder: str) -> int:
    """Lay the merged files of `snapshots` out in a folder, which is made where it is missing; what is there stays.

    They belong to the caller, and keep their modes and times; devices are left out. Returns the bytes of their content.
    Raises InvalidArgument for what is no folder, Unavailable for a full disk.
    """
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        target = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidArgument(
            f"destination directory must be a directory: {folder}", hint="-o FOLDER, or type=tar,dest=FILE"
        ) from error
    except OSError as error:
        raise Unavailable(f"cannot write to {folder}: {(error.strerror or '').lower()}") from error
    try:
        if not snapshots:
            return 0
        tree = Tree(mount.lower_root(paths.layers, snapshots))
        try:
            chosen = tuple(_without_devices(one) for one in selection.select(tree, _EVERYTHING))
            copying.copy(target, [Part(tree, chosen)], _EVERYTHING, None)
            return sum(entry.size for one in chosen for entry in one.below if entry.kind == "f")
        finally:
            tree.close()
    except OSError as error:
        raise Unavailable(
            f"cannot write to {folder}: {(error.strerror or '').lower()}", hint="what was written before stays"
        ) from error
    finally:
        os.close(target)


def _without_devices(selected: Selected) -> Selected:
    """An image must not put devices onto the host."""
    return selected._replace(below=tuple(entry for entry in selected.below if entry.kind not in ("c", "b")))


def to_tar(paths: Paths, parts: Sequence[tuple[str, Sequence[str]]], write: Callable[[bytes], object]) -> int:
    """One tar of merged files: for each part those of its snapshots, below its folder where it has one. Its bytes. What
    `write` raises goes through."""
    body = _Body(write)
    for folder, snapshots in parts:
        if snapshots:
            view = mount.lower_root(paths.layers, snapshots)
            try:
                layers.pack_folder(view, body.add, top=folder)
            finally:
                os.close(view)
            body.cut_end()
    write(tar.END)
    return body.size + len(tar.END)


class _Body:
    """Members of several archives in a row: the end of each is left out."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._last = b""
        self.size = 0

    def add(self, piece: bytes) -> None:
        whole = self._last + piece
        kept = max(0, len(whole) - len(tar.END))
        self._last = whole[kept:]
        self.size += kept
        if kept:
            self._write(whole[:kept])

    def cut_end(self) -> None:
        self._last = b""
