"""The files of a result, without an image around them: in a folder of the caller's, or as one tar."""

import os
from collections.abc import Callable, Sequence

from sampan.builder.files import copying, selection
from sampan.builder.files.copying import Part
from sampan.builder.files.trees import Tree
from sampan.builder.plan.steps import CopyFiles
from sampan.errors import InvalidArgument, Unavailable
from sampan.linux import mount
from sampan.storage import layers, tar
from sampan.storage.paths import Paths

_EVERYTHING = CopyFiles(sources=("/",), destination="/")


def to_folder(paths: Paths, snapshots: Sequence[str], folder: str) -> int:
    """Lay the merged files of `snapshots` out in a folder, which is made where it is missing; what is there stays.

    They belong to the caller, and keep their modes and times. Returns the bytes of their content. Raises
    InvalidArgument for what is no folder, Unavailable for a full disk.
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
            chosen = selection.select(tree, _EVERYTHING)
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


def to_tar(paths: Paths, snapshots: Sequence[str], write: Callable[[bytes], object]) -> int:
    """The merged files of `snapshots` as one tar; its bytes. What `write` raises goes through."""
    size = 0

    def counted(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        write(piece)

    if not snapshots:
        counted(tar.END)
        return size
    view = mount.lower_root(paths.layers, snapshots)
    try:
        layers.pack_folder(view, counted)
    finally:
        os.close(view)
    return size
