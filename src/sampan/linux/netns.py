"""Network namespaces as file descriptors: one lives as long as a descriptor, a process or a mount names it."""

import os
from collections.abc import Callable
from typing import TypeVar

from sampan.linux import links, syscall
from sampan.linux.namespace import in_own_thread
from sampan.linux.netlink import Netlink

T = TypeVar("T")


def create() -> int:
    """Make a network namespace with its loopback interface on; returns a descriptor, which alone keeps it alive.

    A runtime joins it through /proc/<our pid>/fd/<descriptor> and holds it from then on.
    """

    def make() -> int:
        syscall.unshare(syscall.CLONE_NEWNET)
        fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with Netlink() as netlink:
                links.set_up(netlink, "lo")
        except BaseException:
            os.close(fd)
            raise
        return fd

    return in_own_thread(make)


def inside(fd: int, function: Callable[[], T]) -> T:
    """Run `function` in a thread of its own that is in the network namespace `fd`; its sockets stay there."""

    def enter() -> T:
        syscall.setns(fd, syscall.CLONE_NEWNET)
        return function()

    return in_own_thread(enter)
