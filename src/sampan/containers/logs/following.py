"""Reading a log while it is being written, rotated and compressed."""

import os
from collections.abc import Callable, Iterator

from sampan.containers.logs.files import LOG, File, opened
from sampan.containers.logs.line import moment_of

_BLOCK = 1 << 20
_EVENTS_BYTES = 1 << 16
_LINE_LIMIT = 1 << 20  # the monitor's longest line has 8 KiB


class Following:
    """Goes on reading the log in `folder` from the byte `end` of its `file`, without what comes after `until` (ns)."""

    def __init__(self, folder: str, file: File, end: int, until: int, is_running: Callable[[], bool]) -> None:
        self._folder = folder
        self._until = until
        self._is_running = is_running
        # Files that are to be read, oldest first: the first is being read.
        self._files = [file.duplicate()]
        os.lseek(file.descriptor, end, os.SEEK_SET)
        self._rest = b""
        self._watch = _Watch(folder)

    def blocks(self) -> Iterator[bytes]:
        while True:
            yield from self._growth()
            if self._look_for_newer():
                # The monitor had closed ours before it made the other one: what it wrote last is there.
                yield from self._growth()
                self._files.pop(0).close()
                self._rest = b""
            elif self._is_over():
                return
            elif not self._watch.wait(self._patience()) and not self._is_running():
                if self._look_for_newer():
                    continue
                yield from self._growth()
                return

    def close(self) -> None:
        self._watch.close()
        for file in self._files:
            file.close()

    def _growth(self) -> Iterator[bytes]:
        while data := os.read(self._files[0].descriptor, _BLOCK):
            self._look_for_newer()  # at once: a file that is not kept may be gone soon
            block, newline, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest if len(rest) < _LINE_LIMIT else b""
            if newline:
                yield from self._until_end(block + newline)

    def _until_end(self, block: bytes) -> Iterator[bytes]:
        """Without the lines after `until`."""
        if not self._until:
            yield block
            return
        lines = block.splitlines(keepends=True)
        kept = [line for line in lines if (moment_of(line) or 0) <= self._until]
        yield b"".join(kept)

    def _look_for_newer(self) -> bool:
        """Take up the files that were begun after the last that we know; whether there is one after ours."""
        known = self._files[-1]
        try:
            latest = os.stat(f"{self._folder}/{LOG}")
        except FileNotFoundError:
            return len(self._files) > 1  # in the middle of a rotation
        if not known.is_at(latest):
            self._take_up(known)
        return len(self._files) > 1

    def _take_up(self, known: File) -> None:
        found = opened(self._folder)
        places = [place for place, file in enumerate(found) if file.is_same(known)]
        for place, file in enumerate(found):
            # When ours is gone from the folder, all that are there are newer.
            if not places or place > places[0]:
                self._files.append(file)
            else:
                file.close()

    def _is_over(self) -> bool:
        import time

        return bool(self._until) and time.time_ns() > self._until

    def _patience(self) -> float:
        """Seconds to wait for a change before looking whether the container still runs."""
        if not self._until:
            return _Watch.PATIENCE_SECONDS
        import time

        return min(max((self._until - time.time_ns()) / 1e9, 0.001), _Watch.PATIENCE_SECONDS)


class _Watch:
    """Waits for something to be written in a folder."""

    __slots__ = ("_inotify",)
    PATIENCE_SECONDS = 0.2

    def __init__(self, folder: str) -> None:
        from sampan.linux import inotify

        self._inotify = inotify.modified(folder)

    def wait(self, seconds: float) -> bool:
        """True when something was written; False after a while of silence."""
        from sampan.linux import cancellation

        if not cancellation.wait(self._inotify, seconds):
            return False
        os.read(self._inotify, _EVENTS_BYTES)
        return True

    def close(self) -> None:
        os.close(self._inotify)
