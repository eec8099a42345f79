"""Root file systems of steps and stages, as descriptors: nothing is mounted where others see it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sampan.builder.files.trees import Tree
from sampan.linux import files, mount
from sampan.storage import leases
from sampan.storage.database import Database
from sampan.storage.paths import Paths


class Workspace:
    """A build's folder below tmp/, leased while it lasts; whoever finds the lease void removes it."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self._database, self._paths = database, paths
        self._name = ""
        self._count = 0

    def folder(self) -> str:
        """A new empty folder."""
        if not self._name:
            name = "build-" + os.urandom(8).hex()
            leases.take(self._database, "tmp:" + name)
            os.mkdir(f"{self._paths.tmp}/{name}", 0o700)
            self._name = name
        self._count += 1
        path = f"{self._paths.tmp}/{self._name}/{self._count}"
        os.mkdir(path, 0o700)
        return path

    def close(self) -> None:
        if not self._name:
            return
        files.remove_below(self._paths.tmp, self._name)
        leases.release(self._database, "tmp:" + self._name)
        self._name = ""


@contextmanager
def writable(paths: Paths, workspace: Workspace, lower: Sequence[str], snapshot_id: str) -> Iterator[int]:
    """The merged root of `lower` (lowest first); what is changed in it goes to the snapshot."""
    folder = workspace.folder()
    root = mount.overlay_root(paths.layers, lower, paths.layer(snapshot_id), folder)
    try:
        yield root
    finally:
        os.close(root)


def tree_of(paths: Paths, workspace: Workspace, layers: Sequence[str]) -> Tree:
    """The merged root of `layers`, to read from; close() it."""
    upper, work = workspace.folder(), workspace.folder()
    os.chmod(upper, 0o755)
    return Tree(mount.overlay_root(paths.layers, layers, upper, work))
