"""A little of the disk kept back, so that a full one can be emptied with sampan itself.

Where a container or a build has filled the disk, not even a row can be deleted: SQLite needs room for its log. So
<root>/reserve takes some space while there is plenty, gives it back when there is none, and as long as it is gone only
what frees space, or tells about it, is allowed.
"""

import errno
import os

RESERVE_BYTES = 1 << 20
LOW_BYTES = 256 << 10
"""Less free space than this is none: it is about what a handful of commands writes into the database's log."""


def keep(root: str) -> bool:
    """Make the reserve, or give it up when the disk is full; whether there is room for more than that. Costs two system
    calls as long as nothing changes. Raises OSError."""
    path = root + "/reserve"
    state = os.statvfs(root)
    free = state.f_bfree * state.f_frsize
    try:
        has_reserve = os.stat(path).st_size == RESERVE_BYTES
    except FileNotFoundError:
        has_reserve = False
    if free < LOW_BYTES:
        if has_reserve:
            _give_up(path)
        return False
    return has_reserve or (free >= RESERVE_BYTES + LOW_BYTES and _make(path))


def _give_up(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return  # another process was faster


def _make(path: str) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(fd, 0, RESERVE_BYTES)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    finally:
        os.close(fd)
    return True
