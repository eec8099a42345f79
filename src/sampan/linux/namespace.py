"""Mount namespaces that are gone when their last process is.

A container's root file system is mounted in a mount namespace of its own, never in the host's: nothing has to be
unmounted after a crash, and no process pins another container's root.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from sampan.linux import syscall

T = TypeVar("T")
_HYBRID = "/sys/fs/cgroup/unified"


def in_own_thread(function: Callable[[], T], meanwhile: Callable[[], None] = lambda: None) -> T:
    """Run `function` in a thread made for it, `meanwhile` here, and return the first's result or raise an error of
    either.

    unshare(2) and setns(2) change the calling thread alone; a thread that cannot come back is thrown away.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failures.append(error)
        finally:
            ended.set()

    # Not join(): in Python 3.11 a join that a signal interrupts takes its thread for ended.
    ended = threading.Event()
    threading.Thread(target=body, name="namespace").start()
    try:
        meanwhile()
    finally:
        _wait(ended)
    if failures:
        raise failures[0]
    return results[0]


def _wait(ended: threading.Event) -> None:
    """Wait to the end also when Ctrl-C comes: what the thread makes must be known, to be undone."""
    interrupted: KeyboardInterrupt | None = None
    while not ended.is_set():
        try:
            ended.wait()
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


def in_private_mounts(function: Callable[[], T], meanwhile: Callable[[], None] = lambda: None) -> T:
    """Run `function` in a thread with a mount namespace of its own, which lives on in the processes that it starts.

    Mounts made inside do not reach the host; the host's later mounts and unmounts reach the inside where they are
    shared.
    The working directory is the thread's own too. Where the host mounts cgroup2 beside cgroup v1, that mount is
    covered:
    crun before 1.9 refuses such hosts. It writes folders into what it takes for a cgroup mount: a tmpfs dies with them.
    """

    def body() -> T:
        syscall.unshare(syscall.CLONE_NEWNS)
        syscall.mount("", "/", "", syscall.MS_REC | syscall.MS_SLAVE)
        if is_hybrid():
            syscall.mount("tmpfs", _HYBRID, "tmpfs", 0, "size=256k")
        return function()

    return in_own_thread(body, meanwhile)


def is_hybrid() -> bool:
    """Whether cgroup v2 is mounted beside v1."""
    return os.path.exists(_HYBRID + "/cgroup.procs") and not os.path.exists("/sys/fs/cgroup/cgroup.controllers")
