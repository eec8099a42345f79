"""System calls that Python 3.11 has no name for, through the C library. Each raises OSError with the kernel's errno."""

import ctypes
import os

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT = 32
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED = 4096, 16384, 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = (
    428,
    429,
    442,
)  # the same numbers on every architecture that Linux runs containers on
_FROM_EMPTY_PATH = 4
_AT_FDCWD, _RECURSIVE = -100, 0x8000
_CLONE, _CLOEXEC, _EMPTY_PATH = 1, os.O_CLOEXEC, 0x1000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags: int) -> None:
    """unshare(2) for the calling thread."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """setns(2) for the calling thread."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, filesystem: str, flags: int, options: str = "") -> None:
    """mount(2). `options` must fit one page."""
    _checked(
        _libc.mount(
            source.encode() or None,
            os.fsencode(target),
            filesystem.encode() or None,
            ctypes.c_ulong(flags),
            os.fsencode(options) or None,
        ),
        target,
    )


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), target)


def clone_mount(fd: int) -> int:
    """A descriptor of a copy of the mount behind `fd`, without what is mounted below it; the copy is attached nowhere
    and ends with the descriptor. See open_tree(2)."""
    number = _libc.syscall(
        ctypes.c_long(_OPEN_TREE),
        ctypes.c_int(fd),
        ctypes.c_char_p(b""),
        ctypes.c_uint(_CLONE | _CLOEXEC | _EMPTY_PATH),
    )
    return _checked(int(number), "open_tree")


def move_mount(fd: int, target: str) -> None:
    """Attach the mount behind `fd`, such as a copy of clone_mount(), at the path `target`. See move_mount(2)."""
    number = _libc.syscall(
        ctypes.c_long(_MOVE_MOUNT),
        ctypes.c_int(fd),
        ctypes.c_char_p(b""),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_FROM_EMPTY_PATH),
    )
    _checked(int(number), target)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns_fd")]


def make_read_only(target: str) -> None:
    """Make the mount at `target` read-only with all that is mounted below it. See mount_setattr(2); OSError (ENOSYS)
    where the kernel is older than 5.12."""
    attributes = _MountAttributes(set=MS_RDONLY)
    number = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _checked(int(number), target)
