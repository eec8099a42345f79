"""What the store takes of its disk, in blocks as `du` counts them: entry by entry, and nothing left out."""

import os
from typing import NamedTuple

from sampan.linux.measuring import own_blocks, tree_blocks
from sampan.storage.paths import Paths


class Blocks(NamedTuple):
    """Bytes of disk blocks by the name of a folder's entry; `rest` is all that lies elsewhere below the root: the
    database, the reserve, tmp, what builds remember of contexts, and the folders of the entries by themselves.

    The sum of everything is what `du -s` says of the root, but for files with names in several entries.
    """

    layers: dict[str, int]
    recipes: dict[str, int]
    containers: dict[str, int]
    volumes: dict[str, int]
    cache_mounts: dict[str, int]
    downloads: dict[str, int]
    rest: int

    @property
    def total(self) -> int:
        return self.rest + sum(
            sum(entries.values())
            for entries in (
                self.layers,
                self.recipes,
                self.containers,
                self.volumes,
                self.cache_mounts,
                self.downloads,
            )
        )


def measure(paths: Paths) -> Blocks:
    """Walk the whole store. What others make or remove meanwhile may be missing. Raises OSError."""
    measured = (paths.layers, paths.recipes, paths.containers, paths.volumes, paths.cache_mounts, paths.downloads)
    folders = {os.path.basename(folder) for folder in measured}
    loose = sum(tree_blocks(f"{paths.root}/{name}") for name in os.listdir(paths.root) if name not in folders)
    return Blocks(
        layers=_entries(paths.layers),
        recipes=_entries(paths.recipes),
        containers=_entries(paths.containers),
        volumes=_entries(paths.volumes),
        cache_mounts=_entries(paths.cache_mounts),
        downloads=_entries(paths.downloads),
        rest=loose + own_blocks(paths.root) + sum(own_blocks(folder) for folder in measured),
    )


def _entries(folder: str) -> dict[str, int]:
    try:
        return {name: tree_blocks(f"{folder}/{name}") for name in os.listdir(folder)}
    except FileNotFoundError:
        return {}
