"""Layers from tar to folder: an archive is laid out beneath a folder that it cannot leave.

Names are resolved inside the folder as a process whose root it is would (an earlier member may be a symbolic link), and
every step goes by descriptor. What an archive may say twice follows Docker: a folder onto a folder is merged, anything
else replaces what was there.
"""

import errno
import hashlib
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from sampan.errors import Corrupt, InvalidArgument
from sampan.linux import files
from sampan.storage import hashing, tar
from sampan.storage.backup import is_kept_xattr
from sampan.storage.layers import CAPABILITY_XATTR, OPAQUE_MARK, WHITEOUT
from sampan.storage.snapshots import OPAQUE_XATTR

if TYPE_CHECKING:
    from sampan.storage import recipes

_META = WHITEOUT + WHITEOUT
# What a damaged or hostile archive runs into; a full disk, an I/O error or a missing right is not its fault.
_ARCHIVE_FAULTS = frozenset(
    (
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.EINVAL,
        errno.EXDEV,
    )
)


class Unpacked(NamedTuple):
    """`diff_id` is "sha256:..." of the archive as read, `size` the bytes of the regular files in it."""

    diff_id: str
    size: int


def unpack(stream: tar.Readable, layer_path: str, *, limits: tar.Limits = tar.DEFAULT_LIMITS) -> Unpacked:
    """Lay a layer's tar out in the folder `layer_path`, whiteouts in overlayfs form.

    Raises Corrupt, with the member named, for what is damaged, leads out of the layer or exceeds the limits; OSError
    when the disk is full. What was laid out by then stays: the caller discards the snapshot.
    """
    root = os.open(layer_path, files.DIRECTORY)
    try:
        return extract(stream, root, whiteouts=True, limits=limits)
    finally:
        os.close(root)


def extract(
    stream: tar.Readable,
    root_fd: int,
    *,
    whiteouts: bool = False,
    owner: tuple[int, int] | None = None,
    below: str = "",
    is_strict: bool = False,
    recorder: "recipes.Recorder | None" = None,
    is_backup: bool = False,
    limits: tar.Limits = tar.DEFAULT_LIMITS,
) -> Unpacked:
    """Lay an archive out in an open folder. `owner` (uid, gid) replaces the owners; without `whiteouts`, names that
    begin with `.wh.` are plain files.

    With `below` it goes into that folder of the root, which is there: links are followed in the root, names stay in the
    folder. With `is_strict` a folder never takes the place of another kind of file, nor the other way round
    (InvalidArgument). A `recorder` notes how the archive was written, and gets what a member replaces; extended
    attributes of users are then kept too. With `is_backup` they are, and access lists and devices 0/0 besides.
    """
    # What comes from elsewhere is large, and its pieces come fast: hashing goes beside.
    hasher = hashing.BackgroundSha256 if recorder is not None else hashlib.sha256
    archive = tar.Archive(stream, limits, recorder, hasher)
    extraction = _Extraction(root_fd, archive, owner, whiteouts, below.strip("/"), is_strict, recorder, is_backup)
    try:
        for member in archive:
            try:
                extraction.add(member)
            except OSError as error:
                if error.errno not in _ARCHIVE_FAULTS:
                    raise
                raise Corrupt(f"{member.name!r} in the archive cannot be unpacked: {error.strerror}") from error
        extraction.set_folder_times()
    finally:
        extraction.close()
    return Unpacked(archive.finish(), extraction.size)


