"""One epoll loop: who waits for a descriptor says what to call when it has something to tell."""

import select
from collections.abc import Callable, Collection

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
_EVENTS_AT_ONCE = 256


class Loop:
    """Descriptors and what to do with them. What ends a callback ends `wait`: callbacks handle their own errors."""

    __slots__ = ("_callbacks", "_epoll")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, callback: Callable[[], None], events: int = READ) -> None:
        """Call back while `descriptor` is ready; a second time replaces the first."""
        self._callbacks[descriptor] = callback
        try:
            self._epoll.register(descriptor, events)
        except FileExistsError:
            self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """To be called before the descriptor is closed."""
        if self._callbacks.pop(descriptor, None) is not None:
            try:
                self._epoll.unregister(descriptor)
            except OSError:
                return  # it was closed, and the kernel has forgotten it by itself

    def wait(self, seconds: float) -> None:
        """Wait until something is ready or the time is over, and call back."""
        # Rounded up to a whole millisecond by the kernel's interface: it must not be early.
        for descriptor, _ in self._epoll.poll(max(seconds, 0.0), _EVENTS_AT_ONCE):
            callback = self._callbacks.get(descriptor)  # one before may have forgotten it
            if callback is not None:
                callback()

    def close(self) -> None:
        self._epoll.close()


class Crowd:
    """Descriptors that come and go as a whole, with one callback for all of them."""

    __slots__ = ("_callback", "_known", "_loop")

    def __init__(self, loop: Loop, callback: Callable[[int], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._known: set[int] = set()

    def become(self, descriptors: Collection[int]) -> None:
        """Watch exactly these. A number that was closed and given out again meanwhile is watched anew."""
        wanted = set(descriptors)
        for descriptor in self._known - wanted:
            self._loop.forget(descriptor)
        for descriptor in wanted:
            self._loop.watch(descriptor, lambda descriptor=descriptor: self._callback(descriptor))  # type: ignore[misc]
        self._known = wanted
