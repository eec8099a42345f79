"""inotify(7) through the C library."""

import ctypes
import os

_IN_MODIFY = 0x2
_IN_MOVED_TO = 0x80
_libc = ctypes.CDLL(None, use_errno=True)


def modified(path: str) -> int:
    """A descriptor that becomes readable when the file `path` is written to, or what lies in the folder `path`, or when
    a name comes into that folder by a rename. Raises OSError."""
    fd = _libc.inotify_init1(ctypes.c_int(os.O_CLOEXEC | os.O_NONBLOCK))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    if _libc.inotify_add_watch(fd, os.fsencode(path), ctypes.c_uint32(_IN_MODIFY | _IN_MOVED_TO)) < 0:
        number = ctypes.get_errno()
        os.close(fd)
        raise OSError(number, os.strerror(number), path)
    return int(fd)
