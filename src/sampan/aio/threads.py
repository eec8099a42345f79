"""Work in threads of its own, awaited. One thread a call: a wait for a container may take days."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from sampan.linux.cancellation import Cancellation, Cancelled

T = TypeVar("T")
_MOST_WAITING = 1000  # items that a stream holds before its thread waits for the reader


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in a thread.

    When the caller is cancelled, the thread leaves what it waits for; what it does without waiting is done to the end
    first. CancelledError is raised when the thread has ended: nothing goes on behind the caller's back.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    cancellation = Cancellation()

    def body() -> None:
        result: T
        try:
            with cancellation:
                result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            _post(loop, _set_exception, done, error)
        else:
            _post(loop, _set_result, done, result)

    threading.Thread(target=body, name="sampan", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        cancellation.cancel()
        await _ended(done)
        raise


async def _ended(done: "asyncio.Future[T]") -> None:
    """Wait for a thread that was told to end, however often the wait itself is cancelled."""
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            continue
    if not done.cancelled():
        done.exception()  # it is nobody's business any more


def _post(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _set_result(done: "asyncio.Future[T]", result: T) -> None:
    if not done.done():
        done.set_result(result)


def _set_exception(done: "asyncio.Future[T]", error: BaseException) -> None:
    if not done.done():
        # A future takes no StopIteration, and Cancelled is known here only.
        is_foreign = isinstance(error, StopIteration | Cancelled)
        done.set_exception(RuntimeError(repr(error)) if is_foreign else error)


async def stream(make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """What an iterator gives, which lives in a thread. Closing the stream, or cancelling its reader, ends the thread.

    An error of the iterator is raised after the items that came before it.
    """
    pump = _Pump(make, asyncio.get_running_loop())
    pump.start()
    try:
        while True:
            while pump.items:
                yield pump.take()
            if pump.has_ended.is_set() and not pump.items:
                break
            await pump.wait()
        if pump.error is not None:
            raise pump.error
    finally:
        pump.stop()
        while not pump.has_ended.is_set():
            try:
                await pump.has_ended.wait()
            except asyncio.CancelledError:
                continue


class _Pump(Generic[T]):
    """Carries items from a thread to an event loop."""

    def __init__(self, make: Callable[[], Iterator[T]], loop: asyncio.AbstractEventLoop) -> None:
        self.items: deque[T] = deque()
        self.error: BaseException | None = None
        self.has_ended = asyncio.Event()
        self._has_news = asyncio.Event()
        self._make = make
        self._loop = loop
        self._room = threading.Semaphore(_MOST_WAITING)
        self._is_stopped = False
        self._cancellation = Cancellation()

    def start(self) -> None:
        threading.Thread(target=self._run, name="sampan stream", daemon=True).start()

    def stop(self) -> None:
        self._is_stopped = True
        self._room.release()
        self._cancellation.cancel()

    def take(self) -> T:
        self._room.release()
        return self.items.popleft()

    async def wait(self) -> None:
        """Until something came or the thread ended."""
        await self._has_news.wait()
        self._has_news.clear()

    def _run(self) -> None:
        try:
            with self._cancellation:
                for item in self._make():
                    self._room.acquire()
                    if self._is_stopped:
                        break
                    self.items.append(item)
                    if len(self.items) == 1:
                        _post(self._loop, self._has_news.set)
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            self.error = error
        finally:
            _post(self._loop, self._end)

    def _end(self) -> None:
        self.has_ended.set()
        self._has_news.set()
