"""Digests of a context's files, remembered with what stat(2) said, so that an unchanged file is not read again.

One file per context folder, replaced whole: of two builds that finish at once the last one's memory stays, which costs
the next build time and nothing else. A digest is remembered only when the file had been left alone for a while before
it was read: a later change then always shows in its times, even where a clock ticks coarsely.
"""

import hashlib
import json
import os
import time

from sampan.linux import files

_FINE_MARGIN_NS = 100_000_000
_COARSE_MARGIN_NS = 2_500_000_000
_CHUNK = 1 << 20

Stamp = tuple[int, int, int, int, int]


def stamp_of(info: os.stat_result) -> Stamp:
    """What must be the same for a file to be taken as unchanged."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def read_digest(fd: int) -> str:
    """The SHA-256 of an open file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    while piece := os.read(fd, _CHUNK):
        digest.update(piece)
    return digest.hexdigest()


class Remembered:
    """Digests by path, for one context folder."""

    def __init__(self, path: str) -> None:
        """`path` is the file that the memory is kept in; one that is missing or damaged is an empty memory."""
        self._path = path
        self._known: dict[str, list[int | str]] = {}
        self._used: dict[str, list[int | str]] = {}
        self._changed = False
        try:
            with open(path, "rb") as file:
                loaded = json.loads(file.read())
            if isinstance(loaded, dict):
                self._known = loaded
        except (FileNotFoundError, ValueError):
            self._changed = True

    def get(self, path: str, stamp: Stamp) -> str:
        """The digest of the file, "" when it has to be read."""
        entry = self._known.get(path)
        if entry is None or tuple(entry[:5]) != stamp or not isinstance(entry[5], str):
            return ""
        self._used[path] = entry
        return entry[5]

    def put(self, path: str, stamp: Stamp, digest: str, began_ns: int) -> None:
        """Remember what was read from a file; `began_ns` is the time before its stamp was taken."""
        newest = max(stamp[3], stamp[4])
        margin = _FINE_MARGIN_NS if stamp[4] % 1_000_000 else _COARSE_MARGIN_NS
        if began_ns - newest >= margin:
            self._used[path] = [*stamp, digest]
            self._changed = True

    def save(self) -> None:
        """Write the memory down when it changed. It is no loss when that fails for want of space."""
        if not self._changed and len(self._used) == len(self._known):
            return
        # What this build did not look at, because its Dockerfile copies other files, stays known.
        merged = {**self._known, **self._used}
        try:
            files.write_atomically(self._path, json.dumps(merged, separators=(",", ":")).encode(), 0o600)
        except OSError:
            return


def memory_of(folder: str, context: str) -> Remembered:
    """The memory of the context folder `context`; `folder` is where memories are kept, made when missing."""
    os.makedirs(folder, 0o700, exist_ok=True)
    return Remembered(f"{folder}/{hashlib.sha256(os.fsencode(context)).hexdigest()[:32]}.json")


def now_ns() -> int:
    return time.time_ns()
