"""Fill an empty volume with what the image has at its mount point, as Docker does at the first use."""

import os

from sampan.linux import files


def populate(root: int, path: str, target: str) -> None:
    """Copy the folder `path` of the root file system behind `root` into the folder `target` if that is empty.

    Owner, mode and time of the folder itself are taken over too. Where the image has no such folder, nothing happens.
    """
    destination = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.listdir(destination):
            return
        try:
            source = files.open_in_root(root, path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        from sampan.linux.copying import copy_tree, take_over

        try:
            copy_tree(source, destination)
            take_over(source, destination)
        finally:
            os.close(source)
    finally:
        os.close(destination)
