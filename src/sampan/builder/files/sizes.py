"""How large a context is, and where its bytes are. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from sampan.builder.files.trees import Entry

HEAVY_BYTES = 50 << 20
"""What a folder that is seldom meant may have before a build warns of it."""

_SELDOM_MEANT = frozenset((".git", ".hg", ".svn", "node_modules", ".venv", "venv", ".tox", "__pycache__", ".cache"))


class Folder(NamedTuple):
    """What is below a folder, at any depth."""

    path: str
    bytes: int
    files: int


class Sizes(NamedTuple):
    """A context: all of it, and its folders, the largest first."""

    bytes: int
    files: int
    folders: tuple[Folder, ...]


def measure(entries: Iterable[Entry]) -> Sizes:
    """Add regular files up; each path counts once."""
    sizes = {entry.path: entry.size for entry in entries if entry.kind == "f"}
    bytes_of: dict[str, int] = {}
    files_of: dict[str, int] = {}
    for path, size in sizes.items():
        at = path.find("/")
        while at >= 0:
            folder = path[:at]
            bytes_of[folder] = bytes_of.get(folder, 0) + size
            files_of[folder] = files_of.get(folder, 0) + 1
            at = path.find("/", at + 1)
    folders = sorted(
        (Folder(path, count, files_of[path]) for path, count in bytes_of.items()),
        key=lambda folder: (-folder.bytes, folder.path),
    )
    return Sizes(sum(sizes.values()), len(sizes), tuple(folders))


def heavy(sizes: Sizes) -> Folder | None:
    """The folder that is most of a context though it is seldom meant to be in one; None when there is none."""
    for folder in sizes.folders:
        if folder.bytes <= max(HEAVY_BYTES, sizes.bytes // 2):
            return None
        if folder.path.rpartition("/")[2] in _SELDOM_MEANT:
            return folder
    return None
