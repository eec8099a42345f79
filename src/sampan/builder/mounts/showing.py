"""What a mount shows of the context: itself where that is what a build elsewhere would have, else a copy."""

import os
import stat
from typing import NamedTuple

from sampan.builder.cache.key import Content
from sampan.builder.files import copying, digests
from sampan.builder.files.selection import Selected
from sampan.builder.files.trees import Tree
from sampan.builder.plan.steps import CopyFiles
from sampan.errors import InvalidArgument
from sampan.linux import files

CONTENT = "content"
"""What a copy is called in its folder."""


class Direct(NamedTuple):
    """A part of the context that can be shown as it lies there: it belongs to root, and nothing in it is kept out."""

    tree: Tree
    chosen: Selected

    def open(self) -> int:
        """A descriptor in the calling thread's mount namespace: what is open in another one cannot be bound."""
        root = os.open(os.readlink(f"/proc/self/fd/{self.tree.root}"), files.DIRECTORY | os.O_NOFOLLOW)
        try:
            if not os.path.sameopenfile(root, self.tree.root):
                raise InvalidArgument("the build context was replaced while it was read", hint="build again")
            return files.open_beneath(root, self.chosen.entry.path or ".", os.O_PATH)
        finally:
            os.close(root)

    @property
    def is_steady(self) -> bool:
        """Whether it is what it was when it was looked at."""
        for entry in (self.chosen.entry, *self.chosen.below):
            try:
                info = os.stat(entry.path or ".", dir_fd=self.tree.root, follow_symlinks=False)
            except OSError:
                return False
            if digests.stamp_of(info) != entry.stamp:
                return False
        return True


def direct_of(tree: Tree, found: tuple[tuple[Selected, ...], Content]) -> Direct | None:
    """What a mount shows of the context as it lies there; None when only a copy would be what a build elsewhere has."""
    chosen = found[0][0]
    if tree.patterns is not None or chosen.entry.kind not in ("d", "f"):
        return None
    for entry in (chosen.entry, *chosen.below):
        if entry.uid or entry.gid or entry.kind not in ("d", "f", "l"):
            return None
    return Direct(tree, chosen)


def copy_of(tree: Tree, found: tuple[tuple[Selected, ...], Content], folder: str) -> str:
    """Copy what a mount shows of the context to `content` in a new folder: as in a build elsewhere it belongs to root,
    and what .dockerignore keeps out is not there. Raises InvalidArgument when it changes meanwhile."""
    one = found[0][0]._replace(name=CONTENT)
    os.chmod(folder, 0o755)
    root = os.open(folder, files.DIRECTORY)
    try:
        action = CopyFiles(sources=(), destination="/" + CONTENT)
        copied = copying.copy(root, (copying.Part(tree, (one,)),), action, None)
        if one.entry.kind == "d":
            os.chmod(CONTENT, one.entry.mode, dir_fd=root)
            os.utime(CONTENT, ns=(one.entry.atime_ns, one.entry.mtime_ns), dir_fd=root)
        info = os.stat(CONTENT, dir_fd=root, follow_symlinks=False)
    finally:
        os.close(root)
    if not copied.is_steady:
        raise InvalidArgument(f"{one.entry.path or '.'} changed while it was read", hint="build again")
    if not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
        raise InvalidArgument(f"{one.entry.path} is neither a file nor a folder: it cannot be mounted")
    return folder