def _inside(name: str, member: tar.Member) -> str:
    """`name` without `.`, `..` and leading slashes. Raises Corrupt where it climbs over the root."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            if not parts:
                raise Corrupt(f"{member.name!r} in the archive leads out of it", hint="do not trust this archive")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class _Extraction:
    def __init__(
        self,
        root: int,
        archive: tar.Archive,
        owner: tuple[int, int] | None,
        whiteouts: bool,
        below: str = "",
        is_strict: bool = False,
        recorder: "recipes.Recorder | None" = None,
        is_backup: bool = False,
    ) -> None:
        self._root, self._archive, self._owner, self._whiteouts = root, archive, owner, whiteouts
        self._below, self._is_strict, self._recorder = below, is_strict, recorder
        self._is_backup = is_backup
        self._folder_path, self._folder_fd = "", os.dup(root)
        self._folder_times: dict[str, int] = {}
        self.size = 0

    def close(self) -> None:
        os.close(self._folder_fd)

    def set_folder_times(self) -> None:
        """At the end, because unpacking into a folder changes its time."""
        for path, mtime_ns in self._folder_times.items():
            try:
                fd = files.open_in_root(self._root, path, files.DIRECTORY | os.O_NOFOLLOW)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    continue  # a later member replaced the folder
                raise
            os.utime(fd, ns=(mtime_ns, mtime_ns))
            os.close(fd)

    def add(self, member: tar.Member) -> None:
        path = _inside(member.name, member)
        if not path:
            self._top(member)
            return
        path = self._placed(path)
        parent, _, name = path.rpartition("/")
        folder = self._folder(parent)
        if self._whiteouts and name.startswith(WHITEOUT):
            self._whiteout(folder, name, member)
        elif member.kind == tar.DIRECTORY:
            self._make_folder(folder, path, name, member)
        elif member.kind == tar.HARD_LINK:
            self._hard_link(folder, name, member)
        elif member.kind == tar.REGULAR:
            self._file(folder, path, name, member)
        else:
            self._special(folder, name, member)

    def _placed(self, path: str) -> str:
        return f"{self._below}/{path}" if self._below else path

    def _top(self, member: tar.Member) -> None:
        if member.kind != tar.DIRECTORY:
            raise Corrupt(f"{member.name!r} in the archive would replace the root folder")
        fd = files.open_in_root(self._root, self._below or ".", files.DIRECTORY)
        try:
            self._set_metadata(fd, member)
        finally:
            os.close(fd)
        self._folder_times[self._below or "."] = member.mtime_ns

    def _folder(self, path: str) -> int:
        """The open folder `path`, made when missing. The last one is kept: members of one folder come together."""
        if path != self._folder_path:
            fd = self._open_folder(path)
            os.close(self._folder_fd)
            self._folder_path, self._folder_fd = path, fd
        return self._folder_fd

    def _open_folder(self, path: str) -> int:
        if self._recorder is not None:
            try:
                return files.open_beneath(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                self._recorder.took_detour()
        return files.make_directories(self._root, path)

    def _forget_folder(self) -> None:
        """What a path leads to may have changed; the kept folder must be looked up again.

        The descriptor stays open, for the member that is being added.
        """
        self._folder_path = "//"

    def _clear(self, folder: int, name: str) -> None:
        """Remove what is at `name`, if anything."""
        info = self._existing(folder, name)
        if info is None:
            return
        if self._is_strict and stat.S_ISDIR(info.st_mode):
            raise InvalidArgument(f'cannot overwrite directory "{name}" with non-directory')
        if self._is_strict and files.is_mount_point(folder, name):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
        if self._recorder is not None:
            self._recorder.keep(folder, name)
        else:
            files.remove_tree(folder, name)
        if not stat.S_ISREG(info.st_mode):
            self._forget_folder()

    def _existing(self, folder: int, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _make_folder(self, folder: int, path: str, name: str, member: tar.Member) -> None:
        there = self._existing(folder, name)
        hides = self._whiteouts and there is not None and _is_whiteout(there)
        if there is not None and not stat.S_ISDIR(there.st_mode):
            if self._is_strict:
                raise InvalidArgument(f'cannot overwrite non-directory "{name}" with directory')
            self._clear(folder, name)
            there = None
        if there is None:
            os.mkdir(name, 0o700, dir_fd=folder)
        fd = os.open(name, files.DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            self._set_metadata(fd, member)
            if hides:
                os.setxattr(fd, OPAQUE_XATTR, b"y")
        finally:
            os.close(fd)
        self._folder_times[path] = member.mtime_ns

    def _file(self, folder: int, path: str, name: str, member: tar.Member) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(name, flags, 0o600, dir_fd=folder)
        except FileExistsError:
            self._clear(folder, name)
            fd = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            self._write(fd, member)
            if self._recorder is not None:
                self._recorder.payload(fd, path, member.extents or ((0, member.size),))
            self._set_metadata(fd, member)
            os.utime(fd, ns=(member.mtime_ns, member.mtime_ns))
        finally:
            os.close(fd)
        self.size += member.size

    def _write(self, fd: int, member: tar.Member) -> None:
        if member.extents is None:
            for piece in self._archive.data():
                files.write_all(fd, piece)
            return
        os.ftruncate(fd, member.size)
        extents = iter(member.extents)
        offset = length = 0
        for piece in self._archive.data():
            view = memoryview(piece)
            while view:
                while not length:
                    offset, length = next(extents)
                part = view[:length]
                os.lseek(fd, offset, os.SEEK_SET)
                files.write_all(fd, part)
                offset, length, view = offset + len(part), length - len(part), view[len(part) :]

    def _hard_link(self, folder: int, name: str, member: tar.Member) -> None:
        target = _inside(member.link, member)
        if not target:
            raise Corrupt(f"{member.name!r} in the archive is a hard link to a folder")
        parent, _, target_name = self._placed(target).rpartition("/")
        try:
            target_folder = files.open_in_root(self._root, parent or ".", files.DIRECTORY)
        except FileNotFoundError:
            raise _missing_target(member) from None
        try:
            wanted = self._existing(target_folder, target_name)
            if wanted is None:
                raise _missing_target(member)
            if stat.S_ISDIR(wanted.st_mode):
                raise Corrupt(f"{member.name!r} in the archive is a hard link to a folder")
            there = self._existing(folder, name)
            if there is not None and os.path.samestat(wanted, there):
                return
            self._clear(folder, name)
            os.link(target_name, name, src_dir_fd=target_folder, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(target_folder)

    def _special(self, folder: int, name: str, member: tar.Member) -> None:
        """A symbolic link, device or pipe."""
        self._clear(folder, name)
        if member.kind == tar.SYMLINK:
            os.symlink(member.link, name, dir_fd=folder)
        else:
            kinds = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}
            if not (0 <= member.major < 1 << 12 and 0 <= member.minor < 1 << 20):
                raise Corrupt(f"{member.name!r} in the archive is a device with impossible numbers")
            is_whiteout = member.kind == tar.CHARACTER and not member.major and not member.minor
            if is_whiteout and not self._whiteouts and not self._is_backup:
                raise Corrupt(
                    f"{member.name!r} in the archive is the device 0/0, which means a removed file in a layer"
                )
            os.mknod(name, kinds[member.kind] | 0o600, os.makedev(member.major, member.minor), dir_fd=folder)
        uid, gid = self._owner or (member.uid, member.gid)
        os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        if member.kind != tar.SYMLINK:
            files.change_mode(folder, name, member.mode)
        os.utime(name, ns=(member.mtime_ns, member.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _whiteout(self, folder: int, name: str, member: tar.Member) -> None:
        if name == OPAQUE_MARK:
            os.setxattr(folder, OPAQUE_XATTR, b"y")
            return
        if name.startswith(_META):
            return  # bookkeeping of AUFS
        hidden = name.removeprefix(WHITEOUT)
        if hidden in ("", ".", ".."):
            raise Corrupt(f"{member.name!r} in the archive is a malformed whiteout")
        there = self._existing(folder, hidden)
        if there is None:
            os.mknod(hidden, stat.S_IFCHR | 0o600, 0, dir_fd=folder)
        elif stat.S_ISDIR(there.st_mode):
            # A whiteout hides what lies below, never what its own layer holds.
            fd = os.open(hidden, files.DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.setxattr(fd, OPAQUE_XATTR, b"y")
            os.close(fd)

    def _set_metadata(self, fd: int, member: tar.Member) -> None:
        uid, gid = self._owner or (member.uid, member.gid)
        os.fchown(fd, uid, gid)
        # After the owner: chown takes setuid bits and capabilities away.
        os.fchmod(fd, member.mode)
        for name, value in member.xattrs.items():
            # Others are the host's business: trusted.overlay.redirect would show files of other layers.
            if (name == CAPABILITY_XATTR and member.kind == tar.REGULAR) or (self._is_backup and is_kept_xattr(name)):
                os.setxattr(fd, name, value)
            elif self._recorder is not None and name.startswith("user."):
                _set_user_xattr(fd, name, value)


def _set_user_xattr(fd: int, name: str, value: bytes) -> None:
    """Set an attribute of an archive's own naming. Raises Corrupt for one that no file can have."""
    try:
        os.setxattr(fd, name, value)
    except ValueError:  # a NUL in its name
        raise Corrupt(f"{name[:100]!r} in the archive is no name of an extended attribute") from None
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # the file system has none: as Docker, the file without it
            return
        # ENOSPC is said of what is too large for one file, too: only without a free block it is the disk.
        is_disk = error.errno == errno.ENOSPC and os.fstatvfs(fd).f_bfree == 0
        if is_disk or error.errno not in (errno.ENOSPC, errno.E2BIG, errno.ERANGE):
            raise
        raise Corrupt(f"the extended attribute {name[:100]!r} in the archive is too large") from error


def _is_whiteout(info: os.stat_result) -> bool:
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def _missing_target(member: tar.Member) -> Corrupt:
    return Corrupt(f"{member.name!r} in the archive is a hard link to {member.link!r}, which is not there before it")
