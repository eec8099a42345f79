"""Network namespaces as file descriptors: one lives as long as a descriptor, a process or a mount names it."""

import fcntl
import os
import struct
from _socket import AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, socket
from collections.abc import Callable
from typing import TypeVar

from sampan.linux import syscall
from sampan.linux.namespace import in_own_thread

T = TypeVar("T")
_SIOCSIFFLAGS = 0x8914
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFREQ = struct.Struct("16sH22x")  # name, flags, the rest of a union


def create() -> int:
    """Make a network namespace with its loopback interface on; returns a descriptor, which alone keeps it alive.

    A runtime joins it through /proc/<our pid>/fd/<descriptor> and holds it from then on.
    """

    def make() -> int:
        syscall.unshare(syscall.CLONE_NEWNET)
        fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_loopback_up()
        except BaseException:
            os.close(fd)
            raise
        return fd

    return in_own_thread(make)


def _set_loopback_up() -> None:
    """Through ioctl(2), netdevice(7): netlink's room is not imported for one flag."""
    with_flags = _IFREQ.pack(b"lo", _IFF_UP | _IFF_RUNNING)
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        fcntl.ioctl(control.fileno(), _SIOCSIFFLAGS, with_flags)
    finally:
        control.close()


def inside(fd: int, function: Callable[[], T]) -> T:
    """Run `function` in a thread of its own that is in the network namespace `fd`; its sockets stay there."""

    def enter() -> T:
        syscall.setns(fd, syscall.CLONE_NEWNET)
        return function()

    return in_own_thread(enter)
