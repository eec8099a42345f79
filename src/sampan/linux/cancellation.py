"""Waits that another thread can end: a thread whose work is not wanted any more leaves its wait with Cancelled."""

import os
import select
import threading
from types import TracebackType


class Cancelled(BaseException):
    """The thread's work is not wanted any more. Not an Exception: nothing that handles errors takes it for one."""


class _Here(threading.local):
    descriptor = -1


_here = _Here()


class Cancellation:
    """One piece of work. Its thread does it within `with`; whoever else has the object may call `cancel()`."""

    __slots__ = ("_descriptor", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def cancel(self) -> None:
        """Let the thread leave its wait, or the next one that it begins; nothing happens when it has ended."""
        with self._lock:
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def __enter__(self) -> "Cancellation":
        _here.descriptor = self._descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _here.descriptor = -1
        with self._lock:
            os.close(self._descriptor)
            self._descriptor = -1


def current() -> int:
    """What a thread that works for this one hands to `adopt`."""
    return _here.descriptor


def adopt(token: int) -> None:
    """Let this thread be cancelled together with the one that `token` is of, which waits for it."""
    _here.descriptor = token


def events(poll: select.poll) -> list[tuple[int, int]]:
    """As `poll.poll()`. Raises Cancelled."""
    cancelled = _here.descriptor
    if cancelled < 0:
        return poll.poll()
    poll.register(cancelled, select.POLLIN)
    found = poll.poll()
    poll.unregister(cancelled)
    if any(descriptor == cancelled for descriptor, _ in found):
        raise Cancelled
    return found


def wait(descriptor: int, seconds: float) -> bool:
    """Wait until `descriptor` can be read, at most so long: whether it can. Raises Cancelled."""
    poll = select.poll()
    if descriptor >= 0:
        poll.register(descriptor, select.POLLIN)
    cancelled = _here.descriptor
    if cancelled >= 0:
        poll.register(cancelled, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(max(seconds, 0) * 1000)}
    if cancelled in ready:
        raise Cancelled
    return descriptor in ready


def sleep(seconds: float) -> None:
    """As time.sleep(). Raises Cancelled."""
    wait(-1, seconds)
