"""A layer as a registry wants it: gzip, the same bytes each time, made beside the thread that writes the tar."""

import hashlib
import os
import queue
import threading
from typing import NamedTuple

from sampan.storage import foreign
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LEVEL = 1  # of isal: a fifth of the time of zlib's quickest
_GZIP = 31  # window of 32 KB, header and trailer of gzip without name and time
_WAITING = 8


class Compressed(NamedTuple):
    """Compressed bytes in an open file: their digest, and how many they are."""

    digest: str
    size: int


def compress(database: Database, paths: Paths, snapshot_id: str, target: int) -> Compressed:
    """Write a layer, which the caller holds, compressed into the open file `target`. Raises OSError, Corrupt."""
    work = _Work(target)
    try:
        foreign.write_tar(database, paths, snapshot_id, work.add)
    except BaseException:
        work.abandon()
        raise
    return work.finish()


class _Work:
    def __init__(self, target: int) -> None:
        self._target = target
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._hash = hashlib.sha256()
        self._size = 0
        self._failure: OSError | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="compress")
        self._thread.start()

    def add(self, piece: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        self._pieces.put(piece)

    def abandon(self) -> None:
        self._abandoned = True
        self._pieces.put(None)
        self._thread.join()

    def finish(self) -> Compressed:
        self._pieces.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return Compressed("sha256:" + self._hash.hexdigest(), self._size)

    def _run(self) -> None:
        from isal import isal_zlib

        stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        while (piece := self._pieces.get()) is not None:
            if self._failure is None and not self._abandoned:
                self._write(stream.compress(piece))
        self._write(stream.flush())

    def _write(self, data: bytes) -> None:
        if not data or self._failure is not None or self._abandoned:
            return
        self._hash.update(data)
        self._size += len(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._target, view) :]
        except OSError as error:
            self._failure = error
