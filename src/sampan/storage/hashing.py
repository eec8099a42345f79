"""SHA-256 beside other work: a thread hashes what has come while the next piece is read or written."""

import hashlib
import queue
import threading
from collections.abc import Callable

_AT_ONCE = 8  # pieces that may wait to be hashed


class BackgroundSha256:
    """As hashlib.sha256(), for pieces that do not change any more; large ones, since each costs a hand-over.

    The thread ends with hexdigest(), or when the object is gone.
    """

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_AT_ONCE)
        self._digest = hashlib.sha256()
        self._thread = threading.Thread(target=_hash_all, args=(self._pieces, self._digest.update), daemon=True)
        self._thread.start()

    def update(self, data: bytes, /) -> None:
        """Hash the data, later."""
        self._pieces.put(data)

    def hexdigest(self) -> str:
        """The digest of everything; waits for it."""
        self._pieces.put(None)
        self._thread.join()
        return self._digest.hexdigest()

    def __del__(self) -> None:
        if self._thread.is_alive():
            self._pieces.put(None)


def _hash_all(pieces: "queue.Queue[bytes | None]", update: Callable[[bytes], None]) -> None:
    while (piece := pieces.get()) is not None:
        update(piece)
