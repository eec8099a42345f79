"""COPY and ADD into a root file system: by descriptor, links of the destination followed inside the root only.

Follows BuildKit: parents that are missing are made 0755, or as an octal --chmod says, and belong to --chown's user; a
folder that is there keeps its mode and owner; a file replaces a file or link, never a folder; a folder of the source
never replaces a file.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Sequence
from typing import NamedTuple

from sampan.builder.files import content, modes
from sampan.builder.files.content import Reader
from sampan.builder.files.digests import stamp_of
from sampan.builder.files.modes import Change
from sampan.builder.files.owners import Owner
from sampan.builder.files.selection import Selected
from sampan.builder.files.trees import Entry, Tree
from sampan.builder.plan.steps import CopyFiles, Inline
from sampan.errors import Corrupt, InvalidArgument
from sampan.linux import files
from sampan.linux.copying import copy_bytes
from sampan.storage import compression, tar, unpacking

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_LINKS = 40


class Copied(NamedTuple):
    """`is_steady` is False when a file of the source changed while it was copied: then no cache key stands for it."""

    is_steady: bool


class Part(NamedTuple):
    """Files of one tree that a COPY or ADD takes. With `keeps_owner` they belong to whom they belong in the tree, where
    --chown names nobody; `unpacks` lays archives out."""

    tree: Tree
    selected: tuple[Selected, ...]
    keeps_owner: bool = False
    unpacks: bool = False


def copy(root: int, parts: Sequence[Part], action: CopyFiles, owner: Owner | None, layer: int = -1) -> Copied:
    """Carry out a COPY or ADD below the open folder `root`. Raises InvalidArgument in BuildKit's words, OSError.

    Where `root` is a view of several layers, `layer` is the folder of the topmost one: what goes into folders that are
    made here is written there, which costs half as much.
    """
    is_steady = True
    try:
        for part in parts:
            copying = _Copying(root, part, action, owner, layer)
            try:
                for one in part.selected:
                    copying.add(one)
            finally:
                copying.reader.close()
            is_steady = is_steady and copying.is_steady
        if action.inline:
            copying = _Copying(root, Part(Tree(root), ()), action, owner)
            for inline in action.inline:
                copying.write(inline)
    except NotADirectoryError as error:
        folder = action.destination if action.destination.endswith("/") else posixpath.dirname(action.destination)
        raise InvalidArgument(f"mkdir {folder.rstrip('/')}: not a directory") from error
    return Copied(is_steady)


class _Copying:
    def __init__(self, root: int, part: Part, action: CopyFiles, owner: Owner | None, layer: int = -1) -> None:
        self._layer = layer
        self.reader = Reader(part.tree)
        self._root, self._tree, self._action, self._unpacks = root, part.tree, action, part.unpacks
        self._owner, self._keeps_owner = owner, part.keeps_owner
        self._change: Change | None = modes.parse(action.chmod) if action.chmod else None
        self._made_mode = modes.of_made_folders(action.chmod)
        self._uid, self._gid = owner if owner is not None else (0, 0)
        self.is_steady = True

    def add(self, one: Selected) -> None:
        if self._unpacks and one.entry.kind == "f" and self._unpacked(one.entry):
            return
        destination = self._action.destination
        if self._action.parents:
            destination = self._kept_folders(one)
        if one.entry.kind == "d":
            self._folder(one, destination)
            return
        parent, name = self._place(destination, one.name)
        try:
            self._entry(one.entry, parent, name, {})
        finally:
            os.close(parent)

    def write(self, inline: Inline) -> None:
        """A file whose text is in the Dockerfile."""
        parent, name = self._place(self._action.destination, inline.name)
        try:
            self._clear(parent, name)
            fd = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent
            )
            with open(fd, "wb") as file:
                file.write(inline.text.encode())
                file.flush()
                os.fchown(fd, self._uid, self._gid)
                os.fchmod(fd, self._mode(0o644, False))
        finally:
            os.close(parent)

    def _mode(self, mode: int, is_folder: bool) -> int:
        return mode if self._change is None else self._change(mode, is_folder)

    def _owner_of(self, entry: Entry) -> Owner:
        if self._owner is None and self._keeps_owner:
            return Owner(entry.uid, entry.gid)
        return Owner(self._uid, self._gid)

    def _make_folders(self, path: str) -> int:
        return files.make_directories(self._root, path, self._made_mode, self._uid, self._gid)

    def _kept_folders(self, one: Selected) -> str:
        """The destination of a source whose folders are kept; they are made as they are in the source."""
        path = self._action.destination.rstrip("/")
        for folder in one.kept:
            path += "/" + folder.name
            try:
                os.close(files.open_in_root(self._root, path, os.O_PATH))
            except FileNotFoundError:
                owner = self._owner_of(folder)
                mode = self._mode(folder.mode, True)
                os.close(self._make_folders(posixpath.dirname(path) or "/"))
                os.close(files.make_directories(self._root, path, mode, *owner))
        return f"{path}/{one.name}" if one.entry.kind == "d" else path + "/"

    def _place(self, destination: str, name: str) -> tuple[int, str]:
        """(open folder, name) where a file goes: below a folder its own name, otherwise the destination's."""
        if destination.endswith("/"):
            return self._make_folders(destination), name
        for _ in range(_MAX_LINKS):
            os.close(self._make_folders(posixpath.dirname(destination)))
            parent = files.open_in_root(self._root, posixpath.dirname(destination), _DIRECTORY)
            last = posixpath.basename(destination)
            try:
                info = os.stat(last, dir_fd=parent, follow_symlinks=False) if last else os.fstat(parent)
            except FileNotFoundError:
                return parent, last
            if stat.S_ISDIR(info.st_mode):
                os.close(parent)
                return files.open_in_root(self._root, destination, _DIRECTORY), name
            if not stat.S_ISLNK(info.st_mode):
                return parent, last
            target = os.readlink(last, dir_fd=parent)
            os.close(parent)
            # A trailing slash or dot of a link's target would hide its last part.
            destination = posixpath.join(posixpath.dirname(destination), target).rstrip("/") or "/"
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._action.destination)

    def _folder(self, one: Selected, destination: str) -> None:
        """Copy what is in a folder."""
        try:
            os.close(files.open_in_root(self._root, destination, os.O_PATH))
            is_made = False
        except FileNotFoundError:
            is_made = True
        try:
            target = self._make_folders(destination)
        except NotADirectoryError as error:
            if is_made:
                raise
            raise InvalidArgument(f"cannot copy to non-directory: {destination}") from error
        if is_made:
            target = content.in_layer(self._layer, target)
        try:
            self._below(one, target)
            os.utime(target, ns=(one.entry.atime_ns, one.entry.mtime_ns))
        finally:
            os.close(target)

    def _below(self, one: Selected, target: int) -> None:
        start = len(one.entry.path) + 1 if one.entry.path else 0
        times: list[tuple[str, Entry]] = []
        linked: dict[tuple[int, int], str] = {}
        parent_path, parent = "", os.dup(target)
        try:
            for entry in one.below:
                path = entry.path[start:]
                folder, _, name = path.rpartition("/")
                if folder != parent_path:
                    opened = self._inner_folder(target, folder, one.entry.path)
                    os.close(parent)
                    parent_path, parent = folder, opened
                if entry.kind == "d":
                    self._make_folder(entry, parent, name, path)
                    times.append((path, entry))
                elif not self._linked(entry, target, parent, name, path, linked):
                    self._entry(entry, parent, name, linked)
                    if entry.links > 1 and entry.kind == "f":
                        linked[entry.stamp[:2]] = path
        finally:
            os.close(parent)
        for path, entry in reversed(times):
            # At the end, deepest first: what is made in a folder changes its time.
            fd = files.open_beneath(target, path, _DIRECTORY)
            os.utime(fd, ns=(entry.atime_ns, entry.mtime_ns))
            os.close(fd)

    def _inner_folder(self, target: int, path: str, source: str) -> int:
        try:
            return files.open_beneath(target, path or ".", _DIRECTORY)
        except FileNotFoundError:  # --exclude left the folder out, and not what is in it
            return self._left_out(target, path, source)

    def _left_out(self, target: int, path: str, source: str) -> int:
        """A folder as it is in the source, with those above it."""
        made = os.dup(target)
        parts = path.split("/")
        for depth, name in enumerate(parts, 1):
            entry = self._tree.find(posixpath.join(source, *parts[:depth]))
            owner = self._owner_of(entry) if entry is not None else Owner(self._uid, self._gid)
            files.make_directory(made, name, self._mode(entry.mode if entry is not None else 0o755, True), *owner)
            below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=made)
            os.close(made)
            made = below
        return made

    def _make_folder(self, entry: Entry, parent: int, name: str, path: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                where = posixpath.join(self._action.destination, path)
                raise InvalidArgument(f"cannot copy to non-directory: {where}") from None
        fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.fchown(fd, *self._owner_of(entry))
            os.fchmod(fd, self._mode(entry.mode, True))
        finally:
            os.close(fd)

    def _linked(
        self, entry: Entry, target: int, parent: int, name: str, path: str, linked: dict[tuple[int, int], str]
    ) -> bool:
        """Make a hard link to a file that was copied already; False when there is none."""
        first = linked.get(entry.stamp[:2]) if entry.links > 1 else None
        if first is None or entry.kind != "f":
            return False
        self._clear(parent, name)
        folder = files.open_beneath(target, posixpath.dirname(first) or ".", _DIRECTORY)
        try:
            os.link(posixpath.basename(first), name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)
        return True

    def _clear(self, parent: int, name: str) -> None:
        """Remove a file that is in the way. Raises InvalidArgument for a folder."""
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError) as error:
            raise InvalidArgument(
                f"cannot replace to directory {posixpath.join(self._action.destination, name)} with file"
            ) from error

    def _entry(self, entry: Entry, parent: int, name: str, linked: dict[tuple[int, int], str]) -> None:
        if entry.kind == "f":
            self._file(entry, parent, name)
            return
        self._clear(parent, name)
        if entry.kind == "l":
            os.symlink(entry.link, name, dir_fd=parent)
        else:
            if entry.kind == "c" and entry.rdev == 0:
                raise InvalidArgument(f"cannot copy {entry.path}: the device 0/0 means a removed file in a layer")
            kinds = {"p": stat.S_IFIFO, "c": stat.S_IFCHR, "b": stat.S_IFBLK}
            os.mknod(name, kinds[entry.kind] | 0o600, entry.rdev, dir_fd=parent)
        os.chown(name, *self._owner_of(entry), dir_fd=parent, follow_symlinks=False)
        if entry.kind != "l":
            files.change_mode(parent, name, self._mode(entry.mode, False))
        os.utime(name, ns=(entry.atime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _file(self, entry: Entry, parent: int, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        reader = self.reader.open(entry)
        try:
            try:
                writer = os.open(name, flags, 0o600, dir_fd=parent)
            except FileExistsError:
                self._clear(parent, name)
                writer = os.open(name, flags, 0o600, dir_fd=parent)
            try:
                copy_bytes(reader, writer)
                os.fchown(writer, *self._owner_of(entry))
                # After the owner: chown takes setuid bits away.
                os.fchmod(writer, self._mode(entry.mode, False))
                content.copy_capability(reader, writer)
                os.utime(writer, ns=(entry.atime_ns, entry.mtime_ns))
            finally:
                os.close(writer)
            if stamp_of(os.fstat(reader)) != entry.stamp:
                self.is_steady = False
        finally:
            os.close(reader)

    def _unpacked(self, entry: Entry) -> bool:
        """Lay a local archive out in the destination folder; False when the file is none."""
        fd = self._tree.open(entry)
        with open(fd, "rb") as file:
            if not is_archive(file):
                return False
            file.seek(0)
            target = files.make_directories(self._root, self._action.destination, 0o755, self._uid, self._gid)
            try:
                stream = compression.open_decompressed(file)
                unpacking.extract(stream, target, owner=self._owner)
            finally:
                os.close(target)
        return True


def is_archive(stream: tar.Readable) -> bool:
    """Whether a stream is a tar archive, compressed or not, judged by its first header."""
    try:
        plain = compression.open_decompressed(stream)
        block = b""
        while len(block) < tar.BLOCK and (piece := plain.read(tar.BLOCK - len(block))):
            block += piece
    except Corrupt:
        return False
    if len(block) < tar.BLOCK:
        return False
    field = block[148:156].strip(b"\0 ")
    summed = sum(block) - sum(block[148:156]) + 8 * 0x20
    try:
        return int(field, 8) == summed
    except ValueError:
        return False
