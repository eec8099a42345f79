"""SHA-256 beside other work: a thread hashes what has come while the next piece is read or written."""

import hashlib
import queue
import threading
from collections.abc import Callable

_AT_ONCE = 8  # pieces that may wait to be hashed
_AT_FIRST = 1 << 20  # bytes that are hashed at once: a thread for less costs more than it saves


class BackgroundSha256:
    """As hashlib.sha256(), for pieces that do not change any more; large ones, since each costs a hand-over.

    What is small is hashed without a thread. The thread ends with hexdigest(), or when the object is gone.
    """

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_AT_ONCE)
        self._digest = hashlib.sha256()
        self._left_at_first = _AT_FIRST
        self._thread: threading.Thread | None = None

    def update(self, data: bytes, /) -> None:
        """Hash the data, later; waits while too much is to be hashed."""
        if self._thread is None:
            self._left_at_first -= len(data)
            if self._left_at_first >= 0:
                self._digest.update(data)
                return
            arguments = (self._pieces, self._room, self._digest.update)
            self._thread = threading.Thread(target=_hash_all, args=arguments, daemon=True)
            self._thread.start()
        self._room.acquire()
        self._pieces.put(data)

    def hexdigest(self) -> str:
        """The digest of everything; waits for it."""
        if self._thread is not None:
            self._pieces.put(None)
            self._thread.join()
        return self._digest.hexdigest()

    def __del__(self) -> None:
        self._pieces.put(None)  # never waits: at the end of the program the thread is not there any more to make room


def _hash_all(
    pieces: "queue.SimpleQueue[bytes | None]", room: threading.Semaphore, update: Callable[[bytes], None]
) -> None:
    while (piece := pieces.get()) is not None:
        update(piece)
        room.release()
