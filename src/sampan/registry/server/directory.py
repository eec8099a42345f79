"""A registry in a folder. Files are written beside, synced and renamed; a file that is there is whole.

Locks are flock(2) on one of 256 files: the kernel frees them when their holder ends, however it ends.
"""

import errno
import fcntl
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sampan.errors import Unavailable
from sampan.linux import fault, files
from sampan.registry.server.medium import Appending, Entry, Sealed

_CHUNK = 1 << 20
_LOCKS = 256
_EARLY_BYTES = 8 << 20  # so much of an upload goes to the disk while the next comes
_MOST_PARTS = 1024  # IOV_MAX
_DATA = "data"
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Directory:
    """The medium for a folder of this host, or one that hosts share by NFS version 4."""

    has_one_writer = True

    def __init__(self, root: str) -> None:
        self.root = root
        for folder in ("blobs/sha256", "repositories", "uploads", "pins", "condemned", "locks", "tmp"):
            os.makedirs(f"{root}/{folder}", exist_ok=True)

    def path(self, key: str) -> str | None:
        return f"{self.root}/{key}"

    def _file(self, key: str) -> str:
        return f"{self.root}/{key}"

    def read(self, key: str) -> bytes | None:
        try:
            fd = os.open(self._file(key), _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(fd, "rb", buffering=0) as file:
            return file.readall()

    def look(self, key: str) -> Entry | None:
        try:
            found = os.lstat(self._file(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Entry(found.st_size, found.st_mtime)

    def write(self, key: str, data: bytes, *, is_durable: bool = True) -> None:
        made = f"{self.root}/tmp/{os.urandom(12).hex()}"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with open(fd, "wb", buffering=0) as file:
                _write_all(file.fileno(), [data])
                if is_durable:
                    os.fsync(file.fileno())
            self._rename(made, self._file(key), is_durable)
        except BaseException:
            _unlink(made)
            raise

    def touch(self, key: str) -> bool:
        try:
            os.utime(self._file(key))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def remove(self, key: str) -> None:
        _unlink(self._file(key))

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self._file(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def sizes(self, folder: str) -> Iterator[tuple[str, Entry]]:
        try:
            found = os.scandir(self._file(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        with found:
            for item in found:
                try:
                    known = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if item.is_file(follow_symlinks=False):
                    yield item.name, Entry(known.st_size, known.st_mtime)

    def chunks(self, key: str, start: int, length: int) -> Iterator[bytes]:
        fd = os.open(self._file(key), _READ)
        try:
            yield from _read(fd, start, start + length)
        finally:
            os.close(fd)

    @contextmanager
    def lock(self, name: str, *, waits: bool = True) -> Iterator[bool]:
        """See Medium. A name of its own for what is held long; the others share 256 files of their kind.

        The kind is what stands before the colon: whoever holds a digest's may take one of "tags:" besides.
        """
        kind = "tags" if name.startswith("tags:") else "content"
        number = f"{kind}-{zlib.crc32(name.encode()) % _LOCKS:02x}" if waits else f"only-{name}"
        fd = os.open(f"{self.root}/locks/{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(fd)

    def begin(self, folder: str) -> None:
        made = f"{self.root}/tmp/{os.urandom(12).hex()}"
        os.mkdir(made)
        os.close(os.open(f"{made}/{_DATA}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644))
        os.rename(made, self._file(folder))

    def uploaded(self, folder: str) -> Entry | None:
        return self.look(f"{folder}/{_DATA}")

    def append(self, folder: str, offset: int) -> Appending:
        return _Appending(f"{self._file(folder)}/{_DATA}", offset)

    @contextmanager
    def sealed(self, folder: str) -> Iterator[Sealed]:
        path = f"{self._file(folder)}/{_DATA}"
        fd = _open_alone(path)
        try:
            yield _Sealed(self, fd, path)
        finally:
            os.close(fd)

    def drop(self, folder: str) -> None:
        path = self._file(folder)
        for name in self.names(folder):
            _unlink(f"{path}/{name}")
        try:
            os.rmdir(path)
        except OSError as error:
            # An upload that goes on while it is dropped puts a file back: the collection takes the rest later.
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise

    def tidy(self, older_than_seconds: float) -> None:
        limit = time.time() - older_than_seconds
        for name in self.names("tmp"):
            entry = self.look(f"tmp/{name}")
            if entry is not None and entry.modified <= limit:
                if os.path.isdir(self._file(f"tmp/{name}")):
                    self.drop(f"tmp/{name}")
                else:
                    self.remove(f"tmp/{name}")

    def place(self, made: str, key: str) -> None:
        """Make a synced file of this folder the piece `key`, durably."""
        self._rename(made, self._file(key), True)

    def _rename(self, made: str, target: str, is_durable: bool) -> None:
        folder = target.rpartition("/")[0]
        try:
            os.rename(made, target)
        except FileNotFoundError:
            created = self._make_folders(folder)
            os.rename(made, target)
            for path in created if is_durable else ():
                _sync(path.rpartition("/")[0])
        if is_durable:
            _sync(folder)

    def _make_folders(self, folder: str) -> list[str]:
        """Make what is missing of a folder's way from the root; the folders that were made."""
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for path in reversed(missing):
            try:
                os.mkdir(path)
            except FileExistsError:
                continue
        return missing


def _open_alone(path: str) -> int:
    """An upload's file, with flock(2) on the file itself. Raises BlockingIOError, FileNotFoundError.

    Whoever had the lock may have made the file a blob, or removed it, since it was opened here.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(fd), os.lstat(path)):
            raise FileNotFoundError(errno.ENOENT, "the upload is complete", path)
    except BaseException:
        os.close(fd)
        raise
    return fd


class _Appending:
    """One writer at a time, and none once the upload is sealed."""

    def __init__(self, path: str, offset: int) -> None:
        self._fd = _open_alone(path)
        try:
            if os.fstat(self._fd).st_size != offset:
                raise BlockingIOError(errno.EAGAIN, "the upload has grown meanwhile")
            os.lseek(self._fd, offset, os.SEEK_SET)
            self._end = self._started = offset
        except BaseException:
            os.close(self._fd)
            raise

    def write(self, parts: Sequence[bytes]) -> None:
        _write_all(self._fd, parts)
        self._end += sum(map(len, parts))
        if self._end - self._started >= _EARLY_BYTES:
            files.start_writing(self._fd, self._started, self._end - self._started)
            self._started = self._end

    def close(self) -> None:
        os.close(self._fd)


class _Sealed:
    """Under the lock of the upload's file `fd`."""

    def __init__(self, directory: Directory, fd: int, path: str) -> None:
        self._directory, self._fd, self._path = directory, fd, path

    def chunks(self) -> Iterator[bytes]:
        return _read(self._fd, 0, os.fstat(self._fd).st_size)

    def complete(self, key: str) -> None:
        os.fsync(self._fd)
        os.utime(self._fd)
        fault.point("registry-upload.synced")
        self._directory.place(self._path, key)


def _read(fd: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        data = os.pread(fd, min(_CHUNK, end - start), start)
        if not data:
            return
        start += len(data)
        yield data


def _write_all(fd: int, parts: Sequence[bytes]) -> None:
    rest: list[bytes | memoryview] = [part for part in parts if part]
    try:
        while rest:
            written = os.writev(fd, rest[:_MOST_PARTS])
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if written:
                rest[0] = memoryview(rest[0])[written:]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(
                "the registry's disk is full", hint="'sampan registry gc' removes what nothing names"
            ) from error
        raise


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
