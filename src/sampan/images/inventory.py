"""The packages of an image: its merged files given to the readers of `inspection`, walked by descriptor."""

import errno
import os
from collections.abc import Iterator, Sequence

from sampan.inspection import inventory
from sampan.inspection.values import Inventory, Unreadable
from sampan.linux import files, mount
from sampan.storage.paths import Paths

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def packages(paths: Paths, layers: Sequence[str]) -> Inventory:
    """What is installed in the merged view of layers, lowest first; they must be kept meanwhile. Raises OSError."""
    if not layers:
        return Inventory(inventory.NO_RELEASE, ())
    root = mount.lower_root(paths.layers, layers)
    try:
        return inventory.take(Tree(root))
    finally:
        os.close(root)


class Tree:
    """The files below a directory descriptor; see inspection.values.Files."""

    def __init__(self, root: int) -> None:
        self._root = root

    def read(self, path: str, most: int) -> bytes:
        fd = files.open_regular(self._root, path)
        with open(fd, "rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise Unreadable(f"it is larger than {most >> 20} MiB")
        return content

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        # Not recursive: a hostile tree may be deeper than Python's stack.
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                fd = files.open_beneath(self._root, folder, _DIRECTORY)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:  # no program in the image reaches it by a path either
                    continue
                raise
            try:
                with os.scandir(fd) as entries:
                    listed = sorted(
                        (entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if not entry.is_symlink()
                    )
            finally:
                os.close(fd)
            yield folder, [name for name, is_folder in listed if not is_folder]
            prefix = f"{folder}/" if folder else ""
            pending += [prefix + name for name, is_folder in reversed(listed) if is_folder]
