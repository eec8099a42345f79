"""What lies in a root and is nobody's: entries with names that sampan never makes."""

import os
import re

from sampan.storage.paths import Paths

_KNOWN = frozenset(
    (
        "build-contexts",
        "cache-mounts",
        "containers",
        "downloads",
        "layers",
        "lost+found",  # of the file system, where the root is one of its own
        "recipes",
        "reserve",
        "state.db",
        "state.db-shm",
        "state.db-wal",
        "tmp",
        "volumes",
    )
)
_BLOB = re.compile(r"[a-z0-9]+-[0-9a-f]{32,128}(\.parts)?")
_CONTEXT = re.compile(r"\.?[0-9a-f]{32}\.json(\.[0-9]+\.[0-9a-f]{8})?")  # one that is being written begins with a dot


def find(paths: Paths) -> list[str]:
    """Paths of the strays, sorted. What living processes make at the same time is none."""
    found = [f"{paths.root}/{name}" for name in os.listdir(paths.root) if name not in _KNOWN]
    found += _other_names(paths.downloads, _BLOB)
    found += _other_names(paths.root + "/build-contexts", _CONTEXT)
    return sorted(found)


def _other_names(folder: str, expected: re.Pattern[str]) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder) if not expected.fullmatch(name)]
    except FileNotFoundError:
        return []
