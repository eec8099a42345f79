"""A blob comes down: into a partial file, over one connection or several, and is read while it arrives.

What was cut off goes on where it stopped. Large blobs are fetched in ranges, the foremost first, so that whoever reads
from the front is kept busy. The digest is of the whole, whatever came from where.
"""

import hashlib
import re
import threading
from collections.abc import Callable

from sampan.errors import Corrupt, SampanError, Unavailable
from sampan.oci.manifest import Descriptor
from sampan.registry.client import Repository
from sampan.registry.failures import Unreachable
from sampan.registry.partial import CHUNK, PartialFile, chunk_lengths
from sampan.registry.transport import Patience, Response

CONNECTIONS = 4
PARALLEL_FROM = 2 * CHUNK
BESIDE_FROM = 1 << 20
_PIECE = 1 << 18
_LEAST_PROGRESS = 1 << 18  # what sets the count of failures back
_FAREWELL_SECONDS = 5.0


class Download:
    """One blob. start() begins, read() gives its bytes in order, close() ends it."""

    def __init__(
        self,
        repository: Repository,
        descriptor: Descriptor,
        file: PartialFile,
        patience: Patience,
        on_progress: Callable[[int], object] = lambda arrived: None,
    ) -> None:
        self._repository, self._descriptor, self._file = repository, descriptor, file
        self._patience, self._on_progress = patience, on_progress
        self._lengths = chunk_lengths(descriptor.size)
        self._changed = threading.Condition()
        self._held: dict[int, int] = {}  # thread -> the chunk that it fetches
        self._is_whole_only = False  # the registry knows no ranges
        self._failure: SampanError | OSError | None = None
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._answers: set[Response] = set()
        self._hash = hashlib.new(descriptor.digest.partition(":")[0])
        self._position = 0

    @property
    def arrived(self) -> int:
        return sum(self._file.counts)

    @property
    def is_complete(self) -> bool:
        return self.arrived == self._descriptor.size

    @property
    def is_genuine(self) -> bool:
        """Whether all was read, and is what the digest says."""
        return self._position == self._descriptor.size and self._found == self._descriptor.digest

    @property
    def _found(self) -> str:
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def start(self) -> None:
        """Begin to fetch what is missing. A small blob is fetched whole: reading it beside would gain nothing."""
        if self.is_complete:
            return
        if self._descriptor.size < min(BESIDE_FROM, PARALLEL_FROM):
            self._work()
        else:
            self._add_thread()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True, name="download")
        with self._changed:  # close() must not find one that was not started
            if not self._stopped:
                thread.start()
                self._threads.append(thread)

    # Writing

    def _work(self) -> None:
        try:
            while (chunk := self._take()) is not None:
                self._fetch(chunk)
        except (SampanError, OSError) as error:
            with self._changed:
                self._failure = self._failure or error
        finally:
            with self._changed:
                self._held.pop(threading.get_ident(), None)
                self._changed.notify_all()

    def _take(self) -> int | None:
        """The foremost chunk that is not whole and that nobody else fetches."""
        with self._changed:
            self._held.pop(threading.get_ident(), None)
            if self._stopped or self._failure is not None or (self._is_whole_only and self._held):
                return None
            for chunk, length in enumerate(self._lengths):
                if chunk not in self._held.values() and self._file.counts[chunk] < length:
                    self._hold(chunk)
                    return chunk
            return None

    def _hold(self, chunk: int) -> None:
        with self._changed:
            self._held[threading.get_ident()] = chunk

    def _fetch(self, chunk: int) -> None:
        """Fetch the rest of a chunk, in as many tries as it takes while each brings something."""
        failures = 0
        while not self._stopped and self._file.counts[chunk] < self._lengths[chunk]:
            before = self.arrived
            try:
                self._request(chunk)
                continue
            except Unreachable as error:
                failures = failures + 1 if self.arrived - before < _LEAST_PROGRESS else 1
                if self._stopped:
                    return
                if failures >= self._patience.attempts or not error.may_pass:
                    raise
            seconds = self._patience.wait(failures - 1, None)
            if self._repository.cancelled.wait(seconds):
                raise Unavailable("cancelled")

    def _request(self, chunk: int) -> None:
        start = chunk * CHUNK + self._file.counts[chunk]
        end = chunk * CHUNK + self._lengths[chunk]
        is_large = self._descriptor.size >= PARALLEL_FROM and not self._is_whole_only
        to_the_end = not is_large and all(count == 0 for count in self._file.counts[chunk + 1 :])
        answer = self._repository.open_blob(
            self._descriptor.digest, start, None if to_the_end and not is_large else end
        )
        with self._changed:
            self._answers.add(answer)
        try:
            if self._stopped:
                return
            if answer.status == 206:
                self._check_range(answer, start)
                if is_large:
                    self._join_in()
                self._receive(answer, chunk, self._descriptor.size if to_the_end else end)
            else:
                self._check_length(answer)
                with self._changed:
                    self._is_whole_only = True
                    is_alone = len(self._held) == 1
                if not is_alone:
                    raise Unreachable(f"{self._repository.name.registry} answered one range and ignored another")
                self._skip(answer, start)
                self._receive(answer, chunk, self._descriptor.size)
        finally:
            with self._changed:
                self._answers.discard(answer)
            if self._stopped:
                answer.close()
            else:
                answer.discard()

    def _join_in(self) -> None:
        """Ranges are answered: let others fetch too."""
        with self._changed:
            missing = sum(count < length for count, length in zip(self._file.counts, self._lengths, strict=True))
            while len(self._threads) < min(CONNECTIONS, missing) and not self._stopped:
                self._add_thread()

    def _receive(self, answer: Response, chunk: int, end: int) -> None:
        """Write an answer's body from where `chunk` stands up to `end`, over the following chunks."""
        while not self._stopped:
            position = chunk * CHUNK + self._file.counts[chunk]
            if position == end:
                return
            if self._file.counts[chunk] == self._lengths[chunk]:  # here since before
                chunk += 1
                self._hold(chunk)
                self._skip(answer, self._file.counts[chunk])
                continue
            left = min(self._lengths[chunk] - self._file.counts[chunk], _PIECE)
            piece = answer.read(left)
            if not piece:
                raise Unreachable(f"{self._repository.name.registry} closed the connection: unexpected EOF")
            self._file.write(chunk, piece)
            with self._changed:
                self._changed.notify_all()
            self._on_progress(self.arrived)

    def _skip(self, answer: Response, count: int) -> None:
        """What is here already is sent once more by a registry without ranges."""
        while count and not self._stopped:
            piece = answer.read(min(count, _PIECE))
            if not piece:
                raise Unreachable(f"{self._repository.name.registry} closed the connection: unexpected EOF")
            count -= len(piece)

    def _check_range(self, answer: Response, start: int) -> None:
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.headers.get("content-range", ""))
        if match is None or int(match[1]) != start or match[3] not in ("*", str(self._descriptor.size)):
            raise Corrupt(
                f"{self._repository.name.registry} sent another range of {self._descriptor.digest} than was asked for"
            )

    def _check_length(self, answer: Response) -> None:
        length = answer.headers.get("content-length", "")
        is_number = length.isascii() and length.isdigit()
        if is_number and (length.lstrip("0") or "0") != str(self._descriptor.size):
            raise Corrupt(
                f"{self._repository.name.registry} has {self._descriptor.digest} with {length[:30]} bytes, and its"
                f" manifest says {self._descriptor.size}"
            )

    # Reading

    def read(self, size: int, /) -> bytes:
        """At most `size` of the following bytes, b"" at the end, once they are there.

        Raises what kept them from arriving; Corrupt at the end, when the digest is another.
        """
        if self._position == self._descriptor.size:
            self._verify()
            return b""
        chunk = self._position // CHUNK
        inside = self._position - chunk * CHUNK
        with self._changed:
            while (there := self._file.counts[chunk] - inside) <= 0:
                if self._failure is not None:
                    raise self._failure
                if self._stopped or not any(thread.is_alive() for thread in self._threads):
                    if self._file.counts[chunk] > inside:
                        continue
                    raise Unavailable("cancelled")
                self._changed.wait(1.0)
        piece = self._file.read(self._position, min(size, there, 1 << 20))
        if not piece:
            raise Corrupt(f"the partial file of {self._descriptor.digest} is shorter than it should be")
        self._hash.update(piece)
        self._position += len(piece)
        return piece

    def _verify(self) -> None:
        found = self._found
        if found != self._descriptor.digest:
            raise Corrupt(
                f"filesystem layer verification failed for digest {self._descriptor.digest}: what was sent is {found}",
                hint="the registry or something on the way changed it: try again, and do not trust it if it stays so",
            )

    def finish(self) -> None:
        """Read what is left, and check the digest. Raises as read() does."""
        while self.read(1 << 20):
            pass

    def close(self) -> bool:
        """Stop fetching; whether nothing is written any more, so that the file may be closed."""
        with self._changed:
            self._stopped = True
            answers = list(self._answers)
            self._changed.notify_all()
        if not self.is_complete:
            for answer in answers:
                answer.abort()
        for thread in list(self._threads):
            thread.join(_FAREWELL_SECONDS)
        return not any(thread.is_alive() for thread in self._threads)
