"""Locks that die with their holder: flock(2) on files below the run directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sampan.errors import NotFound
from sampan.storage.paths import Paths


@contextmanager
def container(paths: Paths, container_id: str) -> Iterator[None]:
    """Hold the lock of one container while changing its state; waits for other holders.

    Who finds that the container is gone (NotFound) leaves no file for it; of one that is there the next holder makes
    it anew.
    """
    fd = acquire(f"{paths.locks}/{container_id}")
    assert fd is not None
    try:
        yield
    except NotFound:
        forget(paths, container_id)
        raise
    finally:
        os.close(fd)


def try_container(paths: Paths, container_id: str) -> int | None:
    """The lock of a container as a descriptor, None when somebody else holds it. Closing it releases."""
    return acquire(f"{paths.locks}/{container_id}", fcntl.LOCK_EX | fcntl.LOCK_NB)


def attended_path(paths: Paths, container_id: str) -> str:
    """In the container's folder: when that is gone, nobody makes the file anew by locking it."""
    return f"{paths.container(container_id)}/attended"


def attend(paths: Paths, container_id: str) -> int:
    """Say, as long as the returned descriptor is open, that this process waits for the container and will clean up
    after it."""
    fd = acquire(attended_path(paths, container_id))
    assert fd is not None
    return fd


def is_attended(paths: Paths, container_id: str) -> bool:
    """Whether a living process has attended the container."""
    try:
        fd = os.open(attended_path(paths, container_id), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def forget(paths: Paths, container_id: str) -> None:
    """Remove a container's lock file, while its lock is held: waiters notice and lock anew."""
    try:
        os.unlink(f"{paths.locks}/{container_id}")
    except FileNotFoundError:
        return


def acquire(path: str, kind: int = fcntl.LOCK_EX) -> int | None:
    """A descriptor that holds the flock(2) `kind` on the file at `path`, which is made where it is missing.

    None with LOCK_NB when somebody else holds it. The file may be removed by who holds it: waiters lock the next one.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, kind)
            # The holder before us may have removed the file: then others lock another one.
            mine = os.fstat(fd)
            there = os.stat(path)
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            os.close(fd)
            continue
        except BaseException:
            os.close(fd)
            raise
        if (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev):
            return fd
        os.close(fd)
