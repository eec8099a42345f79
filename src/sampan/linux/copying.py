"""Copies of file trees with all that the kernel keeps about a file, walked by descriptor."""

import errno
import os
import stat

from sampan.linux.files import make_directory, open_beneath, open_regular, remove_tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def read_xattrs(fd: int) -> dict[str, bytes]:
    """Extended attributes of an open file; none where the file system has none. Not for O_PATH descriptors."""
    try:
        return {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise


def copy_bytes(source_fd: int, target_fd: int) -> None:
    """Copy all bytes of one open file to another, in the kernel."""
    while os.sendfile(target_fd, source_fd, None, 1 << 30):
        pass


class TreeCopy:
    """Copies entries from folders to folders, keeping modes, times, owners, xattrs, hard links and devices.

    `uid`, `gid` and `mode` replace what the source has (`mode` not for links). An entry that is there is replaced, but
    a folder onto a folder is merged. `keep_overlay_marks` keeps `trusted.overlay.*`, which only a copy of a layer
    wants. Files that are hard links of each other in the source tree are so in the copy; sockets are left out.
    """

    __slots__ = ("_gid", "_keep_overlay_marks", "_links", "_mode", "_uid")

    def __init__(
        self,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
        keep_overlay_marks: bool = False,
    ) -> None:
        self._uid, self._gid, self._mode = uid, gid, mode
        self._keep_overlay_marks = keep_overlay_marks
        self._links: dict[tuple[int, int], str] = {}  # device and inode -> path of the copy

    def tree(self, source_fd: int, target_fd: int) -> None:
        """Copy what is in the folder `source_fd` into the folder `target_fd`; the two folders' own data stay."""
        self._links.clear()
        folders = [""]
        visited: list[str] = []
        while folders:
            path = folders.pop()
            visited.append(path)
            source, target = open_beneath(source_fd, path, _DIRECTORY), open_beneath(target_fd, path, _DIRECTORY)
            try:
                for name in sorted(os.listdir(source)):
                    below = f"{path}/{name}" if path else name
                    if self._entry(source, name, target, name, target_fd, below):
                        folders.append(below)
            finally:
                os.close(source)
                os.close(target)
        for path in reversed(visited[1:]):
            # Last, deepest first: writing into a folder changes its time.
            source, target = open_beneath(source_fd, path, _DIRECTORY), open_beneath(target_fd, path, _DIRECTORY)
            try:
                self._finish(source, target, os.fstat(source))
            finally:
                os.close(source)
                os.close(target)

    def entry(self, source_fd: int, source_name: str, target_fd: int, target_name: str) -> None:
        """Copy one entry of a folder, with all that is in it, to `target_name` in the folder `target_fd`."""
        self._links.clear()
        if not self._entry(source_fd, source_name, target_fd, target_name, target_fd, target_name):
            return
        source = os.open(source_name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=source_fd)
        target = os.open(target_name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=target_fd)
        try:
            self.tree(source, target)
            self._finish(source, target, os.fstat(source))
        finally:
            os.close(source)
            os.close(target)

    def _entry(self, source: int, name: str, target: int, new_name: str, root: int, path: str) -> bool:
        """Copy one entry without what is in it; True for a folder, whose metadata are still to be set."""
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            self._replace(target, new_name, keep_folder=True)
            make_directory(target, new_name, 0o700, 0, 0)
            return True
        self._replace(target, new_name, keep_folder=False)
        if info.st_nlink > 1:
            first = self._links.setdefault((info.st_dev, info.st_ino), path)
            if first != path:
                self._link(root, first, target, new_name)
                return False
        if stat.S_ISREG(info.st_mode):
            self._file(source, name, target, new_name, info)
            return False
        if stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
        elif stat.S_ISSOCK(info.st_mode):
            return False  # means nothing without its process
        else:
            os.mknod(new_name, stat.S_IFMT(info.st_mode) | 0o600, info.st_rdev, dir_fd=target)
        self._own(target, new_name, info)
        return False

    def _link(self, root: int, path: str, target: int, new_name: str) -> None:
        folder, name = os.path.split(path)
        fd = open_beneath(root, folder, _DIRECTORY)
        try:
            os.link(name, new_name, src_dir_fd=fd, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(fd)

    def _replace(self, target: int, name: str, *, keep_folder: bool) -> None:
        try:
            there = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not (keep_folder and stat.S_ISDIR(there.st_mode)):
            remove_tree(target, name)

    def _file(self, source: int, name: str, target: int, new_name: str, info: os.stat_result) -> None:
        reader = open_regular(source, name, follow=False)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            writer = os.open(new_name, flags, 0o600, dir_fd=target)
            try:
                copy_bytes(reader, writer)
                self._finish(reader, writer, info)
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def _finish(self, source: int, target: int, info: os.stat_result) -> None:
        os.fchown(target, self._owner(info.st_uid, self._uid), self._owner(info.st_gid, self._gid))
        # After the owner: chown takes setuid bits and capabilities away.
        os.fchmod(target, stat.S_IMODE(info.st_mode) if self._mode is None else self._mode)
        for key, value in read_xattrs(source).items():
            if self._keep_overlay_marks or not key.startswith("trusted.overlay."):
                os.setxattr(target, key, value)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))

    def _own(self, target: int, name: str, info: os.stat_result) -> None:
        uid, gid = self._owner(info.st_uid, self._uid), self._owner(info.st_gid, self._gid)
        os.chown(name, uid, gid, dir_fd=target, follow_symlinks=False)
        if not stat.S_ISLNK(info.st_mode):
            os.chmod(name, stat.S_IMODE(info.st_mode) if self._mode is None else self._mode, dir_fd=target)
        times = (info.st_atime_ns, info.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)

    @staticmethod
    def _owner(source: int, wanted: int | None) -> int:
        return source if wanted is None else wanted


def copy_tree(
    source_fd: int,
    target_fd: int,
    *,
    uid: int | None = None,
    gid: int | None = None,
    mode: int | None = None,
) -> None:
    """Copy what is in one folder into another one (see TreeCopy)."""
    TreeCopy(uid=uid, gid=gid, mode=mode).tree(source_fd, target_fd)
