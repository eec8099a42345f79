"""Files by descriptor: nothing in a hostile tree can lead outside the folder that was opened.

Two ways to walk: *in root* resolves symbolic links as a process in that root would (an absolute link starts at the
root, `..` stops at it); *beneath* follows no link at all.
"""

import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

_OPENAT2 = 437  # the same number on every architecture that Linux runs containers on
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH, _IN_ROOT = 0x02, 0x04, 0x08, 0x10
_MAX_LINKS = 40  # as the kernel
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC  # open(2) flags for a folder that is to be read or walked
_COMPONENT = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATES = os.O_CREAT
_REMOVAL_DEPTH = 64
_EXCHANGE = 2
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _openat2(directory_fd: int, path: str, flags: int, mode: int, resolve: int) -> int:
    how = _OpenHow(flags | os.O_CLOEXEC, mode if flags & _CREATES else 0, resolve)
    name = os.fsencode(path)
    for _ in range(128):
        fd = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(directory_fd),
            ctypes.c_char_p(name),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd >= 0:
            return int(fd)
        # EAGAIN: something was renamed while `..` was resolved, so the kernel could not prove that it stays inside.
        if ctypes.get_errno() != errno.EAGAIN:
            break
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), path)


def open_in_root(root_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """Open `path` as a process whose root is `root_fd` would; always O_CLOEXEC. Raises OSError.

    `flags` and `mode` are open(2)'s. Where the kernel has no openat2(2), the path is walked component by component.
    """
    try:
        return _openat2(root_fd, path.lstrip("/") or ".", flags, mode, _IN_ROOT | _NO_MAGICLINKS)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    return walk_in_root(root_fd, path, flags, mode)


def open_beneath(root_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """Open relative `path`, whose components must all be real: a link or a way up anywhere in it is an OSError."""
    try:
        return _openat2(root_fd, path or ".", flags, mode, _BENEATH | _NO_SYMLINKS)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or path.startswith("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    fd = os.open(".", DIRECTORY, dir_fd=root_fd)
    try:
        for part in parts[:-1]:
            fd = _step(fd, os.open(part, DIRECTORY | os.O_NOFOLLOW, dir_fd=fd))
        return os.open(parts[-1] if parts else ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=fd)
    finally:
        os.close(fd)


def open_below(root_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """Open relative `path`, following links as long as they stay below the folder: one that leads out is an OSError
    (EXDEV). Where the kernel has no openat2(2), such a link is followed inside."""
    try:
        return _openat2(root_fd, path or ".", flags, mode, _BENEATH | _NO_MAGICLINKS)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    return walk_in_root(root_fd, path, flags, mode)


def open_regular(root_fd: int, path: str, *, follow: bool = True) -> int:
    """Open a regular file for reading, in the root or, without `follow`, beneath it. Raises OSError for anything else.

    It is looked at before it is opened: opening a pipe waits, and opening a device may do what the device is for.
    """
    found = (open_in_root if follow else open_beneath)(root_fd, path, os.O_PATH | os.O_NOFOLLOW * (not follow))
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(found)


def open_listed(root_fd: int, path: str) -> int:
    """Open for reading what a listing said is a regular file, beneath the root. Raises OSError where it is another
    kind by this time.

    A third of the calls of open_regular(): nothing waits here (O_NONBLOCK), but a device that was put in a file's place
    since is opened, and closed again. For trees in which nobody but root could do that.
    """
    fd = open_beneath(root_fd, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd


def _step(current: int, following: int) -> int:
    os.close(current)
    return following


def walk_in_root(root_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """open_in_root() without openat2(2)."""
    walk = _Walk(root_fd)
    try:
        pending = _parts(path)
        while len(pending) > 1:
            walk.enter(pending)
        name = pending.pop() if pending else "."
        follow = not flags & (os.O_NOFOLLOW | os.O_EXCL)
        while name in ("..", ".") or (follow and walk.link(name) is not None):
            pending = ["."] if name == "." else [name]
            if name == ".":
                return os.open(".", flags | os.O_CLOEXEC, mode, dir_fd=walk.fd)
            walk.enter(pending)
            while len(pending) > 1:
                walk.enter(pending)
            name = pending.pop() if pending else "."
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=walk.fd)
    finally:
        walk.close()


def _parts(path: str) -> list[str]:
    """Components of a path, the next one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


class _Walk:
    """A place inside a root, kept as the stack of folders that lead to it, so that `..` can never pass the root."""

    __slots__ = ("_links", "_root", "_stack")

    def __init__(self, root_fd: int) -> None:
        self._root = root_fd
        self._stack: list[int] = []
        self._links = 0

    @property
    def fd(self) -> int:
        return self._stack[-1] if self._stack else self._root

    def close(self) -> None:
        while self._stack:
            os.close(self._stack.pop())

    def link(self, name: str) -> str | None:
        """Where `name` points to, None when it is no symbolic link or not there."""
        try:
            return os.readlink(name, dir_fd=self.fd)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise

    def enter(self, pending: list[str]) -> None:
        """Take the next component off `pending`: step up, into a folder, or put a link's target in its place.

        Raises FileNotFoundError with the component put back.
        """
        name = pending.pop()
        if name == "..":
            if self._stack:
                os.close(self._stack.pop())
            return
        target = self.link(name)
        if target is None:
            try:
                self._stack.append(os.open(name, _COMPONENT | os.O_DIRECTORY, dir_fd=self.fd))
            except FileNotFoundError:
                pending.append(name)
                raise
            return
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        if target.startswith("/"):
            self.close()
        pending.extend(_parts(target))


def make_directories(root_fd: int, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> int:
    """Make the folders of `path` that are missing inside the root, with that mode and owner, and open the last one.

    Links are followed as a process in the root would, a dangling one to where it points; folders that are there are
    left as they are. The result is opened for reading. Raises NotADirectoryError where a file stands in the way.
    """
    try:
        return open_in_root(root_fd, path, DIRECTORY)
    except FileNotFoundError:
        pass
    walk = _Walk(root_fd)
    try:
        pending = _parts(path)
        while pending:
            try:
                walk.enter(pending)
            except FileNotFoundError:
                make_directory(walk.fd, pending[-1], mode, uid, gid)
        return os.open(".", DIRECTORY, dir_fd=walk.fd)
    finally:
        walk.close()


def make_directory(parent_fd: int, name: str, mode: int, uid: int, gid: int) -> None:
    """Make one folder with exactly that mode and owner, whatever the umask; one that is there is left as it is."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent_fd)
    except FileExistsError:
        return
    fd = os.open(name, DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)
    try:
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def is_mount_point(parent_fd: int, name: str) -> bool:
    """Whether something is mounted at the entry `name`. Asked before it is unlinked: the kernel refuses that only for
    mounts of our own namespace, and takes another one's away."""
    fd = os.open(name, _COMPONENT, dir_fd=parent_fd)
    try:
        return _mount_id(fd) != _mount_id(parent_fd)
    finally:
        os.close(fd)


def change_mode(parent_fd: int, name: str, mode: int) -> None:
    """chmod(2) of an entry itself: a link that somebody has put in its place is not followed. Raises OSError (ELOOP).

    fchmodat(2) knows no flag for it, and fchmod(2) takes no descriptor of what must not be opened, such as a device.
    """
    fd = os.open(name, _COMPONENT, dir_fd=parent_fd)
    try:
        if stat.S_ISLNK(os.fstat(fd).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def _mount_id(fd: int) -> str:
    with open(f"/proc/self/fdinfo/{fd}") as file:
        return next(line for line in file if line.startswith("mnt_id:"))


def exchange(first_fd: int, first: str, second_fd: int, second: str) -> None:
    """Let two entries change places, at once: nobody sees one missing. Raises OSError. See renameat2(2)."""
    arguments = (ctypes.c_int(first_fd), os.fsencode(first), ctypes.c_int(second_fd), os.fsencode(second))
    if _libc.renameat2(*arguments, ctypes.c_uint(_EXCHANGE)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), first)


def sync_file_system(fd: int) -> None:
    """Write all of the file system of an open file to the disk. Raises OSError. See syncfs(2)."""
    if _libc.syncfs(ctypes.c_int(fd)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove_tree(parent_fd: int, name: str) -> None:
    """Remove the file or folder `name` with all that is in it; one that is not there is no error.

    Follows no link and crosses no depth limit: what is nested too deep for one descriptor per level is moved up first.
    Another process may remove the same tree at the same time. Raises OSError (EBUSY at a mount point).
    """
    try:
        os.unlink(name, dir_fd=parent_fd)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        pass
    try:
        top = os.open(name, DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)
    except FileNotFoundError:
        return
    try:
        while True:
            _empty(top, top, 0)
            try:
                os.rmdir(name, dir_fd=parent_fd)
                return
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
    finally:
        os.close(top)


def remove_below(folder: str, name: str) -> None:
    """remove_tree() of an entry of a folder that is given by its path; one that is gone itself is no error."""
    try:
        top = os.open(folder, DIRECTORY)
    except FileNotFoundError:
        return
    try:
        remove_tree(top, name)
    finally:
        os.close(top)


def _empty(directory_fd: int, top_fd: int, depth: int) -> None:
    with os.scandir(directory_fd) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in names:
        try:
            if not is_directory:
                os.unlink(name, dir_fd=directory_fd)
            elif depth >= _REMOVAL_DEPTH:
                _lift(directory_fd, name, top_fd)
            else:
                child = os.open(name, DIRECTORY | os.O_NOFOLLOW, dir_fd=directory_fd)
                try:
                    _empty(child, top_fd, depth + 1)
                finally:
                    os.close(child)
                os.rmdir(name, dir_fd=directory_fd)
        except FileNotFoundError:
            continue


def _lift(directory_fd: int, name: str, top_fd: int) -> None:
    """Move a folder to the top of the tree that is being removed."""
    for number in range(1 << 30):
        try:
            os.rename(name, f".lifted-{number}", src_dir_fd=directory_fd, dst_dir_fd=top_fd)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EINVAL):
                raise


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write everything, also to a slow reader that is not waited for (O_NONBLOCK). Raises OSError, BrokenPipeError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            import select

            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()


def write_atomically(path: str, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path` so that a reader, or a reboot, finds the old content or all of it, never a part."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchmod(fd, mode)
            write_all(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(folder or ".")


def start_writing(fd: int, offset: int, length: int) -> None:
    """Let the kernel begin to write that part of a file to its disk, so that a later fsync(2) has less to wait for.

    A hint: a file system that knows no sync_file_range(2) writes when it likes.
    """
    _libc.sync_file_range(
        ctypes.c_int(fd), ctypes.c_int64(offset), ctypes.c_int64(length), ctypes.c_uint(_SYNC_FILE_RANGE_WRITE)
    )


def sync_directory(path: str) -> None:
    """Make the names in a folder survive a power cut."""
    fd = os.open(path, DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def flock(path: str, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock of the file `path`, made when missing, waiting for it; yields the descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)
