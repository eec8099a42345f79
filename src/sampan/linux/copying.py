"""Copies of file trees with all that the kernel keeps about a file, walked by descriptor."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.linux.files import (
    DIRECTORY,
    change_mode,
    is_mount_point,
    make_directory,
    open_beneath,
    open_regular,
    remove_tree,
)

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ESTALE)  # or it is something else by this time
_BLOCK = 512  # of a tar
_FICLONE = 0x40049409
_PIECE = 1 << 18  # more falls out of the processor's cache between reading and writing: three times as slow
_SMALL = 1 << 16  # one read and one write take less time than to ask for holes and shared blocks


def read_xattrs(fd: int) -> dict[str, bytes]:
    """Extended attributes of an open file; none where the file system has none. Not for O_PATH descriptors."""
    try:
        return {name: os.getxattr(fd, name) for name in os.listxattr(fd)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return {}
        raise


def copy_bytes(source_fd: int, target_fd: int) -> None:
    """Copy all bytes of one regular file to another, empty one: as shared blocks where the file system can (reflink);
    else holes stay holes, but for those of small files."""
    size = os.fstat(source_fd).st_size
    if size <= _SMALL:
        data = os.pread(source_fd, size + 1, 0)
        if len(data) == size:  # it did not grow or shrink meanwhile
            if data:
                os.pwrite(target_fd, data, 0)
            return
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
        return
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    position = 0
    while position < size:
        try:
            position = os.lseek(source_fd, position, os.SEEK_DATA)
            end = os.lseek(source_fd, position, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # nothing but a hole is left
        _copy_extent(source_fd, target_fd, position, end)
        position = end
    os.ftruncate(target_fd, size)


def _copy_extent(source_fd: int, target_fd: int, position: int, end: int) -> None:
    # Through memory: sendfile(2) and copy_file_range(2) take ten times as long for pages that were just written.
    view = memoryview(bytearray(min(end - position, _PIECE)))
    while position < end:
        count = os.preadv(source_fd, [view[: end - position]], position)
        if not count:
            return  # it became shorter meanwhile
        done = 0
        while done < count:
            done += os.pwrite(target_fd, view[done:count], position + done)
        position += count


class TreeCopy:
    """Copies entries from folders to folders, keeping modes, times, owners, xattrs, hard links and devices.

    `uid`, `gid` and `mode` replace what the source has (`mode` not for links). An entry that is there is replaced, but
    a folder onto a folder is merged; with `is_strict`, a folder never takes the place of another kind of file, nor the
    other way round (OSError EISDIR, ENOTDIR), and a mount point is never replaced (EBUSY). `keep_overlay_marks` keeps
    `trusted.overlay.*`, which only a copy of a layer wants. Files that are hard links of each other in the source tree
    are so in the copy; sockets are left out, and devices without `with_devices`. With `is_live` others change the
    source meanwhile: what vanishes or becomes something else is left out.

    `left_out` are the paths of devices that were not made, `tar_bytes` what the same entries would take in a tar.
    """

    __slots__ = (
        "_gid", "_is_live", "_is_strict", "_keep_overlay_marks", "_links", "_mode", "_uid", "_with_devices", "left_out",
        "tar_bytes",
    )  # fmt: skip

    def __init__(
        self,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
        keep_overlay_marks: bool = False,
        is_strict: bool = False,
        is_live: bool = False,
        with_devices: bool = True,
    ) -> None:
        self._uid, self._gid, self._mode = uid, gid, mode
        self._keep_overlay_marks = keep_overlay_marks
        self._is_strict, self._is_live, self._with_devices = is_strict, is_live, with_devices
        self._links: dict[tuple[int, int], str] = {}  # device and inode -> path of the copy
        self.left_out: list[str] = []
        self.tar_bytes = 0

    def tree(self, source_fd: int, target_fd: int) -> None:
        """Copy what is in the folder `source_fd` into the folder `target_fd`; the two folders' own data stay."""
        self._links.clear()
        folders = [""]
        visited: list[str] = []
        while folders:
            path = folders.pop()
            with self._both(source_fd, target_fd, path) as pair:
                if pair is not None:
                    visited.append(path)
                    folders += self._entries(*pair, target_fd, path)
        for path in reversed(visited[1:]):
            # Last, deepest first: writing into a folder changes its time.
            with self._both(source_fd, target_fd, path) as pair:
                if pair is not None:
                    self._finish(*pair, os.fstat(pair[0]))

    @contextmanager
    def _both(self, source_fd: int, target_fd: int, path: str) -> Iterator[tuple[int, int] | None]:
        """A folder of the source and its copy, None when it is gone."""
        try:
            source = open_beneath(source_fd, path, DIRECTORY)
        except OSError as error:
            if not self._is_gone(error):
                raise
            yield None
            return
        try:
            target = open_beneath(target_fd, path, DIRECTORY)
            try:
                yield source, target
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _is_gone(self, error: OSError) -> bool:
        return self._is_live and error.errno in _GONE

    def _entries(self, source: int, target: int, root: int, path: str) -> list[str]:
        """Copy the entries of one folder; the paths of the folders among them."""
        found = []
        for name in sorted(os.listdir(source)):
            below = f"{path}/{name}" if path else name
            if self._entry(source, name, target, name, root, below):
                found.append(below)
        return found

    def entry(self, source_fd: int, source_name: str, target_fd: int, target_name: str) -> None:
        """Copy one entry of a folder, with all that is in it, to `target_name` in the folder `target_fd`."""
        self._links.clear()
        if not self._entry(source_fd, source_name, target_fd, target_name, target_fd, target_name):
            return
        source = os.open(source_name, DIRECTORY | os.O_NOFOLLOW, dir_fd=source_fd)
        try:
            self.folder(source, target_fd, target_name)
        finally:
            os.close(source)

    def folder(self, source: int, target_fd: int, target_name: str) -> None:
        """Copy the open folder `source` to `target_name` in the folder `target_fd`."""
        self._replace(target_fd, target_name, keep_folder=True)
        make_directory(target_fd, target_name, 0o700, 0, 0)
        target = os.open(target_name, DIRECTORY | os.O_NOFOLLOW, dir_fd=target_fd)
        try:
            self.tree(source, target)
            self._finish(source, target, os.fstat(source))
        finally:
            os.close(target)

    def _entry(self, source: int, name: str, target: int, new_name: str, root: int, path: str) -> bool:
        """Copy one entry without what is in it; True for a folder, whose metadata are still to be set."""
        try:
            info = os.stat(name, dir_fd=source, follow_symlinks=False)
        except FileNotFoundError:
            if self._is_live:
                return False
            raise
        if stat.S_ISSOCK(info.st_mode):
            return False  # means nothing without its process
        self.tar_bytes += _BLOCK
        if stat.S_ISDIR(info.st_mode):
            self._replace(target, new_name, keep_folder=True)
            make_directory(target, new_name, 0o700, 0, 0)
            return True
        if stat.S_ISREG(info.st_mode) and info.st_nlink == 1:
            self._file(source, name, target, new_name, info)
            return False
        if not self._with_devices and (stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode)):
            self.left_out.append(path)
            return False
        if info.st_nlink > 1:
            first = self._links.setdefault((info.st_dev, info.st_ino), path)
            if first != path:
                self._replace(target, new_name, keep_folder=False)
                try:
                    self._link(root, first, target, new_name)
                    return False
                except FileNotFoundError:
                    if not self._is_live:
                        raise
                    # The first name vanished before it was copied.
                    self._links[(info.st_dev, info.st_ino)] = path
        self._special(source, name, target, new_name, info)
        return False

    def _special(self, source: int, name: str, target: int, new_name: str, info: os.stat_result) -> None:
        """A file with several names, a symbolic link, a device or a pipe."""
        if stat.S_ISREG(info.st_mode):
            self._file(source, name, target, new_name, info)
            return
        if stat.S_ISLNK(info.st_mode):
            try:
                link = os.readlink(name, dir_fd=source)
            except OSError as error:
                if self._is_gone(error):
                    return
                raise
            self._replace(target, new_name, keep_folder=False)
            os.symlink(link, new_name, dir_fd=target)
        else:
            self._replace(target, new_name, keep_folder=False)
            os.mknod(new_name, stat.S_IFMT(info.st_mode) | 0o600, info.st_rdev, dir_fd=target)
        self._own(target, new_name, info)

    def _link(self, root: int, path: str, target: int, new_name: str) -> None:
        folder, name = os.path.split(path)
        fd = open_beneath(root, folder, DIRECTORY)
        try:
            os.link(name, new_name, src_dir_fd=fd, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(fd)

    def _replace(self, target: int, name: str, *, keep_folder: bool) -> None:
        try:
            there = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            return
        is_folder = stat.S_ISDIR(there.st_mode)
        if keep_folder and is_folder:
            return
        if self._is_strict and keep_folder:
            raise NotADirectoryError(errno.ENOTDIR, "cannot overwrite non-directory with directory", name)
        if self._is_strict and is_folder:
            raise IsADirectoryError(errno.EISDIR, "cannot overwrite directory with non-directory", name)
        if self._is_strict and is_mount_point(target, name):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
        remove_tree(target, name)

    def _file(self, source: int, name: str, target: int, new_name: str, info: os.stat_result) -> None:
        try:
            reader = open_regular(source, name, follow=False)
        except OSError as error:
            if self._is_gone(error):
                return
            raise
        try:
            self._replace(target, new_name, keep_folder=False)
            self.tar_bytes += -(-info.st_size // _BLOCK) * _BLOCK
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
            change_mode(target, name, stat.S_IMODE(info.st_mode) if self._mode is None else self._mode)
        times = (info.st_atime_ns, info.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)

    @staticmethod
    def _owner(source: int, wanted: int | None) -> int:
        return source if wanted is None else wanted


def take_over(source_fd: int, target_fd: int) -> None:
    """Give a folder the owner, mode and times of another one: what TreeCopy.tree() leaves as it is."""
    info = os.fstat(source_fd)
    os.fchown(target_fd, info.st_uid, info.st_gid)
    os.fchmod(target_fd, stat.S_IMODE(info.st_mode))
    os.utime(target_fd, ns=(info.st_atime_ns, info.st_mtime_ns))


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
