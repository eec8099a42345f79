"""Files of a log that were put aside, compressed (`--log-opt compress=true`).

The name in the header of `log.N.gz` says which file it was: who reads a log must know a file again that was compressed
meanwhile.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_SUFFIX = ".gz"
_CHUNK = 1 << 20
_HEADER_BYTES = 256
_NAME_AT, _HAS_NAME = 10, 8  # RFC 1952, 2.3
_STAMP_BYTES = 64


class Identity(NamedTuple):
    """Which file the monitor wrote. `stamp` is the time of its first line: an inode says nothing of a file that was
    removed, as one that is compressed is; the file system gives it to the next."""

    device: int
    inode: int
    stamp: bytes


@contextmanager
def alone(folder: str, *, waits: bool) -> Iterator[None]:
    """Held by who changes what the names of files that were put aside mean: a rotation, a compression.

    They may be of two supervisors, one of which was killed. Raises BlockingIOError without `waits` where another has
    it, OSError.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def compress(folder: str, name: str) -> None:
    """Replace the file `name` by `name.gz`. At every moment it is there under one of the two names. Raises OSError.

    Without a `log` a rotation has not ended, and the monitor may still write to what was put aside: it stays as it is.
    """
    with alone(folder, waits=True):
        if os.path.exists(f"{folder}/log"):
            _compress(folder, name)


def _compress(folder: str, name: str) -> None:
    import gzip

    with open(f"{folder}/{name}", "rb") as source:
        device, inode, stamp = identity_of_plain(source.fileno())
        stored_name = f"{device}-{inode}-{stamp.decode('latin-1')}"  # what a header's name is encoded in
        with open(f"{folder}/log.gz.tmp", "wb") as target:
            os.fchmod(target.fileno(), 0o600)
            with gzip.GzipFile(stored_name, "wb", 6, target, mtime=0) as packed:
                while data := source.read(_CHUNK):
                    packed.write(data)
    os.rename(f"{folder}/log.gz.tmp", f"{folder}/{name}{_SUFFIX}")
    os.unlink(f"{folder}/{name}")


def identity_of_plain(descriptor: int) -> Identity:
    about = os.fstat(descriptor)
    return Identity(about.st_dev, about.st_ino, os.pread(descriptor, _STAMP_BYTES, 0).partition(b" ")[0])


def identity(descriptor: int) -> Identity:
    """That of the file which a compressed one was made from; its own, without a stamp, where its header does not say
    it."""
    header = os.pread(descriptor, _HEADER_BYTES, 0)
    if len(header) > _NAME_AT and header[3] & _HAS_NAME:
        name, _, _ = header[_NAME_AT:].partition(b"\0")
        device, _, rest = name.partition(b"-")
        inode, dash, stamp = rest.partition(b"-")
        if dash and device.isdigit() and inode.isdigit():
            return Identity(int(device), int(inode), stamp)
    about = os.fstat(descriptor)
    return Identity(about.st_dev, about.st_ino, b"")


def decompressed(descriptor: int, folder: str) -> int:
    """A descriptor of the text, in a file of `folder` that has no name. What is damaged ends there. Raises OSError."""
    import gzip
    import zlib

    plain = _nameless(folder)
    with (
        open(os.dup(descriptor), "rb") as source,
        gzip.GzipFile(fileobj=source) as packed,
        open(os.dup(plain), "wb") as target,
    ):
        try:
            while data := packed.read(_CHUNK):
                target.write(data)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            target.flush()
    os.lseek(plain, 0, os.SEEK_SET)
    return plain


def _nameless(folder: str) -> int:
    """A file for text that may be larger than memory; in memory only where the folder is gone already, or on a file
    system that knows no files without a name."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.memfd_create("log", os.MFD_CLOEXEC)
